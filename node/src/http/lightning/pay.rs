//! `POST .../payments`: pays an invoice.

use actix_web::web;

use crate::api::{ApiError, Pay, Payment};
use crate::http::endpoint::Endpoint;
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::command(
        "/api/services/lightning/v1/payments",
        "Pays, and answers with the outcome",
    )
    .body::<Pay>()
    .json::<Payment>()
    .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    body: web::Json<Pay>,
) -> Result<web::Json<Payment>, ApiError> {
    shared.api.pay(body.into_inner()).await.map(web::Json)
}
