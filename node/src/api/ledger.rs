//! The ledger as a person sees it.

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

impl From<zarnitsa_ledger::Head> for LedgerHead {
    fn from(head: zarnitsa_ledger::Head) -> Self {
        Self {
            height: head.height,
            block_hash: head.block_hash,
            state_hash: head.state_hash,
        }
    }
}

/// `zarnitsa ledger verify`, `zarnitsa ledger export`: what was gone through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LedgerReport {
    /// Blocks, the genesis included.
    pub blocks: u64,
    /// Transactions in them.
    pub transactions: u64,
    /// Everything holds. Where something does not, there is an error instead of a report.
    pub ok: bool,
}

impl From<zarnitsa_ledger::Report> for LedgerReport {
    fn from(report: zarnitsa_ledger::Report) -> Self {
        Self {
            blocks: report.blocks,
            transactions: report.transactions,
            ok: true,
        }
    }
}

/// How far such work has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LedgerStep {
    /// Blocks done.
    pub blocks: u64,
    /// Blocks to do.
    pub of: u64,
}

impl From<zarnitsa_ledger::Progress> for LedgerStep {
    fn from(progress: zarnitsa_ledger::Progress) -> Self {
        Self {
            blocks: progress.blocks,
            of: progress.of,
        }
    }
}

/// One line of the answer to such work: steps, and at the end a report or an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LedgerWork {
    /// It goes on.
    Step(LedgerStep),
    /// It is done.
    Report(LedgerReport),
    /// It failed: the first thing that does not hold.
    Error(String),
}
