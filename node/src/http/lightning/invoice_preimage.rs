//! `POST .../invoices/preimage`: what settles a held invoice, for an operator whose key is elsewhere.

use actix_web::web;

use crate::api::{ApiError, HeldInvoice, HeldPreimage};
use crate::http::endpoint::Endpoint;
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    // A secret of the node's: the full token is needed, though nothing is changed.
    Endpoint::command(
        "/api/services/lightning/v1/invoices/preimage",
        "The preimage of an invoice for which a payment is held; the operator's key releases it",
    )
    .body::<HeldInvoice>()
    .json::<HeldPreimage>()
    .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    body: web::Json<HeldInvoice>,
) -> Result<web::Json<HeldPreimage>, ApiError> {
    let request = body.into_inner();
    shared.api.held_preimage(request).await.map(web::Json)
}
