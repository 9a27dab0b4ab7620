//! The network side as one handle: listen, connect, send, list, stop.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bitcoin::constants::ChainHash;
use bitcoin::secp256k1::PublicKey;
use lightning::ln::msgs::{
    MessageSendEvent, OnionMessageHandler, RoutingMessageHandler, SocketAddress,
};
use lightning::ln::peer_handler::{IgnoringMessageHandler, MessageHandler, PeerManager};
use lightning::sign::{NodeSigner, Recipient};
use lightning::types::features::InitFeatures;
use lightning_net_tokio::SocketDescriptor;
use rand::rngs::OsRng;
use rand::RngCore;
use tokio_util::sync::CancellationToken;

use crate::address::PeerAddress;
use crate::asking::{OwnMessage, OwnMessages};
use crate::connections::{Connections, Finished, SlotLimits};
use crate::event::Connection;
use crate::features::init_features;
use crate::gossip::Gossip;
use crate::handler::Handler;
use crate::inbox::{Inbox, PeerEvents, QueueLimits};
use crate::logger::TracingLogger;
use crate::reconnect::{keep_connected, Backoff, KeptPeers};

mod call;
mod serve;

pub use call::ConnectError;
pub use serve::ListenError;

type Routing = Arc<dyn RoutingMessageHandler + Send + Sync>;
type MessageHandling = Arc<dyn OnionMessageHandler + Send + Sync>;
type Signer = Arc<dyn NodeSigner + Send + Sync>;

/// Addresses in node_announcement, at most.
const MAX_ADDRESSES: usize = 16;

type Manager = PeerManager<
    SocketDescriptor,
    Arc<Handler>,
    Routing,
    MessageHandling,
    Arc<TracingLogger>,
    Arc<OwnMessages>,
    Signer,
    IgnoringMessageHandler,
>;

/// How the network side behaves. [`PeerConfig::new`] gives what a node should have.
#[derive(Clone)]
pub struct PeerConfig {
    /// The chain; a peer that names only others is disconnected (BOLT 1, init).
    pub chain: ChainHash,
    /// What `init` offers.
    pub features: InitFeatures,
    /// Inbound connections at once.
    pub max_inbound: usize,
    /// Inbound connections at once whose handshake is not finished.
    pub max_handshaking: usize,
    /// Time for the handshake and the exchange of init.
    pub handshake_timeout: Duration,
    /// Time to reach a peer's address.
    pub connect_timeout: Duration,
    /// Between pings; a peer that is silent for two of them is disconnected.
    pub ping_interval: Duration,
    /// What may wait for the driver.
    pub queues: QueueLimits,
    /// Between calls to a peer that is to be kept connected.
    pub backoff: Backoff,
    /// BOLT 7; none: gossip is neither taken nor passed on.
    pub gossip: Option<Arc<Gossip>>,
    /// BOLT 4, onion messages.
    pub onion_messages: MessageHandling,
}

impl PeerConfig {
    /// The defaults for `chain`: 256 inbound connections, 64 of them in their handshake for 10 seconds, a ping every
    /// 10 seconds, no gossip and no onion messages.
    pub fn new(chain: ChainHash) -> Self {
        Self {
            chain,
            features: init_features(),
            max_inbound: 256,
            max_handshaking: 64,
            handshake_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(10),
            ping_interval: Duration::from_secs(10),
            queues: QueueLimits::default(),
            backoff: Backoff::default(),
            gossip: None,
            onion_messages: Arc::new(IgnoringMessageHandler {}),
        }
    }
}

/// Why the network side cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No randomness for the handshakes' ephemeral keys.
    #[error("the system gives no randomness: {0}")]
    Randomness(#[source] rand::Error),
    /// The signer does not say who we are.
    #[error("the signer gives no node id")]
    NodeId,
}

/// Why a message was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// That connection is gone. The peer may have another by now, which begins with channel_reestablish.
    #[error("connection {} to {} is gone", .0.number, .0.node_id)]
    Disconnected(Connection),
}

