//! `GET .../config`: whose ledger it is.

use actix_web::{web, HttpResponse};
use zarnitsa_service::{proofs, read};

use crate::api::{ApiError, LedgerOwner};
use crate::http::endpoint::Endpoint;
use crate::http::proved::{plain, proved, WithProof};
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::get(
        "/api/services/lightning/v1/config",
        "Whose ledger it is: the keys that may command and report",
    )
    .provable()
    .json::<LedgerOwner>()
    .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    query: web::Query<WithProof>,
) -> Result<HttpResponse, ApiError> {
    if query.proof {
        return proved(&shared, proofs::config).await;
    }
    let config = read::config(&*shared.api.ledger().snapshot())
        .ok_or_else(|| ApiError::not_found("config", "before the ledger's first block"));
    plain(config.map(|config| LedgerOwner {
        operator_key: config.operator_key,
        node_key: config.node_key,
        node_id: config.node_id,
        network: config.network,
    }))
}
