//! `POST .../payments/keysend/draft`: what an order to pay without an invoice is made of.

use actix_web::web;

use crate::api::{ApiError, KeysendDraft};
use crate::http::endpoint::{Access, Endpoint};
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::command(
        "/api/services/lightning/v1/payments/keysend/draft",
        "The hash and the nonce of a payment without an invoice, which nobody makes until the operator's key orders it",
    )
    // It changes nothing: the signed transaction that follows is the command.
    .access(Access::Read)
    .json::<KeysendDraft>()
    .to(handle)
}

async fn handle(shared: web::Data<Shared>) -> Result<web::Json<KeysendDraft>, ApiError> {
    shared.api.draft_keysend().await.map(web::Json)
}
