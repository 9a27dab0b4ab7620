//! The node's policy: what it charges and demands.

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
    /// Confirmations that an opening transaction of a peer needs.
    pub minimum_depth: u32,
    /// Whether peers may open channels to this node.
    pub accept_channels: bool,
    /// Channels with a policy of their own.
    pub channels: Vec<ChannelPolicy>,
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
    /// For one channel only.
    #[serde(default, with = "super::display_option")]
    #[schemars(with = "Option<String>")]
    pub channel_id: Option<ChannelId>,
}
