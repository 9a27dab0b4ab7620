//! What becomes of a channel that ends on the chain.

use bitcoin::Txid;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The close of a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChannelClosing {
    /// Why it closes: `mutual`, `alone`, `seen` or `data_lost`.
    pub cause: String,
    /// Why this node closed it by itself, if it did.
    pub reason: Option<String>,
    /// What spent the opening output: `mutual`, `local_commitment`, `remote_commitment`, `revoked_commitment`,
    /// `future_commitment` or `unknown`; none while nothing is confirmed.
    pub spent_by: Option<String>,
    /// The block that has that.
    pub block_height: Option<u32>,
    /// Its outputs, and those of later stages, in which this node has a part.
    pub outputs: Vec<ClosingOutput>,
}

/// One output of a close.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClosingOutput {
    /// `txid:vout`.
    pub output: String,
    /// What it holds.
    pub amount_sat: u64,
    /// `to_local`, `to_remote`, `outgoing_htlc`, `incoming_htlc`, `second_stage` or `forgotten_htlc`.
    pub kind: String,
    /// How this node takes it: `delayed`, `balance`, `timeout`, `success` or `penalty`; none where it is not its own, or is
    /// taken already.
    pub claim: Option<String>,
    /// The first block that can hold that claim.
    pub spendable_height: Option<u32>,
    /// The block from which somebody else can take it.
    pub deadline_height: Option<u32>,
    /// The confirmed transaction that took it.
    #[schemars(with = "Option<String>")]
    pub spent_txid: Option<Txid>,
    /// That transaction's block.
    pub spent_height: Option<u32>,
    /// Who took it: `local` or `remote`.
    pub taken_by: Option<String>,
}
