//! `GET .../peers`: the other nodes that this one talks to.

use actix_web::web;

use crate::api::{ApiError, Peer};
use crate::http::endpoint::Endpoint;
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::get(
        "/api/services/lightning/v1/peers",
        "Peers that are connected or that the node tries to reach",
    )
    .json::<Vec<Peer>>()
    .to(handle)
}

async fn handle(shared: web::Data<Shared>) -> Result<web::Json<Vec<Peer>>, ApiError> {
    shared.api.peers().await.map(web::Json)
}
