//! Offers.

use bitcoin::secp256k1::PublicKey;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::PaymentHash;

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

/// What is asked of an offer's maker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DraftOfferPayment {
    /// A BOLT 12 offer.
    pub offer: String,
    /// How much, where that leaves it open.
    #[serde(default, with = "super::msat_option")]
    #[schemars(with = "Option<String>")]
    pub amount_msat: Option<Msat>,
}

/// What an order to pay an offer is made of, for an operator whose key is elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OfferPaymentDraft {
    /// The invoice that the offer's maker gave: BOLT 12, `lni1...`.
    pub invoice: String,
    /// Its payment hash.
    #[serde(with = "super::display")]
    #[schemars(with = "String")]
    pub payment_hash: PaymentHash,
    /// The key that signed it.
    #[schemars(with = "String")]
    pub payee: PublicKey,
    /// What it is for.
    #[serde(with = "super::msat")]
    #[schemars(with = "String")]
    pub amount_msat: Msat,
}
