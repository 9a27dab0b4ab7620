//! Calling a peer.

use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bitcoin::secp256k1::PublicKey;
use lightning_net_tokio::setup_outbound;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::PeerNetwork;
use crate::address::PeerAddress;
use crate::event::Connection;

/// Where two nodes call each other at once, LDK keeps the connection that was first and closes ours: that one may
/// need this long to finish its handshake.
const CROSSING: Duration = Duration::from_secs(1);

/// Why a peer could not be reached.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The node id is our own.
    #[error("{0} is this node itself")]
    Itself(PublicKey),
    /// The host name has no address.
    #[error("cannot resolve {address}: {source}")]
    Resolve {
        /// What was to be resolved.
        address: PeerAddress,
        /// What the resolver said.
        source: std::io::Error,
    },
    /// Nobody answers there.
    #[error("cannot connect to {address}: {source}")]
    Unreachable {
        /// Where.
        address: PeerAddress,
        /// What the system said of the last address tried.
        source: std::io::Error,
    },
    /// No answer in time.
    #[error("{address} did not answer within {} s", .after.as_secs())]
    Timeout {
        /// Where.
        address: PeerAddress,
        /// How long it was given.
        after: Duration,
    },
    /// It answered and closed: it has another node id, another chain, or does not want us.
    #[error("{address} closed the connection in its handshake: is {node_id} its node id, and is it on our chain?")]
    Refused {
        /// Where.
        address: PeerAddress,
        /// Who we said we wanted.
        node_id: PublicKey,
    },
    /// [`PeerNetwork::shutdown`] was called.
    #[error("the network side is stopping")]
    Stopped,
}

impl PeerNetwork {
    /// Connects to a peer once, handshake and init included. A peer that is connected already is left as it is.
    ///
    /// # Errors
    /// Each kind of failure has its variant; none leaves a connection behind.
    pub async fn connect(
        &self,
        node_id: PublicKey,
        address: &PeerAddress,
    ) -> Result<Connection, ConnectError> {
        if node_id == self.node_id() {
            return Err(ConnectError::Itself(node_id));
        }
        if let Some(connection) = self.connection(&node_id) {
            return Ok(connection);
        }
        tokio::select! {
            () = self.shared.stop.cancelled() => Err(ConnectError::Stopped),
            reached = self.call(node_id, address) => reached,
        }
    }

    async fn call(
        &self,
        node_id: PublicKey,
        address: &PeerAddress,
    ) -> Result<Connection, ConnectError> {
        let limit = self.shared.config.connect_timeout;
        let stream = timeout(limit, dial(address))
            .await
            .map_err(|_| ConnectError::Timeout {
                address: address.clone(),
                after: limit,
            })??;
        self.handshake(node_id, address, stream).await
    }

    async fn handshake(
        &self,
        node_id: PublicKey,
        address: &PeerAddress,
        stream: std::net::TcpStream,
    ) -> Result<Connection, ConnectError> {
        let limit = self.shared.config.handshake_timeout;
        let unreachable = |source| ConnectError::Unreachable {
            address: address.clone(),
            source,
        };
        let handle = stream.try_clone().map_err(unreachable)?;
        let closed = setup_outbound(Arc::clone(&self.shared.manager), node_id, stream);
        let reached = tokio::select! {
            () = self.wait_until(&node_id, true) => self.connection(&node_id),
            () = closed => {
                let crossing = timeout(CROSSING, self.wait_until(&node_id, true)).await;
                crossing.ok().and_then(|()| self.connection(&node_id))
            }
            () = sleep(limit) => {
                // It fails only where the other end closed first.
                let _ = handle.shutdown(Shutdown::Both);
                return Err(ConnectError::Timeout { address: address.clone(), after: limit });
            }
        };
        reached.ok_or_else(|| ConnectError::Refused {
            address: address.clone(),
            node_id,
        })
    }
}

/// A socket to the first of the host's addresses that answers.
async fn dial(address: &PeerAddress) -> Result<std::net::TcpStream, ConnectError> {
    let resolved = address
        .resolve()
        .await
        .map_err(|source| ConnectError::Resolve {
            address: address.clone(),
            source,
        })?;
    dial_each(&resolved)
        .await
        .map_err(|source| ConnectError::Unreachable {
            address: address.clone(),
            source,
        })
}

async fn dial_each(addresses: &[SocketAddr]) -> std::io::Result<std::net::TcpStream> {
    let mut last = std::io::Error::from(std::io::ErrorKind::NotFound);
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                stream.set_nodelay(true)?; // messages are small, and each waits for an answer
                return stream.into_std();
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}
