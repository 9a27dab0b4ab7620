//! `GET .../invoices`: every invoice.

use actix_web::{web, HttpResponse};

use crate::api::{ApiError, Invoice};
use crate::http::endpoint::Endpoint;
use crate::http::proved::{invoices, plain, proved, WithProof};
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::get(
        "/api/services/lightning/v1/invoices",
        "Every invoice, newest first",
    )
    .provable()
    .json::<Vec<Invoice>>()
    .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    query: web::Query<WithProof>,
) -> Result<HttpResponse, ApiError> {
    if query.proof {
        return proved(&shared, invoices).await;
    }
    plain(shared.api.invoices().await)
}
