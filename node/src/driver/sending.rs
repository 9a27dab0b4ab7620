//! What the driver remembers of payments under way: which HTLC is a part of which payment, and what may still be tried.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bitcoin::secp256k1::PublicKey;
use lightning::routing::router::Path;
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::{ChannelId, HtlcId, PaymentHash};
use zarnitsa_peer::onion::Attribution;
use zarnitsa_peer::routing::{NextTry, Returned, RouteRequest, Router};
use zarnitsa_service::records::{Failure, HtlcRecord, Payment, Route};

use crate::sending::{Errand, ReadyPart};

/// How often ways are looked for, for one payment. Each search leaves out what failed before, so this is no limit that a
/// payment with a way left comes to soon.
const MAX_SEARCHES: u32 = 50;

/// Names a part: its HTLC.
pub(super) type PartKey = (ChannelId, HtlcId);

/// An HTLC of ours that is a part of a payment.
#[derive(Debug)]
pub(crate) struct Part {
    pub hash: PaymentHash,
    /// What the HTLC carries, fees included.
    pub amount: Msat,
    /// What the payee gets by it.
    pub delivered: Msat,
    /// The way, as the ledger has it.
    pub route: Route,
    /// The same as it was found; unknown after a restart.
    pub path: Option<Path>,
    /// Why it fails, once the peer has said so.
    pub returned: Option<Returned>,
    /// The same for the ledger.
    pub failure: Option<Failure>,
    /// What came beside its preimage.
    pub attribution: Option<Attribution>,
}

impl Part {
    /// After a restart. A part without a way went to the payee itself.
    pub(super) fn of_record(record: &HtlcRecord, payment: &Payment) -> Self {
        let route = record.route.clone().unwrap_or_else(|| Route {
            hops: Vec::new(),
            session_nonce: payment.session_nonce,
        });
        Self {
            hash: record.payment_hash,
            amount: record.amount_msat,
            delivered: route.delivered().unwrap_or(record.amount_msat),
            route,
            path: None,
            returned: None,
            failure: record.failure.clone(),
            attribution: None,
        }
    }

    /// The nodes on its way.
    pub(crate) fn nodes(&self, payee: PublicKey) -> Vec<PublicKey> {
        if self.route.hops.is_empty() {
            return vec![payee];
        }
        self.route.hops.iter().map(|hop| hop.node_id).collect()
    }
}

/// A payment under way.
pub(super) struct Sending {
    pub attempt: u32,
    pub payee: PublicKey,
    amount: Msat,
    most: Msat,
    /// What to look for; none after a restart, when nothing is looked for.
    errand: Option<Errand>,
    ends_at: Instant,
    searches_left: u32,
    pub searching: bool,
    /// Parts of which it is open how they end.
    living: usize,
    carried: Msat,
    delivered: Msat,
    paid: bool,
    over: bool,
    failure: Option<Failure>,
}

impl Sending {
    pub(super) fn new(payment: &Payment, errand: Errand, timeout: Duration) -> Self {
        let begun = Self::waiting(payment);
        Self {
            errand: Some(errand),
            // A timeout beyond the clock's end is the operator's way to say never.
            ends_at: begun.ends_at.checked_add(timeout).unwrap_or(begun.ends_at),
            over: false,
            ..begun
        }
    }

    /// Nothing is tried any more; what lives is waited for.
    fn waiting(payment: &Payment) -> Self {
        Self {
            attempt: payment.attempt,
            payee: payment.payee,
            amount: payment.amount_msat,
            most: payment.most_msat().unwrap_or(payment.amount_msat),
            errand: None,
            ends_at: Instant::now(),
            searches_left: MAX_SEARCHES,
            searching: false,
            living: 0,
            carried: Msat::ZERO,
            delivered: Msat::ZERO,
            paid: payment.preimage.is_some(),
            over: true,
            failure: payment.failure.clone(),
        }
    }

    /// What is to be looked for, where something is.
    pub(super) fn begin_search(&mut self) -> Option<(Errand, RouteRequest)> {
        let errand = self.errand.clone()?;
        let missing = self.amount.checked_sub(self.delivered)?;
        let fee_left = self.most.checked_sub(self.carried)?.checked_sub(missing)?;
        self.searches_left = self.searches_left.checked_sub(1)?;
        self.searching = true;
        let request = errand
            .request
            .for_rest(missing.to_msat(), fee_left.to_msat());
        Some((errand, request))
    }

    /// Something is missing, nothing speaks against another try, and none is being made.
    pub(super) fn wants_another_way(&self, now: Instant, unix: u64) -> bool {
        let Some(errand) = &self.errand else {
            return false;
        };
        let in_time = now < self.ends_at && unix < errand.expires_at;
        self.delivered < self.amount
            && !(self.over || self.paid || self.searching)
            && self.searches_left > 0
            && in_time
    }

