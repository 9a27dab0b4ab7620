//! `GET .../watchtower`: what the tower has, against the ledger.

use actix_web::web;

use crate::api::{ApiError, TowerChannel};
use crate::http::endpoint::Endpoint;
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::get(
        "/api/services/lightning/v1/watchtower",
        "What the watchtower has of each channel, compared with the ledger",
    )
    .json::<Vec<TowerChannel>>()
    .to(handle)
}

async fn handle(shared: web::Data<Shared>) -> Result<web::Json<Vec<TowerChannel>>, ApiError> {
    shared.api.watchtower().await.map(web::Json)
}
