//! `GET /api/explorer/v1/transactions`: one transaction, with the proof of its place in its block.

use actix_web::{web, Responder};
use schemars::JsonSchema;
use zarnitsa_ledger::explorer::TransactionQuery;

use crate::api::ApiError;
use crate::http::endpoint::{Answer, Endpoint};
use crate::http::Shared;

/// The parameters, for the description; they are read as Exonum's own type.
#[derive(JsonSchema)]
#[allow(dead_code, reason = "only its schema is used")]
pub(super) struct Parameters {
    /// The transaction's hash, lower-case hex.
    hash: String,
}

pub fn endpoint() -> Endpoint {
    Endpoint::get(
        "/api/explorer/v1/transactions",
        "One transaction with its location and status",
    )
    .query::<Parameters>()
    .answer(Answer::Exonum)
    .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    query: web::Query<TransactionQuery>,
) -> Result<impl Responder, ApiError> {
    let transaction = shared.api.ledger().explorer().transaction(&query)?;
    Ok(web::Json(transaction))
}
