//! ZMQ announcements of bitcoind. They only say "look now": what is new is always asked by RPC, so a lost announcement costs a poll
//! interval and never an event.

use std::thread;
use std::time::Duration;

use tokio::sync::watch;
use zeromq::{Socket, SocketRecv, SubSocket};

use crate::source::Announcement;

/// Announcements between which a subscription is given up and made anew: the socket does not tell when its other end went away.
const SILENCE: Duration = Duration::from_secs(60);
/// Pause before a subscription that could not be made is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// What to do on an announcement. Returns whether anybody still listens.
pub(crate) type Notice = Box<dyn Fn() -> bool + Send>;

/// Listens in a thread of its own. It ends when `endpoints` is dropped, or nobody listens any more.
pub(crate) struct Announcements {
    endpoints: watch::Sender<Vec<Announcement>>,
}

impl Announcements {
    /// Starts listening, at first to nothing.
    pub(crate) fn start(notice: Notice) -> std::io::Result<Self> {
        let (endpoints, changes) = watch::channel(Vec::new());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        thread::Builder::new()
            .name("bitcoin-zmq".to_owned())
            .spawn(move || runtime.block_on(listen(changes, notice)))?;
        Ok(Self { endpoints })
    }

    /// Subscribes to these from now on. The same ones again are subscribed to anew: their other end may have restarted.
    pub(crate) fn subscribe(&self, endpoints: Vec<Announcement>) {
        self.endpoints.send_replace(endpoints);
    }
}

async fn listen(mut changes: watch::Receiver<Vec<Announcement>>, notice: Notice) {
    loop {
        let endpoints = changes.borrow_and_update().clone();
        let listening = async {
            if endpoints.is_empty() {
                return std::future::pending().await;
            }
            match subscribe(&endpoints).await {
                Ok(socket) => receive(socket, &notice).await,
                Err(error) => {
                    tracing::debug!(%error, "cannot subscribe to bitcoind's announcements");
                    tokio::time::sleep(RETRY).await;
                    true
                }
            }
        };
        tokio::select! {
            go_on = listening => if !go_on { return },
            changed = changes.changed() => if changed.is_err() { return },
        }
    }
}

async fn subscribe(endpoints: &[Announcement]) -> Result<SubSocket, zeromq::ZmqError> {
    let mut socket = SubSocket::new();
    let mut addresses: Vec<&str> = endpoints
        .iter()
        .map(|endpoint| endpoint.address.as_str())
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    for address in addresses {
        socket.connect(address).await?;
    }
    for endpoint in endpoints {
        socket.subscribe(&endpoint.topic).await?;
    }
    Ok(socket)
}

/// Passes announcements on until the socket fails or falls silent; whether anybody still listens.
async fn receive(mut socket: SubSocket, notice: &Notice) -> bool {
    loop {
        match tokio::time::timeout(SILENCE, socket.recv()).await {
            Ok(Ok(_)) => {
                if !notice() {
                    return false;
                }
            }
            Ok(Err(error)) => {
                tracing::debug!(%error, "bitcoind's announcements broke off");
                tokio::time::sleep(RETRY).await;
                return true;
            }
            Err(_silence) => return true,
        }
    }
}
