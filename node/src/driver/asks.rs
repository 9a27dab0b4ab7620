//! Channels that peers ask this node to open, and that it asks hubs for. What was asked and what became of it is in the
//! ledger; here is only what a restart may forget: what was said on the present connections.

use std::collections::{HashMap, HashSet};

use bitcoin::secp256k1::PublicKey;
use bitcoin::Amount;
use exonum::crypto::Hash;
use exonum::merkledb::BinaryValue;
use zarnitsa_channel::ids::ChannelId;
use zarnitsa_ledger::BlockTransaction;
use zarnitsa_peer::{AskStage, ChannelAsk, ChannelAskState, Connection, OwnMessage};
use zarnitsa_service::records::{Ask, AskCase, AskChannelRequest, AskStatus};
use zarnitsa_service::transactions::{AskChange, AskStep, OpenAsked};
use zarnitsa_service::{read, LedgerCall};

use super::{Driver, Event};
use crate::server_handler::asks::gather;
use crate::time;

/// A hub that has not answered within so many seconds does not know such messages.
const ANSWER_SECONDS: u64 = 30;
/// After so many seconds a hub is asked no more.
const HUB_SECONDS: u64 = 2 * 86_400;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Asks {
    /// Peers whose ask is on its way into the ledger.
    arriving: HashSet<PublicKey>,
    /// The ledger may have asks of peers that are not over.
    any_open: bool,
    /// An order to open some of them is on its way into the ledger.
    ordering: bool,
    /// What this node asks of hubs, by the hash of the order.
    asking: HashMap<Hash, Asking>,
}

#[derive(Debug)]
struct Asking {
    hub: PublicKey,
    amount: Amount,
    /// The channel that the hub opened, the newest where an earlier one came to nothing.
    channel: Option<ChannelId>,
    /// Unix time of the order.
    ordered_at: u64,
    /// Unix time at which it was said on the present connection, until the hub answers.
    unanswered_since: Option<u64>,
}

impl Asks {
    pub(super) fn wait_for_time(&self) -> bool {
        self.any_open || !self.asking.is_empty()
    }
}

// The hub's side.
impl Driver {
    pub(super) fn ask_received(&mut self, connection: Connection, message: &ChannelAsk) {
        let peer = connection.node_id;
        let snapshot = self.shared.ledger.snapshot();
        if let Some(known) = read::ask(&*snapshot, &Ask::key_of(&peer, &message.id)) {
            return self.say_ask_state(connection, &known);
        }
        if self.asks.arriving.contains(&peer) {
            return; // it is answered when the ledger has it
        }
        let now = time::unix().max(read::newest_time(&*snapshot));
        let newest = read::newest_ask(&*snapshot, &peer);
        let of_peer = self.channels_with(&peer).len();
        let case = AskCase {
            peer: &peer,
            amount: Amount::from_sat(message.amount_sat),
            now,
            newest: newest.as_ref(),
            open: u32::try_from(read::open_asks(&*snapshot).len()).unwrap_or(u32::MAX),
            channels: u32::try_from(of_peer).unwrap_or(u32::MAX),
        };
        if let Err(refusal) = self.shared.policy().may_ask(&case) {
            tracing::info!(%peer, %refusal, "an ask for a channel was refused");
            return self.refuse_ask(connection, message.id, refusal.to_string());
        }
        let change = AskChange::Received {
            amount_sat: case.amount,
            now,
        };
        self.asks.arriving.insert(peer);
        self.submit_ask_step(peer, message.id, change);
    }

    fn submit_ask_step(&self, peer: PublicKey, id: [u8; 32], change: AskChange) {
        let call = LedgerCall::AskStep(AskStep { peer, id, change });
        let _queued = self.outbox.submit(call); // its block tells what came of it
    }

    /// The ledger has judged an ask. The peers of those that it took in hear of it with the block's events.
    pub(super) fn ask_judged(&mut self, transaction: &BlockTransaction) {
        let arguments = transaction.message.payload().arguments.as_slice();
        let Ok(step) = AskStep::from_bytes(arguments.into()) else {
            return;
        };
        if !matches!(step.change, AskChange::Received { .. }) {
            return;
        }
        self.asks.arriving.remove(&step.peer);
        let connection = self.shared.peers.connection(&step.peer);
        if let (Err(error), Some(connection)) = (&transaction.result, connection) {
            self.refuse_ask(connection, step.id, error.description().to_owned());
        }
    }

