//! bitcoind (Bitcoin Core, Knots) by JSON-RPC.

mod answers;
mod calls;
mod connection;
mod transport;

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bitcoin::{Block, BlockHash};

use self::connection::Connection;

/// Blocks kept to be read again: follower, watches and wallet read the newest ones one after the other.
const CACHED_BLOCKS: usize = 8;

/// How to prove to bitcoind who asks.
#[derive(Clone)]
pub enum Auth {
    /// bitcoind's own cookie file (`<datadir>/<network>/.cookie`). It is read again whenever bitcoind refuses the last one:
    /// each start of bitcoind writes a new one.
    Cookie(PathBuf),
    /// `rpcauth` or `rpcuser` and `rpcpassword` of bitcoind's configuration.
    UserPassword(String, String),
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cookie(path) => f.debug_tuple("Cookie").field(path).finish(),
            Self::UserPassword(user, _) => f
                .debug_tuple("UserPassword")
                .field(user)
                .field(&"…")
                .finish(),
        }
    }
}

/// Where bitcoind is.
#[derive(Clone, Debug)]
pub struct BitcoindConfig {
    /// Address of its RPC server.
    pub rpc: SocketAddr,
    /// Credentials.
    pub auth: Auth,
    /// How long one call may take.
    pub timeout: Duration,
}

impl BitcoindConfig {
    /// With the usual time limit of 30 seconds a call.
    pub fn new(rpc: SocketAddr, auth: Auth) -> Self {
        Self {
            rpc,
            auth,
            timeout: Duration::from_secs(30),
        }
    }
}

/// A [`ChainSource`](crate::ChainSource) that asks bitcoind. Making one asks nothing yet.
#[derive(Debug)]
pub struct Bitcoind {
    connection: Connection,
    blocks: Mutex<VecDeque<(BlockHash, Arc<Block>)>>,
}

impl Bitcoind {
    /// For the bitcoind that `config` names.
    pub fn new(config: BitcoindConfig) -> Self {
        Self {
            connection: Connection::new(config),
            blocks: Mutex::default(),
        }
    }

    fn cached(&self, hash: &BlockHash) -> Option<Arc<Block>> {
        self.cache()
            .iter()
            .find(|(known, _)| known == hash)
            .map(|(_, block)| Arc::clone(block))
    }

    fn keep(&self, hash: BlockHash, block: &Arc<Block>) {
        let mut cache = self.cache();
        if cache.len() >= CACHED_BLOCKS {
            cache.pop_front();
        }
        cache.push_back((hash, Arc::clone(block)));
    }

    /// A panic elsewhere cannot leave a list of blocks half made.
    fn cache(&self) -> MutexGuard<'_, VecDeque<(BlockHash, Arc<Block>)>> {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
