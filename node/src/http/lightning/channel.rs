//! `GET .../channels/{channel_id}`: one channel.

use actix_web::{web, HttpResponse};
use zarnitsa_service::proofs;

use crate::api::{ApiError, ChannelSummary};
use crate::http::endpoint::Endpoint;
use crate::http::path_id::parse;
use crate::http::proved::{plain, proved, WithProof};
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::get(
        "/api/services/lightning/v1/channels/{channel_id}",
        "One channel",
    )
    .provable()
    .json::<ChannelSummary>()
    .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    id: web::Path<String>,
    query: web::Query<WithProof>,
) -> Result<HttpResponse, ApiError> {
    let id = parse("channel", &id)?;
    if query.proof {
        return proved(&shared, move |snapshot| proofs::channel(snapshot, &id)).await;
    }
    plain(shared.api.channel(id).await)
}
