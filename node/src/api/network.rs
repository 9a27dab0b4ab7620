//! The public network, as this node has heard of it.

use bitcoin::secp256k1::PublicKey;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zarnitsa_channel::amount::Msat;

/// Which part of the network is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkPage {
    /// Nodes whose ids come after this one; the first if absent.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub nodes_after: Option<PublicKey>,
    /// Channels whose numbers come after this one, `783244x1284x0`; the first if absent.
    #[serde(default)]
    pub channels_after: Option<String>,
    /// How many of each, 1000 at most; 200 if absent.
    #[serde(default)]
    pub limit: Option<usize>,
}

/// Public nodes and channels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NetworkGraph {
    /// How many public nodes are known.
    pub node_count: usize,
    /// How many public channels are known.
    pub channel_count: usize,
    /// Nodes, by id.
    pub nodes: Vec<NetworkNode>,
    /// Channels, by number.
    pub channels: Vec<NetworkChannel>,
    /// What to give as `nodes_after` for more; null where these are the last.
    #[schemars(with = "Option<String>")]
    pub next_nodes: Option<PublicKey>,
    /// What to give as `channels_after` for more; null where these are the last.
    pub next_channels: Option<String>,
}

/// One public node. What it says of itself is not to be trusted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NetworkNode {
    /// Its id.
    #[schemars(with = "String")]
    pub node_id: PublicKey,
    /// Its name for itself, with nothing in it that cannot be printed; empty where it has told none.
    pub alias: String,
    /// Its colour, `#rrggbb`, where it has told one.
    pub color: Option<String>,
    /// Where it says that it is reached.
    pub addresses: Vec<String>,
    /// How many public channels it has.
    pub channels: usize,
    /// Unix time of its newest announcement; 0 where there is none.
    pub updated_at: u32,
}

/// One public channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NetworkChannel {
    /// Its number, `783244x1284x0`.
    pub short_channel_id: String,
    /// The node with the lesser id.
    #[schemars(with = "String")]
    pub node_1: PublicKey,
    /// The other.
    #[schemars(with = "String")]
    pub node_2: PublicKey,
    /// What it holds, where the chain was asked.
    pub capacity_sat: Option<u64>,
    /// On what terms node 1 passes payments on to node 2.
    pub from_1: Option<NetworkTerms>,
    /// And node 2 to node 1.
    pub from_2: Option<NetworkTerms>,
}

/// On what terms a node passes payments on by a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NetworkTerms {
    /// Whether it does so now.
    pub enabled: bool,
    /// The fixed part of the fee.
    #[serde(with = "super::msat")]
    #[schemars(with = "String")]
    pub base_fee_msat: Msat,
    /// Its proportional part, in millionths.
    pub fee_ppm: u32,
    /// Blocks that it wants between the HTLCs.
    pub cltv_delta: u16,
    /// The smallest HTLC.
    #[serde(with = "super::msat")]
    #[schemars(with = "String")]
    pub htlc_minimum_msat: Msat,
    /// The largest.
    #[serde(with = "super::msat")]
    #[schemars(with = "String")]
    pub htlc_maximum_msat: Msat,
    /// Unix time of the update that said so.
    pub updated_at: u32,
}
