//! Payments of this node: from the operator's order to HTLCs, over as many ways as it takes, and to their end.
//!
//! A payment that is pending has an HTLC in the ledger, or this process is looking for another way for it. What is
//! looked for stands only here: after a restart a payment without an HTLC has failed, and nothing is paid behind the
//! operator's back.

use std::time::{Duration, Instant};

use zarnitsa_channel::command::{Command, LocalCommand};
use zarnitsa_channel::error::ChannelError;
use zarnitsa_channel::ids::{ChannelId, HtlcId, PaymentHash};
use zarnitsa_channel::params::Side;
use zarnitsa_peer::routing::FirstHop;
use zarnitsa_service::records::{Failure, HtlcKey, Payment, PaymentStatus};
use zarnitsa_service::transactions::{PaymentOrder, PaymentResult};
use zarnitsa_service::{Attachment, LedgerCall};

use super::sending::{Part, Sending};
use super::step::Step;
use super::{Driver, Event};
use crate::sending::{NotSent, ReadyPart, Search};
use crate::time;

/// Unless the order says otherwise.
const TIMEOUT: Duration = Duration::from_secs(60);

impl Driver {
    /// The operator's order is on disk.
    pub(super) fn begin_payment(&mut self, order: &PaymentOrder) {
        let hash = order.payment_hash;
        let Some(payment) = self.shared.payment(&hash) else {
            return;
        };
        let begun = self.sendings.payments.contains_key(&hash);
        if payment.status != PaymentStatus::Pending || begun {
            return;
        }
        let timeout = match order.timeout_seconds {
            0 => TIMEOUT,
            seconds => Duration::from_secs(seconds.into()),
        };
        let errand = self.shared.errand(&payment);
        match errand {
            Ok(errand) => {
                let sending = Sending::new(&payment, errand, timeout);
                self.sendings.payments.insert(hash, sending);
                self.search(&hash);
            }
            Err(reason) => self.fail_payment(&payment, reason.into()),
        }
    }

    /// Looks for ways for what the payee is still to get. It may take a while, so it is done beside the driver.
    fn search(&mut self, hash: &PaymentHash) {
        let first_hops = self.first_hops();
        let block_height = self.watching.then_some(self.block_height);
        let Some(sending) = self.sendings.payments.get_mut(hash) else {
            return;
        };
        let Some((errand, request)) = sending.begin_search() else {
            return;
        };
        let search = Search {
            errand,
            request,
            first_hops,
            block_height,
        };
        let (shared, to_self) = (self.shared.clone(), self.to_self.clone());
        let (hash, attempt) = (*hash, sending.attempt);
        tokio::task::spawn_blocking(move || {
            let found = shared.search(&search);
            let _ = to_self.send(Event::Routed {
                hash,
                attempt,
                found,
            });
        });
    }

    /// Channels that can carry something now.
    fn first_hops(&self) -> Vec<(ChannelId, FirstHop)> {
        let limits = self.shared.limits();
        let ready = self
            .channels
            .iter()
            .filter(|(_, live)| live.is_ready() && live.machine.is_usable())
            .filter(|(_, live)| !self.is_underpaid(live));
        ready
            .filter_map(|(id, live)| {
                let (machine, params) = (&live.machine, live.machine.params());
                let number = machine
                    .short_channel_id()
                    .or_else(|| machine.holder_alias());
                let hop = FirstHop {
                    peer: params.peer,
                    short_channel_id: number?,
                    alias: machine.holder_alias(),
                    announced: params.announce,
                    capacity_sat: params.capacity.to_sat(),
                    spendable_msat: machine.spendable_msat(&limits).to_msat(),
                    minimum_msat: params.counterparty.htlc_minimum.to_msat(),
                };
                Some((*id, hop))
            })
            .collect()
    }

    /// Ways were found, or none was.
    pub(super) fn routed(
        &mut self,
        hash: &PaymentHash,
        attempt: u32,
        found: Result<Vec<ReadyPart>, NotSent>,
    ) {
        let Some(sending) = self.sendings.of_attempt(hash, attempt) else {
            return;
        };
        sending.searching = false;
        match found {
            Ok(parts) => {
                for part in parts {
                    self.offer(hash, part);
                }
            }
            Err(reason) => sending.no_other_way(reason.into()),
        }
        self.go_on(hash);
    }

    /// An HTLC for a part of the payment: step of the channel and of the payment in one.
    fn offer(&mut self, hash: &PaymentHash, part: ReadyPart) {
        // The payment may have come to its end while ways for it were looked for.
        if !self.sendings.may_add(hash, &part) {
            return;
        }
        let id = part.channel_id;
        let refused = self.add_htlc(hash, &part).err();
        let newest = self.channels.get(&id).and_then(|live| {
            let offered = live
                .machine
                .htlcs()
                .filter(|h| h.offered_by == Side::Holder);
            offered.map(|htlc| htlc.id).max()
        });
        match (refused, newest) {
            (None, Some(htlc)) => self.sendings.added(hash, (id, htlc), part),
            (Some(error), _) => {
                // Another payment was faster. The next search sees what the channel has left.
                tracing::debug!(channel = %id, %hash, %error, "a part was not taken");
                self.sendings.refused(hash, &error.to_string());
            }
            (None, None) => {}
        }
    }

