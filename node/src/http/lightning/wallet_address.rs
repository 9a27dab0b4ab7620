//! `POST .../wallet/address`: a fresh address. A command, because each answer uses up an address.

use actix_web::web;

use crate::api::{AddressWanted, ApiError, WalletAddress};
use crate::http::endpoint::Endpoint;
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::command(
        "/api/services/lightning/v1/wallet/address",
        "A fresh receiving address",
    )
    .query::<AddressWanted>()
    .json::<WalletAddress>()
    .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    wanted: web::Query<AddressWanted>,
) -> Result<web::Json<WalletAddress>, ApiError> {
    let address = shared.api.wallet_address(wanted.into_inner()).await;
    address.map(web::Json)
}
