//! What is asked of a Bitcoin node, whoever answers.

use std::fmt;
use std::sync::Arc;

use bitcoin::{Amount, Block, BlockHash, FeeRate, OutPoint, ScriptBuf, Transaction, Txid};
use serde::{Deserialize, Serialize};

use crate::broadcast::Rejection;
use crate::error::ChainError;

/// A block by height and hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BlockRef {
    /// Distance from the genesis block.
    pub height: u32,
    /// The block's hash.
    pub hash: BlockHash,
}

impl fmt::Display for BlockRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.height, self.hash)
    }
}

/// A header that the source knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The block itself.
    pub block: BlockRef,
    /// The block before it. The genesis block has none.
    pub previous: Option<BlockHash>,
    /// Its time, Unix time, as its miner says: up to two hours from the truth.
    pub time: u32,
    /// Whether it is part of the best chain at this moment.
    pub in_best_chain: bool,
}

/// An output that no confirmed transaction has spent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unspent {
    /// The tip at which this was true.
    pub tip: BlockHash,
    /// 1 in the tip itself.
    pub confirmations: u32,
    /// What it is worth.
    pub value: Amount,
    /// Who may spend it.
    pub script: ScriptBuf,
    /// Whether it was mined rather than paid.
    pub coinbase: bool,
}

/// Where a source announces what is new, so that nobody needs to poll.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    /// ZMQ topic: `rawblock`, `hashblock`, `rawtx` or `hashtx`.
    pub topic: String,
    /// ZMQ endpoint, e.g. `tcp://127.0.0.1:28332`.
    pub address: String,
}

/// What replacing a transaction costs where the source says nothing else: 1 sat/vB.
pub(crate) const USUAL_INCREMENT: FeeRate = FeeRate::from_sat_per_kwu(250);

/// How the source took a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It is in the mempool, now or already.
    InMempool,
    /// It is in the chain already, with unspent outputs.
    InChain,
}

/// A view of the Bitcoin network. Every call blocks, and answers about the best chain of this moment.
///
/// `Err` always means that the source could not be asked, never that something does not exist.
pub trait ChainSource: Send + Sync + 'static {
    /// The tip of the best chain.
    fn best_block(&self) -> Result<BlockRef, ChainError>;

    /// The height of the newest header, whether its block is there or not.
    fn headers(&self) -> Result<u32, ChainError> {
        Ok(self.best_block()?.height)
    }

    /// The block of the best chain at `height`; `None` above its tip.
    fn block_hash(&self, height: u32) -> Result<Option<BlockHash>, ChainError>;

    /// A header, of the best chain or beside it; `None` if the source has never heard of it.
    fn header(&self, hash: &BlockHash) -> Result<Option<Header>, ChainError>;

    /// A whole block, checked to be the one that was asked for.
    ///
    /// # Errors
    /// [`ChainError::NoBlockData`] if it was pruned.
    fn block(&self, hash: &BlockHash) -> Result<Arc<Block>, ChainError>;

    /// A confirmed output, if no confirmed transaction has spent it.
    fn unspent(&self, outpoint: &OutPoint) -> Result<Option<Unspent>, ChainError>;

    /// The ids of all transactions in the mempool.
    fn mempool(&self) -> Result<Vec<Txid>, ChainError>;

    /// Whether the mempool holds it.
    fn in_mempool(&self, txid: &Txid) -> Result<bool, ChainError>;

    /// A transaction of the mempool; `None` if it is not there (any more).
    fn mempool_transaction(&self, txid: &Txid) -> Result<Option<Transaction>, ChainError>;

    /// The block that an index of all transactions names for it.
    fn indexed(&self, txid: &Txid) -> Result<Indexed, ChainError>;

    /// Offers a transaction to the network.
    fn broadcast(
        &self,
        transaction: &Transaction,
    ) -> Result<Result<Accepted, Rejection>, ChainError>;

    /// Offers transactions to the network that depend on one another, the child last: a parent that pays too little by itself is
    /// taken for its child's sake, where the source can do that.
    fn broadcast_package(
        &self,
        transactions: &[&Transaction],
    ) -> Result<Result<Accepted, Rejection>, ChainError> {
        let mut last = Ok(Accepted::InMempool);
        for transaction in transactions {
            last = self.broadcast(transaction)?;
        }
        Ok(last)
    }

    /// The feerate at which a transaction is likely to confirm within `blocks`; `None` if the source has too little to go by.
    fn estimate_fee(&self, blocks: u16) -> Result<Option<FeeRate>, ChainError>;

    /// The feerate below which the mempool takes nothing at this moment.
    fn mempool_min_fee(&self) -> Result<FeeRate, ChainError>;

    /// What a transaction must pay at least for its own weight, beside what those paid that it replaces (BIP 125, rule 4).
    fn replacement_increment(&self) -> Result<FeeRate, ChainError> {
        Ok(USUAL_INCREMENT)
    }

    /// Where it announces blocks and transactions. Empty: poll it.
    fn announcements(&self) -> Result<Vec<Announcement>, ChainError>;
}

/// What an index of all transactions says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Indexed {
    /// There is no such index, or it is behind the chain: nothing can be concluded.
    NoIndex,
    /// The index is complete and the transaction is in no block of the best chain.
    Absent,
    /// It is in this block, which may have left the best chain since.
    In(BlockHash),
}
