//! `GET .../wallet/utxos`: unspent outputs.

use actix_web::web;

use crate::api::{ApiError, Utxo};
use crate::http::endpoint::Endpoint;
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::get(
        "/api/services/lightning/v1/wallet/utxos",
        "Unspent outputs of the on-chain wallet",
    )
    .json::<Vec<Utxo>>()
    .to(handle)
}

async fn handle(shared: web::Data<Shared>) -> Result<web::Json<Vec<Utxo>>, ApiError> {
    shared.api.wallet_utxos().await.map(web::Json)
}
