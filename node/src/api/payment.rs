//! Invoices, payments and forwards.

use std::fmt;
use std::str::FromStr;

use bitcoin::secp256k1::PublicKey;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::{ChannelId, PaymentHash};

use super::AmountOrAny;

/// Where an invoice stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InvoiceStatus {
    /// May be paid.
    Open,
    /// A payment of it is here but not settled.
    Accepted,
    /// Settled.
    Paid,
    /// Its time is over.
    Expired,
    /// Withdrawn.
    Cancelled,
}

impl InvoiceStatus {
    /// The name in the interface.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Accepted => "accepted",
            Self::Paid => "paid",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Where a payment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    /// Under way.
    Pending,
    /// The preimage is here.
    Succeeded,
    /// Nothing of it is under way any more.
    Failed,
}

impl PaymentStatus {
    /// The name in the interface.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

/// Which way a payment goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentDirection {
    /// To somebody else.
    #[default]
    Sent,
    /// To this node.
    Received,
}

/// `zarnitsa invoice create`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateInvoice {
    /// `50sat`, `50000msat`, `0.1btc` or `any`.
    #[schemars(with = "String")]
    pub amount: AmountOrAny,
    /// What it is for; the payer sees it.
    #[serde(default)]
    pub description: String,
    /// Seconds until it may not be paid any more; 3600 if absent.
    #[serde(default)]
    pub expiry_seconds: Option<u32>,
    /// What is paid is held until it is settled or cancelled.
    #[serde(default)]
    pub hold: bool,
    /// Of a preimage that this node does not know; with `hold`.
    #[serde(default, with = "super::display_option")]
    #[schemars(with = "Option<String>")]
    pub payment_hash: Option<PaymentHash>,
    /// Whoever pays must send it along (BOLT 11, `m`): 1 to 639 bytes in hex. What comes without it is refused.
    #[serde(default, with = "super::display_option")]
    #[schemars(with = "Option<String>")]
    pub metadata: Option<Metadata>,
}

/// Bytes that an invoice gives its payer to send along with the payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata(Vec<u8>);

impl Metadata {
    /// BOLT 11: a field's length has ten bits and counts groups of five.
    const MAX: usize = 1_023 * 5 / 8;

    /// From 1 to 639 of them.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

impl fmt::Display for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl FromStr for Metadata {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = hex::decode(text).map_err(|error| format!("metadata in hex: {error}"))?;
        if !(1..=Self::MAX).contains(&bytes.len()) {
            return Err(format!("metadata is 1 to {} bytes", Self::MAX));
        }
        Ok(Self(bytes))
    }
}

/// `zarnitsa invoice settle`: claims what is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SettleInvoice {
    /// The preimage; or the payment hash, where the node itself has the preimage. 32 bytes, hex.
    pub preimage_or_hash: String,
}

/// `zarnitsa invoice cancel`: takes it back, and with it what is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelInvoice {
    /// Which.
    #[serde(with = "super::display")]
    #[schemars(with = "String")]
    pub payment_hash: PaymentHash,
}

/// An invoice that is made and signed but not yet in the ledger: the operator's key puts it there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InvoiceDraft {
    /// Its hash.
    #[serde(with = "super::display")]
    #[schemars(with = "String")]
    pub payment_hash: PaymentHash,
    /// From this and the seed the node derives the preimage. Public, 32 bytes in hex.
    pub nonce: String,
    /// What it asks for; 0 where the payer chooses.
    #[serde(with = "super::msat")]
    #[schemars(with = "String")]
    pub amount_msat: Msat,
    /// What it is for.
    pub description: String,
    /// Unix time.
    pub created_at: u64,
    /// Seconds until it may not be paid any more.
    pub expiry_seconds: u32,
    /// The BOLT 11 string.
    pub invoice: String,
    /// What is paid is held until it is settled or cancelled.
    pub hold: bool,
}

/// Asks for the preimage of an invoice that is held, for an operator whose key is elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeldInvoice {
    /// Which.
    #[serde(with = "super::display")]
    #[schemars(with = "String")]
    pub payment_hash: PaymentHash,
}

/// What settles an invoice that is held: a secret until the operator's key releases it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HeldPreimage {
    /// 32 bytes, hex.
    pub preimage: String,
}

impl std::fmt::Debug for HeldPreimage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HeldPreimage")
    }
}

/// One invoice of this node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Invoice {
    /// The BOLT 11 string.
    pub invoice: String,
    /// Its hash.
    #[serde(with = "super::display")]
    #[schemars(with = "String")]
    pub payment_hash: PaymentHash,
    /// How much; null where the payer chooses.
    #[serde(with = "super::msat_option")]
    #[schemars(with = "Option<String>")]
    pub amount_msat: Option<Msat>,
    /// Where it stands.
    pub status: InvoiceStatus,
    /// What it is for.
    pub description: String,
    /// Unix time of its making.
    pub created_at: u64,
    /// Unix time from which it may not be paid.
    pub expires_at: u64,
    /// What came in, once it is held or paid.
    #[serde(with = "super::msat_option")]
    #[schemars(with = "Option<String>")]
    pub received_msat: Option<Msat>,
    /// What is paid is held until it is settled or cancelled.
    pub hold: bool,
    /// Nobody asked for it: it was sent without an invoice.
    pub keysend: bool,
}

