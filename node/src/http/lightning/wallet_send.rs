//! `POST .../wallet/send`: sends on chain.

use actix_web::web;

use crate::api::{ApiError, WalletSend, WalletSent};
use crate::http::endpoint::Endpoint;
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::command("/api/services/lightning/v1/wallet/send", "Sends on chain")
        .body::<WalletSend>()
        .json::<WalletSent>()
        .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    body: web::Json<WalletSend>,
) -> Result<web::Json<WalletSent>, ApiError> {
    shared
        .api
        .wallet_send(body.into_inner())
        .await
        .map(web::Json)
}
