//! `POST .../invoices/cancel`: takes an invoice back, and gives back what is held for it.

use actix_web::web;

use crate::api::{ApiError, CancelInvoice, Invoice};
use crate::http::endpoint::Endpoint;
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::command(
        "/api/services/lightning/v1/invoices/cancel",
        "Takes an invoice back, and gives back what is held for it",
    )
    .body::<CancelInvoice>()
    .json::<Invoice>()
    .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    body: web::Json<CancelInvoice>,
) -> Result<web::Json<Invoice>, ApiError> {
    shared
        .api
        .cancel_invoice(body.into_inner())
        .await
        .map(web::Json)
}
