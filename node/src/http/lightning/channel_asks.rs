//! `GET .../channels/asks`: channels that hubs were asked for, and that peers ask for.

use actix_web::{web, HttpResponse};

use crate::api::{ApiError, ChannelAsk};
use crate::http::endpoint::Endpoint;
use crate::http::proved::{asks, plain, proved, WithProof};
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::get(
        "/api/services/lightning/v1/channels/asks",
        "Channels that this node asked hubs for, and that peers ask it for, the newest first; with a proof those of peers, \
         for this node's own are orders",
    )
    .provable()
    .json::<Vec<ChannelAsk>>()
    .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    query: web::Query<WithProof>,
) -> Result<HttpResponse, ApiError> {
    if query.proof {
        return proved(&shared, asks).await;
    }
    plain(shared.api.asks().await)
}
