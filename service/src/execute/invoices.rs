//! Invoices of this node.

use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::{PaymentHash, PaymentPreimage};
use zarnitsa_channel::params::Side;

use super::{Ledger, Outcome};
use crate::errors::{HtlcError, InvoiceError};
use crate::read::hash_of;
use crate::records::{EventKind, HtlcRecord, HtlcRef, HtlcState, Invoice, InvoiceStatus};
use crate::transactions::{InvoiceChange, InvoiceStep, NewInvoice};

/// Ten years, in seconds: beyond that an expiry is a mistake.
const MAX_EXPIRY: u32 = 315_360_000;

impl Ledger<'_> {
    /// Makes an invoice, or ends one that is not paid.
    pub(crate) fn invoice(mut self, argument: InvoiceStep) -> Outcome {
        let payment_hash = argument.payment_hash;
        match argument.change {
            InvoiceChange::Created(new) => self.invoice_created(payment_hash, new),
            InvoiceChange::Cancelled { .. } => {
                let invoice = self.known_invoice(&payment_hash)?;
                let event = EventKind::InvoiceCancelled;
                self.invoice_ends(invoice, InvoiceStatus::Cancelled, event)
            }
            InvoiceChange::Held { htlcs } => self.invoice_held(payment_hash, htlcs),
            InvoiceChange::Settled { preimage } => self.invoice_settled(payment_hash, preimage),
            InvoiceChange::Expired { now } => {
                let invoice = self.known_invoice(&payment_hash)?;
                if now < self.read.newest_time().get().unwrap_or_default() {
                    return Err(InvoiceError::TimeWentBack.into());
                }
                if now < invoice.expires_at() {
                    return Err(InvoiceError::NotExpired.into());
                }
                self.schema.newest_time().set(now);
                let event = EventKind::InvoiceExpired;
                self.invoice_ends(invoice, InvoiceStatus::Expired, event)
            }
        }
    }

    fn invoice_created(&mut self, payment_hash: PaymentHash, new: NewInvoice) -> Outcome {
        let key = hash_of(&payment_hash.0);
        if self.read.invoices().contains(&key) {
            return Err(InvoiceError::PaymentHashUsed.into());
        }
        if !(1..=MAX_EXPIRY).contains(&new.expiry_seconds) {
            return Err(InvoiceError::BadExpiry.into());
        }
        let newest = self.read.newest_time().get().unwrap_or_default();
        self.schema.newest_time().set(newest.max(new.created_at));
        let invoice = new.into_invoice(payment_hash, self.height);
        self.schema.invoices().put(&key, invoice);
        self.schema.invoice_order().push(key);
        self.log(EventKind::InvoiceOpen, Some(payment_hash.0));
        Ok(())
    }

    fn invoice_ends(
        &mut self,
        mut invoice: Invoice,
        status: InvoiceStatus,
        event: EventKind,
    ) -> Outcome {
        let taken_back = invoice.hold && status == InvoiceStatus::Cancelled;
        match invoice.status {
            InvoiceStatus::Open => {}
            // What is held may be given back.
            InvoiceStatus::Accepted if taken_back => {}
            InvoiceStatus::Accepted => return Err(InvoiceError::HtlcCommitted.into()),
            InvoiceStatus::Paid | InvoiceStatus::Expired | InvoiceStatus::Cancelled => {
                return Err(InvoiceError::NotPayable.into())
            }
        }
        let subject = invoice.payment_hash.0;
        invoice.status = status;
        self.put_invoice(invoice);
        self.log(event, Some(subject));
        Ok(())
    }

    fn known_invoice(&self, payment_hash: &PaymentHash) -> Result<Invoice, InvoiceError> {
        self.read
            .invoices()
            .get(&hash_of(&payment_hash.0))
            .ok_or(InvoiceError::UnknownInvoice)
    }

    /// An HTLC is irrevocably committed: where it fits an invoice, that is accepted. Whether it fits is the answer.
    pub(super) fn invoice_accepted(&mut self, htlc: &HtlcRecord) -> bool {
        let Ok(mut invoice) = self.known_invoice(&htlc.payment_hash) else {
            return false;
        };
        // What the operator holds, and what comes in parts, is accepted by name when all of it is here.
        let by_name = invoice.hold || invoice.received_msat > Msat::ZERO;
        if by_name || !invoice.status.is_payable() || !invoice.accepts(htlc.amount_msat) {
            return false;
        }
        let first = invoice.status == InvoiceStatus::Open;
        invoice.status = InvoiceStatus::Accepted;
        invoice.htlcs.push(htlc.reference());
        self.put_invoice(invoice);
        if first {
            self.log(EventKind::InvoiceAccepted, Some(htlc.payment_hash.0));
        }
        true
    }

    /// All parts of a payment are here: from now on they are claimed together, or failed together.
    fn invoice_held(&mut self, payment_hash: PaymentHash, htlcs: Vec<HtlcRef>) -> Outcome {
        let mut invoice = self.known_invoice(&payment_hash)?;
        // An HTLC that covers the invoice alone may have been accepted as it was committed.
        if !invoice.status.is_payable() || invoice.received_msat > Msat::ZERO {
            return Err(InvoiceError::NotPayable.into());
        }
        let records = self.set_of(&payment_hash, &htlcs)?;
        let sum = Msat::checked_sum(records.iter().map(|record| record.amount_msat));
        let sum = sum
            .filter(|sum| invoice.accepts(*sum))
            .ok_or(InvoiceError::WrongAmount)?;
        for mut record in records {
            record.pays_invoice = true;
            record.updated_height = self.height;
            self.schema
                .htlcs()
                .put(&record.reference().key().raw(), record);
        }
        let first = invoice.status == InvoiceStatus::Open;
        invoice.status = InvoiceStatus::Accepted;
        invoice.received_msat = sum;
        invoice.htlcs = htlcs;
        self.put_invoice(invoice);
        if first {
            self.log(EventKind::InvoiceAccepted, Some(payment_hash.0));
        }
        Ok(())
    }

    fn set_of(
        &self,
        payment_hash: &PaymentHash,
        htlcs: &[HtlcRef],
    ) -> Result<Vec<HtlcRecord>, InvoiceError> {
        let mut records: Vec<HtlcRecord> = Vec::with_capacity(htlcs.len());
        for htlc in htlcs {
            let record = self.read.htlcs().get(&htlc.key().raw());
            let fits = |record: &HtlcRecord| {
                htlc.offerer == Side::Counterparty
                    && record.payment_hash == *payment_hash
                    && record.state == HtlcState::Committed
                    && !record.removed
                    && !record.must_fail
                    && record.forward.is_none()
            };
            let record = record.filter(fits).ok_or(InvoiceError::BadSet)?;
            if records.iter().any(|other| other.reference() == *htlc) {
                return Err(InvoiceError::BadSet);
            }
            records.push(record);
        }
        Ok(records)
    }

    /// The operator releases the preimage: the HTLCs that are held will be claimed with it.
    fn invoice_settled(&mut self, payment_hash: PaymentHash, preimage: PaymentPreimage) -> Outcome {
        let mut invoice = self.known_invoice(&payment_hash)?;
        if !invoice.hold {
            return Err(InvoiceError::NotHeld.into());
        }
        if preimage.payment_hash() != payment_hash {
            return Err(InvoiceError::WrongPreimage.into());
        }
        if invoice.status != InvoiceStatus::Accepted {
            return Err(InvoiceError::NotPayable.into());
        }
        invoice.status = InvoiceStatus::Paid;
        invoice.preimage = Some(preimage);
        self.put_invoice(invoice);
        self.log(EventKind::InvoicePaid, Some(payment_hash.0));
        Ok(())
    }

    /// Refuses the release of a preimage for an HTLC that does not pay the invoice with its payment hash.
    pub(super) fn check_invoice_paid_by(&self, htlc: &HtlcRecord) -> Result<(), InvoiceError> {
        let Ok(invoice) = self.known_invoice(&htlc.payment_hash) else {
            return Ok(());
        };
        if invoice.hold && invoice.preimage.is_none() {
            return Err(InvoiceError::Held);
        }
        if invoice.is_of_its_set(&htlc.reference()) {
            return match invoice.status {
                InvoiceStatus::Accepted | InvoiceStatus::Paid => Ok(()),
                InvoiceStatus::Open | InvoiceStatus::Expired | InvoiceStatus::Cancelled => {
                    Err(InvoiceError::NotPayable)
                }
            };
        }
        if !invoice.status.is_payable() || invoice.received_msat > Msat::ZERO {
            return Err(InvoiceError::NotPayable);
        }
        if !invoice.accepts(htlc.amount_msat) {
            return Err(InvoiceError::WrongAmount);
        }
        Ok(())
    }

    /// Refuses to fail an HTLC of a set whose preimage is released: the payer would have paid a part only.
    pub(super) fn check_invoice_not_paid_by(&self, htlc: &HtlcRecord) -> Result<(), HtlcError> {
        let Ok(invoice) = self.known_invoice(&htlc.payment_hash) else {
            return Ok(());
        };
        if invoice.preimage.is_some() && invoice.is_of_its_set(&htlc.reference()) {
            return Err(HtlcError::PreimageKnown);
        }
        Ok(())
    }

    /// The preimage is released: the invoice is paid, by this HTLC or by the set that it is of. Whether there is one is the
    /// answer.
    pub(super) fn invoice_paid(&mut self, htlc: &HtlcRecord, preimage: PaymentPreimage) -> bool {
        let Ok(mut invoice) = self.known_invoice(&htlc.payment_hash) else {
            return false;
        };
        let first = invoice.status != InvoiceStatus::Paid;
        if !invoice.is_of_its_set(&htlc.reference()) {
            invoice.htlcs = vec![htlc.reference()];
            invoice.received_msat = htlc.amount_msat;
        }
        invoice.status = InvoiceStatus::Paid;
        invoice.preimage = Some(preimage);
        self.put_invoice(invoice);
        if first {
            self.log(EventKind::InvoicePaid, Some(htlc.payment_hash.0));
        }
        true
    }

    /// An HTLC that was accepted for an invoice fails: without another one the invoice is open again. Where it was a part of
    /// a set, the set has come to nothing.
    pub(super) fn invoice_htlc_failed(&mut self, payment_hash: &PaymentHash, htlc: &HtlcRef) {
        let Ok(mut invoice) = self.known_invoice(payment_hash) else {
            return;
        };
        if invoice.status != InvoiceStatus::Accepted || !invoice.htlcs.contains(htlc) {
            return;
        }
        if invoice.is_of_its_set(htlc) {
            invoice.htlcs.clear();
            invoice.received_msat = Msat::ZERO;
        }
        invoice.htlcs.retain(|other| other != htlc);
        let open_again = invoice.htlcs.is_empty();
        if open_again {
            invoice.status = InvoiceStatus::Open;
        }
        self.put_invoice(invoice);
        if open_again {
            self.log(EventKind::InvoiceOpen, Some(payment_hash.0));
        }
    }

    fn put_invoice(&mut self, mut invoice: Invoice) {
        invoice.updated_height = self.height;
        let key = hash_of(&invoice.payment_hash.0);
        self.schema.invoices().put(&key, invoice);
    }
}
