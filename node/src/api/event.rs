//! Events: what happened, numbered by the ledger.

use exonum::crypto::Hash;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zarnitsa_channel::ids::{ChannelId, PaymentHash};

/// One event. Numbers start at 1 and have no gaps, so that a client can go on where it stopped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Its number.
    pub number: u64,
    /// What happened: `channel_opening`, `commitment`, `payment_succeeded`, ...
    pub kind: String,
    /// Height of the ledger block that holds it.
    pub ledger_height: u64,
    /// The ledger transaction that it comes from.
    #[schemars(with = "Option<String>")]
    pub tx_hash: Option<Hash>,
    /// The channel that it is about.
    #[serde(with = "super::display_option")]
    #[schemars(with = "Option<String>")]
    pub channel_id: Option<ChannelId>,
    /// The payment that it is about.
    #[serde(with = "super::display_option")]
    #[schemars(with = "Option<String>")]
    pub payment_hash: Option<PaymentHash>,
    /// More, by kind.
    pub data: serde_json::Map<String, serde_json::Value>,
}
