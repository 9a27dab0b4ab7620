//! `POST .../channels/asks/approve`: approves what a peer asks for.

use actix_web::web;

use crate::api::{ApiError, ApproveAsk, ChannelAsk};
use crate::http::endpoint::Endpoint;
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::command(
        "/api/services/lightning/v1/channels/asks/approve",
        "Approves a channel that a peer asks for",
    )
    .body::<ApproveAsk>()
    .json::<ChannelAsk>()
    .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    body: web::Json<ApproveAsk>,
) -> Result<web::Json<ChannelAsk>, ApiError> {
    shared
        .api
        .approve_ask(body.into_inner())
        .await
        .map(web::Json)
}
