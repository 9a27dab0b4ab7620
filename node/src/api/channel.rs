//! Channels: what a person sees of them and asks of them.

use std::fmt;

use bitcoin::secp256k1::PublicKey;
use bitcoin::{OutPoint, Txid};
use exonum::crypto::Hash;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::{ChannelId, PaymentHash};

use super::{AmountOrAll, ChannelClosing};

/// Where a channel stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChannelState {
    /// The two sides are agreeing on it.
    Opening,
    /// The opening transaction is out.
    AwaitingConfirmations,
    /// Deep enough for us, not yet for the peer.
    AwaitingPeerReady,
    /// Usable.
    Normal,
    /// Usable, when the peer is back.
    Offline,
    /// No new payments; those under way end.
    ShuttingDown,
    /// The closing transaction is agreed, or a unilateral one is out.
    Closing,
    /// Every coin of it is settled.
    Closed,
    /// Never came to be.
    Failed,
}

impl ChannelState {
    /// The name in the interface.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::AwaitingConfirmations => "awaiting_confirmations",
            Self::AwaitingPeerReady => "awaiting_peer_ready",
            Self::Normal => "normal",
            Self::Offline => "offline",
            Self::ShuttingDown => "shutting_down",
            Self::Closing => "closing",
            Self::Closed => "closed",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for ChannelState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Who opened a channel, and so pays its commitment fees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Opener {
    /// This node.
    Local,
    /// The peer.
    Remote,
}

/// Which way an HTLC goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HtlcDirection {
    /// From the peer to this node.
    Incoming,
    /// From this node to the peer.
    Outgoing,
}

/// A payment that is passing through a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChannelHtlc {
    /// Its number, counted by the side that offered it.
    pub id: u64,
    /// Which way.
    pub direction: HtlcDirection,
    /// How much.
    #[serde(with = "super::msat")]
    #[schemars(with = "String")]
    pub amount_msat: Msat,
    /// Its hash.
    #[serde(with = "super::display")]
    #[schemars(with = "String")]
    pub payment_hash: PaymentHash,
    /// The block height at which it times out.
    pub cltv_expiry: u32,
    /// How far its commitment has come, in the channel machine's words.
    pub state: String,
}

/// One channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChannelSummary {
    /// Its id.
    #[serde(with = "super::display")]
    #[schemars(with = "String")]
    pub channel_id: ChannelId,
    /// `783244x1284x0` once the opening transaction is deep enough (BOLT 7).
    pub short_channel_id: Option<String>,
    /// The peer's node id.
    #[schemars(with = "String")]
    pub peer: PublicKey,
    /// Where it stands.
    pub state: ChannelState,
    /// Who opened it.
    pub opener: Opener,
    /// Whether the world may know it.
    pub announced: bool,
    /// What was locked in it.
    pub capacity_sat: u64,
    /// Ours, without HTLCs under way.
    #[serde(with = "super::msat")]
    #[schemars(with = "String")]
    pub local_msat: Msat,
    /// The peer's, without HTLCs under way.
    #[serde(with = "super::msat")]
    #[schemars(with = "String")]
    pub remote_msat: Msat,
    /// What we can send now, after reserve and fees.
    #[serde(with = "super::msat")]
    #[schemars(with = "String")]
    pub spendable_msat: Msat,
    /// What we can receive now.
    #[serde(with = "super::msat")]
    #[schemars(with = "String")]
    pub receivable_msat: Msat,
    /// The number of our newest commitment transaction.
    pub commitment_number: u64,
    /// The number of the peer's newest commitment transaction.
    pub peer_commitment_number: u64,
    /// The opening transaction.
    #[schemars(with = "String")]
    pub opening_txid: Txid,
    /// Its output that holds the channel.
    pub opening_output: u32,
    /// What spends it, if something does.
    #[schemars(with = "Option<String>")]
    pub closing_txid: Option<Txid>,
    /// Payments under way.
    pub htlcs: Vec<ChannelHtlc>,
    /// How it ends on the chain, if it does.
    pub closing: Option<ChannelClosing>,
}

