//! `POST .../wallet/address`: a fresh address. A command, because each answer uses up an address.

use actix_web::web;

use crate::api::{ApiError, WalletAddress};
use crate::http::endpoint::Endpoint;
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::command(
        "/api/services/lightning/v1/wallet/address",
        "A fresh receiving address",
    )
    .json::<WalletAddress>()
    .to(handle)
}

async fn handle(shared: web::Data<Shared>) -> Result<web::Json<WalletAddress>, ApiError> {
    shared.api.wallet_address().await.map(web::Json)
}
