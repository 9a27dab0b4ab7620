//! `POST .../channels`: opens a channel.

use actix_web::web;

use crate::api::{ApiError, ChannelOpened, OpenChannel};
use crate::http::endpoint::Endpoint;
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::command(
        "/api/services/lightning/v1/channels",
        "Opens a channel; answers once its opening transaction is out",
    )
    .body::<OpenChannel>()
    .json::<ChannelOpened>()
    .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    body: web::Json<OpenChannel>,
) -> Result<web::Json<ChannelOpened>, ApiError> {
    shared
        .api
        .open_channel(body.into_inner())
        .await
        .map(web::Json)
}