/// One step of a channel, as the ledger keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChannelHistoryEntry {
    /// Counted from 0.
    pub index: u64,
    /// What happened: `opening`, `commitment`, `revocation`, ...
    pub kind: String,
    /// Height of the ledger block.
    pub ledger_height: u64,
    /// The ledger transaction.
    #[schemars(with = "String")]
    pub tx_hash: Hash,
    /// Our commitment number after it.
    pub commitment_number: u64,
    /// The peer's after it.
    pub peer_commitment_number: u64,
    /// Our balance after it.
    #[serde(with = "super::msat")]
    #[schemars(with = "String")]
    pub local_msat: Msat,
    /// The peer's after it.
    #[serde(with = "super::msat")]
    #[schemars(with = "String")]
    pub remote_msat: Msat,
    /// The Bitcoin transaction that the step is about, if it is about one.
    #[schemars(with = "Option<String>")]
    pub txid: Option<Txid>,
    /// Why, where the step has a reason, and what the chain showed.
    pub note: Option<String>,
}

/// `zarnitsa channel open`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenChannel {
    /// With whom: `pubkey` of a connected peer, or `pubkey@host:port`.
    #[serde(with = "super::display")]
    #[schemars(with = "String")]
    pub peer: super::PeerAddress,
    /// How much to lock: `50000sat`, `0.1btc`, `all`.
    #[schemars(with = "String")]
    pub amount: AmountOrAll,
    /// How much of it is the peer's from the start.
    #[serde(default, with = "super::msat_option")]
    #[schemars(with = "Option<String>")]
    pub push_msat: Option<Msat>,
    /// Fee rate of the opening transaction; the estimate if absent.
    #[serde(default)]
    pub fee_rate_sat_vb: Option<u64>,
    /// Whether the world may know it.
    #[serde(default)]
    pub announce: bool,
    /// Usable before its opening transaction is confirmed, if the peer trusts this node so far.
    #[serde(default)]
    pub zero_conf: bool,
}

/// One channel of [`OpenBatch`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchChannel {
    /// With whom: `pubkey` of a connected peer, or `pubkey@host:port`.
    #[serde(with = "super::display")]
    #[schemars(with = "String")]
    pub peer: super::PeerAddress,
    /// How much to lock, in sat.
    pub amount_sat: u64,
}

/// `zarnitsa channel open-batch`: all of them by one opening transaction, or none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenBatch {
    /// Each with another peer.
    pub channels: Vec<BatchChannel>,
    /// Fee rate of the opening transaction; the estimate if absent.
    #[serde(default)]
    pub fee_rate_sat_vb: Option<u64>,
    /// Whether the world may know them.
    #[serde(default)]
    pub announce: bool,
}

/// What [`OpenChannel`] answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChannelOpened {
    /// The channel's id.
    #[serde(with = "super::display")]
    #[schemars(with = "String")]
    pub channel_id: ChannelId,
    /// The opening transaction.
    #[schemars(with = "String")]
    pub opening_txid: Txid,
    /// Its output that holds the channel.
    pub opening_output: u32,
}

impl ChannelOpened {
    /// Of a funding outpoint.
    pub fn from_funding(outpoint: OutPoint) -> Self {
        Self {
            channel_id: ChannelId::from_funding(outpoint),
            opening_txid: outpoint.txid,
            opening_output: outpoint.vout,
        }
    }
}

/// `zarnitsa channel close`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CloseChannel {
    /// Which.
    #[serde(with = "super::display")]
    #[schemars(with = "String")]
    pub channel_id: ChannelId,
    /// Unilaterally, without the peer.
    #[serde(default)]
    pub force: bool,
    /// Fee rate of the closing transaction; the estimate if absent.
    #[serde(default)]
    pub fee_rate_sat_vb: Option<u64>,
}

/// What [`CloseChannel`] answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChannelClosed {
    /// The transaction that spends the channel.
    #[schemars(with = "String")]
    pub closing_txid: Txid,
}
