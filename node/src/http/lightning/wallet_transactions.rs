//! `GET .../wallet/transactions`: the wallet's transactions.

use actix_web::web;

use crate::api::{ApiError, WalletTransaction};
use crate::http::endpoint::Endpoint;
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::get(
        "/api/services/lightning/v1/wallet/transactions",
        "Transactions of the on-chain wallet, newest first",
    )
    .json::<Vec<WalletTransaction>>()
    .to(handle)
}

async fn handle(shared: web::Data<Shared>) -> Result<web::Json<Vec<WalletTransaction>>, ApiError> {
    shared.api.wallet_transactions().await.map(web::Json)
}
