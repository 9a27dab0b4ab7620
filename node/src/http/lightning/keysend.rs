//! `POST .../payments/keysend`: pays without an invoice.

use actix_web::web;

use crate::api::{ApiError, Keysend, Payment};
use crate::http::endpoint::Endpoint;
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::command(
        "/api/services/lightning/v1/payments/keysend",
        "Pays a node without an invoice, and answers with the outcome",
    )
    .body::<Keysend>()
    .json::<Payment>()
    .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    body: web::Json<Keysend>,
) -> Result<web::Json<Payment>, ApiError> {
    shared.api.keysend(body.into_inner()).await.map(web::Json)
}
