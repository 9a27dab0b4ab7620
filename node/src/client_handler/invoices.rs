//! Invoices: made, settled and taken back.

use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::{PaymentHash, PaymentPreimage};
use zarnitsa_service::records::InvoiceStatus;
use zarnitsa_service::transactions::{InvoiceChange, InvoiceStep, NewInvoice};
use zarnitsa_service::LedgerCall;

use crate::api::{self, AmountOrAny, ApiError};
use crate::shared::Shared;
use crate::{time, view};

/// Unless the caller says otherwise.
const EXPIRY_SECONDS: u32 = 3_600;

impl Shared {
    /// Makes a BOLT 11 invoice. Its preimage is derived by the signer and not stored; where the caller names the hash, the
    /// caller has the preimage.
    pub(crate) async fn create_invoice(
        &self,
        request: api::CreateInvoice,
    ) -> Result<api::Invoice, ApiError> {
        let (payment_hash, new) = self.new_invoice(request)?;
        let change = InvoiceChange::Created(new);
        self.change_invoice(payment_hash, change).await
    }

    /// The same up to the ledger: for an operator whose key is elsewhere.
    pub(crate) fn draft_invoice(
        &self,
        request: api::CreateInvoice,
    ) -> Result<api::InvoiceDraft, ApiError> {
        let (payment_hash, new) = self.new_invoice(request)?;
        Ok(api::InvoiceDraft {
            payment_hash,
            nonce: hex::encode(new.nonce),
            amount_msat: new.amount_msat,
            description: new.description,
            created_at: new.created_at,
            expiry_seconds: new.expiry_seconds,
            invoice: new.invoice,
            hold: new.hold,
        })
    }

    fn new_invoice(
        &self,
        request: api::CreateInvoice,
    ) -> Result<(PaymentHash, NewInvoice), ApiError> {
        let amount = match request.amount {
            AmountOrAny::Amount(Msat::ZERO) => {
                return Err(ApiError::bad_request("the amount must not be zero"));
            }
            AmountOrAny::Amount(amount) => amount,
            AmountOrAny::Any => Msat::ZERO,
        };
        if request.payment_hash.is_some() && !request.hold {
            let wrong = "only an invoice that is held can have a preimage that the node lacks";
            return Err(ApiError::bad_request(wrong));
        }
        let nonce: [u8; 32] = rand::random();
        let own = self.signer.invoice_preimage(&nonce).payment_hash();
        let payment_hash = request.payment_hash.unwrap_or(own);
        let new = NewInvoice {
            nonce,
            amount_msat: amount,
            description: request.description,
            created_at: time::unix(),
            expiry_seconds: request.expiry_seconds.unwrap_or(EXPIRY_SECONDS),
            invoice: String::new(),
            hold: request.hold,
            keysend: false,
        };
        let invoice = self
            .bolt11(
                payment_hash,
                &new,
                request.metadata.map(api::Metadata::into_bytes),
            )
            .map_err(ApiError::bad_request)?;
        Ok((payment_hash, NewInvoice { invoice, ..new }))
    }

    /// The preimage of an invoice that is held, for an operator whose key is elsewhere: told only while there is something
    /// to claim with it.
    pub(crate) fn held_preimage(
        &self,
        payment_hash: &PaymentHash,
    ) -> Result<api::HeldPreimage, ApiError> {
        let invoice = self
            .invoice(payment_hash)
            .ok_or_else(|| ApiError::not_found("invoice", payment_hash))?;
        if !invoice.hold || invoice.status != InvoiceStatus::Accepted {
            return Err(ApiError::bad_request("nothing is held for that invoice"));
        }
        let preimage = self.signer.invoice_preimage(&invoice.nonce);
        if preimage.payment_hash() != *payment_hash {
            let wrong =
                "the node does not know that invoice's preimage: whoever made its hash does";
            return Err(ApiError::bad_request(wrong));
        }
        Ok(api::HeldPreimage {
            preimage: hex::encode(preimage.0),
        })
    }

    /// Claims what is held. The preimage is the caller's, or this node's own where the caller names the hash.
    pub(crate) async fn settle_invoice(
        &self,
        request: api::SettleInvoice,
    ) -> Result<api::Invoice, ApiError> {
        let given: PaymentHash = request.preimage_or_hash.parse().map_err(|error| {
            ApiError::bad_request(format_args!(
                "neither a preimage nor a payment hash: {error}"
            ))
        })?;
        let preimage = PaymentPreimage(given.0);
        let by_preimage = self.invoice(&preimage.payment_hash()).is_some();
        let preimage = match self.invoice(&given).filter(|_| !by_preimage) {
            Some(invoice) => self.signer.invoice_preimage(&invoice.nonce),
            None => preimage,
        };
        let payment_hash = preimage.payment_hash();
        if self.invoice(&payment_hash).is_none() {
            let wrong = "no invoice of this node has that preimage, or the node does not know it";
            return Err(ApiError::bad_request(wrong));
        }
        let change = InvoiceChange::Settled { preimage };
        self.change_invoice(payment_hash, change).await
    }

    /// Takes an invoice back.
    pub(crate) async fn cancel_invoice(
        &self,
        request: api::CancelInvoice,
    ) -> Result<api::Invoice, ApiError> {
        let nonce = rand::random();
        let change = InvoiceChange::Cancelled { nonce };
        self.change_invoice(request.payment_hash, change).await
    }

    async fn change_invoice(
        &self,
        payment_hash: PaymentHash,
        change: InvoiceChange,
    ) -> Result<api::Invoice, ApiError> {
        let step = InvoiceStep {
            payment_hash,
            change,
        };
        self.order(LedgerCall::Invoice(step)).await?;
        let record = self
            .invoice(&payment_hash)
            .ok_or_else(|| ApiError::not_found("invoice", payment_hash))?;
        Ok(view::invoice(&record, time::unix()))
    }
}
