//! What `zarnitsa demo --once` found.

use bitcoin::Txid;
use serde::Serialize;
use zarnitsa_channel::ids::{ChannelId, PaymentHash};

use crate::api::{LedgerHead, LedgerReport};

/// The whole story and its sums.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// One for each channel.
    pub opening_txids: Vec<Txid>,
    /// Every payment, in order.
    pub payments: Vec<PaidOnce>,
    /// One for each channel.
    pub closing_txids: Vec<Txid>,
    /// On-chain sums of each node, as bitcoind has them.
    pub balances: Vec<NodeBalance>,
    /// Each channel's last state in the two ledgers, and what the closing transaction paid.
    pub channels: Vec<ChannelEnd>,
    /// Each node's ledger, verified from genesis.
    pub ledger: Vec<NodeLedger>,
    /// What does not agree; empty when all is well.
    pub differences: Vec<String>,
}

/// A payment of the story.
#[derive(Clone, Debug, Serialize)]
pub struct PaidOnce {
    /// Who paid.
    pub from: &'static str,
    /// Whom.
    pub to: &'static str,
    /// Its hash.
    #[serde(with = "crate::api::display")]
    pub payment_hash: PaymentHash,
    /// How much.
    pub amount_sat: u64,
    /// What it cost beside.
    pub fee_sat: u64,
}

/// A node's coins: `after = before - opening_fee - closing_fee - paid + received`.
#[derive(Clone, Debug, Serialize)]
pub struct NodeBalance {
    /// Whose.
    pub node: &'static str,
    /// Its unspent outputs before the story, as bitcoind has them.
    pub before_sat: u64,
    /// Its unspent outputs after the story, as bitcoind has them.
    pub after_sat: u64,
    /// What the node itself says it has after the story.
    pub node_says_sat: u64,
    /// Fees of the opening transactions that it paid.
    pub opening_fee_sat: u64,
    /// Fees of the closing transactions that it paid.
    pub closing_fee_sat: u64,
    /// Paid over channels.
    pub paid_sat: u64,
    /// Received over channels.
    pub received_sat: u64,
    /// What the sum says that it should have.
    pub expected_sat: u64,
}

/// How a channel ended.
#[derive(Clone, Debug, Serialize)]
pub struct ChannelEnd {
    /// Which.
    #[serde(with = "crate::api::display")]
    pub channel_id: ChannelId,
    /// The user's side in the user's ledger.
    pub user_ledger_sat: u64,
    /// The hub's side in the hub's ledger.
    pub hub_ledger_sat: u64,
    /// What the closing transaction paid in all.
    pub closing_outputs_sat: u64,
    /// What it cost.
    pub closing_fee_sat: u64,
}

/// A node's ledger.
#[derive(Clone, Debug, Serialize)]
pub struct NodeLedger {
    /// Whose.
    pub node: &'static str,
    /// Its newest block.
    #[serde(flatten)]
    pub head: LedgerHead,
    /// What the replay went through.
    #[serde(flatten)]
    pub report: LedgerReport,
}
