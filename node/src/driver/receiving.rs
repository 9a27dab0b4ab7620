//! Payments to this node: invoices, held invoices, and those that come without one.
//!
//! A payment is claimed when all of it is here. Where it came in parts, or where the operator holds the invoice, one ledger
//! transaction first binds its HTLCs together, so that after a crash either all of them are claimed or all fail.

use std::collections::BTreeMap;

use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::{ChannelId, HtlcId, PaymentHash, PaymentPreimage};
use zarnitsa_channel::message::UpdateAddHtlc;
use zarnitsa_channel::params::Side;
use zarnitsa_peer::onion::Failure;
use zarnitsa_service::records::{HtlcRecord, HtlcRef, Invoice, InvoiceStatus};
use zarnitsa_service::transactions::{InvoiceChange, InvoiceStep, NewInvoice};
use zarnitsa_service::LedgerCall;

use crate::bolt11::payment_metadata;
use crate::offers::OfferNonce;
use crate::parts::{Part, Taken};
use crate::time;

use super::attributing::Behind;
use super::forwarding::can_still_be_failed;
use super::step::Todo;
use super::Driver;

/// Blocks that must be left before an HTLC's expiry when its preimage is released, so that it can still be claimed on
/// chain. Our invoices ask payers for far more (BOLT 11, min_final_cltv_expiry_delta).
const CLTV_CLAIM_BUFFER: u32 = 24;
/// Seconds for which an entry of a payment without an invoice stays payable: it is claimed at once, or after a restart.
const KEYSEND_EXPIRY_SECONDS: u32 = 3_600;

/// Invoices that are held, and the block height at which each is given back.
pub(super) type Held = BTreeMap<PaymentHash, u32>;

/// What an onion says of a payment to this node.
pub(super) struct Receipt {
    pub meant: Msat,
    pub total: Msat,
    pub payment_secret: Option<[u8; 32]>,
    pub keysend_preimage: Option<PaymentPreimage>,
    pub payment_metadata: Option<Vec<u8>>,
    /// It came by a blinded path in an invoice for an offer: for which, in words.
    pub offer: Option<String>,
}

/// What a payment is taken for.
struct Wanted {
    invoice: Invoice,
    /// Where the ledger does not know of it yet.
    entry: Option<NewInvoice>,
}

impl Driver {
    /// BOLT 4, requirements for the final node. A preimage is released only for the invoice's own HTLCs, never for a hash
    /// alone.
    pub(super) fn receive(
        &mut self,
        id: ChannelId,
        add: &UpdateAddHtlc,
        receipt: &Receipt,
    ) -> Vec<Todo> {
        let accepted = match (receipt.keysend_preimage, &receipt.offer) {
            (Some(preimage), _) => return self.receive_keysend(id, add, receipt, preimage),
            (None, Some(offer)) => self.fits_an_offer(add, receipt, offer),
            (None, None) => self.fits_an_invoice(add, receipt),
        };
        let Some(wanted) = accepted else {
            return self.fail_parts(&[(id, add.id)], None);
        };
        let part = Part {
            channel: id,
            htlc: add.id,
            meant: receipt.meant,
            total: receipt.total,
            cltv_expiry: add.cltv_expiry,
        };
        match self.parts.take(add.payment_hash, part, time::unix()) {
            Taken::Waits => Vec::new(),
            Taken::Complete(parts) => self.all_is_here(wanted, &parts),
            Taken::Contradicts(parts) => self.fail_parts(&names(&parts), None),
        }
    }

    /// The invoice that the HTLC is a part of: known by hash, secret and metadata, payable, in time, and of the right
    /// amount.
    fn fits_an_invoice(&self, add: &UpdateAddHtlc, receipt: &Receipt) -> Option<Wanted> {
        let invoice = self.shared.invoice(&add.payment_hash)?;
        let secret = self.shared.signer.payment_secret(&invoice.nonce);
        let known = receipt.payment_secret.is_some_and(|given| given == *secret)
            && receipt.payment_metadata == payment_metadata(&invoice.invoice);
        let in_time = self.is_in_time(add.cltv_expiry);
        let payable = !invoice.keysend
            && invoice.status.is_payable()
            && time::unix() < invoice.expires_at()
            && invoice.accepts(receipt.total)
            && receipt.meant <= add.amount
            && !self.claiming.contains(&add.payment_hash);
        if !(known && in_time && payable) {
            tracing::info!(hash = %add.payment_hash, known, in_time, payable, "not taken");
            return None;
        }
        Some(Wanted {
            invoice,
            entry: None,
        })
    }

