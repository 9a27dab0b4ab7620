//! `POST .../backup`: makes a backup and answers with it.

use std::fs::File;
use std::io::Read;

use actix_web::http::header::{ContentDisposition, DispositionParam, DispositionType};
use actix_web::web::{self, Bytes};
use actix_web::HttpResponse;
use tokio::sync::mpsc;

use crate::api::ApiError;
use crate::http::endpoint::{Answer, Endpoint};
use crate::http::Shared;

const MEDIA_TYPE: &str = "application/octet-stream";
/// Pieces that wait for the client, and their size.
const PIECES: usize = 4;
const PIECE: usize = 1 << 16;

pub fn endpoint() -> Endpoint {
    let summary =
        "Makes a backup, encrypted for the seed and its passphrase, and answers with the file";
    Endpoint::command("/api/services/lightning/v1/backup", summary)
        .answer(Answer::Text(MEDIA_TYPE))
        .to(handle)
}

async fn handle(shared: web::Data<Shared>) -> Result<HttpResponse, ApiError> {
    let file = shared.api.backup().await?;
    let (sender, receiver) = mpsc::channel(PIECES);
    tokio::task::spawn_blocking(move || read(file, &sender));
    let pieces = futures::stream::unfold(receiver, |mut receiver| async {
        let piece: std::io::Result<Bytes> = receiver.recv().await?;
        Some((piece, receiver))
    });
    let attachment = ContentDisposition {
        disposition: DispositionType::Attachment,
        parameters: vec![DispositionParam::Filename("zarnitsa.backup".to_owned())],
    };
    Ok(HttpResponse::Ok()
        .content_type(MEDIA_TYPE)
        .insert_header(attachment)
        .streaming(pieces))
}

/// An error ends the answer before its end, which the client sees.
fn read(mut file: File, client: &mpsc::Sender<std::io::Result<Bytes>>) {
    let mut piece = vec![0; PIECE];
    loop {
        let read = match file.read(&mut piece) {
            Ok(0) => return,
            Ok(length) => Ok(Bytes::copy_from_slice(&piece[..length])),
            Err(error) => Err(error),
        };
        let ended = read.is_err();
        if client.blocking_send(read).is_err() || ended {
            return;
        }
    }
}
