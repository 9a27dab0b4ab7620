//! `GET .../channels/{channel_id}/history`: every step of a channel.

use actix_web::{web, HttpResponse};
use schemars::JsonSchema;
use serde::Deserialize;
use zarnitsa_service::proofs;

use crate::api::{ApiError, ChannelHistoryEntry};
use crate::http::endpoint::Endpoint;
use crate::http::path_id::parse;
use crate::http::proved::{plain, proved};
use crate::http::Shared;

/// Which steps; without a proof, all.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
struct Steps {
    /// Answers with the Exonum block and index proofs; values are the stored bytes in hex.
    #[serde(default)]
    #[schemars(default)]
    proof: bool,
    /// With a proof: the first step, counted from 0. An answer holds 1,000 steps at most.
    #[serde(default)]
    #[schemars(default)]
    from: u64,
}

pub fn endpoint() -> Endpoint {
    Endpoint::get(
        "/api/services/lightning/v1/channels/{channel_id}/history",
        "Every step of a channel, oldest first",
    )
    .provable()
    .query::<Steps>()
    .json::<Vec<ChannelHistoryEntry>>()
    .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    id: web::Path<String>,
    query: web::Query<Steps>,
) -> Result<HttpResponse, ApiError> {
    let id = parse("channel", &id)?;
    if query.proof {
        let range = query.from..u64::MAX;
        return proved(&shared, move |snapshot| {
            proofs::history(snapshot, &id, range)
        })
        .await;
    }
    plain(shared.api.channel_history(id).await)
}
