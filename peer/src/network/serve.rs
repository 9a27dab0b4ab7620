//! Being called: the listening socket and the timers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use lightning_net_tokio::setup_inbound;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{interval, sleep, MissedTickBehavior};

use super::PeerNetwork;

/// Handshakes that take too long are looked for this often.
const SWEEP: Duration = Duration::from_secs(1);

/// After a failed accept: the process may be out of descriptors, which passes when connections close.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why the node cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another program has that port.
    #[error("{address} is in use by another program: choose another with --listen")]
    InUse {
        /// Where.
        address: SocketAddr,
    },
    /// The system does not allow it.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
}

impl PeerNetwork {
    /// Listens, and gives the address that it got: port 0 asks for any.
    ///
    /// # Errors
    /// Where the address is taken or not this machine's.
    pub async fn listen(&self, address: SocketAddr) -> Result<SocketAddr, ListenError> {
        let bind = |source: std::io::Error| match source.kind() {
            std::io::ErrorKind::AddrInUse => ListenError::InUse { address },
            _ => ListenError::Bind { address, source },
        };
        let listener = TcpListener::bind(address).await.map_err(bind)?;
        let bound = listener.local_addr().map_err(bind)?;
        let network = self.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = network.shared.stop.cancelled() => {}
                () = network.accept(&listener) => {}
            }
        });
        Ok(bound)
    }

    async fn accept(&self, listener: &TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, remote)) => {
                    if let Err(error) = self.take(stream, remote) {
                        tracing::debug!(%remote, %error, "cannot take connection");
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept connections");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn take(&self, stream: TcpStream, remote: SocketAddr) -> std::io::Result<()> {
        stream.set_nodelay(true)?; // messages are small, and each waits for an answer
        let stream = stream.into_std()?;
        let handle = stream.try_clone()?;
        let connections = &self.shared.connections;
        let Some(slot) = connections.admit(handle, remote, || self.finished()) else {
            tracing::debug!(%remote, "no room for another connection");
            return Ok(());
        };
        let closed = setup_inbound(Arc::clone(&self.shared.manager), stream);
        let network = self.clone();
        tokio::spawn(async move {
            closed.await;
            network.shared.connections.release(slot);
        });
        Ok(())
    }

    /// When an announced channel was looked up, LDK has something to pass on and may read on.
    pub(super) fn spawn_lookups(&self) {
        let network = self.clone();
        tokio::spawn(async move {
            let Some(gossip) = network.shared.config.gossip.clone() else {
                return;
            };
            loop {
                tokio::select! {
                    () = network.shared.stop.cancelled() => return,
                    () = gossip.looked_up() => network.shared.manager.process_events(),
                }
            }
        });
    }

    /// Pings (BOLT 1) and the handshakes' deadline, until shutdown.
    pub(super) fn spawn_timers(&self) {
        let network = self.clone();
        tokio::spawn(async move {
            let shared = &network.shared;
            let mut pings = interval(shared.config.ping_interval);
            let mut sweeps = interval(SWEEP.min(shared.config.handshake_timeout));
            pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
            sweeps.set_missed_tick_behavior(MissedTickBehavior::Delay);
            pings.tick().await; // the first tick of an interval is immediate
            loop {
                tokio::select! {
                    () = shared.stop.cancelled() => return,
                    _ = pings.tick() => shared.manager.timer_tick_occurred(),
                    _ = sweeps.tick() => shared.connections.sweep(&network.finished()),
                }
            }
        });
    }
}
