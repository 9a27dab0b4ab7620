//! `POST .../offers`: makes an offer.

use actix_web::web;

use crate::api::{ApiError, CreateOffer, Offer};
use crate::http::endpoint::Endpoint;
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::command("/api/services/lightning/v1/offers", "Makes a BOLT 12 offer")
        .body::<CreateOffer>()
        .json::<Offer>()
        .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    body: web::Json<CreateOffer>,
) -> Result<web::Json<Offer>, ApiError> {
    let offer = shared.api.create_offer(body.into_inner()).await;
    offer.map(web::Json)
}
