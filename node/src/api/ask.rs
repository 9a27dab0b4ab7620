//! Channels that one node asks another to open: inbound liquidity.

use bitcoin::secp256k1::PublicKey;
use exonum::crypto::Hash;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zarnitsa_channel::ids::ChannelId;

/// Who asks whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AskDirection {
    /// A peer asks this node.
    Incoming,
    /// This node asks a hub.
    Outgoing,
}

/// Where an ask stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AskState {
    /// The one who was asked has not decided, as far as this node knows.
    Asked,
    /// It waits for others, to be opened with them.
    Approved,
    /// The opening has begun.
    Opening,
    /// The opening transaction is signed.
    Opened,
    /// There will be no channel.
    Refused,
}

/// A channel that somebody was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChannelAsk {
    /// Its name at this node.
    #[schemars(with = "String")]
    pub ask_id: Hash,
    /// Who asks whom.
    pub direction: AskDirection,
    /// The other node.
    #[schemars(with = "String")]
    pub peer: PublicKey,
    /// How large the channel is to be.
    pub amount_sat: u64,
    /// Where it stands.
    pub status: AskState,
    /// The channel, once it is known.
    #[serde(with = "super::display_option")]
    #[schemars(with = "Option<String>")]
    pub channel_id: Option<ChannelId>,
    /// Why it was refused, or why the newest attempt failed.
    pub reason: Option<String>,
    /// Unix time in seconds.
    pub created_at: u64,
}

/// `zarnitsa channel ask`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AskChannel {
    /// Whom: `pubkey` of a connected peer, or `pubkey@host:port`.
    #[serde(with = "super::display")]
    #[schemars(with = "String")]
    pub peer: super::PeerAddress,
    /// How large the channel is to be, in sat.
    pub amount_sat: u64,
}

/// `zarnitsa channel approve`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveAsk {
    /// Which.
    #[schemars(with = "String")]
    pub ask_id: Hash,
}

/// `zarnitsa channel refuse`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RefuseAsk {
    /// Which.
    #[schemars(with = "String")]
    pub ask_id: Hash,
    /// Why. The peer hears it.
    #[serde(default)]
    pub reason: Option<String>,
}

/// Who may ask.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum AskFrom {
    /// Every peer.
    Anyone,
    /// Peers that are listed: `policy set --peer PUBKEY --listed true`.
    Listed,
    /// No peer.
    Nobody,
}

/// What the node wants of peers that ask for channels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AskPolicy {
    /// Who may ask.
    pub from: AskFrom,
    /// The operator approves each.
    pub approve: bool,
    /// The smallest channel that may be asked for.
    pub min_sat: u64,
    /// The largest.
    pub max_sat: u64,
    /// How many asks of all peers may be open. One peer has one.
    pub max_open: u32,
    /// How long the first waits for others, and a peer until it may ask again.
    pub wait_seconds: u32,
    /// As many are opened at once.
    pub max_batch: u32,
    /// One that is not opened after so long is refused.
    pub expiry_seconds: u32,
}

/// `zarnitsa policy asks`: what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::Args)]
#[serde(deny_unknown_fields, default)]
#[group(required = true, multiple = true)]
pub struct SetAskPolicy {
    /// Who may ask
    #[arg(long, value_name = "WHO")]
    pub from: Option<AskFrom>,
    /// Whether the operator approves each
    #[arg(long, value_name = "BOOL")]
    pub approve: Option<bool>,
    /// The smallest channel that may be asked for, in sat
    #[arg(long, value_name = "SAT")]
    pub min_sat: Option<u64>,
    /// The largest, in sat
    #[arg(long, value_name = "SAT")]
    pub max_sat: Option<u64>,
    /// How many asks of all peers may be open
    #[arg(long, value_name = "N")]
    pub max_open: Option<u32>,
    /// How long the first waits for others, and a peer until it may ask again
    #[arg(long, value_name = "SECONDS")]
    pub wait_seconds: Option<u32>,
    /// As many are opened at once
    #[arg(long, value_name = "N")]
    pub max_batch: Option<u32>,
    /// One that is not opened after so long is refused
    #[arg(long, value_name = "SECONDS")]
    pub expiry_seconds: Option<u32>,
}
