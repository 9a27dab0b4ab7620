//! The ledger as a person sees it.

use std::path::PathBuf;

use exonum::crypto::Hash;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `zarnitsa ledger head`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LedgerHead {
    /// The newest durable block.
    pub height: u64,
    /// Its hash.
    #[schemars(with = "String")]
    pub block_hash: Hash,
    /// The state hash in it.
    #[schemars(with = "String")]
    pub state_hash: Hash,
}

/// What a submitted transaction answers, as Exonum's explorer does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SubmittedTransaction {
    /// The ledger transaction's hash; its block is durable.
    #[schemars(with = "String")]
    pub tx_hash: Hash,
}

/// A copy of the durable ledger on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LedgerCheckpoint {
    /// The folder that holds it; whoever asked for it removes it.
    pub path: PathBuf,
    /// The newest block in it.
    pub head: LedgerHead,
}
