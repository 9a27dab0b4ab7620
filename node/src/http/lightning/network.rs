//! `GET .../network`: public nodes and channels, a page at a time.

use actix_web::web;

use crate::api::{ApiError, NetworkGraph, NetworkPage};
use crate::http::endpoint::Endpoint;
use crate::http::Shared;

pub fn endpoint() -> Endpoint {
    Endpoint::get(
        "/api/services/lightning/v1/network",
        "Public nodes and channels that gossip has told of",
    )
    .query::<NetworkPage>()
    .json::<NetworkGraph>()
    .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    query: web::Query<NetworkPage>,
) -> Result<web::Json<NetworkGraph>, ApiError> {
    shared.api.network(query.into_inner()).await.map(web::Json)
}
