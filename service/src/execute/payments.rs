//! Payments that the operator ordered. A payment stands as its HTLCs stand, in the same step.

use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::{PaymentHash, PaymentPreimage};

use super::{Ledger, Outcome};
use crate::errors::PaymentError;
use crate::read::hash_of;
use crate::records::{EventKind, Failure, HtlcRef, Payment, PaymentStatus};
use crate::transactions::{PaymentOrder, PaymentResult};
use crate::wire::Wire;

impl Ledger<'_> {
    /// Notes the order to pay. One payment for one payment hash: only a failed one can be ordered again.
    pub(crate) fn payment(mut self, argument: PaymentOrder) -> Outcome {
        let key = hash_of(&argument.payment_hash.0);
        let most = argument.amount_msat.checked_add(argument.max_fee_msat);
        let sane = most.is_some_and(|most| Msat::from_pb(most.to_msat()).is_ok());
        if argument.amount_msat == Msat::ZERO || !sane {
            return Err(PaymentError::BadAmount.into());
        }
        let earlier = self.schema.payments.get(&key);
        if let Some(earlier) = &earlier {
            match earlier.status {
                PaymentStatus::Pending => return Err(PaymentError::AlreadyPending.into()),
                PaymentStatus::Succeeded => return Err(PaymentError::AlreadySucceeded.into()),
                PaymentStatus::Failed => {}
            }
            if earlier.session_nonce == argument.session_nonce {
                return Err(PaymentError::NonceUsed.into());
            }
        } else {
            self.schema.payment_order.push(key);
        }
        let payment = new_payment(argument, earlier, self.height);
        self.schema.payments.put(&key, payment);
        self.log(EventKind::PaymentPending, Some(key.as_bytes()));
        Ok(())
    }

    /// Notes that a payment without a living HTLC failed.
    pub(crate) fn payment_result(mut self, argument: PaymentResult) -> Outcome {
        let key = hash_of(&argument.payment_hash.0);
        let payment = self
            .schema
            .payments
            .get(&key)
            .ok_or(PaymentError::UnknownPayment)?;
        if payment.status != PaymentStatus::Pending || payment.attempt != argument.attempt {
            return Err(PaymentError::NotPending.into());
        }
        if payment.htlcs.iter().any(|htlc| self.is_alive(htlc)) {
            return Err(PaymentError::HtlcAlive.into());
        }
        self.payment_failed(payment, argument.failure);
        Ok(())
    }

    /// Whether the HTLC can still pay.
    fn is_alive(&self, htlc: &HtlcRef) -> bool {
        let record = self.schema.htlcs.get(&htlc.key());
        record.is_some_and(|record| !record.removed)
    }

    /// The payment that an HTLC of ours is to be a part of. Refuses one that the payment does not cover.
    pub(super) fn payment_for_htlc(
        &self,
        payment_hash: &PaymentHash,
        amount: Msat,
    ) -> Result<Payment, PaymentError> {
        let mut payment = self
            .schema
            .payments
            .get(&hash_of(&payment_hash.0))
            .ok_or(PaymentError::UnknownPayment)?;
        if payment.status != PaymentStatus::Pending {
            return Err(PaymentError::NotPending);
        }
        let total = self
            .living_sum(&payment)
            .and_then(|living| living.checked_add(amount));
        match (total, payment.most_msat()) {
            (Some(total), Some(most)) if total <= most => {
                payment.fee_msat = total.checked_sub(payment.amount_msat).unwrap_or(Msat::ZERO);
                Ok(payment)
            }
            _ => Err(PaymentError::TooExpensive),
        }
    }

    fn living_sum(&self, payment: &Payment) -> Option<Msat> {
        let living = payment
            .htlcs
            .iter()
            .filter_map(|htlc| self.schema.htlcs.get(&htlc.key()))
            .filter(|record| !record.removed)
            .map(|record| record.amount_msat);
        Msat::checked_sum(living)
    }

    /// The payment has another HTLC.
    pub(super) fn payment_add_htlc(&mut self, mut payment: Payment, htlc: HtlcRef) {
        payment.htlcs.push(htlc);
        self.put_payment(payment);
    }

    /// The preimage of an HTLC is here: the payment has succeeded.
    pub(super) fn payment_fulfilled(
        &mut self,
        payment_hash: &PaymentHash,
        preimage: PaymentPreimage,
    ) {
        let Some(mut payment) = self.schema.payments.get(&hash_of(&payment_hash.0)) else {
            return;
        };
        if payment.status == PaymentStatus::Succeeded {
            return;
        }
        payment.status = PaymentStatus::Succeeded;
        payment.preimage = Some(preimage);
        payment.failure = None;
        self.put_payment(payment);
        self.log(EventKind::PaymentSucceeded, Some(payment_hash.0));
    }

    /// An HTLC of the payment is gone without a preimage: where it was the last, the payment has failed.
    pub(super) fn payment_htlc_failed(&mut self, payment_hash: &PaymentHash, failure: Failure) {
        let Some(payment) = self.schema.payments.get(&hash_of(&payment_hash.0)) else {
            return;
        };
        let pending = payment.status == PaymentStatus::Pending;
        if pending && !payment.htlcs.iter().any(|htlc| self.is_alive(htlc)) {
            self.payment_failed(payment, failure);
        }
    }

    /// An HTLC of the payment was dropped before it was committed, as if it had never been.
    pub(super) fn payment_htlc_dropped(&mut self, payment_hash: &PaymentHash, htlc: &HtlcRef) {
        let Some(mut payment) = self.schema.payments.get(&hash_of(&payment_hash.0)) else {
            return;
        };
        payment.htlcs.retain(|other| other != htlc);
        self.put_payment(payment);
    }

    fn payment_failed(&mut self, mut payment: Payment, failure: Failure) {
        let subject = payment.payment_hash.0;
        payment.status = PaymentStatus::Failed;
        payment.failure = Some(failure);
        self.put_payment(payment);
        self.log(EventKind::PaymentFailed, Some(subject));
    }

    fn put_payment(&mut self, mut payment: Payment) {
        payment.updated_height = self.height;
        let key = hash_of(&payment.payment_hash.0);
        self.schema.payments.put(&key, payment);
    }
}

fn new_payment(order: PaymentOrder, earlier: Option<Payment>, height: u64) -> Payment {
    let (htlcs, attempt, created_height) = match earlier {
        Some(earlier) => (
            earlier.htlcs,
            earlier.attempt.saturating_add(1),
            earlier.created_height,
        ),
        None => (Vec::new(), 1, height),
    };
    Payment {
        payment_hash: order.payment_hash,
        payee: order.payee,
        amount_msat: order.amount_msat,
        max_fee_msat: order.max_fee_msat,
        fee_msat: Msat::ZERO,
        invoice: order.invoice,
        session_nonce: order.session_nonce,
        status: PaymentStatus::Pending,
        htlcs,
        preimage: None,
        failure: None,
        attempt,
        created_height,
        updated_height: height,
    }
}
