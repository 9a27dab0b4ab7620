//! `GET .../policy`: what the node charges and demands.

use actix_web::{web, HttpResponse};
use zarnitsa_service::proofs;

use crate::api::{ApiError, Policy};
use crate::http::endpoint::Endpoint;
use crate::http::proved::{plain, proved, WithProof};
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::get(
        "/api/services/lightning/v1/policy",
        "What the node charges and demands",
    )
    .provable()
    .json::<Policy>()
    .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    query: web::Query<WithProof>,
) -> Result<HttpResponse, ApiError> {
    if query.proof {
        return proved(&shared, proofs::policy).await;
    }
    plain(shared.api.policy().await)
}
