//! `/api/system/v1/health`: is the node up? Open to anybody, so that a watchdog needs no token.

use actix_web::{web, HttpResponse};

use super::endpoint::{Access, Endpoint};
use super::Shared;
use crate::api::Health;

pub fn endpoint() -> Endpoint {
    Endpoint::get(
        "/api/system/v1/health",
        "Whether the node's parts are up; 503 if not",
    )
    .access(Access::Open)
    .json::<Health>()
    .to(handle)
}

async fn handle(shared: web::Data<Shared>) -> HttpResponse {
    let health = shared.api.health().await;
    if health.ok {
        HttpResponse::Ok().json(health)
    } else {
        HttpResponse::ServiceUnavailable().json(health)
    }
}
