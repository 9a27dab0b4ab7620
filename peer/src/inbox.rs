//! The queues between LDK's callbacks and the node's driver: one per peer, bounded, served in turn.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bitcoin::secp256k1::PublicKey;
use lightning::ln::msgs::{ErrorAction, Init, MessageSendEvent, WarningMessage};
use lightning::ln::types::ChannelId;
use tokio::sync::{watch, Notify};

use crate::asking::OwnMessage;
use crate::event::{Connection, PeerEvent, WireMessage};

/// How much may wait for the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueLimits {
    /// Messages of one peer. A full channel's burst is 483 HTLCs each way and a commitment.
    pub messages_per_peer: usize,
    /// Bytes of one peer, about.
    pub bytes_per_peer: usize,
    /// Bytes of all peers together, about. Over it, the peer with the most waiting is disconnected.
    pub bytes_total: usize,
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self {
            messages_per_peer: 8_192,
            bytes_per_peer: 8 << 20,
            bytes_total: 128 << 20,
        }
    }
}

/// What waits of one peer, and its present connection.
#[derive(Default)]
struct PeerQueue {
    current: Option<Current>,
    waiting: VecDeque<(PeerEvent, usize)>,
    messages: usize,
    bytes: usize,
}

struct Current {
    connection: Connection,
    /// It overran its queue: LDK has been told to disconnect it, and nothing more of it is taken.
    overrun: bool,
}

#[derive(Default)]
struct State {
    peers: HashMap<PublicKey, PeerQueue>,
    /// Peers with something waiting, each once, in the order of service.
    turn: VecDeque<PublicKey>,
    bytes: usize,
    outgoing: Vec<(PublicKey, MessageSendEvent)>,
    own: Vec<(PublicKey, OwnMessage)>,
    last_number: u64,
}

/// Shared by the message handler, which fills it, and [`PeerEvents`], which empties it.
///
/// Its lock is taken inside LDK's; LDK is never called while it is held.
pub(crate) struct Inbox {
    limits: QueueLimits,
    state: Mutex<State>,
    filled: Notify,
    /// Counts connections made and lost, for those who wait for one.
    changes: watch::Sender<u64>,
}

impl Inbox {
    pub(crate) fn new(limits: QueueLimits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            state: Mutex::default(),
            filled: Notify::new(),
            changes: watch::channel(0).0,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves the queues whole: every change below is complete before the lock is let go.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The handshake with `node_id` is done.
    pub(crate) fn connected(&self, node_id: PublicKey, init: &Init, inbound: bool) {
        let mut state = self.lock();
        state.last_number += 1;
        let connection = Connection {
            node_id,
            number: state.last_number,
        };
        state.peers.entry(node_id).or_default().current = Some(Current {
            connection,
            overrun: false,
        });
        let event = PeerEvent::Connected {
            connection,
            features: init.features.clone(),
            inbound,
        };
        state.push(node_id, event, 0);
        drop(state);
        self.wake();
    }

    /// The connection is gone. Where the driver has not even seen its beginning, it need not see any of it.
    pub(crate) fn disconnected(&self, node_id: PublicKey) {
        let mut state = self.lock();
        state.outgoing.retain(|(to, _)| *to != node_id);
        state.own.retain(|(to, _)| *to != node_id);
        let Some(queue) = state.peers.get_mut(&node_id) else {
            return;
        };
        let Some(current) = queue.current.take() else {
            return;
        };
        let connection = current.connection;
        let unseen = queue.waiting.iter().any(|(event, _)| {
            matches!(event, PeerEvent::Connected { connection: c, .. } if *c == connection)
        });
        if unseen {
            state.forget(connection, |_| true);
        } else {
            state.push(node_id, PeerEvent::Disconnected { connection }, 0);
        }
        drop(state);
        self.wake();
    }

    /// A message of the peer's present connection. Over a limit, the offender is disconnected instead.
    pub(crate) fn message(&self, node_id: PublicKey, message: WireMessage) {
        let mut state = self.lock();
        let Some(queue) = state.peers.get(&node_id) else {
            return;
        };
        let Some(Current {
            connection,
            overrun: false,
        }) = queue.current
        else {
            return;
        };
        let weight = message.weight();
        if queue.messages >= self.limits.messages_per_peer
            || queue.bytes.saturating_add(weight) > self.limits.bytes_per_peer
        {
            state.overrun(connection);
            return;
        }
        state.push(
            node_id,
            PeerEvent::Message {
                connection,
                message,
            },
            weight,
        );
        if state.bytes > self.limits.bytes_total {
            if let Some(largest) = state.largest() {
                state.overrun(largest);
            }
        }
        drop(state);
        self.filled.notify_one();
    }

    /// Tells LDK, at its next look, to disconnect the peer with a warning.
    pub(crate) fn refuse(&self, node_id: PublicKey, channel_id: ChannelId, why: &str) {
        let mut state = self.lock();
        let warn = warning(node_id, channel_id, why);
        state.outgoing.push((node_id, warn));
    }

    /// Queues `events` for LDK. False where that connection is no more.
    pub(crate) fn send(
        &self,
        connection: Connection,
        events: impl IntoIterator<Item = MessageSendEvent>,
    ) -> bool {
        let mut state = self.lock();
        if !state.is_current(connection) {
            return false;
        }
        let node_id = connection.node_id;
        let events = events.into_iter().map(|event| (node_id, event));
        state.outgoing.extend(events);
        true
    }

    /// Queues a message of this program's own. False where that connection is no more.
    pub(crate) fn send_own(&self, connection: Connection, message: OwnMessage) -> bool {
        let mut state = self.lock();
        let current = state.is_current(connection);
        if current {
            state.own.push((connection.node_id, message));
        }
        current
    }

    /// Those that LDK is to send.
    pub(crate) fn take_own(&self) -> Vec<(PublicKey, OwnMessage)> {
        std::mem::take(&mut self.lock().own)
    }

    /// Queues `events` of this node, `own`, that are for all peers.
    pub(crate) fn broadcast(
        &self,
        own: PublicKey,
        events: impl IntoIterator<Item = MessageSendEvent>,
    ) {
        let events = events.into_iter().map(|event| (own, event));
        self.lock().outgoing.extend(events);
    }

    /// What LDK is to send.
    pub(crate) fn take_outgoing(&self) -> Vec<MessageSendEvent> {
        let outgoing = std::mem::take(&mut self.lock().outgoing);
        outgoing.into_iter().map(|(_, event)| event).collect()
    }

    /// The present connection to a peer.
    pub(crate) fn connection(&self, node_id: &PublicKey) -> Option<Connection> {
        let state = self.lock();
        let current = state.peers.get(node_id)?.current.as_ref()?;
        Some(current.connection)
    }

    /// Changes whenever a connection is made or lost.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn wake(&self) {
        self.changes.send_modify(|count| *count += 1);
        self.filled.notify_one();
    }

