//! `GET .../channels`: every channel.

use actix_web::{web, HttpResponse};

use crate::api::{ApiError, ChannelSummary};
use crate::http::endpoint::Endpoint;
use crate::http::proved::{channels, plain, proved, WithProof};
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::get(
        "/api/services/lightning/v1/channels",
        "Every channel, oldest first",
    )
    .provable()
    .json::<Vec<ChannelSummary>>()
    .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    query: web::Query<WithProof>,
) -> Result<HttpResponse, ApiError> {
    if query.proof {
        return proved(&shared, channels).await;
    }
    plain(shared.api.channels().await)
}