    /// An ask in the ledger has changed: its peer hears of it, and the node looks whether something is to be opened.
    pub(super) fn ask_changed(&mut self, key: &[u8; 32]) {
        self.asks.any_open = true;
        let ask = read::ask(&*self.shared.ledger.snapshot(), &Hash::new(*key));
        let Some(ask) = ask else { return };
        if let Some(connection) = self.shared.peers.connection(&ask.peer) {
            self.say_ask_state(connection, &ask);
        }
    }

    fn say_ask_state(&self, connection: Connection, ask: &Ask) {
        let stage = match ask.status {
            AskStatus::Asked => AskStage::Asked,
            AskStatus::Approved => AskStage::Approved,
            AskStatus::Opening => AskStage::Opening,
            AskStatus::Opened => AskStage::Opened,
            AskStatus::Refused => AskStage::Refused,
        };
        // Why an attempt failed is not the peer's business: others had a part in it.
        let reason = match stage {
            AskStage::Refused => ask.reason.clone(),
            AskStage::Asked | AskStage::Approved | AskStage::Opening | AskStage::Opened => {
                String::new()
            }
        };
        let state = ChannelAskState {
            id: ask.id,
            stage,
            channel_id: ask.channel_id.map_or([0; 32], |id| id.0),
            reason,
        };
        self.say_own(connection, OwnMessage::State(state));
    }

    fn refuse_ask(&self, connection: Connection, id: [u8; 32], reason: String) {
        let state = ChannelAskState {
            id,
            stage: AskStage::Refused,
            channel_id: [0; 32],
            reason,
        };
        self.say_own(connection, OwnMessage::State(state));
    }

    fn say_own(&self, connection: Connection, message: OwnMessage) {
        if let Err(error) = self.shared.peers.send_own(connection, message) {
            tracing::debug!(%error, "not sent");
        }
    }

    /// A second has passed: opens what is due, refuses what is too old.
    pub(super) fn gather_asks(&mut self) {
        if !self.asks.any_open || self.asks.ordering {
            return;
        }
        let asks = read::open_asks(&*self.shared.ledger.snapshot());
        if asks.is_empty() {
            self.asks.any_open = false;
            return;
        }
        let (shared, to_close) = (&self.shared, self.channels_to_close());
        let gathered = gather(
            &shared.policy().asks,
            time::unix(),
            asks,
            |peer| shared.peers.connection(peer).is_some(),
            |count| shared.spendable_for_batch(to_close.clone(), count),
        );
        for (ask, reason) in gathered.refuse {
            self.submit_ask_step(ask.peer, ask.id, AskChange::Refused { reason });
        }
        if gathered.open.is_empty() {
            return;
        }
        let order = OpenAsked {
            asks: gathered.open.iter().map(Ask::key).collect(),
            nonce: rand::random(),
        };
        self.asks.ordering = true;
        let _queued = self.outbox.submit(LedgerCall::OpenAsked(order)); // its block tells what came of it
    }

    /// The ledger has judged the order.
    pub(super) fn asks_ordered(&mut self, transaction: &BlockTransaction) {
        self.asks.ordering = false;
        if let Err(error) = &transaction.result {
            tracing::error!(%error, "the ledger opens nothing of what peers ask for");
        }
    }

    /// An order came to nothing because of this peer. Where it was for what peers asked for, this one is not tried again:
    /// it would hold up the others.
    pub(super) fn order_failed_by(&mut self, request: Hash, peer: &PublicKey, reason: &str) {
        let ask = read::newest_ask(&*self.shared.ledger.snapshot(), peer);
        self.order_failed(request, &format!("{peer}: {reason}"));
        let is_of_order =
            |ask: &Ask| ask.status == AskStatus::Opening && ask.batch == Some(request);
        if let Some(ask) = ask.filter(is_of_order) {
            let reason = format!("your part of the opening failed: {reason}");
            self.submit_ask_step(ask.peer, ask.id, AskChange::Refused { reason });
        }
    }
}

// The user's side.
impl Driver {
    /// The operator's order: connects to the hub, and says channel_ask.
    pub(super) fn begin_asking(&mut self, request: Hash, order: AskChannelRequest) {
        self.remember_asking(request, &order, None, time::unix());
        let (shared, to_self) = (self.shared.clone(), self.to_self.clone());
        tokio::spawn(async move {
            match shared.reach(order.hub, &order.address).await {
                Ok(connection) => {
                    let _ = to_self.send(Event::HubReached(connection));
                }
                Err(error) => {
                    let reason = error.to_string();
                    let _ = to_self.send(Event::HubNotReached { request, reason });
                }
            }
        });
    }

