//! `GET /api/explorer/v1/blocks`: headers, newest first.

use actix_web::{web, Responder};
use exonum::helpers::Height;
use exonum::merkledb::Snapshot;
use exonum_explorer::api::{BlockInfo, BlocksQuery, BlocksRange, MAX_BLOCKS_PER_REQUEST};
use exonum_explorer::BlockchainExplorer;
use schemars::JsonSchema;

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
    let snapshot = shared.api.snapshot();
    // A thousand blocks are read from disk: not on the thread that serves everybody.
    web::block(move || blocks(&*snapshot, &query))
        .await
        .map_err(ApiError::internal)?
        .map(web::Json)
}

/// As Exonum's explorer counts: `count` blocks down from `latest`, none below `earliest`; where empty blocks are
/// passed over, the range tells how far the search went.
fn blocks(snapshot: &dyn Snapshot, query: &BlocksQuery) -> Result<BlocksRange, ApiError> {
    if query.count > MAX_BLOCKS_PER_REQUEST {
        return Err(ApiError::bad_request(format_args!(
            "count: {MAX_BLOCKS_PER_REQUEST} at most, got {}",
            query.count
        )));
    }
    let explorer = BlockchainExplorer::new(snapshot);
    let newest = explorer.height();
    let upper = query.latest.unwrap_or(newest);
    if upper > newest {
        return Err(ApiError::not_found("block", upper));
    }
    let lower = query.earliest.unwrap_or(Height(0));
    let mut blocks = Vec::new();
    let mut start = upper.next();
    for block in explorer
        .blocks(lower..upper.next())
        .rev()
        .take_while(|_| query.count > 0)
    {
        start = block.height();
        if !(query.skip_empty_blocks && block.is_empty()) {
            blocks.push(BlockInfo::summary(block, query));
        }
        if blocks.len() >= query.count {
            break;
        }
    }
    if blocks.len() < query.count {
        start = lower.min(upper.next());
    }
    Ok(BlocksRange::new(start..upper.next(), blocks))
}
