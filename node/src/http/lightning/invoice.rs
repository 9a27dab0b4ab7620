//! `GET .../invoices/{payment_hash}`: one invoice.

use actix_web::{web, HttpResponse};
use zarnitsa_service::proofs;

use crate::api::{ApiError, Invoice};
use crate::http::endpoint::Endpoint;
use crate::http::path_id::parse;
use crate::http::proved::{plain, proved, WithProof};
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::get(
        "/api/services/lightning/v1/invoices/{payment_hash}",
        "One invoice",
    )
    .provable()
    .json::<Invoice>()
    .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    id: web::Path<String>,
    query: web::Query<WithProof>,
) -> Result<HttpResponse, ApiError> {
    let id = parse("invoice", &id)?;
    if query.proof {
        return proved(&shared, move |snapshot| proofs::invoice(snapshot, &id)).await;
    }
    plain(shared.api.invoice(id).await)
}
