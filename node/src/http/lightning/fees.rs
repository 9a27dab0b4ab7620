//! `GET .../fees`: what Bitcoin transactions cost now.

use actix_web::web;

use crate::api::{ApiError, FeeRates};
use crate::http::endpoint::Endpoint;
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::get(
        "/api/services/lightning/v1/fees",
        "What Bitcoin transactions cost now, in satoshis for a virtual byte",
    )
    .json::<FeeRates>()
    .to(handle)
}

async fn handle(shared: web::Data<Shared>) -> Result<web::Json<FeeRates>, ApiError> {
    shared.api.fee_rates().await.map(web::Json)
}
