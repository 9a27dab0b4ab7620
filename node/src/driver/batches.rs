//! Several channels by one opening transaction: it leaves when the ledger has every peer's funding_signed, which one
//! ledger transaction stores for all channels together. Before that nothing has left that costs anything, and every
//! channel can be given up; after it none is. So a crash at any moment leaves all of them or none.

use std::collections::HashMap;

use bitcoin::secp256k1::PublicKey;
use bitcoin::Txid;
use exonum::crypto::Hash;
use zarnitsa_channel::command::{Command, LocalCommand};
use zarnitsa_channel::ids::ChannelId;
use zarnitsa_channel::message::{OutgoingMessage, PeerMessage};
use zarnitsa_channel::opening::AcceptedOpener;
use zarnitsa_channel::state::{Channel, Context};
use zarnitsa_peer::Connection;
use zarnitsa_service::records::{OpenBatchRequest, RequestStatus};
use zarnitsa_service::transactions::{BatchSigned, RequestResult, SignedOpening};
use zarnitsa_service::LedgerCall;

use crate::time;

use super::effects::{Batch as EffectBatch, Effect};
use super::step::{split, Step};
use super::{Driver, Event};

/// After so many seconds a peer that has not answered fails the batch.
const PATIENCE_SECONDS: u64 = 45;

/// Batches under way, by the hash of their order. Only here: after a restart a batch that is not signed is given up.
#[derive(Debug, Default)]
pub(super) struct Batches(HashMap<Hash, Batch>);

#[derive(Debug)]
struct Batch {
    order: OpenBatchRequest,
    /// Unix time.
    since: u64,
    accepted: Vec<(Connection, AcceptedOpener)>,
    /// Once the opening transaction is made.
    funded: Option<Txid>,
    channels: Vec<ChannelId>,
    /// What came of the peers' funding_signed.
    signed: HashMap<ChannelId, PeerMessage>,
}

impl Batches {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn has(&self, request: &Hash) -> bool {
        self.0.contains_key(request)
    }

    /// The order whose batch the channel is one of, until the batch is signed.
    pub(super) fn of_channel(&self, id: &ChannelId) -> Option<Hash> {
        let mut all = self.0.iter();
        all.find(|(_, batch)| batch.channels.contains(id))
            .map(|(request, _)| *request)
    }
}

impl Driver {
    /// Connects to every peer of the batch.
    pub(super) fn reach_peers(&self, request: Hash, order: OpenBatchRequest) {
        let (shared, to_self) = (self.shared.clone(), self.to_self.clone());
        tokio::spawn(async move {
            let mut connections = Vec::with_capacity(order.channels.len());
            for channel in &order.channels {
                match shared.reach(channel.peer, &channel.address).await {
                    Ok(connection) => connections.push(connection),
                    Err(error) => {
                        let _ = to_self.send(Event::PeerNotReached {
                            request,
                            peer: channel.peer,
                            reason: error.to_string(),
                        });
                        return;
                    }
                }
            }
            let _ = to_self.send(Event::PeersReached {
                request,
                order,
                connections,
            });
        });
    }

    /// Every peer is connected: says open_channel to each.
    pub(super) fn begin_batch(
        &mut self,
        request: Hash,
        order: OpenBatchRequest,
        connections: &[Connection],
    ) {
        let batch = Batch {
            order: order.clone(),
            since: time::unix(),
            accepted: Vec::new(),
            funded: None,
            channels: Vec::new(),
            signed: HashMap::new(),
        };
        self.batches.0.insert(request, batch);
        for (channel, connection) in order.channels.iter().zip(connections) {
            if !self.batches.has(&request) {
                return; // it has failed meanwhile
            }
            self.begin_opening(request, channel, *connection);
        }
    }

    /// A peer has accepted. With the last one the opening transaction can be made.
    pub(super) fn accepted_in_batch(
        &mut self,
        request: Hash,
        connection: Connection,
        accepted: AcceptedOpener,
    ) {
        let Some(batch) = self.batches.0.get_mut(&request) else {
            return;
        };
        batch.accepted.push((connection, accepted));
        if batch.accepted.len() < batch.order.channels.len() {
            return;
        }
        let feerate_per_kw = match batch.order.feerate_per_kw {
            0 => self.shared.opening_feerate_per_kw(),
            ordered => ordered,
        };
        let accepted = std::mem::take(&mut batch.accepted);
        if let Err(reason) = self.fund_batch(request, accepted, feerate_per_kw) {
            self.order_failed(request, &reason);
        }
    }