    /// Nothing of it is under way.
    pub(super) fn is_over(&self) -> bool {
        self.living == 0 && !self.searching
    }

    pub(super) fn is_paid(&self) -> bool {
        self.paid
    }

    /// No other way is tried. What a node on the way said goes before what this node says of itself.
    pub(super) fn no_other_way(&mut self, reason: Failure) {
        self.over = true;
        self.failure.get_or_insert(reason);
    }

    pub(super) fn into_failure(self) -> Failure {
        self.failure.unwrap_or_else(|| Failure {
            code: 0,
            culprit: None,
            reason: "timeout: no way was found within the time for it".to_owned(),
        })
    }
}

/// Payments under way, and the HTLCs that are their parts.
#[derive(Default)]
pub(super) struct Sendings {
    pub payments: HashMap<PaymentHash, Sending>,
    pub parts: HashMap<PartKey, Part>,
}

impl Sendings {
    /// A payment, if it is still that attempt of it.
    pub(super) fn of_attempt(&mut self, hash: &PaymentHash, attempt: u32) -> Option<&mut Sending> {
        let sending = self.payments.get_mut(hash)?;
        (sending.attempt == attempt).then_some(sending)
    }

    /// Whether another part is wanted, and within what the payment may cost. The ledger asks the same again.
    pub(super) fn may_add(&self, hash: &PaymentHash, part: &ReadyPart) -> bool {
        self.payments.get(hash).is_some_and(|sending| {
            let carried = sending.carried.checked_add(part.amount);
            let within = carried.is_some_and(|carried| carried <= sending.most);
            within && sending.delivered < sending.amount && !(sending.over || sending.paid)
        })
    }

    /// A part is on its way.
    pub(super) fn added(&mut self, hash: &PaymentHash, key: PartKey, ready: ReadyPart) {
        let part = Part {
            hash: *hash,
            amount: ready.amount,
            delivered: ready.route.delivered().unwrap_or(ready.amount),
            route: ready.route,
            path: Some(ready.path),
            returned: None,
            failure: None,
            attribution: None,
        };
        self.insert(key, part);
    }

    /// A part that was on its way before this process began.
    pub(super) fn restored(&mut self, key: PartKey, part: Part, payment: &Payment) {
        self.payments
            .entry(part.hash)
            .or_insert_with(|| Sending::waiting(payment));
        self.insert(key, part);
    }

    fn insert(&mut self, key: PartKey, part: Part) {
        if let Some(sending) = self.payments.get_mut(&part.hash) {
            sending.living += 1;
            sending.carried = sum(sending.carried, part.amount);
            sending.delivered = sum(sending.delivered, part.delivered);
        }
        self.parts.insert(key, part);
    }

    /// A channel would not take a part.
    pub(super) fn refused(&mut self, hash: &PaymentHash, why: &str) {
        if let Some(sending) = self.payments.get_mut(hash) {
            sending.failure = Some(Failure {
                code: 0,
                culprit: None,
                reason: format!("channel_refused: {why}"),
            });
        }
    }

    /// A part has paid. It stays counted: what is paid is not paid again.
    pub(super) fn paid(&mut self, part: &Part) {
        if let Some(sending) = self.payments.get_mut(&part.hash) {
            sending.living = sending.living.saturating_sub(1);
            sending.paid = true;
        }
    }

    /// A part has failed: it makes room for another, on another way if that can help.
    pub(super) fn failed(&mut self, part: &Part, router: &Router) {
        let Some(sending) = self.payments.get_mut(&part.hash) else {
            return;
        };
        sending.living = sending.living.saturating_sub(1);
        sending.carried = difference(sending.carried, part.amount);
        sending.delivered = difference(sending.delivered, part.delivered);
        if part.failure.is_some() {
            sending.failure.clone_from(&part.failure);
        }
        let returned = part.returned.as_ref().unwrap_or(&Returned::Local);
        if let (Some(errand), Some(path)) = (&mut sending.errand, &part.path) {
            match router.path_failed(path, returned, &mut errand.request) {
                NextTry::Worth => {}
                NextTry::Useless => sending.over = true,
            }
        }
    }
}

// Sums of what the ledger has let in, which never are more than there will ever be.
fn sum(a: Msat, b: Msat) -> Msat {
    a.checked_add(b).unwrap_or(a)
}

fn difference(a: Msat, b: Msat) -> Msat {
    a.checked_sub(b).unwrap_or(Msat::ZERO)
}
