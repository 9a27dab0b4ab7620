//! Offers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zarnitsa_channel::amount::Msat;

use super::AmountOrAny;

/// `zarnitsa offer create`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateOffer {
    /// `50sat`, `50000msat`, `0.1btc` or `any`.
    #[schemars(with = "String")]
    pub amount: AmountOrAny,
    /// What it is for; the payer sees it.
    #[serde(default)]
    pub description: String,
    /// Seconds until it may not be paid any more; never if absent.
    #[serde(default)]
    pub expiry_seconds: Option<u32>,
}

/// A BOLT 12 offer of this node's. It can be paid again and again; the node keeps nothing of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Offer {
    /// The BOLT 12 string.
    pub offer: String,
    /// Names it in what is received by it. 32 bytes in hex.
    pub offer_id: String,
    /// What it asks for; null where the payer chooses.
    #[serde(with = "super::msat_option")]
    #[schemars(with = "Option<String>")]
    pub amount_msat: Option<Msat>,
    /// What it is for.
    pub description: String,
    /// Unix time from which on it is not to be paid; null for never.
    pub expires_at: Option<u64>,
}
