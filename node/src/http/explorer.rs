//! Exonum's explorer API, in the URLs and shapes that Exonum 1.0's explorer service has, read from the durable ledger.

mod block;
mod blocks;
mod call_status;
mod submit;
mod transaction;

use super::endpoint::Endpoint;

/// Every endpoint of the explorer.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        blocks::endpoint(),
        block::endpoint(),
        transaction::endpoint(),
        submit::endpoint(),
        call_status::endpoint(),
        call_status::before_transactions(),
        call_status::after_transactions(),
    ]
}
