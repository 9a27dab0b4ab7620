//! `GET .../forwards`: every payment forwarded.

use actix_web::{web, HttpResponse};

use crate::api::{ApiError, Forward};
use crate::http::endpoint::Endpoint;
use crate::http::proved::{forwards, plain, proved, WithProof};
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::get(
        "/api/services/lightning/v1/forwards",
        "Every payment forwarded, newest first",
    )
    .provable()
    .json::<Vec<Forward>>()
    .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    query: web::Query<WithProof>,
) -> Result<HttpResponse, ApiError> {
    if query.proof {
        return proved(&shared, forwards).await;
    }
    plain(shared.api.forwards().await)
}
