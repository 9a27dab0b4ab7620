//! `GET .../channels/{channel_id}`: one channel.

use actix_web::web;

use crate::api::{ApiError, ChannelSummary};
use crate::http::endpoint::Endpoint;
use crate::http::path_id::parse;
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::get(
        "/api/services/lightning/v1/channels/{channel_id}",
        "One channel",
    )
    .json::<ChannelSummary>()
    .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    id: web::Path<String>,
) -> Result<web::Json<ChannelSummary>, ApiError> {
    let id = parse("channel", &id)?;
    shared.api.channel(id).await.map(web::Json)
}