    fn add_htlc(&mut self, hash: &PaymentHash, part: &ReadyPart) -> Result<(), ChannelError> {
        let step = Step {
            command: Command::Local(LocalCommand::AddHtlc {
                amount: part.amount,
                payment_hash: *hash,
                cltv_expiry: part.cltv_expiry,
            }),
            attachment: Attachment {
                onion: part.onion.clone(),
                route: Some(part.route.clone()),
                ..Attachment::default()
            },
        };
        self.advance(part.channel_id, step)
    }

    /// An HTLC of ours was fulfilled.
    pub(super) fn part_fulfilled(&mut self, id: ChannelId, htlc: HtlcId) {
        let Some(mut part) = self.sendings.parts.remove(&(id, htlc)) else {
            return; // a forwarded one
        };
        self.tell_held(&mut part);
        if let Some(path) = &part.path {
            self.shared.router.path_succeeded(path);
        }
        self.sendings.paid(&part);
        self.go_on(&part.hash);
    }

    /// An HTLC of ours is gone for good without having paid.
    pub(super) fn part_failed(&mut self, id: ChannelId, htlc: HtlcId) {
        let Some(part) = self.sendings.parts.remove(&(id, htlc)) else {
            return; // a forwarded one
        };
        self.sendings.failed(&part, &self.shared.router);
        self.go_on(&part.hash);
    }

    /// The channel was read again from the ledger: parts that it does not have were refused there.
    pub(super) fn forget_refused_parts(&mut self, id: ChannelId) {
        let Some(live) = self.channels.get(&id) else {
            return;
        };
        let lost: Vec<HtlcId> = self
            .sendings
            .parts
            .keys()
            .filter(|(of, htlc)| *of == id && live.machine.htlc(Side::Holder, *htlc).is_none())
            .map(|(_, htlc)| *htlc)
            .collect();
        for htlc in lost {
            self.part_failed(id, htlc);
        }
    }

    /// Another way where one is wanted; the end where nothing is under way any more.
    fn go_on(&mut self, hash: &PaymentHash) {
        let Some(sending) = self.sendings.payments.get(hash) else {
            return;
        };
        if sending.wants_another_way(Instant::now(), time::unix()) {
            return self.search(hash);
        }
        if sending.is_over() {
            if let Some(sending) = self.sendings.payments.remove(hash) {
                self.end(hash, sending);
            }
        }
    }

    fn end(&self, hash: &PaymentHash, sending: Sending) {
        if sending.is_paid() {
            return; // the ledger knows it from the HTLCs
        }
        let (attempt, failure) = (sending.attempt, sending.into_failure());
        tracing::info!(%hash, reason = failure.reason, "a payment failed");
        self.report_failure(*hash, attempt, failure);
    }

    fn report_failure(&self, payment_hash: PaymentHash, attempt: u32, failure: Failure) {
        let result = PaymentResult {
            payment_hash,
            attempt,
            failure,
        };
        let _queued = self.outbox.submit(LedgerCall::PaymentResult(result)); // whoever waits is woken by the block
    }

    fn fail_payment(&self, payment: &Payment, failure: Failure) {
        tracing::info!(hash = %payment.payment_hash, reason = failure.reason, "a payment failed before it began");
        self.report_failure(payment.payment_hash, payment.attempt, failure);
    }

    /// After a start: parts that still live are waited for, and nothing is added to them.
    pub(super) fn restore_parts(&mut self) {
        let offered = self.channels.iter().flat_map(|(id, live)| {
            let htlcs = live.machine.htlcs();
            htlcs
                .filter(|htlc| htlc.offered_by == Side::Holder)
                .map(|htlc| (*id, htlc.id))
        });
        let offered: Vec<_> = offered.collect();
        for (id, htlc) in offered {
            let key = HtlcKey::new(&id, Side::Holder, htlc);
            let record = self.shared.htlc(&key);
            let Some(record) = record.filter(|it| it.pays_payment && it.is_undecided()) else {
                continue;
            };
            if let Some(payment) = self.shared.payment(&record.payment_hash) {
                let part = Part::of_record(&record, &payment);
                self.sendings.restored((id, htlc), part, &payment);
            }
        }
    }

    /// After a start: a payment without an HTLC is over, whatever this process's predecessor was about to try.
    pub(super) fn end_interrupted_payments(&mut self) {
        for payment in self.shared.pending_payments() {
            if !self.sendings.payments.contains_key(&payment.payment_hash) {
                let known = payment.failure.clone();
                let failure = known.unwrap_or_else(|| NotSent::Interrupted.into());
                self.fail_payment(&payment, failure);
            }
        }
    }
}
