//! Payments that pass through this node: an HTLC out has its cause in an HTLC in, and the two are linked by name (channel,
//! offerer, number), never by their hash.

use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::PaymentHash;
use zarnitsa_channel::params::Side;

use super::Ledger;
use crate::errors::HtlcError;
use crate::records::{EventKind, Failure, Forward, HtlcRecord, HtlcRef, HtlcState, PaymentStatus};

/// The HTLC out, as it is to be.
pub(super) struct OutgoingHalf {
    pub(super) amount: Msat,
    pub(super) payment_hash: PaymentHash,
    pub(super) cltv_expiry: u32,
}

impl Ledger<'_> {
    /// The HTLC in that may cause this HTLC out. Whether the fee and the time between the two are enough is the node's
    /// to say, by its policy; what is checked here is that neither money nor time is lost in any case.
    pub(super) fn incoming_of_forward(
        &self,
        incoming: &HtlcRef,
        outgoing: &OutgoingHalf,
    ) -> Result<HtlcRecord, HtlcError> {
        if incoming.offerer != Side::Counterparty {
            return Err(HtlcError::NotIncoming);
        }
        if !self.known_policy().forward {
            return Err(HtlcError::NoForwarding);
        }
        let record = self
            .read
            .htlcs()
            .get(&incoming.key().raw())
            .ok_or(HtlcError::UnknownHtlc)?;
        // BOLT 2, "Forwarding HTLCs": not before the HTLC in is irrevocably committed.
        if record.state != HtlcState::Committed || record.removed || record.preimage.is_some() {
            return Err(HtlcError::NotCommitted);
        }
        if record.forward.is_some() {
            return Err(HtlcError::AlreadyForwarded);
        }
        if record.must_fail {
            return Err(HtlcError::MustFail);
        }
        if record.payment_hash != outgoing.payment_hash {
            return Err(HtlcError::OtherPaymentHash);
        }
        if outgoing.amount > record.amount_msat {
            return Err(HtlcError::NotConserved);
        }
        if outgoing.cltv_expiry >= record.cltv_expiry {
            return Err(HtlcError::ExpiryNotEarlier);
        }
        Ok(record)
    }

    /// Refuses to fail an HTLC in whose HTLC out may still be claimed (BOLT 2, "Forwarding HTLCs").
    pub(super) fn check_other_half_is_gone(&self, incoming: &HtlcRecord) -> Result<(), HtlcError> {
        let Some(outgoing) = &incoming.forward else {
            return Ok(());
        };
        match self.read.htlcs().get(&outgoing.key().raw()) {
            Some(outgoing) if outgoing.preimage.is_some() => Err(HtlcError::PreimageKnown),
            Some(outgoing) if outgoing.removed => Ok(()),
            Some(_) | None => Err(HtlcError::ForwardAlive),
        }
    }

    /// The HTLC out is written in this step.
    pub(super) fn forward_begins(&mut self, mut incoming: HtlcRecord, outgoing: &HtlcRecord) {
        let reference = incoming.reference();
        if incoming.pays_invoice {
            // An HTLC with the hash of an invoice of ours, but on its way to somebody else.
            incoming.pays_invoice = false;
            self.invoice_htlc_failed(&incoming.payment_hash, &reference);
        }
        let key = reference.key();
        if !self.read.forwards().contains(&key.raw()) {
            self.schema.forward_order().push(reference);
        }
        let forward = Forward {
            incoming: reference,
            outgoing: outgoing.reference(),
            payment_hash: incoming.payment_hash,
            incoming_msat: incoming.amount_msat,
            outgoing_msat: outgoing.amount_msat,
            status: PaymentStatus::Pending,
            failure: None,
            created_height: self.height,
            updated_height: self.height,
        };
        self.schema.forwards().put(&key.raw(), forward);
        incoming.forward = Some(outgoing.reference());
        incoming.updated_height = self.height;
        let hash = incoming.payment_hash.0;
        self.schema.htlcs().put(&key.raw(), incoming);
        self.log(EventKind::ForwardPending, Some(hash));
    }

    /// The HTLC out was never sent, as if it had never been: its number will be given again.
    pub(super) fn forward_withdrawn(&mut self, incoming: &HtlcRef) {
        let key = incoming.key();
        let record = self.read.htlcs().get(&key.raw());
        if let Some(mut record) = record {
            record.forward = None;
            record.updated_height = self.height;
            self.schema.htlcs().put(&key.raw(), record);
        }
        let reason = "the channel out had no room for it".to_owned();
        let failure = Failure {
            reason,
            ..Failure::default()
        };
        self.forward_failed(incoming, failure);
    }

    /// The preimage is here: the HTLC in will be claimed with it, and the fee is earned.
    pub(super) fn forward_fulfilled(&mut self, incoming: &HtlcRef) {
        self.forward_ends(incoming, PaymentStatus::Succeeded, None);
    }

    /// The HTLC out is gone without a preimage.
    pub(super) fn forward_failed(&mut self, incoming: &HtlcRef, failure: Failure) {
        self.forward_ends(incoming, PaymentStatus::Failed, Some(failure));
    }

    fn forward_ends(
        &mut self,
        incoming: &HtlcRef,
        status: PaymentStatus,
        failure: Option<Failure>,
    ) {
        let key = incoming.key();
        let Some(mut forward) = self.read.forwards().get(&key.raw()) else {
            return;
        };
        if forward.status != PaymentStatus::Pending {
            return;
        }
        forward.status = status;
        forward.failure = failure;
        forward.updated_height = self.height;
        let subject = forward.payment_hash.0;
        self.schema.forwards().put(&key.raw(), forward);
        let event = match status {
            PaymentStatus::Succeeded => EventKind::ForwardSucceeded,
            PaymentStatus::Pending | PaymentStatus::Failed => EventKind::ForwardFailed,
        };
        self.log(event, Some(subject));
    }
}
