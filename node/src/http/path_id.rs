//! Ids in paths: what does not parse does not exist.

use std::str::FromStr;

use crate::api::ApiError;

/// Reads an id; [`NotFound`](crate::api::ErrorCode::NotFound) where it is malformed.
pub fn parse<T: FromStr>(what: &str, text: &str) -> Result<T, ApiError> {
    text.parse().map_err(|_| ApiError::not_found(what, text))
}
