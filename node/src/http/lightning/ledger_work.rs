//! Long work on the ledger whose answer is a line of JSON for each step.

use std::fmt::Display;

use actix_web::web::Bytes;
use actix_web::HttpResponse;
use futures::StreamExt;
use tokio::sync::mpsc;
use zarnitsa_ledger::{Progress, Report};

use crate::api::LedgerWork;

/// One JSON value a line.
pub const MEDIA_TYPE: &str = "application/x-ndjson";
/// Lines that wait for the client. The work waits while they do: a client that went away ends up here too.
const LINES: usize = 16;
/// A line for each hundredth of the work.
const LINES_IN_ALL: u64 = 100;

/// Tells the client how the work goes.
pub struct Reporter(mpsc::Sender<LedgerWork>);

impl Reporter {
    /// A step was done; only some steps are worth a line.
    pub fn step(&self, progress: Progress) {
        let every = (progress.of / LINES_IN_ALL).max(1);
        if progress.blocks.is_multiple_of(every) {
            // Who does not read the steps fast enough misses some.
            let _ = self.0.try_send(LedgerWork::Step(progress.into()));
        }
    }

    /// The work is done or has failed.
    pub fn end(&self, result: Result<Report, impl Display>) {
        let last = match result {
            Ok(report) => LedgerWork::Report(report.into()),
            Err(error) => LedgerWork::Error(error.to_string()),
        };
        // Nobody listens any more: nobody to tell.
        let _ = self.0.blocking_send(last);
    }
}

/// Does the work on a thread of its own and answers while it goes on.
pub fn answer(work: impl FnOnce(&Reporter) + Send + 'static) -> HttpResponse {
    let (sender, receiver) = mpsc::channel(LINES);
    tokio::task::spawn_blocking(move || work(&Reporter(sender)));
    let lines = futures::stream::unfold(receiver, |mut receiver| async {
        let line = receiver.recv().await?;
        Some((line, receiver))
    });
    let lines = lines.map(|line| {
        let mut text = serde_json::to_vec(&line)?;
        text.push(b'\n');
        Ok::<_, actix_web::Error>(Bytes::from(text))
    });
    HttpResponse::Ok().content_type(MEDIA_TYPE).streaming(lines)
}
