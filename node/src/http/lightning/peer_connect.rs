//! `POST .../peers/connect`: connects to a peer.

use actix_web::web;

use crate::api::{ApiError, PeerConnect, PeerNamed};
use crate::http::endpoint::Endpoint;
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::command(
        "/api/services/lightning/v1/peers/connect",
        "Connects to a peer, and stays connected",
    )
    .body::<PeerConnect>()
    .json::<PeerNamed>()
    .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    body: web::Json<PeerConnect>,
) -> Result<web::Json<PeerNamed>, ApiError> {
    shared
        .api
        .peer_connect(body.into_inner())
        .await
        .map(web::Json)
}