/// A peer, connected or to be kept so.
#[derive(Clone, Debug)]
pub struct PeerInfo {
    /// Who.
    pub node_id: PublicKey,
    /// Where it was called or calls from.
    pub address: Option<String>,
    /// Whether it is connected, and how.
    pub connection: Option<Connection>,
    /// It called us.
    pub inbound: bool,
    /// From its init, when connected.
    pub features: Option<InitFeatures>,
}

/// The handle: cheap to clone, usable from every task.
#[derive(Clone)]
pub struct PeerNetwork {
    shared: Arc<Shared>,
}

struct Shared {
    node_id: PublicKey,
    config: PeerConfig,
    manager: Arc<Manager>,
    inbox: Arc<Inbox>,
    connections: Connections,
    kept: KeptPeers,
    stop: CancellationToken,
}

impl PeerNetwork {
    /// Starts the timers, inside a tokio runtime. It neither listens nor calls before it is told to.
    ///
    /// # Errors
    /// Where the system has no randomness or the signer no node id.
    pub fn start(config: PeerConfig, signer: Signer) -> Result<(Self, PeerEvents), StartError> {
        let node_id = signer
            .get_node_id(Recipient::Node)
            .map_err(|()| StartError::NodeId)?;
        let mut ephemeral = [0; 32];
        OsRng
            .try_fill_bytes(&mut ephemeral)
            .map_err(StartError::Randomness)?;
        let inbox = Inbox::new(config.queues);
        let handlers = MessageHandler {
            chan_handler: Arc::new(Handler::new(
                Arc::clone(&inbox),
                config.features.clone(),
                config.chain,
                config.gossip.clone(),
            )),
            route_handler: routing(&config.gossip),
            onion_message_handler: Arc::clone(&config.onion_messages),
            custom_message_handler: Arc::new(OwnMessages(Arc::clone(&inbox))),
            send_only_message_handler: IgnoringMessageHandler {},
        };
        let manager = Arc::new(PeerManager::new(
            handlers,
            unix_time(),
            &ephemeral,
            Arc::new(TracingLogger),
            signer,
        ));
        let connections = Connections::new(SlotLimits {
            inbound: config.max_inbound,
            handshaking: config.max_handshaking,
            handshake_timeout: config.handshake_timeout,
        });
        let network = Self {
            shared: Arc::new(Shared {
                node_id,
                config,
                manager,
                inbox: Arc::clone(&inbox),
                connections,
                kept: KeptPeers::default(),
                stop: CancellationToken::new(),
            }),
        };
        network.spawn_timers();
        network.spawn_lookups();
        Ok((network, PeerEvents::new(inbox)))
    }

    /// This node's id.
    pub fn node_id(&self) -> PublicKey {
        self.shared.node_id
    }

    /// Sends one message to the peer by this connection; LDK writes it out before this returns if the socket takes it.
    ///
    /// # Errors
    /// Where the connection is gone: then nothing was sent.
    pub fn send(&self, connection: Connection, event: MessageSendEvent) -> Result<(), SendError> {
        self.send_all(connection, [event])
    }

