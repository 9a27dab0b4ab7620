//! `GET .../payments/{payment_hash}`: one payment sent.

use actix_web::web;

use crate::api::{ApiError, Payment};
use crate::http::endpoint::Endpoint;
use crate::http::path_id::parse;
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::get(
        "/api/services/lightning/v1/payments/{payment_hash}",
        "One payment sent",
    )
    .json::<Payment>()
    .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    id: web::Path<String>,
) -> Result<web::Json<Payment>, ApiError> {
    let id = parse("payment", &id)?;
    shared.api.payment(id).await.map(web::Json)
}
