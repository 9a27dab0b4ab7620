//! `GET .../invoices/{payment_hash}`: one invoice.

use actix_web::web;

use crate::api::{ApiError, Invoice};
use crate::http::endpoint::Endpoint;
use crate::http::path_id::parse;
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::get(
        "/api/services/lightning/v1/invoices/{payment_hash}",
        "One invoice",
    )
    .json::<Invoice>()
    .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    id: web::Path<String>,
) -> Result<web::Json<Invoice>, ApiError> {
    let id = parse("invoice", &id)?;
    shared.api.invoice(id).await.map(web::Json)
}