    /// The same where the payer has asked for the invoice by an offer. It stands in the path that the payer came by: what
    /// this node wrote there, it alone can have written.
    fn fits_an_offer(&self, add: &UpdateAddHtlc, receipt: &Receipt, offer: &str) -> Option<Wanted> {
        let hash = add.payment_hash;
        let nonce = OfferNonce::returned(receipt.payment_secret?);
        let entry = nonce.entry(offer.to_owned());
        let known = self.shared.invoice(&hash);
        let is_new = known.is_none();
        let invoice = known.unwrap_or_else(|| entry.clone().into_invoice(hash, 0));
        let own = self.shared.is_own(&nonce, &hash) && invoice.nonce == *nonce.as_bytes();
        let in_time = self.is_in_time(add.cltv_expiry) && time::unix() < invoice.expires_at();
        let payable = invoice.status.is_payable()
            && !(invoice.keysend || invoice.hold)
            && invoice.accepts(receipt.total)
            && receipt.meant <= add.amount
            && !self.claiming.contains(&hash);
        if !(own && in_time && payable) {
            tracing::info!(%hash, own, in_time, payable, "not taken for an offer");
            return None;
        }
        Some(Wanted {
            invoice,
            entry: is_new.then_some(entry),
        })
    }

    fn is_in_time(&self, cltv_expiry: u32) -> bool {
        cltv_expiry >= self.block_height.saturating_add(CLTV_CLAIM_BUFFER)
    }

    /// Claims the parts, or keeps them for the operator.
    fn all_is_here(&mut self, wanted: Wanted, parts: &[Part]) -> Vec<Todo> {
        let Wanted { invoice, entry } = wanted;
        let hash = invoice.payment_hash;
        // One of them may have waited longer than its expiry allows, or ended on chain meanwhile.
        let good = parts.iter().all(|part| self.is_in_time(part.cltv_expiry))
            && parts.iter().all(|part| self.lives(part.channel, part.htlc));
        if !good || !self.claiming.insert(hash) {
            return self.fail_parts(&names(parts), None);
        }
        if let Some(entry) = entry {
            self.report_invoice(hash, InvoiceChange::Created(entry));
        }
        if parts.len() > 1 || invoice.hold {
            let htlcs = parts.iter().map(reference).collect();
            self.report_invoice(hash, InvoiceChange::Held { htlcs });
        }
        if invoice.hold {
            tracing::info!(%hash, parts = parts.len(), "held for the operator");
            self.hold(hash, parts.iter().map(|part| part.cltv_expiry));
            return Vec::new();
        }
        let preimage = self.shared.signer.invoice_preimage(&invoice.nonce);
        if preimage.payment_hash() != hash {
            return self.fail_parts(&names(parts), None); // of another seed
        }
        let claim = |part: &Part| self.claim_own(part.channel, part.htlc, preimage);
        parts.iter().map(claim).collect()
    }

    fn lives(&self, id: ChannelId, htlc: HtlcId) -> bool {
        let live = self.channels.get(&id);
        let htlc = live.and_then(|live| live.machine.htlc(Side::Counterparty, htlc));
        htlc.is_some_and(zarnitsa_channel::htlc::Htlc::is_live)
    }

    fn report_invoice(&self, payment_hash: PaymentHash, change: InvoiceChange) {
        let step = InvoiceStep {
            payment_hash,
            change,
        };
        let _queued = self.outbox.submit(LedgerCall::Invoice(step)); // whoever waits is woken by the block
    }

    /// A payment that nobody asked for. It has an entry among the invoices, so that it is shown with its proof.
    fn receive_keysend(
        &mut self,
        id: ChannelId,
        add: &UpdateAddHtlc,
        receipt: &Receipt,
        preimage: PaymentPreimage,
    ) -> Vec<Todo> {
        let hash = add.payment_hash;
        let whole = receipt.total <= add.amount && receipt.meant <= add.amount;
        let known = self.shared.invoice(&hash);
        // After a restart its entry may be there already. An invoice of that hash is paid by its secret alone.
        let entered = known.as_ref().is_some_and(|known| {
            known.keysend && known.status.is_payable() && known.accepts(add.amount)
        });
        let wanted = self.shared.rules().policy.accept_keysend
            && whole
            && preimage.payment_hash() == hash
            && self.is_in_time(add.cltv_expiry)
            && (known.is_none() || entered)
            && self.claiming.insert(hash);
        if !wanted {
            return self.fail_parts(&[(id, add.id)], None);
        }
        if !entered {
            let entry = NewInvoice {
                nonce: rand::random(),
                amount_msat: add.amount,
                description: String::new(),
                created_at: time::unix(),
                expiry_seconds: KEYSEND_EXPIRY_SECONDS,
                invoice: String::new(),
                hold: false,
                keysend: true,
            };
            self.report_invoice(hash, InvoiceChange::Created(entry));
        }
        vec![self.claim_own(id, add.id, preimage)]
    }

