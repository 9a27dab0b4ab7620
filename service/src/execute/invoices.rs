//! Invoices of this node.

use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::{PaymentHash, PaymentPreimage};

use super::{Ledger, Outcome};
use crate::errors::InvoiceError;
use crate::read::hash_of;
use crate::records::{EventKind, HtlcRecord, HtlcRef, Invoice, InvoiceStatus};
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
            InvoiceChange::Expired { now } => {
                let invoice = self.known_invoice(&payment_hash)?;
                if now < self.schema.newest_time.get().unwrap_or_default() {
                    return Err(InvoiceError::TimeWentBack.into());
                }
                if now < invoice.expires_at() {
                    return Err(InvoiceError::NotExpired.into());
                }
                self.schema.newest_time.set(now);
                let event = EventKind::InvoiceExpired;
                self.invoice_ends(invoice, InvoiceStatus::Expired, event)
            }
        }
    }

    fn invoice_created(&mut self, payment_hash: PaymentHash, new: NewInvoice) -> Outcome {
        let key = hash_of(&payment_hash.0);
        if self.schema.invoices.contains(&key) {
            return Err(InvoiceError::PaymentHashUsed.into());
        }
        if !(1..=MAX_EXPIRY).contains(&new.expiry_seconds) {
            return Err(InvoiceError::BadExpiry.into());
        }
        let newest = self.schema.newest_time.get().unwrap_or_default();
        self.schema.newest_time.set(newest.max(new.created_at));
        let invoice = Invoice {
            payment_hash,
            nonce: new.nonce,
            amount_msat: new.amount_msat,
            description: new.description,
            created_at: new.created_at,
            expiry_seconds: new.expiry_seconds,
            invoice: new.invoice,
            status: InvoiceStatus::Open,
            htlcs: Vec::new(),
            received_msat: Msat::ZERO,
            preimage: None,
            created_height: self.height,
            updated_height: self.height,
        };
        self.schema.invoices.put(&key, invoice);
        self.schema.invoice_order.push(key);
        self.log(EventKind::InvoiceOpen, Some(payment_hash.0));
        Ok(())
    }

    fn invoice_ends(
        &mut self,
        mut invoice: Invoice,
        status: InvoiceStatus,
        event: EventKind,
    ) -> Outcome {
        match invoice.status {
            InvoiceStatus::Open => {}
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
        self.schema
            .invoices
            .get(&hash_of(&payment_hash.0))
            .ok_or(InvoiceError::UnknownInvoice)
    }

    /// An HTLC is irrevocably committed: where it fits an invoice, that is accepted. Whether it fits is the answer.
    pub(super) fn invoice_accepted(&mut self, htlc: &HtlcRecord) -> bool {
        let Ok(mut invoice) = self.known_invoice(&htlc.payment_hash) else {
            return false;
        };
        if !invoice.status.is_payable() || !invoice.accepts(htlc.amount_msat) {
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

    /// Refuses the release of a preimage for an HTLC that does not pay the invoice with its payment hash.
    pub(super) fn check_invoice_paid_by(&self, htlc: &HtlcRecord) -> Result<(), InvoiceError> {
        let Ok(invoice) = self.known_invoice(&htlc.payment_hash) else {
            return Ok(());
        };
        if !invoice.status.is_payable() {
            return Err(InvoiceError::NotPayable);
        }
        if !invoice.accepts(htlc.amount_msat) {
            return Err(InvoiceError::WrongAmount);
        }
        Ok(())
    }

    /// The preimage is released: the invoice is paid, by this HTLC. Whether there is one is the answer.
    pub(super) fn invoice_paid(&mut self, htlc: &HtlcRecord, preimage: PaymentPreimage) -> bool {
        let Ok(mut invoice) = self.known_invoice(&htlc.payment_hash) else {
            return false;
        };
        invoice.status = InvoiceStatus::Paid;
        invoice.htlcs = vec![htlc.reference()];
        invoice.received_msat = htlc.amount_msat;
        invoice.preimage = Some(preimage);
        self.put_invoice(invoice);
        self.log(EventKind::InvoicePaid, Some(htlc.payment_hash.0));
        true
    }

    /// An HTLC that was accepted for an invoice fails: without another one the invoice is open again.
    pub(super) fn invoice_htlc_failed(&mut self, payment_hash: &PaymentHash, htlc: &HtlcRef) {
        let Ok(mut invoice) = self.known_invoice(payment_hash) else {
            return;
        };
        if invoice.status != InvoiceStatus::Accepted {
            return;
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
        self.schema.invoices.put(&key, invoice);
    }
}
