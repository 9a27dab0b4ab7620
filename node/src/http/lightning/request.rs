//! `GET .../requests/{tx_hash}`: what became of an order to open or close a channel.

use actix_web::{web, HttpResponse};
use exonum::crypto::Hash;
use hex::FromHex;
use schemars::JsonSchema;
use serde::Serialize;
use zarnitsa_channel::ids::ChannelId;
use zarnitsa_service::records::RequestStatus;
use zarnitsa_service::{proofs, read};

use crate::api::ApiError;
use crate::http::endpoint::Endpoint;
use crate::http::proved::{plain, proved, WithProof};
use crate::http::Shared;

/// An order and what became of it.
#[derive(Serialize, JsonSchema)]
struct Order {
    /// `pending`, `done` or `failed`.
    status: &'static str,
    /// The channel that it opened or closes, once it is known.
    #[serde(with = "crate::api::display_option")]
    #[schemars(with = "Option<String>")]
    channel_id: Option<ChannelId>,
    /// Why it failed.
    reason: String,
}

pub fn endpoint() -> Endpoint {
    Endpoint::get(
        "/api/services/lightning/v1/requests/{tx_hash}",
        "What became of an order, by the hash of the ledger transaction that gave it",
    )
    .provable()
    .json::<Order>()
    .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    id: web::Path<String>,
    query: web::Query<WithProof>,
) -> Result<HttpResponse, ApiError> {
    let hash = Hash::from_hex(id.as_str()).map_err(|_| ApiError::not_found("order", &id))?;
    if query.proof {
        return proved(&shared, move |snapshot| proofs::request(snapshot, &hash)).await;
    }
    let order = read::request(&*shared.api.ledger().snapshot(), &hash)
        .ok_or_else(|| ApiError::not_found("order", hash));
    plain(order.map(|order| Order {
        status: match order.status {
            RequestStatus::Pending => "pending",
            RequestStatus::Done => "done",
            RequestStatus::Failed => "failed",
        },
        channel_id: order.channel_id,
        reason: order.reason,
    }))
}
