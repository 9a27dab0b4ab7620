//! Invoices of this node.

use exonum_derive::{BinaryValue, ObjectHash};
use exonum_proto::ProtobufConvert;
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::{PaymentHash, PaymentPreimage};

use super::HtlcRef;
use crate::proto;
use crate::wire::{invoice_text, text, Wire};

/// Where an invoice stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvoiceStatus {
    /// It can be paid.
    Open,
    /// An HTLC for it is irrevocably committed.
    Accepted,
    /// Its preimage is released.
    Paid,
    /// Its time ran out.
    Expired,
    /// The operator took it back.
    Cancelled,
}

impl InvoiceStatus {
    /// An HTLC may still pay it.
    pub fn is_payable(self) -> bool {
        match self {
            Self::Open | Self::Accepted => true,
            Self::Paid | Self::Expired | Self::Cancelled => false,
        }
    }

    /// The public interface's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Accepted => "accepted",
            Self::Paid => "paid",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }
}

/// An invoice. The preimage enters only when it is released.
#[derive(Clone, Debug, PartialEq, Eq, ProtobufConvert, BinaryValue, ObjectHash)]
#[protobuf_convert(source = "proto::Invoice")]
pub struct Invoice {
    /// Its name.
    #[protobuf_convert(with = "Wire")]
    pub payment_hash: PaymentHash,
    /// From this and the seed the signer derives the preimage. Public.
    #[protobuf_convert(with = "Wire")]
    pub nonce: [u8; 32],
    /// Zero where the payer chooses.
    #[protobuf_convert(with = "Wire")]
    pub amount_msat: Msat,
    /// For people.
    #[protobuf_convert(with = "text")]
    pub description: String,
    /// Unix time in seconds.
    pub created_at: u64,
    /// How many seconds later it expires.
    pub expiry_seconds: u32,
    /// The BOLT 11 string.
    #[protobuf_convert(with = "invoice_text")]
    pub invoice: String,
    /// Where it stands.
    #[protobuf_convert(with = "Wire")]
    pub status: InvoiceStatus,
    /// The HTLCs that are committed for it, or that paid it.
    pub htlcs: Vec<HtlcRef>,
    /// Their sum, once they are to pay it together or have paid it.
    #[protobuf_convert(with = "Wire")]
    pub received_msat: Msat,
    /// None until it is released.
    #[protobuf_convert(with = "Wire")]
    pub preimage: Option<PaymentPreimage>,
    /// Ledger height of its making.
    pub created_height: u64,
    /// Ledger height of its newest change.
    pub updated_height: u64,
    /// The operator settles or cancels it.
    pub hold: bool,
    /// Nobody asked for it: it came with its preimage in its onion.
    pub keysend: bool,
}

impl Invoice {
    /// These HTLCs are to pay it together, or did.
    pub fn is_of_its_set(&self, htlc: &HtlcRef) -> bool {
        self.received_msat > Msat::ZERO && self.htlcs.contains(htlc)
    }

    /// Unix time in seconds from which on nobody should pay it.
    pub fn expires_at(&self) -> u64 {
        self.created_at
            .saturating_add(u64::from(self.expiry_seconds))
    }

    /// BOLT 4: at least what was asked for, and at most twice that.
    pub fn accepts(&self, amount: Msat) -> bool {
        if self.amount_msat == Msat::ZERO {
            return amount > Msat::ZERO;
        }
        let twice = self.amount_msat.checked_add(self.amount_msat);
        amount >= self.amount_msat && twice.is_none_or(|most| amount <= most)
    }
}
