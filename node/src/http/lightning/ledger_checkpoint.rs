//! `POST .../ledger/checkpoint`: a copy of the durable ledger, to be verified while the node goes on.

use actix_web::web;

use crate::api::{ApiError, LedgerCheckpoint};
use crate::http::endpoint::Endpoint;
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    let summary = "Copies the durable ledger into a new folder beside it; whoever asked removes it";
    Endpoint::command("/api/services/lightning/v1/ledger/checkpoint", summary)
        .json::<LedgerCheckpoint>()
        .to(handle)
}

async fn handle(shared: web::Data<Shared>) -> Result<web::Json<LedgerCheckpoint>, ApiError> {
    shared.api.ledger_checkpoint().await.map(web::Json)
}
