//! `GET .../channels/asks`: channels that hubs were asked for, and that peers ask for.

use actix_web::web;

use crate::api::{ApiError, ChannelAsk};
use crate::http::endpoint::Endpoint;
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::get(
        "/api/services/lightning/v1/channels/asks",
        "Channels that this node asked hubs for, and that peers ask it for, the newest first",
    )
    .json::<Vec<ChannelAsk>>()
    .to(handle)
}

async fn handle(shared: web::Data<Shared>) -> Result<web::Json<Vec<ChannelAsk>>, ApiError> {
    shared.api.asks().await.map(web::Json)
}
