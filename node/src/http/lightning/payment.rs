//! `GET .../payments/{payment_hash}`: one payment sent.

use actix_web::{web, HttpResponse};
use zarnitsa_service::proofs;

use crate::api::{ApiError, Payment};
use crate::http::endpoint::Endpoint;
use crate::http::path_id::parse;
use crate::http::proved::{plain, proved, WithProof};
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::get(
        "/api/services/lightning/v1/payments/{payment_hash}",
        "One payment sent",
    )
    .provable()
    .json::<Payment>()
    .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    id: web::Path<String>,
    query: web::Query<WithProof>,
) -> Result<HttpResponse, ApiError> {
    let id = parse("payment", &id)?;
    if query.proof {
        return proved(&shared, move |snapshot| proofs::payment(snapshot, &id)).await;
    }
    plain(shared.api.payment(id).await)
}
