//! HTLCs' records, and with them payments and invoices: what the machine did to its HTLCs is written in the same step.

use std::collections::BTreeMap;

use exonum::runtime::ExecutionError;
use zarnitsa_channel::action::{Action, Event, FailureReason};
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::command::{Command, LocalCommand};
use zarnitsa_channel::htlc::{Htlc, HtlcState as MachineState, Resolution};
use zarnitsa_channel::ids::{ChannelId, HtlcId, PaymentHash, PaymentPreimage};
use zarnitsa_channel::params::Side;
use zarnitsa_channel::state::Channel;

use super::channels::Extra;
use super::describe::HtlcMark;
use super::forwards::OutgoingHalf;
use super::Ledger;
use crate::errors::{HtlcError, PaymentError};
use crate::records::{Failure, HtlcKey, HtlcOnion, HtlcRecord, HtlcRef, HtlcState, Payment, Route};
use crate::transactions::Step;

/// What the ledger keeps of one of the machine's HTLCs.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Seen {
    offerer: Side,
    id: HtlcId,
    amount: Msat,
    payment_hash: PaymentHash,
    cltv_expiry: u32,
    state: HtlcState,
    preimage: Option<PaymentPreimage>,
}

impl Seen {
    fn of(htlc: &Htlc) -> Self {
        Self {
            offerer: htlc.offered_by,
            id: htlc.id,
            amount: htlc.amount,
            payment_hash: htlc.payment_hash,
            cltv_expiry: htlc.cltv_expiry,
            state: state_of(htlc),
            preimage: htlc.preimage,
        }
    }
}

fn state_of(htlc: &Htlc) -> HtlcState {
    if htlc.preimage.is_some() {
        return HtlcState::Fulfilled;
    }
    match &htlc.state {
        MachineState::Adding(_) => HtlcState::Added,
        MachineState::Live => HtlcState::Committed,
        MachineState::Removing { resolution, .. } => match resolution {
            Resolution::Fulfilled(_) => HtlcState::Fulfilled,
            Resolution::Failed { .. } | Resolution::Malformed { .. } => HtlcState::Failed,
        },
    }
}

/// A channel's HTLCs, in the order of their keys.
pub(super) struct Htlcs {
    channel_id: ChannelId,
    seen: BTreeMap<HtlcKey, Seen>,
    is_over: bool,
}

impl Htlcs {
    /// The machine's HTLCs at this moment.
    pub(super) fn of(machine: &Channel) -> Self {
        let channel_id = machine.id();
        let seen = machine
            .htlcs()
            .map(|htlc| {
                let key = HtlcKey::new(&channel_id, htlc.offered_by, htlc.id);
                (key, Seen::of(htlc))
            })
            .collect();
        Self {
            channel_id,
            seen,
            is_over: super::channels::is_over(machine),
        }
    }

    fn get(&self, offerer: Side, id: HtlcId) -> Option<&Seen> {
        self.seen.get(&HtlcKey::new(&self.channel_id, offerer, id))
    }
}

