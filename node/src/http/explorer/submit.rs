//! `POST /api/explorer/v1/transactions`: takes a signed transaction, answers once its block is on disk.

use actix_web::web;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::{ApiError, SubmittedTransaction};
use crate::http::endpoint::{Access, Endpoint};
use crate::http::Shared;

/// What Exonum's clients send.
#[derive(Deserialize, JsonSchema)]
struct TransactionHex {
    /// The signed message, hex.
    tx_body: String,
}

pub fn endpoint() -> Endpoint {
    let summary =
        "Submits a transaction signed by the operator's key; answers once its block is on disk";
    Endpoint::command("/api/explorer/v1/transactions", summary)
        // The signature is what commands; the token only keeps strangers from filling the ledger.
        .access(Access::Read)
        .body::<TransactionHex>()
        .json::<SubmittedTransaction>()
        .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    body: web::Json<TransactionHex>,
) -> Result<web::Json<SubmittedTransaction>, ApiError> {
    let bytes = hex::decode(&body.tx_body)
        .map_err(|error| ApiError::bad_request(format_args!("tx_body is not hex: {error}")))?;
    shared.api.submit_transaction(bytes).await.map(web::Json)
}
