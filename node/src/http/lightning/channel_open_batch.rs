//! `POST .../channels/batch`: opens several channels by one opening transaction.

use actix_web::web;

use crate::api::{ApiError, ChannelOpened, OpenBatch};
use crate::http::endpoint::Endpoint;
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::command(
        "/api/services/lightning/v1/channels/batch",
        "Opens several channels by one opening transaction, all of them or none",
    )
    .body::<OpenBatch>()
    .json::<Vec<ChannelOpened>>()
    .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    body: web::Json<OpenBatch>,
) -> Result<web::Json<Vec<ChannelOpened>>, ApiError> {
    shared
        .api
        .open_batch(body.into_inner())
        .await
        .map(web::Json)
}