impl Ledger<'_> {
    /// What the machine cannot know: an HTLC of ours needs a cause, a preimage is released only for what pays its invoice,
    /// and an HTLC that was forwarded is failed only when nobody can claim its other half. Gives a new HTLC's cause.
    pub(super) fn check_htlc_step(
        &self,
        step: &Step,
        incoming: Option<&HtlcRef>,
        route: Option<&Route>,
    ) -> Result<Cause, ExecutionError> {
        let Command::Local(command) = &step.command else {
            return Ok(Cause::None);
        };
        match command {
            LocalCommand::AddHtlc {
                amount,
                payment_hash,
                cltv_expiry,
            } => {
                let Some(incoming) = incoming else {
                    let payment = self.payment_for_htlc(payment_hash, *amount, route)?;
                    let leads_to_payee =
                        |route: &Route| route.leads_to(&payment.payee, *amount, *cltv_expiry);
                    if !route.is_none_or(leads_to_payee) {
                        return Err(PaymentError::BadRoute.into());
                    }
                    return Ok(Cause::Payment(Box::new(payment)));
                };
                let half = OutgoingHalf {
                    amount: *amount,
                    payment_hash: *payment_hash,
                    cltv_expiry: *cltv_expiry,
                };
                let incoming = self.incoming_of_forward(incoming, &half)?;
                Ok(Cause::Forward(Box::new(incoming)))
            }
            LocalCommand::FulfillHtlc { id, preimage } => {
                let htlc = self.received_htlc(&step.channel_id, *id)?;
                if preimage.payment_hash() != htlc.payment_hash {
                    return Err(HtlcError::WrongPreimage.into());
                }
                if htlc.forward.is_none() {
                    self.check_invoice_paid_by(&htlc)?;
                }
                Ok(Cause::None)
            }
            LocalCommand::FailHtlc { id, .. } | LocalCommand::FailMalformedHtlc { id, .. } => {
                let htlc = self.received_htlc(&step.channel_id, *id)?;
                if htlc.preimage.is_some() {
                    return Err(HtlcError::PreimageKnown.into());
                }
                self.check_other_half_is_gone(&htlc)?;
                self.check_invoice_not_paid_by(&htlc)?;
                Ok(Cause::None)
            }
            LocalCommand::UpdateFee { .. }
            | LocalCommand::Commit
            | LocalCommand::WithdrawHtlcs
            | LocalCommand::Shutdown { .. }
            | LocalCommand::ProposeClosing { .. }
            | LocalCommand::ForceClose { .. }
            | LocalCommand::LoseData { .. }
            | LocalCommand::Abandon { .. } => Ok(Cause::None),
        }
    }

    fn received_htlc(&self, channel_id: &ChannelId, id: HtlcId) -> Result<HtlcRecord, HtlcError> {
        let key = HtlcKey::new(channel_id, Side::Counterparty, id);
        self.read
            .htlcs()
            .get(&key.raw())
            .ok_or(HtlcError::UnknownHtlc)
    }

    /// Writes what became of the channel's HTLCs. Gives the one that was added or resolved, where one was.
    pub(super) fn write_htlcs(
        &mut self,
        before: &Htlcs,
        after: &Htlcs,
        extra: Extra,
        cause: Cause,
    ) -> Option<HtlcMark> {
        let mut mark = None;
        let mut new = NewHtlc {
            onion: extra.onion,
            route: extra.route,
            cause,
        };
        for (key, now) in &after.seen {
            let changed = match before.seen.get(key) {
                Some(earlier) if earlier == now => false,
                Some(_) => {
                    self.htlc_changed(key, now, extra.failure.as_ref(), &extra.attribution);
                    true
                }
                None => {
                    self.htlc_added(after.channel_id, key, now, &mut new);
                    true
                }
            };
            if changed {
                mark = Some(HtlcMark {
                    id: now.id,
                    amount: now.amount,
                });
            }
        }
        for (key, earlier) in &before.seen {
            if !after.seen.contains_key(key) {
                self.htlc_gone(key, earlier, after.is_over);
            }
        }
        mark
    }

    fn htlc_added(&mut self, channel_id: ChannelId, key: &HtlcKey, now: &Seen, new: &mut NewHtlc) {
        let cause = match now.offerer {
            Side::Holder => std::mem::take(&mut new.cause),
            Side::Counterparty => Cause::None,
        };
        let mut record = HtlcRecord {
            channel_id,
            offerer: now.offerer,
            id: now.id,
            amount_msat: now.amount,
            payment_hash: now.payment_hash,
            cltv_expiry: now.cltv_expiry,
            state: now.state,
            removed: false,
            preimage: now.preimage,
            failure: None,
            pays_payment: false,
            pays_invoice: false,
            added_height: self.height,
            updated_height: self.height,
            forward: None,
            must_fail: false,
            route: None,
        };
        if let Some(onion) = new.onion.take() {
            self.schema.onions().put(key, onion.into_stored());
        }
        match cause {
            Cause::None => self.schema.htlcs().put(&key.raw(), record),
            Cause::Payment(payment) => {
                record.pays_payment = true;
                record.route = new.route.take();
                let reference = record.reference();
                self.schema.htlcs().put(&key.raw(), record); // the payment's sums are those of the records
                self.payment_add_htlc(*payment, reference);
            }
            Cause::Forward(incoming) => {
                record.forward = Some(incoming.reference());
                self.forward_begins(*incoming, &record);
                self.schema.htlcs().put(&key.raw(), record);
            }
        }
    }

    fn htlc_changed(
        &mut self,
        key: &HtlcKey,
        now: &Seen,
        failure: Option<&Failure>,
        attribution: &[u8],
    ) {
        let Some(mut record) = self.read.htlcs().get(&key.raw()) else {
            return;
        };
        let released = record.preimage.is_none().then_some(now.preimage).flatten();
        let failed = now.state == HtlcState::Failed && record.state != HtlcState::Failed;
        record.state = now.state;
        record.preimage = now.preimage;
        record.updated_height = self.height;
        if failed {
            record.failure = failure.cloned();
        }
        // What came beside a preimage is of no use once it is read; what goes beside one may have to be said again.
        let is_said = failed || (released.is_some() && now.offerer == Side::Counterparty);
        if is_said && !attribution.is_empty() {
            self.schema.attributions().put(key, attribution.to_vec());
        }
        if now.offerer == Side::Counterparty {
            if let Some(preimage) = released.filter(|_| record.forward.is_none()) {
                record.pays_invoice |= self.invoice_paid(&record, preimage);
            }
            if failed && record.pays_invoice {
                record.pays_invoice = false;
                self.invoice_htlc_failed(&record.payment_hash, &record.reference());
            }
        }
        self.schema.htlcs().put(&key.raw(), record);
    }

    /// The HTLC is in no commitment any more. One that never was in any is forgotten: its id will be given again.
    fn htlc_gone(&mut self, key: &HtlcKey, earlier: &Seen, channel_is_over: bool) {
        self.schema.onions().remove(key);
        let fulfilled = earlier.state == HtlcState::Fulfilled;
        if earlier.state == HtlcState::Failed
            || (fulfilled && earlier.offerer == Side::Counterparty)
        {
            self.schema.attributions().remove(key);
        }
        let Some(mut record) = self.read.htlcs().get(&key.raw()) else {
            return;
        };
        if earlier.state == HtlcState::Added && !channel_is_over {
            self.schema.htlcs().remove(&key.raw());
            if record.pays_payment {
                self.payment_htlc_dropped(&record.payment_hash, &record.reference());
                let failure = failure_of(&FailureReason::Withdrawn);
                self.payment_htlc_failed(&record.payment_hash, failure);
            }
            if let Some(incoming) = record.forward.filter(|_| earlier.offerer == Side::Holder) {
                self.forward_withdrawn(&incoming);
            }
            return;
        }
        if let Some(outgoing) = record
            .forward
            .filter(|_| earlier.offerer == Side::Counterparty)
        {
            self.schema.returned_failures().remove(&outgoing.key());
        }
        record.removed = true;
        record.updated_height = self.height;
        self.schema.htlcs().put(&key.raw(), record);
    }

    /// What the machine tells of its HTLCs, for payments and invoices.
    pub(super) fn follow_events(&mut self, before: &Htlcs, after: &Htlcs, actions: &[Action]) {
        for action in actions {
            let Action::Tell(event) = action else {
                continue;
            };
            match event {
                Event::HtlcAccepted { id } => self.htlc_accepted(after, *id),
                Event::HtlcFulfilled { id, preimage } => {
                    self.htlc_fulfilled(after.channel_id, *id, *preimage);
                }
                Event::HtlcFailed { id, reason } => {
                    if let Some(htlc) = before.get(Side::Holder, *id) {
                        self.htlc_failed(before.channel_id, htlc, reason);
                    }
                }
                Event::HtlcOverExposure { id } => self.htlc_must_fail(after.channel_id, *id),
                Event::HtlcRemoved { .. }
                | Event::CommitmentDue
                | Event::Reestablished
                | Event::Usable
                | Event::ClosingFeeDue
                | Event::ShutdownDue
                | Event::StateChanged
                | Event::OutputsChanged
                | Event::PastHtlcsDue => {}
            }
        }
    }

    fn htlc_accepted(&mut self, after: &Htlcs, id: HtlcId) {
        let key = HtlcKey::new(&after.channel_id, Side::Counterparty, id);
        let Some(mut record) = self.read.htlcs().get(&key.raw()) else {
            return;
        };
        if self.invoice_accepted(&record) {
            record.pays_invoice = true;
            self.schema.htlcs().put(&key.raw(), record);
        }
    }

    fn htlc_must_fail(&mut self, channel_id: ChannelId, id: HtlcId) {
        let key = HtlcKey::new(&channel_id, Side::Counterparty, id);
        let record = self.read.htlcs().get(&key.raw());
        if let Some(mut record) = record {
            record.must_fail = true;
            self.schema.htlcs().put(&key.raw(), record);
        }
    }

    /// The preimage of an HTLC of ours is here: it counts for what the HTLC was offered for, never for the hash alone.
    fn htlc_fulfilled(&mut self, channel_id: ChannelId, id: HtlcId, preimage: PaymentPreimage) {
        let key = HtlcKey::new(&channel_id, Side::Holder, id);
        let Some(record) = self.read.htlcs().get(&key.raw()) else {
            return;
        };
        if record.pays_payment {
            self.payment_fulfilled(&record.payment_hash, preimage);
        }
        if let Some(incoming) = &record.forward {
            self.forward_fulfilled(incoming);
        }
    }

    /// An HTLC of ours is irrevocably gone without a preimage. One that was never sent has no record any more: what hung on
    /// it ended with the record.
    fn htlc_failed(&mut self, channel_id: ChannelId, htlc: &Seen, reason: &FailureReason) {
        let key = HtlcKey::new(&channel_id, Side::Holder, htlc.id);
        let Some(mut record) = self.read.htlcs().get(&key.raw()) else {
            return;
        };
        let failure = record.failure.clone().unwrap_or_else(|| failure_of(reason));
        record.state = HtlcState::Failed;
        record.removed = true;
        let (incoming, pays_payment) = (record.forward, record.pays_payment);
        self.schema.htlcs().put(&key.raw(), record);
        if let Some(incoming) = incoming {
            self.schema.returned_failures().put(&key, reason.into());
            self.forward_failed(&incoming, failure);
        } else if pays_payment {
            self.payment_htlc_failed(&htlc.payment_hash, failure);
        }
    }
}

/// What an HTLC of ours is offered for.
#[derive(Default)]
pub(super) enum Cause {
    /// The step offers none.
    #[default]
    None,
    /// A payment of this node's.
    Payment(Box<Payment>),
    /// An HTLC that this node is offered.
    Forward(Box<HtlcRecord>),
}

/// What a new HTLC comes with.
struct NewHtlc {
    onion: Option<HtlcOnion>,
    route: Option<Route>,
    cause: Cause,
}

/// What is known of a failure that nobody decoded.
fn failure_of(reason: &FailureReason) -> Failure {
    let (code, reason) = match reason {
        FailureReason::Onion(_) => (0, "the failure message could not be read"),
        FailureReason::Malformed { failure_code, .. } => {
            (*failure_code, "the next node could not read the onion")
        }
        FailureReason::Withdrawn => (0, "the HTLC was never sent: the channel had no room for it"),
        FailureReason::OnChain => (0, "the HTLC ended with its channel, on chain"),
    };
    Failure {
        code,
        culprit: None,
        reason: reason.to_owned(),
    }
}