    fn fund_batch(
        &mut self,
        request: Hash,
        accepted: Vec<(Connection, AcceptedOpener)>,
        feerate_per_kw: u32,
    ) -> Result<(), String> {
        let outputs: Vec<_> = accepted
            .iter()
            .map(|(_, accepted)| accepted.funding_output())
            .collect();
        let (places, transaction) = self
            .shared
            .fund_batch(&outputs, feerate_per_kw)
            .map_err(|error| error.to_string())?;
        if let Some(batch) = self.batches.0.get_mut(&request) {
            batch.funded = Some(transaction.compute_txid());
        }
        // All of them are checked before the first is stored.
        let mut funded = Vec::with_capacity(places.len());
        for ((connection, accepted), place) in accepted.into_iter().zip(places) {
            let channel = accepted
                .fund(place, transaction.clone())
                .map_err(|error| error.to_string())?;
            funded.push((connection, channel));
        }
        if let Some(batch) = self.batches.0.get_mut(&request) {
            let channels = funded.iter().map(|(_, (channel, _, _))| channel.id());
            batch.channels = channels.collect();
        }
        for (connection, (channel, actions, opening)) in funded {
            self.store_opening(connection, channel, actions, opening, Some(request));
        }
        Ok(())
    }

    /// funding_signed for a channel of a batch: kept until all are here. Whether it was one is the answer.
    pub(super) fn signed_in_batch(&mut self, id: ChannelId, message: &PeerMessage) -> bool {
        let PeerMessage::FundingSigned { .. } = message else {
            return false;
        };
        let Some(request) = self.batches.of_channel(&id) else {
            return false;
        };
        if let Err(reason) = self.try_signed(id, message) {
            if let Some(peer) = self.peer_of(&id) {
                self.order_failed_by(request, &peer, &reason);
            }
            return true;
        }
        let Some(batch) = self.batches.0.get_mut(&request) else {
            return true;
        };
        batch.signed.insert(id, message.clone());
        if batch.signed.len() == batch.channels.len() {
            self.batch_signed(request);
        }
        true
    }

    /// What the machine makes of it; nothing is changed.
    fn try_signed(&self, id: ChannelId, message: &PeerMessage) -> Result<Next, String> {
        let live = self.channels.get(&id).ok_or("the channel is gone")?;
        let limits = self.shared.limits();
        let context = Context {
            verifier: &*self.shared.verifier,
            limits: &limits,
        };
        let command = Command::Peer {
            message: message.clone(),
            next_holder_point: None,
        };
        let next = live.machine.clone().handle(command, &context);
        next.map_err(|error| error.to_string())
    }

    /// All have signed: one ledger transaction, and once that is on disk the opening transaction leaves.
    fn batch_signed(&mut self, request: Hash) {
        let Some(batch) = self.batches.0.remove(&request) else {
            return;
        };
        let mut openings = Vec::with_capacity(batch.channels.len());
        let mut effects = Vec::new();
        let mut told = Vec::new();
        let mut first = None;
        for id in &batch.channels {
            let message = batch.signed.get(id);
            let next = message
                .ok_or_else(String::new)
                .and_then(|m| self.try_signed(*id, m));
            let (Ok((machine, actions)), Some(live)) = (next, self.channels.get_mut(id)) else {
                continue; // each was tried when it came, and nothing has moved these channels since
            };
            let Some(PeerMessage::FundingSigned { signature }) = message else {
                continue;
            };
            openings.push(SignedOpening {
                channel_id: *id,
                step_number: live.steps,
                signature: *signature,
            });
            self.names.learn(&machine);
            self.heads.moved(machine.params().peer);
            live.machine = machine;
            live.steps += 1;
            let (to_do, events) = split(actions);
            if first.is_none() {
                first = Some((live.target(), live.connection()));
                effects = to_do; // the others would broadcast the same transaction
            }
            told.push((*id, events));
        }
        let call = LedgerCall::BatchSigned(BatchSigned { request, openings });
        let receipt = Some(self.outbox.submit(call));
        if let Some((target, connection)) = first {
            self.outbox.enqueue(EffectBatch {
                receipt,
                target,
                connection,
                effects,
            });
        }
        for (id, events) in told {
            self.follow(id, events);
        }
        self.batch_done(request);
    }

