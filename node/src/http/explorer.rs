//! Exonum's explorer API, in the URLs and shapes that Exonum 1.0's explorer service has, read from the durable ledger.

mod block;
mod blocks;
mod call_status;
mod submit;
mod transaction;

use zarnitsa_ledger::explorer::ExplorerError;

use super::endpoint::Endpoint;
use crate::api::{ApiError, ErrorCode};

/// Every endpoint of the explorer.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        blocks::endpoint(),
        block::endpoint(),
        transaction::endpoint(),
        submit::endpoint(),
        call_status::endpoint(),
    ]
}

impl From<ExplorerError> for ApiError {
    fn from(error: ExplorerError) -> Self {
        let code = match &error {
            ExplorerError::NoBlock { .. } | ExplorerError::NoTransaction { .. } => {
                ErrorCode::NotFound
            }
            ExplorerError::TooMany { .. } | ExplorerError::Malformed { .. } => {
                ErrorCode::BadRequest
            }
            _ => return Self::internal(error),
        };
        Self::new(code, error)
    }
}
