//! `GET .../payments`: every payment sent.

use actix_web::web;

use crate::api::{ApiError, Payment};
use crate::http::endpoint::Endpoint;
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::get(
        "/api/services/lightning/v1/payments",
        "Every payment sent, newest first",
    )
    .json::<Vec<Payment>>()
    .to(handle)
}

async fn handle(shared: web::Data<Shared>) -> Result<web::Json<Vec<Payment>>, ApiError> {
    shared.api.payments().await.map(web::Json)
}