    pub(super) fn resume_asking(
        &mut self,
        request: Hash,
        order: &AskChannelRequest,
        channel: Option<ChannelId>,
        created_height: u64,
    ) {
        let ordered_at = self.shared.block_time(created_height);
        self.remember_asking(request, order, channel, ordered_at);
    }

    /// After a start: asks of peers may be due.
    pub(super) fn resume_asks(&mut self) {
        self.asks.any_open = true;
    }

    fn remember_asking(
        &mut self,
        request: Hash,
        order: &AskChannelRequest,
        channel: Option<ChannelId>,
        ordered_at: u64,
    ) {
        let asking = Asking {
            hub: order.hub,
            amount: order.amount_sat,
            channel,
            ordered_at,
            unanswered_since: None,
        };
        self.asks.asking.insert(request, asking);
    }

    pub(super) fn hub_not_reached(&mut self, request: Hash, reason: &str) {
        self.asks.asking.remove(&request);
        self.shared.request_failed(request, reason);
    }

    /// Says channel_ask for all that is asked of this peer. Said on every connection: an answer may have been lost.
    pub(super) fn say_asks(&mut self, connection: Connection) {
        let mut said = Vec::new();
        for (request, asking) in &mut self.asks.asking {
            if asking.hub == connection.node_id {
                asking.unanswered_since = Some(time::unix());
                said.push(ChannelAsk {
                    id: request.as_bytes(),
                    amount_sat: asking.amount.to_sat(),
                });
            }
        }
        for ask in said {
            self.say_own(connection, OwnMessage::Ask(ask));
        }
    }

    pub(super) fn hub_went(&mut self, hub: &PublicKey) {
        for asking in self.asks.asking.values_mut() {
            if asking.hub == *hub {
                asking.unanswered_since = None;
            }
        }
    }

    /// Whether this node asked the peer for a channel of this size and has none of it. The ledger judges the same.
    pub(super) fn asked_for(&self, peer: &PublicKey, amount: Amount) -> bool {
        self.asks.asking.values().any(|asking| {
            let has_one = asking
                .channel
                .is_some_and(|id| self.channels.contains_key(&id));
            asking.hub == *peer && asking.amount == amount && !has_one
        })
    }

    /// A peer has opened a channel: it may be what was asked for.
    pub(super) fn note_asked(&mut self, peer: &PublicKey, amount: Amount, id: ChannelId) {
        let mut all = self.asks.asking.values_mut();
        if let Some(asking) = all.find(|one| one.hub == *peer && one.amount == amount) {
            asking.channel = Some(id);
        }
    }

    pub(super) fn ask_state_received(&mut self, connection: Connection, state: &ChannelAskState) {
        let request = Hash::new(state.id);
        let theirs = self.asks.asking.get_mut(&request);
        let Some(asking) = theirs.filter(|asking| asking.hub == connection.node_id) else {
            tracing::debug!(peer = %connection.node_id, "an answer to nothing that was asked");
            return;
        };
        asking.unanswered_since = None;
        let channel = asking.channel;
        match state.stage {
            AskStage::Asked | AskStage::Approved | AskStage::Opening => return,
            AskStage::Opened => match channel.filter(|id| id.0 == state.channel_id) {
                Some(id) => self.shared.request_done(request, &id),
                None => {
                    let named = ChannelId(state.channel_id);
                    let reason = format!("the hub says that it opened {named}, which is not here");
                    self.shared.request_failed(request, &reason);
                }
            },
            AskStage::Refused => {
                let reason = format!("the hub refused: {}", short(&state.reason));
                self.shared.request_failed(request, &reason);
            }
        }
        self.asks.asking.remove(&request);
    }

    /// Hubs that know no such messages, or that have had time enough.
    pub(super) fn give_up_asking(&mut self) {
        let now = time::unix();
        let late = |asking: &Asking| {
            let waited = |since: u64, limit: u64| now.saturating_sub(since) >= limit;
            if asking
                .unanswered_since
                .is_some_and(|since| waited(since, ANSWER_SECONDS))
            {
                return Some("the peer does not answer: it may not open channels on request");
            }
            let old = waited(asking.ordered_at, HUB_SECONDS);
            old.then_some("the hub has not decided within two days")
        };
        let all = self.asks.asking.iter();
        let given_up: Vec<_> = all
            .filter_map(|(request, asking)| Some((*request, late(asking)?)))
            .collect();
        for (request, reason) in given_up {
            self.asks.asking.remove(&request);
            self.shared.request_failed(request, reason);
        }
    }
}

/// As much of a peer's words as the ledger takes with ours around them.
fn short(text: &str) -> String {
    text.chars().take(200).collect()
}