    fn pop(&self) -> Option<PeerEvent> {
        self.lock().pop()
    }
}

impl State {
    fn push(&mut self, node_id: PublicKey, event: PeerEvent, weight: usize) {
        let queue = self.peers.entry(node_id).or_default();
        if queue.waiting.is_empty() {
            self.turn.push_back(node_id);
        }
        queue.messages += usize::from(matches!(event, PeerEvent::Message { .. }));
        queue.bytes += weight;
        self.bytes += weight;
        queue.waiting.push_back((event, weight));
    }

    /// One event of the peer whose turn it is; each peer is served in turn, whatever the others have waiting.
    fn pop(&mut self) -> Option<PeerEvent> {
        let node_id = self.turn.pop_front()?;
        let queue = self.peers.get_mut(&node_id)?;
        let (event, weight) = queue.waiting.pop_front()?;
        queue.messages -= usize::from(matches!(event, PeerEvent::Message { .. }));
        queue.bytes -= weight;
        self.bytes -= weight;
        if !queue.waiting.is_empty() {
            self.turn.push_back(node_id);
        } else if queue.current.is_none() {
            self.peers.remove(&node_id);
        }
        Some(event)
    }

    /// Takes out what waits of `connection` and matches, and gives its memory back at once.
    fn forget(&mut self, connection: Connection, matches: impl Fn(&PeerEvent) -> bool) {
        let node_id = connection.node_id;
        let Some(queue) = self.peers.get_mut(&node_id) else {
            return;
        };
        let before = queue.bytes;
        queue
            .waiting
            .retain(|(event, _)| event.connection() != connection || !matches(event));
        queue.waiting.shrink_to_fit();
        queue.messages = queue
            .waiting
            .iter()
            .filter(|(event, _)| matches!(event, PeerEvent::Message { .. }))
            .count();
        queue.bytes = queue.waiting.iter().map(|(_, weight)| weight).sum();
        self.bytes -= before - queue.bytes;
        if queue.waiting.is_empty() {
            let gone = queue.current.is_none();
            self.turn.retain(|id| *id != node_id);
            if gone {
                self.peers.remove(&node_id);
            }
        }
    }

    /// The peer said more than may wait. What it said is dropped, which a channel_reestablish mends, and so is the connection.
    fn overrun(&mut self, connection: Connection) {
        if let Some(queue) = self.peers.get_mut(&connection.node_id) {
            if let Some(current) = &mut queue.current {
                current.overrun = true;
            }
        }
        tracing::warn!(peer = %connection.node_id, "peer sends faster than its messages can be handled: disconnecting it");
        self.forget(connection, |event| {
            matches!(event, PeerEvent::Message { .. })
        });
        let why = "too many messages are waiting";
        let warn = warning(connection.node_id, ChannelId::new_zero(), why);
        self.outgoing.push((connection.node_id, warn));
    }

    /// The connection with the most bytes waiting that is not on its way out already.
    fn largest(&self) -> Option<Connection> {
        self.peers
            .values()
            .filter_map(|queue| match &queue.current {
                Some(current) if !current.overrun => Some((queue.bytes, current.connection)),
                Some(_) | None => None,
            })
            .max_by_key(|(bytes, connection)| (*bytes, connection.number))
            .map(|(_, connection)| connection)
    }

    fn is_current(&self, connection: Connection) -> bool {
        self.peers
            .get(&connection.node_id)
            .and_then(|queue| queue.current.as_ref())
            .is_some_and(|current| current.connection == connection)
    }
}

fn warning(node_id: PublicKey, channel_id: ChannelId, why: &str) -> MessageSendEvent {
    MessageSendEvent::HandleError {
        node_id,
        action: ErrorAction::DisconnectPeerWithWarning {
            msg: WarningMessage {
                channel_id,
                data: why.to_owned(),
            },
        },
    }
}

/// The driver's end: all peers' events, one peer at a time in turn.
pub struct PeerEvents {
    inbox: Arc<Inbox>,
}

impl PeerEvents {
    pub(crate) fn new(inbox: Arc<Inbox>) -> Self {
        Self { inbox }
    }

    /// The next event, once there is one. Dropping the future loses nothing.
    pub async fn recv(&mut self) -> PeerEvent {
        loop {
            if let Some(event) = self.inbox.pop() {
                return event;
            }
            self.inbox.filled.notified().await;
        }
    }

    /// The next event, if one is waiting.
    pub fn try_recv(&mut self) -> Option<PeerEvent> {
        self.inbox.pop()
    }
}

#[cfg(test)]
mod tests;
