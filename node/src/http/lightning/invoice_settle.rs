//! `POST .../invoices/settle`: claims what is held for an invoice.

use actix_web::web;

use crate::api::{ApiError, Invoice, SettleInvoice};
use crate::http::endpoint::Endpoint;
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::command(
        "/api/services/lightning/v1/invoices/settle",
        "Claims what is held for an invoice",
    )
    .body::<SettleInvoice>()
    .json::<Invoice>()
    .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    body: web::Json<SettleInvoice>,
) -> Result<web::Json<Invoice>, ApiError> {
    shared
        .api
        .settle_invoice(body.into_inner())
        .await
        .map(web::Json)
}