    fn batch_done(&self, request: Hash) {
        let result = RequestResult {
            request,
            status: RequestStatus::Done,
            channel_id: None,
            reason: String::new(),
        };
        let _queued = self.outbox.submit(LedgerCall::RequestResult(result)); // whoever waits is woken by the block
    }

    /// An order to open came to nothing. If it was for a batch, none of its channels is opened.
    pub(super) fn order_failed(&mut self, request: Hash, reason: &str) {
        let batch = self.batches.0.remove(&request);
        self.shared.request_failed(request, reason);
        let Some(batch) = batch else { return };
        self.openings.forget_request(request);
        for (connection, accepted) in &batch.accepted {
            let temporary = accepted.open().temporary_channel_id;
            self.refuse_opening(*connection, temporary, "the opening is given up");
        }
        for id in batch.channels {
            self.give_up_unsigned(id, reason);
        }
        if let Some(txid) = batch.funded {
            self.shared.release_coins(&txid);
        }
    }

    /// A channel of a batch that another one's failure takes with it. Its peer may have signed, and would wait for the
    /// opening transaction.
    fn give_up_unsigned(&mut self, id: ChannelId, reason: &str) {
        let Some(live) = self.channels.get(&id) else {
            return;
        };
        if !matches!(live.machine, Channel::AwaitingFundingSigned(_)) {
            return;
        }
        let (target, connection) = (live.target(), live.connection());
        let reason = format!("another channel of the batch failed: {reason}");
        let step = Step::local(LocalCommand::Abandon { reason });
        if let Err(error) = self.advance(id, step) {
            tracing::error!(channel = %id, %error, "could not be given up");
            return;
        }
        let text = "the opening is given up".to_owned();
        self.outbox.enqueue(EffectBatch {
            receipt: None,
            target,
            connection,
            effects: vec![Effect::Send(OutgoingMessage::Error { text })],
        });
    }

    fn peer_of(&self, id: &ChannelId) -> Option<PublicKey> {
        let live = self.channels.get(id)?;
        Some(live.machine.params().peer)
    }

    /// Batches that a peer keeps waiting.
    pub(super) fn fail_overdue_batches(&mut self) {
        let now = time::unix();
        let overdue = |batch: &Batch| now.saturating_sub(batch.since) >= PATIENCE_SECONDS;
        let all = self.batches.0.iter();
        let late: Vec<(Hash, Option<PublicKey>)> = all
            .filter(|(_, batch)| overdue(batch))
            .map(|(request, batch)| (*request, self.who_is_late(batch)))
            .collect();
        let reason = "no answer in time";
        for (request, peer) in late {
            match peer {
                Some(peer) => self.order_failed_by(request, &peer, reason),
                None => self.order_failed(request, reason),
            }
        }
    }

    /// The first peer that has not said what is its turn to say.
    fn who_is_late(&self, batch: &Batch) -> Option<PublicKey> {
        if batch.funded.is_none() {
            let said = |peer: &PublicKey| {
                let mut all = batch.accepted.iter();
                all.any(|(connection, _)| connection.node_id == *peer)
            };
            let mut peers = batch.order.channels.iter().map(|order| order.peer);
            return peers.find(|peer| !said(peer));
        }
        let mut ids = batch.channels.iter();
        let silent = ids.find(|id| !batch.signed.contains_key(*id))?;
        self.peer_of(silent)
    }

    /// After a start: the ledger says whether all had signed.
    pub(super) fn resume_batch(
        &self,
        request: Hash,
        order: &OpenBatchRequest,
        channels: &[ChannelId],
    ) {
        let is_signed = |id: &ChannelId| {
            let record = self.shared.channel_record(id);
            record.is_some_and(|record| !matches!(record.state.as_str(), "opening" | "failed"))
        };
        if channels.len() == order.channels.len() && channels.iter().all(is_signed) {
            self.batch_done(request);
        } else {
            let reason = "the node stopped during the opening";
            self.shared.request_failed(request, reason);
        }
    }
}

type Next = (Channel, Vec<zarnitsa_channel::action::Action>);
