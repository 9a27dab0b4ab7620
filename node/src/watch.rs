//! `zarnitsa watch`: a watchtower. It holds no channel keys. Nodes give it encrypted records, each of which can be read
//! only once the revoked commitment that it is about is on the chain; then it takes every output that the cheater
//! could have taken, to the cheated node's own wallet, whether that node runs or not.
//!
//! | file | subject |
//! |---|---|
//! | `protocol` | what nodes say and hear, JSON over HTTP |
//! | `store` | the records, in files |
//! | `server` | HTTP, a token for all |
//! | `chain` | looks at every block, and punishes |

mod chain;
pub(crate) mod protocol;
mod server;
mod store;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context;
use zarnitsa_bitcoin_adapter::ChainSource;

use crate::data_dir::{DataDir, Token};

use store::Store;

/// A tower that runs.
pub(crate) struct Watch {
    server: server::Server,
    watcher: chain::Running,
}

impl Watch {
    /// Opens the records in `dir`, serves nodes at `listen`, and follows the chain.
    pub(crate) fn start(
        dir: &DataDir,
        listen: SocketAddr,
        token: Token,
        (source, poll): (Arc<dyn ChainSource>, Duration),
    ) -> anyhow::Result<Self> {
        let store = Store::open(dir.path().join("states")).context("cannot read the records")?;
        let store = Arc::new(Mutex::new(store));
        let server = server::Server::start(listen, store.clone(), token)
            .with_context(|| format!("cannot serve on {listen}"))?;
        let watcher = chain::Running::start(source, store, dir.path().join("height"), poll)?;
        Ok(Self { server, watcher })
    }

    /// Where it serves; the port is the real one where 0 was asked for.
    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Stops serving, and watching after the block that is looked at.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.server.stop().await?;
        tokio::task::spawn_blocking(move || self.watcher.stop()).await?;
        Ok(())
    }
}
