//! Why the chain could not be asked. Never an answer about the chain itself.

use std::io;
use std::path::PathBuf;

use bitcoin::{BlockHash, Network, Txid};

use crate::source::BlockRef;

/// A question that got no answer. "Not in the chain" is never one of these: it is an `Ok`.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// Nothing listens, the connection broke, or the answer did not come in time.
    #[error("bitcoind does not answer {call}: {source}")]
    Unreachable {
        /// The RPC that was asked.
        call: &'static str,
        /// What the transport said.
        source: bitcoincore_rpc::Error,
    },
    /// bitcoind is starting (RPC error -28).
    #[error("bitcoind is warming up: {message}")]
    WarmingUp {
        /// bitcoind's own words, e.g. "Loading block index…".
        message: String,
    },
    /// The cookie file or the user and password are not (or no longer) right.
    #[error("bitcoind refuses our credentials for {call} (HTTP {status})")]
    Unauthorized {
        /// The RPC that was asked.
        call: &'static str,
        /// 401 or 403.
        status: i32,
    },
    /// The cookie file cannot be read: bitcoind is not running, or the path is wrong.
    #[error("cannot read bitcoind's cookie file {path}: {source}")]
    Cookie {
        /// Where it was looked for.
        path: PathBuf,
        /// Why it could not be read.
        source: io::Error,
    },
    /// bitcoind answered with an error of its own that is no answer to the question.
    #[error("bitcoind answers {call} with error {code}: {message}")]
    Rpc {
        /// The RPC that was asked.
        call: &'static str,
        /// bitcoind's error code.
        code: i32,
        /// bitcoind's own words.
        message: String,
    },
    /// bitcoind's answer contradicts the question or cannot be read.
    #[error("bitcoind's answer to {call} makes no sense: {why}")]
    Answer {
        /// The RPC that was asked.
        call: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The block's body is gone (pruned node) or has not been downloaded.
    #[error("bitcoind has no data of block {hash}: {message}. A pruned node keeps too little; raise -prune or sync it again")]
    NoBlockData {
        /// The block that is needed.
        hash: BlockHash,
        /// bitcoind's own words.
        message: String,
    },
    /// The block from which this node is to go on is not one that bitcoind knows.
    #[error("bitcoind does not know block {hash} at height {height}, from which this node is to go on: it follows another chain or lost its data", hash = from.hash, height = from.height)]
    UnknownBlock {
        /// The block that is needed.
        from: BlockRef,
    },
    /// bitcoind runs another network than this node.
    #[error("bitcoind's genesis block is {found}, not that of {expected}")]
    WrongNetwork {
        /// The network of this node.
        expected: Network,
        /// The genesis block of bitcoind's chain.
        found: BlockHash,
    },
    /// Without txindex nobody can say whether a transaction is in a chain that was not searched.
    #[error(
        "bitcoind has no txindex: to look for {txid}, a block or a height to begin at is needed"
    )]
    NoIndex {
        /// The transaction in question.
        txid: Txid,
    },
    /// This side is stopping.
    #[error("the follower of the chain has stopped")]
    Stopped,
}

impl ChainError {
    /// Whether waiting alone may help: bitcoind is away, starting or overloaded, or its cookie is about to change.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::WarmingUp { .. }
            | Self::Unauthorized { .. }
            | Self::Cookie { .. }
            | Self::Rpc { .. }
            | Self::Answer { .. } => true,
            Self::NoBlockData { .. }
            | Self::UnknownBlock { .. }
            | Self::WrongNetwork { .. }
            | Self::NoIndex { .. }
            | Self::Stopped => false,
        }
    }
}