    /// Sends a message of this program's own.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_own(&self, connection: Connection, message: OwnMessage) -> Result<(), SendError> {
        if !self.shared.inbox.send_own(connection, message) {
            return Err(SendError::Disconnected(connection));
        }
        self.shared.manager.process_events();
        Ok(())
    }

    /// Sends several, in this order.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_all(
        &self,
        connection: Connection,
        events: impl IntoIterator<Item = MessageSendEvent>,
    ) -> Result<(), SendError> {
        if !self.shared.inbox.send(connection, events) {
            return Err(SendError::Disconnected(connection));
        }
        self.shared.manager.process_events();
        Ok(())
    }

    /// Tells all peers that want to hear it: BOLT 7's messages of this node's own.
    pub fn broadcast(&self, events: impl IntoIterator<Item = MessageSendEvent>) {
        self.shared.inbox.broadcast(self.shared.node_id, events);
        self.shared.manager.process_events();
    }

    /// Something waits to be said, in an onion message for instance.
    pub fn speak(&self) {
        self.shared.manager.process_events();
    }

    /// Signs node_announcement (BOLT 7) and tells all peers. They believe it only of a node with an announced channel.
    pub fn announce_node(&self, rgb: [u8; 3], alias: [u8; 32], addresses: Vec<SocketAddress>) {
        let addresses = addresses.into_iter().take(MAX_ADDRESSES).collect();
        self.shared
            .manager
            .broadcast_node_announcement(rgb, alias, addresses);
    }

    /// The present connection to a peer.
    pub fn connection(&self, node_id: &PublicKey) -> Option<Connection> {
        self.shared.inbox.connection(node_id)
    }

    /// What a connected peer said in its init.
    pub fn features(&self, node_id: &PublicKey) -> Option<InitFeatures> {
        let details = self.shared.manager.peer_by_node_id(node_id)?;
        Some(details.init_features)
    }

    /// Keeps the peer connected: calls it, at one address after another, whenever it is not.
    pub fn keep_connected(&self, node_id: PublicKey, addresses: Vec<PeerAddress>) {
        let shared = &self.shared;
        let Some(stop) = shared.kept.keep(node_id, &addresses, &shared.stop) else {
            return;
        };
        let backoff = shared.config.backoff;
        let calling = keep_connected(self.clone(), node_id, addresses, backoff, stop);
        tokio::spawn(calling);
    }

    /// A peer with which there is a channel: its connection is not given up to make room for a stranger's.
    pub fn protect(&self, node_id: PublicKey, protect: bool) {
        self.shared.connections.protect(node_id, protect);
    }

    /// Closes the connection, and stops calling the peer.
    pub fn disconnect(&self, node_id: PublicKey) {
        self.shared.kept.forget(&node_id);
        self.shared.manager.disconnect_by_node_id(node_id);
    }

    /// The connected peers, and those that are to be.
    pub fn list(&self) -> Vec<PeerInfo> {
        let mut kept: std::collections::BTreeMap<_, _> =
            self.shared.kept.addresses().into_iter().collect();
        let mut peers: Vec<_> = self
            .shared
            .manager
            .list_peers()
            .into_iter()
            .map(|details| {
                let node_id = details.counterparty_node_id;
                let kept_at = kept.remove(&node_id);
                PeerInfo {
                    node_id,
                    address: shown(kept_at)
                        .or_else(|| details.socket_address.map(|address| address.to_string())),
                    connection: self.connection(&node_id),
                    inbound: details.is_inbound_connection,
                    features: Some(details.init_features),
                }
            })
            .collect();
        peers.extend(kept.into_iter().map(|(node_id, addresses)| PeerInfo {
            node_id,
            address: shown(Some(addresses)),
            connection: None,
            inbound: false,
            features: None,
        }));
        peers.sort_by_key(|peer| peer.node_id);
        peers
    }

    /// Inbound connections, with those that are still in their handshake.
    pub fn inbound_connections(&self) -> usize {
        self.shared.connections.count()
    }

    /// Stops listening and calling, and closes every connection.
    pub fn shutdown(&self) {
        self.shared.stop.cancel();
        self.shared.manager.disconnect_all_peers();
        self.shared.connections.close_all();
    }

    /// Comes back once the peer is connected, or is not.
    pub(crate) async fn wait_until(&self, node_id: &PublicKey, connected: bool) {
        let mut changes = self.shared.inbox.changes();
        while self.connection(node_id).is_some() != connected {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    fn finished(&self) -> Finished {
        self.shared
            .manager
            .list_peers()
            .into_iter()
            .filter_map(|peer| Some((peer.socket_address?, peer.counterparty_node_id)))
            .collect()
    }
}

fn routing(gossip: &Option<Arc<Gossip>>) -> Routing {
    match gossip {
        Some(gossip) => Arc::clone(gossip) as Routing,
        None => Arc::new(IgnoringMessageHandler {}),
    }
}

fn shown(addresses: Option<Vec<PeerAddress>>) -> Option<String> {
    Some(addresses?.first()?.to_string())
}

/// LDK wants a number that grows; seconds fit 32 bits until the year 2106.
fn unix_time() -> u32 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| u32::try_from(since.as_secs()).ok())
        .unwrap_or(u32::MAX)
}
