//! `?proof=true`: the same answer from the durable ledger, with the proof that a light client checks.
//!
//! The form of these answers is [`zarnitsa_service::proofs`]'s; values are the stored bytes in hex.

use actix_web::http::header::ContentType;
use actix_web::{web, HttpResponse};
use exonum::merkledb::Snapshot;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zarnitsa_channel::ids::PaymentHash;
use zarnitsa_service::records::Ask;
use zarnitsa_service::{proofs, read};

use super::Shared;
use crate::api::ApiError;

/// The most invoices or payments in one answer: the newest.
const MAX_ITEMS: usize = 1_000;

/// Whether a proof is wanted.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
pub struct WithProof {
    /// Answers with the Exonum block and index proofs; values are the stored bytes in hex.
    #[serde(default)]
    #[schemars(default)]
    pub proof: bool,
}

/// Answers with what `prove` reads from the durable ledger.
pub async fn proved<T, F>(shared: &Shared, prove: F) -> Result<HttpResponse, ApiError>
where
    T: Serialize,
    F: FnOnce(&dyn Snapshot) -> Option<T> + Send + 'static,
{
    let ledger = shared.api.ledger();
    // Proofs of many values read the disk and hash: not on the thread that serves everybody.
    let body = web::block(move || {
        let proof = prove(&*ledger.snapshot())
            .ok_or_else(|| ApiError::not_found("proof", "before the ledger's first block"))?;
        serde_json::to_vec(&proof).map_err(ApiError::internal)
    })
    .await
    .map_err(ApiError::internal)??;
    Ok(HttpResponse::Ok()
        .content_type(ContentType::json())
        .body(body))
}

/// Answers plainly.
pub fn plain<T: Serialize>(answer: Result<T, ApiError>) -> Result<HttpResponse, ApiError> {
    answer.map(|value| HttpResponse::Ok().json(value))
}

/// Every channel that ever was.
pub fn channels(snapshot: &dyn Snapshot) -> Option<proofs::ChannelProof> {
    let ids: Vec<_> = read::channel_records(snapshot)
        .into_iter()
        .map(|record| record.channel_id)
        .collect();
    proofs::channels(snapshot, &ids)
}

/// The newest invoices.
pub fn invoices(snapshot: &dyn Snapshot) -> Option<proofs::InvoiceProof> {
    let hashes: Vec<PaymentHash> = read::invoices(snapshot, 0, MAX_ITEMS)
        .into_iter()
        .map(|invoice| invoice.payment_hash)
        .collect();
    proofs::invoices(snapshot, &hashes)
}

/// The newest payments.
pub fn payments(snapshot: &dyn Snapshot) -> Option<proofs::PaymentProof> {
    let hashes: Vec<PaymentHash> = read::payments(snapshot, 0, MAX_ITEMS)
        .into_iter()
        .map(|payment| payment.payment_hash)
        .collect();
    proofs::payments(snapshot, &hashes)
}

/// The newest channels that peers ask this node for.
pub fn asks(snapshot: &dyn Snapshot) -> Option<proofs::AskProof> {
    let keys: Vec<_> = read::asks(snapshot, 0, MAX_ITEMS)
        .iter()
        .map(Ask::key)
        .collect();
    proofs::asks(snapshot, &keys)
}

/// The newest payments that passed through this node.
pub fn forwards(snapshot: &dyn Snapshot) -> Option<proofs::ForwardProof> {
    let incoming: Vec<_> = read::forwards(snapshot, 0, MAX_ITEMS)
        .into_iter()
        .map(|forward| forward.incoming.key())
        .collect();
    proofs::forwards(snapshot, &incoming)
}
