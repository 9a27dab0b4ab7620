//! `GET /api/explorer/v1/call_status/...`: how a call ended, with a proof if it is asked for.

use actix_web::{web, Responder};
use exonum::blockchain::{CallInBlock, CallProof};
use exonum::helpers::Height;
use exonum::merkledb::Snapshot;
use exonum::runtime::ExecutionStatus;
use exonum_explorer::api::{CallStatusQuery, CallStatusResponse, TransactionStatusQuery};
use exonum_explorer::BlockchainExplorer;
use schemars::JsonSchema;

use super::transaction::Parameters;
use crate::api::ApiError;
use crate::http::endpoint::{Answer, Endpoint};
use crate::http::Shared;

/// The parameters, for the description; they are read as Exonum's own type.
#[derive(JsonSchema)]
#[allow(dead_code, reason = "only its schema is used")]
struct TransactionParameters {
    #[schemars(flatten)]
    transaction: Parameters,
    /// Adds a proof against the block's error hash.
    #[schemars(default)]
    with_proof: bool,
}

/// The parameters, for the description; they are read as Exonum's own type.
#[derive(JsonSchema)]
#[allow(dead_code, reason = "only its schema is used")]
struct HookParameters {
    /// Which block.
    height: u64,
    /// Which service.
    service_id: u32,
    /// Adds a proof against the block's error hash.
    #[schemars(default)]
    with_proof: bool,
}

pub fn endpoint() -> Endpoint {
    Endpoint::get(
        "/api/explorer/v1/call_status/transaction",
        "How a transaction's execution ended",
    )
    .query::<TransactionParameters>()
    .answer(Answer::Exonum)
    .to(transaction)
}

pub fn before_transactions() -> Endpoint {
    let path = "/api/explorer/v1/call_status/before_transactions";
    Endpoint::get(
        path,
        "How a service's hook before a block's transactions ended",
    )
    .query::<HookParameters>()
    .answer(Answer::Exonum)
    .to(before)
}

pub fn after_transactions() -> Endpoint {
    let path = "/api/explorer/v1/call_status/after_transactions";
    Endpoint::get(
        path,
        "How a service's hook after a block's transactions ended",
    )
    .query::<HookParameters>()
    .answer(Answer::Exonum)
    .to(after)
}

async fn transaction(
    shared: web::Data<Shared>,
    query: web::Query<TransactionStatusQuery>,
) -> Result<impl Responder, ApiError> {
    let snapshot = shared.api.snapshot();
    let transaction = BlockchainExplorer::new(&*snapshot).transaction(&query.hash);
    let location = transaction
        .as_ref()
        .and_then(|transaction| transaction.as_committed())
        .map(|committed| committed.location().clone())
        .ok_or_else(|| ApiError::not_found("transaction", query.hash))?;
    let call = CallInBlock::transaction(location.position_in_block());
    status(&*snapshot, location.block_height(), call, query.with_proof).map(web::Json)
}

async fn before(
    shared: web::Data<Shared>,
    query: web::Query<CallStatusQuery>,
) -> Result<impl Responder, ApiError> {
    let call = CallInBlock::before_transactions(query.service_id);
    status(
        &*shared.api.snapshot(),
        query.height,
        call,
        query.with_proof,
    )
    .map(web::Json)
}

async fn after(
    shared: web::Data<Shared>,
    query: web::Query<CallStatusQuery>,
) -> Result<impl Responder, ApiError> {
    let call = CallInBlock::after_transactions(query.service_id);
    status(
        &*shared.api.snapshot(),
        query.height,
        call,
        query.with_proof,
    )
    .map(web::Json)
}

fn status(
    snapshot: &dyn Snapshot,
    height: Height,
    call: CallInBlock,
    with_proof: bool,
) -> Result<CallStatusResponse, ApiError> {
    let explorer = BlockchainExplorer::new(snapshot);
    let block = explorer
        .block(height)
        .ok_or_else(|| ApiError::not_found("block", height))?;
    if with_proof {
        let proof: CallProof = block.call_proof(call);
        return Ok(CallStatusResponse::Proof(proof));
    }
    let result = explorer.call_status(height, call);
    Ok(CallStatusResponse::Simple(ExecutionStatus(result)))
}
