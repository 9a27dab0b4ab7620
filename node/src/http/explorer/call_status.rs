//! `GET /api/explorer/v1/call_status/transaction`: how a transaction ended, with a proof if it is asked for.

use actix_web::{web, Responder};
use schemars::JsonSchema;
use zarnitsa_ledger::explorer::TransactionStatusQuery;

use crate::api::ApiError;
use crate::http::endpoint::{Answer, Endpoint};
use crate::http::Shared;

/// The parameters, for the description; they are read as Exonum's own type.
#[derive(JsonSchema)]
#[allow(dead_code, reason = "only its schema is used")]
struct Parameters {
    /// The transaction's hash, lower-case hex.
    hash: String,
    /// Adds a proof against the block's error hash.
    #[schemars(default)]
    with_proof: bool,
}

pub fn endpoint() -> Endpoint {
    let path = "/api/explorer/v1/call_status/transaction";
    Endpoint::get(path, "How a transaction's execution ended")
        .query::<Parameters>()
        .answer(Answer::Exonum)
        .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    query: web::Query<TransactionStatusQuery>,
) -> Result<impl Responder, ApiError> {
    let status = shared.api.ledger().explorer().transaction_status(&query)?;
    Ok(web::Json(status))
}
