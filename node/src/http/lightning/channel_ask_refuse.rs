//! `POST .../channels/asks/refuse`: refuses what a peer asks for.

use actix_web::web;

use crate::api::{ApiError, ChannelAsk, RefuseAsk};
use crate::http::endpoint::Endpoint;
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::command(
        "/api/services/lightning/v1/channels/asks/refuse",
        "Refuses a channel that a peer asks for",
    )
    .body::<RefuseAsk>()
    .json::<ChannelAsk>()
    .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    body: web::Json<RefuseAsk>,
) -> Result<web::Json<ChannelAsk>, ApiError> {
    shared
        .api
        .refuse_ask(body.into_inner())
        .await
        .map(web::Json)
}
