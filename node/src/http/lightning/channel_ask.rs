//! `POST .../channels/asks`: asks a hub for a channel.

use actix_web::web;

use crate::api::{ApiError, AskChannel, ChannelAsk};
use crate::http::endpoint::Endpoint;
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::command(
        "/api/services/lightning/v1/channels/asks",
        "Asks a hub to open a channel to this node",
    )
    .body::<AskChannel>()
    .json::<ChannelAsk>()
    .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    body: web::Json<AskChannel>,
) -> Result<web::Json<ChannelAsk>, ApiError> {
    shared
        .api
        .ask_channel(body.into_inner())
        .await
        .map(web::Json)
}
