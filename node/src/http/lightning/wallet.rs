//! `GET .../wallet`: the on-chain wallet in one answer.

use actix_web::web;

use crate::api::{ApiError, WalletOverview};
use crate::http::endpoint::Endpoint;
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::get(
        "/api/services/lightning/v1/wallet",
        "The on-chain wallet: balance, outputs, transactions",
    )
    .json::<WalletOverview>()
    .to(handle)
}

async fn handle(shared: web::Data<Shared>) -> Result<web::Json<WalletOverview>, ApiError> {
    let balance = shared.api.balance().await?;
    Ok(web::Json(WalletOverview {
        onchain_sat: balance.onchain_sat,
        onchain_reserve_sat: balance.onchain_reserve_sat,
        onchain_unconfirmed_sat: balance.onchain_unconfirmed_sat,
        utxos: shared.api.wallet_utxos().await?,
        transactions: shared.api.wallet_transactions().await?,
    }))
}
