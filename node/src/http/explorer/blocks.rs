//! `GET /api/explorer/v1/blocks`: headers, newest first.

use actix_web::{web, Responder};
use schemars::JsonSchema;
use zarnitsa_ledger::explorer::BlocksQuery;

use crate::api::ApiError;
use crate::http::endpoint::{Answer, Endpoint};
use crate::http::Shared;

/// The parameters, for the description; they are read as Exonum's own type.
#[derive(JsonSchema)]
#[allow(dead_code, reason = "only its schema is used")]
struct Parameters {
    /// How many blocks, 1000 at most.
    count: u64,
    /// The greatest height; the newest block if absent.
    latest: Option<u64>,
    /// The least height.
    earliest: Option<u64>,
    /// Passes over blocks without transactions.
    #[schemars(default)]
    skip_empty_blocks: bool,
    /// Adds the median time of the precommits.
    #[schemars(default)]
    add_blocks_time: bool,
    /// Adds the precommits.
    #[schemars(default)]
    add_precommits: bool,
}

pub fn endpoint() -> Endpoint {
    Endpoint::get("/api/explorer/v1/blocks", "Block headers, newest first")
        .query::<Parameters>()
        .answer(Answer::Exonum)
        .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    query: web::Query<BlocksQuery>,
) -> Result<impl Responder, ApiError> {
    let ledger = shared.api.ledger();
    // A thousand blocks are read from disk: not on the thread that serves everybody.
    let blocks = web::block(move || ledger.explorer().blocks(&query))
        .await
        .map_err(ApiError::internal)??;
    Ok(web::Json(blocks))
}
