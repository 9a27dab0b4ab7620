//! Payments that the operator ordered.

use bitcoin::secp256k1::PublicKey;
use exonum_derive::{BinaryValue, ObjectHash};
use exonum_proto::ProtobufConvert;
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::{PaymentHash, PaymentPreimage};

use super::{Failure, HtlcRef};
use crate::proto;
use crate::wire::{invoice_text, Wire};

/// Where a payment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentStatus {
    /// Ordered, and neither of the others.
    Pending,
    /// The preimage is here, and each of its HTLCs is fulfilled or gone.
    Succeeded,
    /// No HTLC of it is left, and none will be added unless it is ordered again.
    Failed,
}

impl PaymentStatus {
    /// The public interface's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

/// A payment. It stands as its HTLCs stand: both change in one step.
#[derive(Clone, Debug, PartialEq, Eq, ProtobufConvert, BinaryValue, ObjectHash)]
#[protobuf_convert(source = "proto::Payment")]
pub struct Payment {
    /// Its name.
    #[protobuf_convert(with = "Wire")]
    pub payment_hash: PaymentHash,
    /// Node id of the payee.
    #[protobuf_convert(with = "Wire")]
    pub payee: PublicKey,
    /// What the payee is to get.
    #[protobuf_convert(with = "Wire")]
    pub amount_msat: Msat,
    /// What it may cost beyond that.
    #[protobuf_convert(with = "Wire")]
    pub max_fee_msat: Msat,
    /// What it costs beyond that: all that its living and fulfilled HTLCs carry, less the amount.
    #[protobuf_convert(with = "Wire")]
    pub fee_msat: Msat,
    /// What was ordered to be paid: a BOLT 11 string, or empty.
    #[protobuf_convert(with = "invoice_text")]
    pub invoice: String,
    /// From this and the seed the signer derives a spontaneous payment's preimage. Public.
    #[protobuf_convert(with = "Wire")]
    pub session_nonce: [u8; 32],
    /// Where it stands.
    #[protobuf_convert(with = "Wire")]
    pub status: PaymentStatus,
    /// All HTLCs that were ever added for it, the newest last.
    pub htlcs: Vec<HtlcRef>,
    /// None until the first of its HTLCs is fulfilled.
    #[protobuf_convert(with = "Wire")]
    pub preimage: Option<PaymentPreimage>,
    /// Why it failed.
    #[protobuf_convert(with = "Wire")]
    pub failure: Option<Failure>,
    /// How many times it was ordered.
    pub attempt: u32,
    /// Ledger height of its first order.
    pub created_height: u64,
    /// Ledger height of its newest change.
    pub updated_height: u64,
}

impl Payment {
    /// The most that its HTLCs together may carry.
    pub fn most_msat(&self) -> Option<Msat> {
        self.amount_msat.checked_add(self.max_fee_msat)
    }
}
