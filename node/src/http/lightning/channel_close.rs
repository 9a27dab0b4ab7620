//! `POST .../channels/close`: closes a channel.

use actix_web::web;

use crate::api::{ApiError, ChannelClosed, CloseChannel};
use crate::http::endpoint::Endpoint;
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::command(
        "/api/services/lightning/v1/channels/close",
        "Closes a channel; answers once its closing transaction is out",
    )
    .body::<CloseChannel>()
    .json::<ChannelClosed>()
    .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    body: web::Json<CloseChannel>,
) -> Result<web::Json<ChannelClosed>, ApiError> {
    shared
        .api
        .close_channel(body.into_inner())
        .await
        .map(web::Json)
}
