//! `POST .../policy`: changes the policy.

use actix_web::web;

use crate::api::{ApiError, Policy, SetPolicy};
use crate::http::endpoint::Endpoint;
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::command(
        "/api/services/lightning/v1/policy",
        "Changes the policy; what is absent stays",
    )
    .body::<SetPolicy>()
    .json::<Policy>()
    .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    body: web::Json<SetPolicy>,
) -> Result<web::Json<Policy>, ApiError> {
    shared
        .api
        .set_policy(body.into_inner())
        .await
        .map(web::Json)
}
