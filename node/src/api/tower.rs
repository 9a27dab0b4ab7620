//! The watchtower.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zarnitsa_channel::ids::ChannelId;

/// What the tower has of one channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TowerChannel {
    /// The channel.
    #[serde(with = "super::display")]
    #[schemars(with = "String")]
    pub channel_id: ChannelId,
    /// How many commitments the peer has revoked, by the ledger: each could be punished.
    pub revoked_states: u64,
    /// How many the tower has.
    pub tower_states: u64,
    /// Whether these are all, byte for byte: the tower's hash over them is the one that the ledger gives.
    pub complete: bool,
    /// Why it is not known what the tower has, where it is not: `tower_states` is 0 then, and so may be `revoked_states`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}
