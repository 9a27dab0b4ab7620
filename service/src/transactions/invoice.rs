//! Invoices of this node.

use anyhow::{bail, Result};
use exonum_derive::{BinaryValue, ObjectHash};
use exonum_proto::ProtobufConvert;
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::{PaymentHash, PaymentPreimage};

use crate::proto::{self, InvoiceStep_oneof_step as Pb};
use crate::records::{HtlcRef, Invoice, InvoiceStatus};
use crate::wire::{invoice_text, text, Wire};

/// An invoice is made, or ends without being paid.
#[derive(Clone, Debug, PartialEq, Eq, BinaryValue, ObjectHash)]
pub struct InvoiceStep {
    /// Which invoice.
    pub payment_hash: PaymentHash,
    /// What happens to it.
    pub change: InvoiceChange,
}

/// What happens to an invoice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvoiceChange {
    /// It is made.
    Created(NewInvoice),
    /// The operator takes it back.
    Cancelled {
        /// Makes two equal orders two transactions.
        nonce: [u8; 32],
    },
    /// Its time ran out.
    Expired {
        /// Unix time in seconds, not before the invoice's expiry.
        now: u64,
    },
    /// All parts of a payment are here: these HTLCs pay it together, or none does.
    Held {
        /// Each is offered to this node and irrevocably committed.
        htlcs: Vec<HtlcRef>,
    },
    /// The operator settles it.
    Settled {
        /// Released with this step.
        preimage: PaymentPreimage,
    },
}

/// An invoice that begins.
#[derive(Clone, Debug, PartialEq, Eq, ProtobufConvert)]
#[protobuf_convert(source = "proto::InvoiceCreated")]
pub struct NewInvoice {
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
    /// The operator settles or cancels it.
    pub hold: bool,
    /// Nobody asked for it: it came with its preimage in its onion.
    pub keysend: bool,
}

impl NewInvoice {
    /// As it stands when it is made.
    pub fn into_invoice(self, payment_hash: PaymentHash, height: u64) -> Invoice {
        Invoice {
            payment_hash,
            nonce: self.nonce,
            amount_msat: self.amount_msat,
            description: self.description,
            created_at: self.created_at,
            expiry_seconds: self.expiry_seconds,
            invoice: self.invoice,
            status: InvoiceStatus::Open,
            htlcs: Vec::new(),
            received_msat: Msat::ZERO,
            preimage: None,
            created_height: height,
            updated_height: height,
            hold: self.hold,
            keysend: self.keysend,
        }
    }
}

impl ProtobufConvert for InvoiceStep {
    type ProtoStruct = proto::InvoiceStep;

    fn to_pb(&self) -> Self::ProtoStruct {
        let mut pb = proto::InvoiceStep::new();
        pb.set_payment_hash(Wire::to_pb(&self.payment_hash));
        match &self.change {
            InvoiceChange::Created(new) => pb.set_created(new.to_pb()),
            InvoiceChange::Cancelled { nonce } => {
                let mut cancelled = proto::InvoiceCancelled::new();
                cancelled.set_nonce(nonce.to_vec());
                pb.set_cancelled(cancelled);
            }
            InvoiceChange::Expired { now } => {
                let mut expired = proto::InvoiceExpired::new();
                expired.set_now(*now);
                pb.set_expired(expired);
            }
            InvoiceChange::Held { htlcs } => {
                let mut held = proto::InvoiceHeld::new();
                held.set_htlcs(htlcs.iter().map(HtlcRef::to_pb).collect());
                pb.set_held(held);
            }
            InvoiceChange::Settled { preimage } => {
                let mut settled = proto::InvoiceSettled::new();
                settled.set_preimage(Wire::to_pb(preimage));
                pb.set_settled(settled);
            }
        }
        pb
    }

    fn from_pb(mut pb: Self::ProtoStruct) -> Result<Self> {
        let payment_hash = Wire::from_pb(pb.take_payment_hash())?;
        let change = match pb.step {
            Some(Pb::created(created)) => {
                InvoiceChange::Created(ProtobufConvert::from_pb(created)?)
            }
            Some(Pb::cancelled(mut cancelled)) => InvoiceChange::Cancelled {
                nonce: Wire::from_pb(cancelled.take_nonce())?,
            },
            Some(Pb::expired(expired)) => InvoiceChange::Expired {
                now: expired.get_now(),
            },
            Some(Pb::held(held)) => InvoiceChange::Held {
                htlcs: held
                    .htlcs
                    .into_iter()
                    .map(HtlcRef::from_pb)
                    .collect::<Result<_>>()?,
            },
            Some(Pb::settled(mut settled)) => InvoiceChange::Settled {
                preimage: Wire::from_pb(settled.take_preimage())?,
            },
            None => bail!("invoice: no step, or one that is not known"),
        };
        Ok(Self {
            payment_hash,
            change,
        })
    }
}
