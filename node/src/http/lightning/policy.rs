//! `GET .../policy`: what the node charges and demands.

use actix_web::web;

use crate::api::{ApiError, Policy};
use crate::http::endpoint::Endpoint;
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::get(
        "/api/services/lightning/v1/policy",
        "What the node charges and demands",
    )
    .json::<Policy>()
    .to(handle)
}

async fn handle(shared: web::Data<Shared>) -> Result<web::Json<Policy>, ApiError> {
    shared.api.policy().await.map(web::Json)
}
