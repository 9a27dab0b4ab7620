//! `POST .../invoices`: makes an invoice.

use actix_web::web;

use crate::api::{ApiError, CreateInvoice, Invoice};
use crate::http::endpoint::Endpoint;
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::command(
        "/api/services/lightning/v1/invoices",
        "Makes a BOLT 11 invoice",
    )
    .body::<CreateInvoice>()
    .json::<Invoice>()
    .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    body: web::Json<CreateInvoice>,
) -> Result<web::Json<Invoice>, ApiError> {
    shared
        .api
        .create_invoice(body.into_inner())
        .await
        .map(web::Json)
}
