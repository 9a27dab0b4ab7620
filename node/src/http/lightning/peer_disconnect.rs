//! `POST .../peers/disconnect`: disconnects from a peer.

use actix_web::web;

use crate::api::{ApiError, PeerDisconnect, PeerNamed};
use crate::http::endpoint::Endpoint;
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::command(
        "/api/services/lightning/v1/peers/disconnect",
        "Ends the connection to a peer",
    )
    .body::<PeerDisconnect>()
    .json::<PeerNamed>()
    .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    body: web::Json<PeerDisconnect>,
) -> Result<web::Json<PeerNamed>, ApiError> {
    shared
        .api
        .peer_disconnect(body.into_inner())
        .await
        .map(web::Json)
}
