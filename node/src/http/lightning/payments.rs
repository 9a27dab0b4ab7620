//! `GET .../payments`: every payment sent.

use actix_web::{web, HttpResponse};

use crate::api::{ApiError, Payment};
use crate::http::endpoint::Endpoint;
use crate::http::proved::{payments, plain, proved, WithProof};
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::get(
        "/api/services/lightning/v1/payments",
        "Every payment sent, newest first",
    )
    .provable()
    .json::<Vec<Payment>>()
    .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    query: web::Query<WithProof>,
) -> Result<HttpResponse, ApiError> {
    if query.proof {
        return proved(&shared, payments).await;
    }
    plain(shared.api.payments().await)
}
