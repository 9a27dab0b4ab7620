//! Errors as `application/problem+json` (RFC 9457).

use actix_web::error::{InternalError, JsonPayloadError, PathError, QueryPayloadError};
use actix_web::http::StatusCode;
use actix_web::{web, HttpRequest, HttpResponse, ResponseError};

use crate::api::{ApiError, ErrorCode, Problem};

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        if self.code == ErrorCode::Internal {
            tracing::error!(error = %self.message, "a request failed");
        }
        HttpResponse::build(self.status_code())
            .content_type("application/problem+json")
            .body(serde_json::to_vec(&Problem::from(self)).unwrap_or_default())
    }
}

fn respond(error: ApiError) -> actix_web::Error {
    let response = error.error_response();
    InternalError::from_response(error, response).into()
}

/// How a body is read: JSON only, and no more than `limit` bytes.
pub fn json_config(limit: usize) -> web::JsonConfig {
    web::JsonConfig::default()
        .limit(limit)
        .error_handler(move |error, _| {
            respond(match error {
                JsonPayloadError::Overflow { .. }
                | JsonPayloadError::OverflowKnownLength { .. } => {
                    let message = format!("the body is larger than {limit} bytes");
                    ApiError::new(ErrorCode::TooLarge, message)
                }
                JsonPayloadError::ContentType => {
                    ApiError::bad_request("send content-type: application/json")
                }
                other => ApiError::bad_request(format_args!("the body does not parse: {other}")),
            })
        })
}

/// How a query is read.
pub fn query_config() -> web::QueryConfig {
    web::QueryConfig::default().error_handler(|error: QueryPayloadError, _| {
        respond(ApiError::bad_request(format_args!(
            "the query does not parse: {error}"
        )))
    })
}

/// How a path's parts are read.
pub fn path_config() -> web::PathConfig {
    web::PathConfig::default().error_handler(|error: PathError, request| {
        respond(ApiError::new(
            ErrorCode::NotFound,
            format_args!("{}: {error}", request.path()),
        ))
    })
}

/// Answers a method that a path does not have.
pub async fn wrong_method(request: HttpRequest) -> HttpResponse {
    let message = format!("{} has no method {}", request.path(), request.method());
    ApiError::new(ErrorCode::MethodNotAllowed, message).error_response()
}