    /// After a start: what is owed to an HTLC that the ledger has bound to an invoice. None: it is decided anew.
    pub(super) fn owed_by_invoice(&mut self, record: &HtlcRecord) -> Option<Vec<Todo>> {
        let invoice = self.shared.invoice(&record.payment_hash)?;
        if !invoice.is_of_its_set(&record.reference()) {
            return None;
        }
        let (id, htlc) = (record.channel_id, record.id);
        match (invoice.status, invoice.preimage) {
            (InvoiceStatus::Paid, Some(preimage)) => Some(vec![self.claim_own(id, htlc, preimage)]),
            (InvoiceStatus::Accepted, _) if invoice.hold => {
                self.hold(invoice.payment_hash, [record.cltv_expiry]);
                Some(Vec::new())
            }
            // All parts were here: the set stands, and its preimage is this node's own.
            (InvoiceStatus::Accepted, _) => {
                let preimage = self.shared.signer.invoice_preimage(&invoice.nonce);
                Some(vec![self.claim_own(id, htlc, preimage)])
            }
            (InvoiceStatus::Open | InvoiceStatus::Expired | InvoiceStatus::Cancelled, _)
            | (InvoiceStatus::Paid, None) => Some(self.fail_parts(&[(id, htlc)], None)),
        }
    }

    fn hold(&mut self, hash: PaymentHash, expiries: impl IntoIterator<Item = u32>) {
        let first = expiries.into_iter().min().unwrap_or(0);
        let until = first.saturating_sub(CLTV_CLAIM_BUFFER);
        let known = self.held.entry(hash).or_insert(until);
        *known = until.min(*known);
    }

    /// The operator has settled or cancelled it, or its time is over: the ledger says which.
    pub(super) fn end_hold(&mut self, hash: &PaymentHash) {
        self.held.remove(hash);
        let Some(invoice) = self.shared.invoice(hash).filter(|invoice| invoice.hold) else {
            return;
        };
        let parts: Vec<_> = invoice
            .htlcs
            .iter()
            .map(|htlc| (htlc.channel_id, htlc.id))
            .filter(|(id, htlc)| self.lives(*id, *htlc))
            .collect();
        let todos = match (invoice.status, invoice.preimage) {
            (InvoiceStatus::Paid, Some(preimage)) => parts
                .iter()
                .map(|(id, htlc)| self.claim_own(*id, *htlc, preimage))
                .collect(),
            (InvoiceStatus::Cancelled, _) => self.fail_parts(&parts, None),
            (
                InvoiceStatus::Open
                | InvoiceStatus::Accepted
                | InvoiceStatus::Paid
                | InvoiceStatus::Expired,
                _,
            ) => Vec::new(),
        };
        for todo in todos {
            self.carry_out(todo);
        }
    }

    /// Held invoices whose HTLCs come too near their expiry are given back, before the channel would have to be closed.
    pub(super) fn give_back_held(&mut self) {
        let height = self.block_height;
        let due: Vec<PaymentHash> = self
            .held
            .iter()
            .filter(|(_, until)| **until <= height)
            .map(|(hash, _)| *hash)
            .collect();
        for hash in due {
            tracing::info!(%hash, height, "held too long: given back");
            self.held.remove(&hash);
            let nonce = rand::random();
            self.report_invoice(hash, InvoiceChange::Cancelled { nonce });
        }
    }

    /// The way ends here.
    fn claim_own(&self, id: ChannelId, htlc: HtlcId, preimage: PaymentPreimage) -> Todo {
        self.claim((id, htlc), preimage, Behind::default())
    }

    /// Payments whose other parts did not come in time.
    pub(super) fn fail_overdue_parts(&mut self) {
        if self.parts.is_empty() {
            return;
        }
        let overdue = self.parts.overdue(time::unix());
        for todo in self.fail_parts(&names(&overdue), Some(&Failure::MppTimeout)) {
            self.carry_out(todo);
        }
    }

    /// Fails HTLCs of a payment to this node. Unless a reason may be told, it is the same for all, so that a prober learns
    /// nothing (BOLT 4, incorrect_or_unknown_payment_details).
    pub(super) fn fail_parts(
        &self,
        parts: &[(ChannelId, HtlcId)],
        reason: Option<&Failure>,
    ) -> Vec<Todo> {
        let failed = |(id, htlc): &(ChannelId, HtlcId)| {
            if !can_still_be_failed(&self.channels.get(id)?.machine, *htlc) {
                return None; // it ends on chain
            }
            let received = self.received(*id, *htlc)?;
            let usual = Failure::IncorrectOrUnknownPaymentDetails {
                htlc_msat: received.add.amount.to_msat(),
                height: self.block_height,
            };
            let failure = reason.unwrap_or(&usual);
            tracing::info!(channel = %id, htlc = htlc.0, %failure, "an HTLC fails");
            Some(Todo::new(*id, self.fail(&received, failure)))
        };
        parts.iter().filter_map(failed).collect()
    }
}

fn names(parts: &[Part]) -> Vec<(ChannelId, HtlcId)> {
    parts.iter().map(|part| (part.channel, part.htlc)).collect()
}

fn reference(part: &Part) -> HtlcRef {
    HtlcRef {
        channel_id: part.channel,
        offerer: Side::Counterparty,
        id: part.htlc,
    }
}
