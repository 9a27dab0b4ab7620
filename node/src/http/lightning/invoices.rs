//! `GET .../invoices`: every invoice.

use actix_web::web;

use crate::api::{ApiError, Invoice};
use crate::http::endpoint::Endpoint;
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::get(
        "/api/services/lightning/v1/invoices",
        "Every invoice, newest first",
    )
    .json::<Vec<Invoice>>()
    .to(handle)
}

async fn handle(shared: web::Data<Shared>) -> Result<web::Json<Vec<Invoice>>, ApiError> {
    shared.api.invoices().await.map(web::Json)
}
