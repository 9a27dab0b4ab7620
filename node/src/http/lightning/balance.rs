//! `GET .../balance`: the node's money.

use actix_web::web;

use crate::api::{ApiError, Balance};
use crate::http::endpoint::Endpoint;
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::get(
        "/api/services/lightning/v1/balance",
        "The node's money, on chain and in channels",
    )
    .json::<Balance>()
    .to(handle)
}

async fn handle(shared: web::Data<Shared>) -> Result<web::Json<Balance>, ApiError> {
    shared.api.balance().await.map(web::Json)
}