/// `zarnitsa pay`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pay {
    /// A BOLT 11 invoice or a BOLT 12 offer.
    pub invoice: String,
    /// How much, where that leaves it open.
    #[serde(default, with = "super::msat_option")]
    #[schemars(with = "Option<String>")]
    pub amount_msat: Option<Msat>,
    /// The most to pay in routing fees.
    #[serde(default, with = "super::msat_option")]
    #[schemars(with = "Option<String>")]
    pub max_fee_msat: Option<Msat>,
    /// How long to wait for the outcome; 60 if absent.
    #[serde(default)]
    pub timeout_seconds: Option<u32>,
}

/// `zarnitsa keysend`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Keysend {
    /// To whom.
    #[schemars(with = "String")]
    pub node_id: PublicKey,
    /// How much.
    #[serde(with = "super::msat")]
    #[schemars(with = "String")]
    pub amount_msat: Msat,
    /// The most to pay in routing fees.
    #[serde(default, with = "super::msat_option")]
    #[schemars(with = "Option<String>")]
    pub max_fee_msat: Option<Msat>,
    /// How long to wait for the outcome; 60 if absent.
    #[serde(default)]
    pub timeout_seconds: Option<u32>,
}

/// What an order to pay without an invoice is made of, for an operator whose key is elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeysendDraft {
    /// Of the preimage that the payee finds in its onion.
    #[serde(with = "super::display")]
    #[schemars(with = "String")]
    pub payment_hash: PaymentHash,
    /// From this and the seed the node derives that preimage. Public, 32 bytes in hex.
    pub session_nonce: String,
}

/// Why a payment failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentFailure {
    /// BOLT 4's name of the failure, or ours: `route_not_found`, `expired`, ...
    pub code: String,
    /// The same for people.
    pub message: String,
    /// Who refused, if it is known.
    #[schemars(with = "Option<String>")]
    pub node_id: Option<PublicKey>,
}

/// One hop of a route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RouteHop {
    /// The node that the hop leads to.
    #[schemars(with = "String")]
    pub node_id: PublicKey,
    /// The channel, `783244x1284x0`, if it has such a number.
    pub short_channel_id: Option<String>,
    /// What arrives there.
    #[serde(with = "super::msat")]
    #[schemars(with = "String")]
    pub amount_msat: Msat,
    /// What the node keeps for passing it on.
    #[serde(default, with = "super::msat")]
    #[schemars(with = "String")]
    pub fee_msat: Msat,
    /// The block height at which it expires there.
    #[serde(default)]
    pub cltv_expiry: u32,
}

/// One HTLC of a payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentPart {
    /// The channel of this node that it left by.
    #[serde(with = "super::display")]
    #[schemars(with = "String")]
    pub channel_id: ChannelId,
    /// Its number in that channel.
    pub htlc_id: u64,
    /// How much of it arrives.
    #[serde(with = "super::msat")]
    #[schemars(with = "String")]
    pub amount_msat: Msat,
    /// What it costs beside.
    #[serde(with = "super::msat")]
    #[schemars(with = "String")]
    pub fee_msat: Msat,
    /// Where it stands.
    pub status: PaymentStatus,
    /// The way it takes, or took.
    pub route: Vec<RouteHop>,
    /// Why it failed, if it did.
    pub failure: Option<PaymentFailure>,
}

/// One payment sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Payment {
    /// Its hash.
    #[serde(with = "super::display")]
    #[schemars(with = "String")]
    pub payment_hash: PaymentHash,
    /// Which way.
    #[serde(default)]
    pub direction: PaymentDirection,
    /// The proof of payment, lower-case hex, once it succeeded.
    pub preimage: Option<String>,
    /// How much arrives.
    #[serde(with = "super::msat")]
    #[schemars(with = "String")]
    pub amount_msat: Msat,
    /// What it costs beside.
    #[serde(with = "super::msat")]
    #[schemars(with = "String")]
    pub fee_msat: Msat,
    /// Where it stands.
    pub status: PaymentStatus,
    /// The way it takes, or took; of several parts, that of the first that did not fail.
    pub route: Vec<RouteHop>,
    /// Every HTLC that was tried for it, with its own way.
    #[serde(default)]
    pub parts: Vec<PaymentPart>,
    /// Why it failed, if it did.
    pub failure: Option<PaymentFailure>,
    /// The invoice, if there is one.
    pub invoice: Option<String>,
    /// Its description.
    pub description: String,
    /// Unix time of its beginning.
    pub created_at: u64,
}

/// One payment forwarded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Forward {
    /// Its hash.
    #[serde(with = "super::display")]
    #[schemars(with = "String")]
    pub payment_hash: PaymentHash,
    /// Where it came from.
    #[serde(with = "super::display")]
    #[schemars(with = "String")]
    pub incoming_channel_id: ChannelId,
    /// The number of the HTLC that brings it, as its offerer counts.
    pub incoming_htlc_id: u64,
    /// Where it went.
    #[serde(with = "super::display")]
    #[schemars(with = "String")]
    pub outgoing_channel_id: ChannelId,
    /// The number of the HTLC that takes it on.
    pub outgoing_htlc_id: u64,
    /// What went out.
    #[serde(with = "super::msat")]
    #[schemars(with = "String")]
    pub amount_msat: Msat,
    /// What stays here when it succeeds.
    #[serde(with = "super::msat")]
    #[schemars(with = "String")]
    pub fee_msat: Msat,
    /// Where it stands; it succeeds when the preimage is here.
    pub status: PaymentStatus,
    /// Why it failed, if it did and told this node.
    pub failure: Option<PaymentFailure>,
}
