//! `GET .../ledger/head`: the newest durable block.

use actix_web::web;

use crate::api::LedgerHead;
use crate::http::endpoint::Endpoint;
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::get(
        "/api/services/lightning/v1/ledger/head",
        "The newest durable block of the ledger",
    )
    .json::<LedgerHead>()
    .to(handle)
}

async fn handle(shared: web::Data<Shared>) -> web::Json<LedgerHead> {
    web::Json(shared.api.ledger().head().into())
}
