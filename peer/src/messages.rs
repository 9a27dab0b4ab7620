//! Onion messages (BOLT 4, "Onion Messages"): passed on between peers, and handed to whoever understands what is in them.
//!
//! LDK's `OnionMessenger` reads, builds and forwards; [`OnionMessages`] stands before it with what a stranger may ask for: so
//! many messages at once from one peer, then so many a second, none larger than the largest onion that BOLT 4 names.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bitcoin::secp256k1::PublicKey;
use lightning::blinded_path::NodeIdLookUp;
use lightning::ln::msgs::{
    BaseMessageHandler, Init, MessageSendEvent, OnionMessage, OnionMessageHandler,
};
use lightning::ln::peer_handler::IgnoringMessageHandler;
use lightning::onion_message::messenger::{DefaultMessageRouter, OnionMessenger};
use lightning::onion_message::offers::OffersMessageHandler;
use lightning::sign::{NodeSigner, RandomBytes};
use lightning::types::features::{InitFeatures, NodeFeatures};
use lightning::util::ser::Writeable;
use rand::rngs::OsRng;
use rand::RngCore;

use crate::bucket::Bucket;
use crate::logger::TracingLogger;
use crate::routing::Graph;

/// Messages of one peer that are taken at once.
const BURST: u32 = 32;
/// How long it takes until one more is.
const INTERVAL: Duration = Duration::from_millis(250);
/// BOLT 4, "Onion Messages": the larger of the two usual sizes, and what stands around it.
const MAX_LENGTH: usize = 32_768 + 200;

/// Finds ways for messages, and makes blinded paths to this node: over peers, by what the graph knows of them.
pub type MessageRouter = DefaultMessageRouter<Arc<Graph>, Arc<TracingLogger>, Arc<RandomBytes>>;

type Offers = Arc<dyn OffersMessageHandler + Send + Sync>;
type Peers = Arc<dyn NodeIdLookUp + Send + Sync>;
type Signer = Arc<dyn NodeSigner + Send + Sync>;
type Messenger = OnionMessenger<
    Arc<RandomBytes>,
    Signer,
    Arc<TracingLogger>,
    Peers,
    Arc<MessageRouter>,
    Offers,
    IgnoringMessageHandler,
    IgnoringMessageHandler,
    IgnoringMessageHandler,
>;

/// Over what is known of the network.
///
/// # Errors
/// Where the system has no randomness.
pub fn message_router(graph: Arc<Graph>) -> Result<Arc<MessageRouter>, rand::Error> {
    let entropy = Arc::new(RandomBytes::new(seed()?));
    Ok(Arc::new(DefaultMessageRouter::new(graph, entropy)))
}

fn seed() -> Result<[u8; 32], rand::Error> {
    let mut seed = [0; 32];
    OsRng.try_fill_bytes(&mut seed)?;
    Ok(seed)
}

/// What the handler of onion messages is made of.
pub struct Messages {
    /// This node's key.
    pub signer: Signer,
    /// Which peer is at the other end of a channel of this node's.
    pub peers: Peers,
    /// Finds ways.
    pub router: Arc<MessageRouter>,
    /// Understands BOLT 12.
    pub offers: Offers,
}

/// The handler of onion messages.
pub struct OnionMessages {
    messenger: Messenger,
    taken: Mutex<HashMap<PublicKey, Bucket>>,
}

impl OnionMessages {
    /// Of these parts.
    ///
    /// # Errors
    /// Where the system has no randomness.
    pub fn new(parts: Messages) -> Result<Self, rand::Error> {
        let messenger = OnionMessenger::new(
            Arc::new(RandomBytes::new(seed()?)),
            parts.signer,
            Arc::new(TracingLogger),
            parts.peers,
            parts.router,
            parts.offers,
            IgnoringMessageHandler {},
            IgnoringMessageHandler {},
            IgnoringMessageHandler {},
        );
        Ok(Self {
            messenger,
            taken: Mutex::default(),
        })
    }

