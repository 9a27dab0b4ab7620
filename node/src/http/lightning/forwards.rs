//! `GET .../forwards`: every payment forwarded.

use actix_web::web;

use crate::api::{ApiError, Forward};
use crate::http::endpoint::Endpoint;
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::get(
        "/api/services/lightning/v1/forwards",
        "Every payment forwarded, newest first",
    )
    .json::<Vec<Forward>>()
    .to(handle)
}

async fn handle(shared: web::Data<Shared>) -> Result<web::Json<Vec<Forward>>, ApiError> {
    shared.api.forwards().await.map(web::Json)
}
