//! `GET .../log`: the newest lines of the node's log. It holds no secret, by the house's rule.

use actix_web::web;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::{ApiError, LogTail};
use crate::http::endpoint::Endpoint;
use crate::http::Shared;

/// The most lines in one answer.
const MAX_LINES: usize = 2_000;

/// How much is wanted.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
struct Wanted {
    /// How many lines, 2000 at most.
    #[serde(default = "some")]
    #[schemars(default = "some")]
    lines: usize,
}

fn some() -> usize {
    200
}

pub fn endpoint() -> Endpoint {
    Endpoint::get(
        "/api/services/lightning/v1/log",
        "The newest lines of the node's log, oldest first",
    )
    .query::<Wanted>()
    .json::<LogTail>()
    .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    query: web::Query<Wanted>,
) -> Result<web::Json<LogTail>, ApiError> {
    let count = query.lines.min(MAX_LINES);
    shared.api.log_tail(count).await.map(web::Json)
}
