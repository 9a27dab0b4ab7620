//! `GET .../session`: what the token that came with the request allows, so that a page offers no more.

use actix_web::{web, HttpRequest};

use crate::api::{ApiError, ErrorCode, Session, SessionAccess};
use crate::http::endpoint::{Access, Endpoint};
use crate::http::{guard, Shared};

pub fn endpoint() -> Endpoint {
    Endpoint::get(
        "/api/services/lightning/v1/session",
        "What the token of this request allows",
    )
    .json::<Session>()
    .to(handle)
}

async fn handle(
    shared: web::Data<Shared>,
    request: HttpRequest,
) -> Result<web::Json<Session>, ApiError> {
    let access = match guard::shown(&shared, &request) {
        Some(Access::Command) => SessionAccess::Command,
        Some(Access::Read) => SessionAccess::Read,
        // The guard let nobody in without a token.
        Some(Access::Open) | None => {
            return Err(ApiError::new(ErrorCode::Unauthorized, "show a token"));
        }
    };
    Ok(web::Json(Session { access }))
}
