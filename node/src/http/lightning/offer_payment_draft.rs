//! `POST .../payments/offer/draft`: what an order to pay an offer is made of.

use actix_web::web;

use crate::api::{ApiError, DraftOfferPayment, OfferPaymentDraft};
use crate::http::endpoint::{Access, Endpoint};
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::command(
        "/api/services/lightning/v1/payments/offer/draft",
        "Asks the maker of a BOLT 12 offer for an invoice, which nobody pays until the operator's key orders it",
    )
    // It changes nothing: the signed transaction that follows is the command.
    .access(Access::Read)
    .body::<DraftOfferPayment>()
    .json::<OfferPaymentDraft>()
    .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    body: web::Json<DraftOfferPayment>,
) -> Result<web::Json<OfferPaymentDraft>, ApiError> {
    let draft = shared.api.draft_offer_payment(body.into_inner()).await;
    draft.map(web::Json)
}
