//! `GET .../channels/{channel_id}/history`: every step of a channel.

use actix_web::web;

use crate::api::{ApiError, ChannelHistoryEntry};
use crate::http::endpoint::Endpoint;
use crate::http::path_id::parse;
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::get(
        "/api/services/lightning/v1/channels/{channel_id}/history",
        "Every step of a channel, oldest first",
    )
    .json::<Vec<ChannelHistoryEntry>>()
    .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    id: web::Path<String>,
) -> Result<web::Json<Vec<ChannelHistoryEntry>>, ApiError> {
    let id = parse("channel", &id)?;
    shared.api.channel_history(id).await.map(web::Json)
}
