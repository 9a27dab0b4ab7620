//! Nodes to test with.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bitcoin::constants::ChainHash;
use bitcoin::secp256k1::PublicKey;
use lightning::ln::msgs::{ErrorAction, ErrorMessage, MessageSendEvent};
use lightning::ln::types::ChannelId;
use lightning::sign::KeysManager;
use zarnitsa_peer::{
    Backoff, Connection, PeerAddress, PeerConfig, PeerEvent, PeerEvents, PeerNetwork, WireMessage,
};

/// No wait in these tests takes longer, unless something is broken.
const DEADLINE: Duration = Duration::from_secs(60);

pub struct Node {
    pub network: PeerNetwork,
    pub events: PeerEvents,
}

pub fn config() -> PeerConfig {
    PeerConfig {
        backoff: Backoff {
            first: Duration::from_millis(20),
            most: Duration::from_millis(200),
        },
        ..PeerConfig::new(ChainHash::REGTEST)
    }
}

pub fn node(number: u8, config: PeerConfig) -> Node {
    let signer = Arc::new(KeysManager::new(&[number; 32], 0, 0, false));
    let (network, events) = PeerNetwork::start(config, signer).unwrap();
    Node { network, events }
}

impl Node {
    pub fn id(&self) -> PublicKey {
        self.network.node_id()
    }

    pub async fn listen(&self) -> SocketAddr {
        let any = "127.0.0.1:0".parse().unwrap();
        self.network.listen(any).await.unwrap()
    }

    pub async fn connect(&self, other: &Node, address: SocketAddr) -> Connection {
        let address = PeerAddress::from_socket(address);
        self.network.connect(other.id(), &address).await.unwrap()
    }

    pub async fn event(&mut self) -> PeerEvent {
        soon(self.events.recv()).await
    }

    pub async fn connected(&mut self) -> Connection {
        match self.event().await {
            PeerEvent::Connected { connection, .. } => connection,
            other => panic!("{other:?}"),
        }
    }

    pub async fn disconnected(&mut self) -> Connection {
        match self.event().await {
            PeerEvent::Disconnected { connection } => connection,
            other => panic!("{other:?}"),
        }
    }

    /// The text of the next event, which is an error message.
    pub async fn text(&mut self) -> String {
        match self.event().await {
            PeerEvent::Message {
                message: WireMessage::Error(error),
                ..
            } => error.data,
            other => panic!("{other:?}"),
        }
    }
}

/// An error message for some channel, which every state of a connection may carry.
pub fn say(to: PublicKey, text: &str) -> MessageSendEvent {
    MessageSendEvent::HandleError {
        node_id: to,
        action: ErrorAction::SendErrorMessage {
            msg: ErrorMessage {
                channel_id: ChannelId([1; 32]),
                data: text.to_owned(),
            },
        },
    }
}

/// The future's value, before the deadline.
pub async fn soon<T>(future: impl std::future::Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future)
        .await
        .unwrap_or_else(|_| panic!("nothing happened within {DEADLINE:?}"))
}

/// Comes back once `holds` does.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let mut looks = tokio::time::interval(Duration::from_millis(5));
    let waiting = async {
        while !holds() {
            looks.tick().await;
        }
    };
    tokio::time::timeout(DEADLINE, waiting)
        .await
        .unwrap_or_else(|_| panic!("{what}: not within {DEADLINE:?}"));
}
