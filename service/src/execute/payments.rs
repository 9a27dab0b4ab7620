//! Payments that the operator ordered. A payment stands as its HTLCs stand, in the same step.

use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::{PaymentHash, PaymentPreimage};

use super::{Ledger, Outcome};
use crate::errors::PaymentError;
use crate::read::hash_of;
use crate::records::{
    EventKind, Failure, HtlcRecord, HtlcRef, HtlcState, Payment, PaymentStatus, Route,
};
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
        let earlier = self.read.payments().get(&key);
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
            self.schema.payment_order().push(key);
        }
        let payment = new_payment(argument, earlier, self.height);
        self.schema.payments().put(&key, payment);
        self.log(EventKind::PaymentPending, Some(key.as_bytes()));
        Ok(())
    }

    /// Notes that a payment failed for good: none of its HTLCs can pay any more.
    pub(crate) fn payment_result(mut self, argument: PaymentResult) -> Outcome {
        let key = hash_of(&argument.payment_hash.0);
        let payment = self
            .read
            .payments()
            .get(&key)
            .ok_or(PaymentError::UnknownPayment)?;
        if payment.status != PaymentStatus::Pending || payment.attempt != argument.attempt {
            return Err(PaymentError::NotPending.into());
        }
        // Its preimage is the proof that it was paid: it will not be called failed, whatever its other parts do.
        if payment.preimage.is_some() || self.is_undecided(&payment) {
            return Err(PaymentError::HtlcAlive.into());
        }
        self.payment_failed(payment, argument.failure);
        Ok(())
    }

    /// The records of all HTLCs that were ever added for it.
    fn parts(&self, payment: &Payment) -> Vec<HtlcRecord> {
        let htlcs = payment.htlcs.iter();
        htlcs
            .filter_map(|htlc| self.read.htlcs().get(&htlc.key().raw()))
            .collect()
    }

    /// Whether one of its HTLCs can still pay or still fail.
    fn is_undecided(&self, payment: &Payment) -> bool {
        self.parts(payment).iter().any(HtlcRecord::is_undecided)
    }

    /// The payment that an HTLC of ours is to be a part of. Refuses one that the payment does not cover.
    pub(super) fn payment_for_htlc(
        &self,
        payment_hash: &PaymentHash,
        amount: Msat,
        route: Option<&Route>,
    ) -> Result<Payment, PaymentError> {
        let payment = self
            .read
            .payments()
            .get(&hash_of(&payment_hash.0))
            .ok_or(PaymentError::UnknownPayment)?;
        // Once the preimage is known nothing more is paid for it.
        if payment.status != PaymentStatus::Pending || payment.preimage.is_some() {
            return Err(PaymentError::NotPending);
        }
        let nonce = |route: &Route| route.session_nonce;
        let used = |part: &HtlcRecord| part.route.as_ref().map(nonce) == route.map(nonce);
        if route.is_some() && self.parts(&payment).iter().any(used) {
            return Err(PaymentError::NonceUsed);
        }
        let total = self
            .carried(&payment)
            .and_then(|carried| carried.checked_add(amount));
        match (total, payment.most_msat()) {
            (Some(total), Some(most)) if total <= most => Ok(payment),
            _ => Err(PaymentError::TooExpensive),
        }
    }

    /// What those of its HTLCs carry that pay or have paid.
    fn carried(&self, payment: &Payment) -> Option<Msat> {
        let parts = self.parts(payment);
        let paying = parts
            .iter()
            .filter(|part| !part.removed || part.state == HtlcState::Fulfilled);
        Msat::checked_sum(paying.map(|part| part.amount_msat))
    }

    /// The payment has another HTLC, whose record is written.
    pub(super) fn payment_add_htlc(&mut self, mut payment: Payment, htlc: HtlcRef) {
        payment.htlcs.push(htlc);
        self.put_payment(payment);
    }

    /// The preimage of an HTLC is here: the payment has succeeded, once its other HTLCs are decided too.
    pub(super) fn payment_fulfilled(
        &mut self,
        payment_hash: &PaymentHash,
        preimage: PaymentPreimage,
    ) {
        let Some(mut payment) = self.read.payments().get(&hash_of(&payment_hash.0)) else {
            return;
        };
        if payment.status == PaymentStatus::Succeeded {
            return;
        }
        payment.preimage = Some(preimage);
        self.payment_decided(payment);
    }

    /// An HTLC of the payment is gone without a preimage. Whether another way is tried is the node's to say: the
    /// payment stays pending until then.
    pub(super) fn payment_htlc_failed(&mut self, payment_hash: &PaymentHash, failure: Failure) {
        let Some(mut payment) = self.read.payments().get(&hash_of(&payment_hash.0)) else {
            return;
        };
        if payment.status == PaymentStatus::Pending {
            payment.failure = Some(failure);
            self.payment_decided(payment);
        }
    }

    /// Succeeded where the preimage is known and no HTLC is left that could add to the sums.
    fn payment_decided(&mut self, mut payment: Payment) {
        let succeeded = payment.preimage.is_some() && !self.is_undecided(&payment);
        let subject = payment.payment_hash.0;
        if succeeded {
            payment.status = PaymentStatus::Succeeded;
            payment.failure = None;
        }
        self.put_payment(payment);
        if succeeded {
            self.log(EventKind::PaymentSucceeded, Some(subject));
        }
    }

    /// An HTLC of the payment was dropped before it was committed, as if it had never been.
    pub(super) fn payment_htlc_dropped(&mut self, payment_hash: &PaymentHash, htlc: &HtlcRef) {
        let Some(mut payment) = self.read.payments().get(&hash_of(&payment_hash.0)) else {
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
        let carried = self.carried(&payment).unwrap_or(Msat::ZERO);
        payment.fee_msat = carried
            .checked_sub(payment.amount_msat)
            .unwrap_or(Msat::ZERO);
        payment.updated_height = self.height;
        let key = hash_of(&payment.payment_hash.0);
        self.schema.payments().put(&key, payment);
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
