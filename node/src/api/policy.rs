//! The node's policy: what it charges and demands.

use bitcoin::secp256k1::PublicKey;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::ChannelId;

/// A channel whose policy differs from the node's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChannelPolicy {
    /// Which.
    #[serde(with = "super::display")]
    #[schemars(with = "String")]
    pub channel_id: ChannelId,
    /// The fixed part of the forwarding fee.
    #[serde(with = "super::msat")]
    #[schemars(with = "String")]
    pub base_fee_msat: Msat,
    /// Its proportional part, in millionths.
    pub fee_ppm: u32,
    /// Blocks that this node wants between an incoming and an outgoing HTLC.
    pub cltv_delta: u16,
    /// The smallest HTLC that the channel carries out.
    #[serde(with = "super::msat")]
    #[schemars(with = "String")]
    pub htlc_minimum_msat: Msat,
    /// The largest; `0` where only the channel itself limits it.
    #[serde(with = "super::msat")]
    #[schemars(with = "String")]
    pub htlc_maximum_msat: Msat,
}

/// `zarnitsa policy show`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Policy {
    /// The fixed part of the forwarding fee.
    #[serde(with = "super::msat")]
    #[schemars(with = "String")]
    pub base_fee_msat: Msat,
    /// Its proportional part, in millionths.
    pub fee_ppm: u32,
    /// Blocks that this node wants between an incoming and an outgoing HTLC.
    pub cltv_delta: u16,
    /// The smallest channel that this node accepts or opens.
    pub min_channel_sat: u64,
    /// The largest.
    pub max_channel_sat: u64,
    /// How many channels there may be before peers may open no more.
    pub max_channels: u32,
    /// How many of them one peer may have.
    pub max_channels_per_peer: u32,
    /// Confirmations that an opening transaction of a peer needs.
    pub minimum_depth: u32,
    /// Whether peers may open channels to this node.
    pub accept_channels: bool,
    /// Whether payments of others are forwarded.
    pub forward: bool,
    /// Whether payments without an invoice are taken.
    pub accept_keysend: bool,
    /// Channels with a policy of their own.
    pub channels: Vec<ChannelPolicy>,
    /// Peers with a policy of their own.
    pub peers: Vec<PeerPolicy>,
    /// Peers that ask for channels.
    pub asks: super::AskPolicy,
    /// Peers that are listed: where only listed ones may ask, these may.
    #[schemars(with = "Vec<String>")]
    pub listed: Vec<PublicKey>,
}

/// What holds for one peer's channels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PeerPolicy {
    /// Whose.
    #[schemars(with = "String")]
    pub node_id: PublicKey,
    /// Confirmations that an opening transaction of the peer needs.
    pub minimum_depth: u32,
    /// Whether the peer may open channels that are usable unconfirmed.
    pub zero_conf: bool,
}

/// `zarnitsa policy set`: what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetPolicy {
    /// The fixed part of the forwarding fee.
    #[serde(default, with = "super::msat_option")]
    #[schemars(with = "Option<String>")]
    pub base_fee_msat: Option<Msat>,
    /// Its proportional part, in millionths.
    #[serde(default)]
    pub fee_ppm: Option<u32>,
    /// Blocks that this node wants between an incoming and an outgoing HTLC.
    #[serde(default)]
    pub cltv_delta: Option<u16>,
    /// Whether peers may open channels to this node.
    #[serde(default)]
    pub accept_channels: Option<bool>,
    /// Whether payments of others are forwarded.
    #[serde(default)]
    pub forward: Option<bool>,
    /// Whether payments without an invoice are taken.
    #[serde(default)]
    pub accept_keysend: Option<bool>,
    /// Confirmations that an opening transaction of a peer needs.
    #[serde(default)]
    pub minimum_depth: Option<u32>,
    /// Whether a peer may open channels that are usable unconfirmed.
    #[serde(default)]
    pub zero_conf: Option<bool>,
    /// How many channels there may be before peers may open no more.
    #[serde(default)]
    pub max_channels: Option<u32>,
    /// How many of them one peer may have.
    #[serde(default)]
    pub max_channels_per_peer: Option<u32>,
    /// The smallest HTLC that the channel carries out; with `channel_id`.
    #[serde(default, with = "super::msat_option")]
    #[schemars(with = "Option<String>")]
    pub htlc_minimum_msat: Option<Msat>,
    /// The largest; with `channel_id`.
    #[serde(default, with = "super::msat_option")]
    #[schemars(with = "Option<String>")]
    pub htlc_maximum_msat: Option<Msat>,
    /// Whether the peer is one of those that may ask for channels where only listed ones may; with `peer`.
    #[serde(default)]
    pub listed: Option<bool>,
    /// Peers that ask for channels.
    #[serde(default)]
    pub asks: Option<super::SetAskPolicy>,
    /// For one channel only: fees, delta and HTLC sizes.
    #[serde(default, with = "super::display_option")]
    #[schemars(with = "Option<String>")]
    pub channel_id: Option<ChannelId>,
    /// For one peer only: depth, zero-conf and whether it is listed.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub peer: Option<PublicKey>,
}