    /// Whether another message of the peer's is taken. There is a bucket only while the peer is connected.
    fn takes_from(&self, peer: PublicKey) -> bool {
        let now = Instant::now();
        let mut taken = self.taken();
        let bucket = taken.entry(peer).or_insert(Bucket::full(BURST, now));
        bucket.take(BURST, INTERVAL, now)
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<PublicKey, Bucket>> {
        // One entry at a time is changed: a panic elsewhere leaves the map whole.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BaseMessageHandler for OnionMessages {
    fn get_and_clear_pending_msg_events(&self) -> Vec<MessageSendEvent> {
        self.messenger.get_and_clear_pending_msg_events()
    }

    fn peer_disconnected(&self, peer: PublicKey) {
        self.taken().remove(&peer);
        self.messenger.peer_disconnected(peer);
    }

    fn provided_node_features(&self) -> NodeFeatures {
        self.messenger.provided_node_features()
    }

    fn provided_init_features(&self, peer: PublicKey) -> InitFeatures {
        self.messenger.provided_init_features(peer)
    }

    fn peer_connected(&self, peer: PublicKey, init: &Init, inbound: bool) -> Result<(), ()> {
        self.messenger.peer_connected(peer, init, inbound)
    }
}

impl OnionMessageHandler for OnionMessages {
    fn handle_onion_message(&self, peer: PublicKey, message: &OnionMessage) {
        let length = message.serialized_length();
        if length > MAX_LENGTH || !self.takes_from(peer) {
            tracing::debug!(%peer, length, "an onion message is dropped");
            return;
        }
        self.messenger.handle_onion_message(peer, message);
    }

    fn next_onion_message_for_peer(&self, peer: PublicKey) -> Option<OnionMessage> {
        self.messenger.next_onion_message_for_peer(peer)
    }

    fn timer_tick_occurred(&self) {
        self.messenger.timer_tick_occurred();
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::secp256k1::{Secp256k1, SecretKey};
    use bitcoin::Network;
    use lightning::blinded_path::EmptyNodeIdLookUp;
    use lightning::onion_message::packet::Packet;
    use lightning::routing::gossip::NetworkGraph;
    use lightning::sign::KeysManager;

    use super::*;

    fn key(byte: u8) -> PublicKey {
        SecretKey::from_slice(&[byte; 32])
            .unwrap()
            .public_key(&Secp256k1::new())
    }

    fn handler() -> OnionMessages {
        let graph = NetworkGraph::new(Network::Regtest, Arc::new(TracingLogger));
        OnionMessages::new(Messages {
            signer: Arc::new(KeysManager::new(&[7; 32], 0, 0, true)),
            peers: Arc::new(EmptyNodeIdLookUp {}),
            router: message_router(Arc::new(graph)).unwrap(),
            offers: Arc::new(IgnoringMessageHandler {}),
        })
        .unwrap()
    }

    fn message(length: usize) -> OnionMessage {
        OnionMessage {
            blinding_point: key(9),
            onion_routing_packet: Packet {
                version: 0,
                public_key: key(8),
                hop_data: vec![0; length],
                hmac: [0; 32],
            },
        }
    }

    /// How many more of the peer's are taken at once.
    fn left(handler: &OnionMessages, peer: PublicKey) -> u32 {
        (0..=BURST)
            .take_while(|_| handler.takes_from(peer))
            .count()
            .try_into()
            .unwrap()
    }

    #[test]
    fn peer_that_sends_onion_messages_without_pause_is_not_heard_and_others_are() {
        let handler = handler();
        let (spammer, other) = (key(1), key(2));
        for _ in 0..10 * BURST {
            handler.handle_onion_message(spammer, &message(1_300));
        }
        let more = left(&handler, spammer);
        assert!(more <= 4, "what a second brings, at most: {more}");
        assert_eq!(left(&handler, other), BURST);
        assert!(handler.taken().len() <= 2);
        handler.peer_disconnected(spammer);
        handler.peer_disconnected(other);
        assert!(handler.taken().is_empty(), "nothing is kept of who is gone");
    }

    #[test]
    fn onion_message_larger_than_any_is_dropped_before_it_is_read() {
        let handler = handler();
        handler.handle_onion_message(key(1), &message(MAX_LENGTH));
        assert!(handler.taken().is_empty(), "not even counted");
        handler.handle_onion_message(key(1), &message(32_768));
        assert_eq!(handler.taken().len(), 1);
    }
}
