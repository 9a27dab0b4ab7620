//! Offers (BOLT 12): made, and paid.

use std::time::{Duration, Instant};

use lightning::offers::invoice::Bolt12Invoice;
use lightning::offers::offer::{Amount as OfferAmount, Offer};
use tokio::time::timeout;
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::PaymentHash;
use zarnitsa_service::transactions::PaymentOrder;

use super::{default_max_fee, PAYMENT_TIMEOUT_SECONDS};
use crate::api::{self, AmountOrAny, ApiError, ErrorCode};
use crate::offers::{bolt12_text, NewOffer};
use crate::shared::Shared;
use crate::time;

/// For how long an invoice is waited for that nobody has ordered to be paid yet.
const INVOICE_TIMEOUT: Duration = Duration::from_secs(30);

/// BOLT 12, requirements for the reader of an invoice: it asks for what was agreed on, and not for more.
fn check_amount(asked_msat: u64, agreed: Msat) -> Result<(), ApiError> {
    let agreed = agreed.to_msat();
    if asked_msat == agreed {
        return Ok(());
    }
    let wrong = format!("the invoice that came is for {asked_msat} msat, not for {agreed} msat");
    Err(ApiError::new(ErrorCode::Refused, wrong))
}

impl Shared {
    /// Makes an offer. Nothing of it is kept: it says of itself that it is this node's.
    pub(crate) fn create_offer(&self, request: api::CreateOffer) -> Result<api::Offer, ApiError> {
        let amount = match request.amount {
            AmountOrAny::Amount(Msat::ZERO) => {
                return Err(ApiError::bad_request("the amount must not be zero"));
            }
            AmountOrAny::Amount(amount) => Some(amount),
            AmountOrAny::Any => None,
        };
        let expiry = request.expiry_seconds;
        if expiry == Some(0) {
            return Err(ApiError::bad_request(
                "an offer lives for a second at least",
            ));
        }
        let expires_at = expiry.map(|seconds| time::unix().saturating_add(seconds.into()));
        let new = NewOffer {
            amount_msat: amount.map(Msat::to_msat),
            description: request.description.clone(),
            expires_at,
        };
        let offer = self.offers.create(new, self.message_peers());
        let offer = offer.map_err(|error| {
            let why = "it needs a peer that passes onion messages on and is known to the payer";
            ApiError::bad_request(format_args!("no offer can be made: {error:?}: {why}"))
        })?;
        Ok(api::Offer {
            offer: offer.to_string(),
            offer_id: hex::encode(offer.id().0),
            amount_msat: amount,
            description: request.description,
            expires_at,
        })
    }

    /// Asks the offer's maker for an invoice, pays it, and waits for the outcome.
    pub(crate) async fn pay_offer(
        &self,
        offer: &str,
        request: &api::Pay,
    ) -> Result<api::Payment, ApiError> {
        let begun = Instant::now();
        let seconds = request.timeout_seconds.unwrap_or(PAYMENT_TIMEOUT_SECONDS);
        let limit = Duration::from_secs(seconds.into());
        let invoice = self
            .invoice_of_offer(offer, request.amount_msat, limit)
            .await?;
        let amount = Msat::new(invoice.amount_msats());
        let left = limit.saturating_sub(begun.elapsed()).as_secs().max(1);
        let order = PaymentOrder {
            payment_hash: PaymentHash(invoice.payment_hash().0),
            payee: invoice.signing_pubkey(),
            amount_msat: amount,
            max_fee_msat: request
                .max_fee_msat
                .unwrap_or_else(|| default_max_fee(amount)),
            invoice: bolt12_text(&invoice).map_err(ApiError::bad_request)?,
            session_nonce: rand::random(),
            timeout_seconds: u32::try_from(left).unwrap_or(seconds),
        };
        self.send_payment(order).await
    }

    /// The same up to the order: for an operator whose key is elsewhere.
    pub(crate) async fn draft_offer_payment(
        &self,
        request: api::DraftOfferPayment,
    ) -> Result<api::OfferPaymentDraft, ApiError> {
        let invoice = self
            .invoice_of_offer(&request.offer, request.amount_msat, INVOICE_TIMEOUT)
            .await?;
        Ok(api::OfferPaymentDraft {
            invoice: bolt12_text(&invoice).map_err(ApiError::bad_request)?,
            payment_hash: PaymentHash(invoice.payment_hash().0),
            payee: invoice.signing_pubkey(),
            amount_msat: Msat::new(invoice.amount_msats()),
        })
    }

    /// The invoice that the offer's maker gives, for the amount that was asked for.
    async fn invoice_of_offer(
        &self,
        offer: &str,
        given: Option<Msat>,
        limit: Duration,
    ) -> Result<Box<Bolt12Invoice>, ApiError> {
        let offer: Offer = offer.parse().map_err(|error| {
            ApiError::bad_request(format_args!("not a BOLT 12 offer: {error:?}"))
        })?;
        let amount = self.amount_of_offer(&offer, given)?;
        let invoice = self.ask_for_invoice(&offer, given, limit).await?;
        check_amount(invoice.amount_msats(), amount)?;
        Ok(invoice)
    }

    async fn ask_for_invoice(
        &self,
        offer: &Offer,
        amount: Option<Msat>,
        limit: Duration,
    ) -> Result<Box<Bolt12Invoice>, ApiError> {
        // BOLT 12, invoice_request: an amount that the offer names already is left out.
        let amount = amount.filter(|_| offer.amount().is_none());
        let peers = self.message_peers();
        let answer = self.offers.ask(offer, amount.map(Msat::to_msat), peers);
        let answer = answer.map_err(ApiError::bad_request)?;
        self.peers.speak();
        let answer = self.unless_stopping(timeout(limit, answer)).await?;
        match answer {
            Ok(Ok(Ok(invoice))) => Ok(invoice),
            Ok(Ok(Err(why))) => Err(ApiError::new(
                ErrorCode::Refused,
                format_args!("the payee gives no invoice: {why}"),
            )),
            Ok(Err(_)) | Err(_) => Err(ApiError::new(
                ErrorCode::Timeout,
                "no invoice came: the payee is away, or nobody passes the request on",
            )),
        }
    }

    fn amount_of_offer(&self, offer: &Offer, given: Option<Msat>) -> Result<Msat, ApiError> {
        if !offer.supports_chain(self.chain_hash()) {
            return Err(ApiError::bad_request("the offer is for another network"));
        }
        if offer.is_expired_no_std(Duration::from_secs(time::unix())) {
            return Err(ApiError::bad_request("the offer has expired"));
        }
        match (offer.amount(), given) {
            (Some(OfferAmount::Currency { .. }), _) => Err(ApiError::bad_request(
                "the offer names its amount in another currency",
            )),
            (Some(OfferAmount::Bitcoin { amount_msats }), given) => {
                let asked = Msat::new(amount_msats);
                match given {
                    Some(given) if given != asked => {
                        Err(ApiError::bad_request("the offer says another amount"))
                    }
                    Some(_) | None => Ok(asked),
                }
            }
            (None, Some(given)) if given > Msat::ZERO => Ok(given),
            (None, _) => Err(ApiError::bad_request("the offer names no amount: give one")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invoice_for_another_amount_than_was_agreed_on_is_not_paid() {
        let agreed = Msat::new(1_000_000);
        check_amount(1_000_000, agreed).unwrap();
        for asked in [1_000_001, 999_999, 0, u64::MAX] {
            let refused = check_amount(asked, agreed).unwrap_err();
            assert_eq!(refused.code, ErrorCode::Refused);
        }
    }
}
