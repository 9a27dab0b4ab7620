//! `GET .../channels`: every channel.

use actix_web::web;

use crate::api::{ApiError, ChannelSummary};
use crate::http::endpoint::Endpoint;
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::get(
        "/api/services/lightning/v1/channels",
        "Every channel, oldest first",
    )
    .json::<Vec<ChannelSummary>>()
    .to(handle)
}

async fn handle(shared: web::Data<Shared>) -> Result<web::Json<Vec<ChannelSummary>>, ApiError> {
    shared.api.channels().await.map(web::Json)
}
