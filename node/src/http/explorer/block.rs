//! `GET /api/explorer/v1/block`: one block with its precommits and transactions.

use actix_web::{web, Responder};
use schemars::JsonSchema;
use zarnitsa_ledger::explorer::BlockQuery;

use crate::api::ApiError;
use crate::http::endpoint::{Answer, Endpoint};
use crate::http::Shared;

/// The parameters, for the description; they are read as Exonum's own type.
#[derive(JsonSchema)]
#[allow(dead_code, reason = "only its schema is used")]
struct Parameters {
    /// Which block.
    height: u64,
}

pub fn endpoint() -> Endpoint {
    Endpoint::get(
        "/api/explorer/v1/block",
        "One block with its precommits and transactions",
    )
    .query::<Parameters>()
    .answer(Answer::Exonum)
    .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    query: web::Query<BlockQuery>,
) -> Result<impl Responder, ApiError> {
    let block = shared.api.ledger().explorer().block(&query)?;
    Ok(web::Json(block))
}
