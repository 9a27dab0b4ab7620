//! `GET .../info`: who the node is and how far it has come.

use actix_web::web;

use crate::api::{ApiError, NodeInfo};
use crate::http::endpoint::Endpoint;
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::get(
        "/api/services/lightning/v1/info",
        "Who the node is and how far it has come",
    )
    .json::<NodeInfo>()
    .to(handle)
}

async fn handle(shared: web::Data<Shared>) -> Result<web::Json<NodeInfo>, ApiError> {
    shared.api.info().await.map(web::Json)
}
