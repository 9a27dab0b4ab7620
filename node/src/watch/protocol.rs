//! What a node and its tower say to one another. `GET /watch/v1/accounts/{account}` answers [`AccountState`]; so does
//! `POST /watch/v1/states` of [`AddStates`], once the records are on disk. Both want the header
//! `Authorization: Bearer TOKEN`. Hashes and bytes are lower-case hex.

use serde::{Deserialize, Serialize};

/// One revoked state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StateRecord {
    /// The first 16 bytes of the revoked commitment's txid.
    pub locator: String,
    /// What that txid opens.
    pub data: String,
}

/// More states of a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AddStates {
    /// A name for the channel that only the node can tell, 32 bytes.
    pub account: String,
    /// The number of the first state; states below it that the tower has are no error.
    pub from: u64,
    /// The states, in order.
    pub states: Vec<StateRecord>,
}

/// What the tower has of a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AccountState {
    /// How many states, from number 0 on.
    pub states: u64,
    /// A hash over all of them: each is SHA-256 of the one before, the locator, and SHA-256 of the data.
    pub digest: String,
}
