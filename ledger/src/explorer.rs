//! Questions about blocks and transactions, answered in the shapes of Exonum's explorer API, as exonum-client and
//! Exonum's users know them. The HTTP server turns them into URLs.

use std::ops::Bound;

use exonum::{
    blockchain::{CallInBlock, IndexProof, Schema},
    helpers::Height,
    merkledb::{BinaryValue, Snapshot},
    messages::{AnyTx, SignedMessage, Verified},
    runtime::{ExecutionStatus, SnapshotExt},
};
use exonum_explorer::BlockchainExplorer;
use thiserror::Error;

pub use exonum_explorer::{
    api::{
        BlockInfo, BlockQuery, BlocksQuery, BlocksRange, CallStatusResponse, TransactionHex,
        TransactionQuery, TransactionResponse, TransactionStatusQuery, MAX_BLOCKS_PER_REQUEST,
    },
    CommittedTransaction, TransactionInfo,
};

use crate::{
    error::{reading, LedgerError},
    ledger::Ledger,
};

/// Why a question got no answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExplorerError {
    /// More blocks were asked for than one answer holds.
    #[error("{count} blocks were asked for, at most {limit} are given")]
    TooMany {
        /// Blocks asked for.
        count: usize,
        /// The most that is given.
        limit: usize,
    },
    /// A height above the ledger's.
    #[error("block {height} is not there yet, the newest is {newest}")]
    NoBlock {
        /// The height asked for.
        height: u64,
        /// The ledger's height.
        newest: u64,
    },
    /// A hash that is no committed transaction's.
    #[error("there is no transaction {tx_hash}")]
    NoTransaction {
        /// The hash asked for.
        tx_hash: exonum::crypto::Hash,
    },
    /// Bytes that are no signed transaction.
    #[error("not a signed transaction: {reason}")]
    Malformed {
        /// What is wrong with them.
        reason: String,
    },
    /// The ledger could not be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Answers from one durable state; all answers of one explorer fit together.
pub struct Explorer {
    snapshot: Box<dyn Snapshot>,
}

impl Ledger {
    /// An explorer of the newest durable state.
    pub fn explorer(&self) -> Explorer {
        Explorer {
            snapshot: self.snapshot(),
        }
    }
}

impl Explorer {
    /// Block headers from the newest downwards (`GET blocks`).
    ///
    /// # Errors
    ///
    /// [`ExplorerError::TooMany`], [`ExplorerError::NoBlock`] for a `latest` above the head.
    pub fn blocks(&self, query: &BlocksQuery) -> Result<BlocksRange, ExplorerError> {
        if query.count > MAX_BLOCKS_PER_REQUEST {
            return Err(ExplorerError::TooMany {
                count: query.count,
                limit: MAX_BLOCKS_PER_REQUEST,
            });
        }
        reading(|| self.read_blocks(query))?
    }

    fn read_blocks(&self, query: &BlocksQuery) -> Result<BlocksRange, ExplorerError> {
        let explorer = BlockchainExplorer::new(&*self.snapshot);
        let newest = explorer.height();
        let upper = query.latest.unwrap_or(newest);
        if upper > newest {
            return Err(no_block(upper, newest));
        }
        let lower = query.earliest.unwrap_or(Height(0));
        let blocks: Vec<_> = explorer
            .blocks((Bound::Included(lower), Bound::Included(upper)))
            .rev()
            .filter(|block| !query.skip_empty_blocks || !block.is_empty())
            .take(query.count)
            .map(|block| BlockInfo::summary(block, query))
            .collect();
        // The range tells how far down was looked, which with fewer blocks than asked for is the whole way.
        let reached = match blocks.last() {
            Some(last) if blocks.len() == query.count => last.block.height,
            _ => lower,
        };
        Ok(BlocksRange::new(reached..upper.next(), blocks))
    }

    /// One block with its precommits and transactions (`GET block`).
    ///
    /// # Errors
    ///
    /// [`ExplorerError::NoBlock`].
    pub fn block(&self, query: &BlockQuery) -> Result<BlockInfo, ExplorerError> {
        reading(|| {
            let explorer = BlockchainExplorer::new(&*self.snapshot);
            let block = explorer.block(query.height).map(BlockInfo::from);
            block.ok_or_else(|| no_block(query.height, explorer.height()))
        })?
    }

    /// A committed transaction with its status and the proof of its place (`GET transactions`).
    ///
    /// # Errors
    ///
    /// [`ExplorerError::NoTransaction`].
    pub fn transaction(&self, query: &TransactionQuery) -> Result<TransactionInfo, ExplorerError> {
        let found = reading(|| BlockchainExplorer::new(&*self.snapshot).transaction(&query.hash))?;
        found.ok_or(ExplorerError::NoTransaction {
            tx_hash: query.hash,
        })
    }

    /// How a committed transaction ended, with a proof if asked for (`GET call_status/transaction`).
    ///
    /// # Errors
    ///
    /// [`ExplorerError::NoTransaction`].
    pub fn transaction_status(
        &self,
        query: &TransactionStatusQuery,
    ) -> Result<CallStatusResponse, ExplorerError> {
        let found = reading(|| {
            let schema = Schema::new(&*self.snapshot);
            let location = schema.transactions_locations().get(&query.hash)?;
            let records = schema.call_records(location.block_height())?;
            let call = CallInBlock::transaction(location.position_in_block());
            Some(if query.with_proof {
                CallStatusResponse::Proof(records.get_proof(call))
            } else {
                CallStatusResponse::Simple(ExecutionStatus(records.get(call)))
            })
        })?;
        found.ok_or(ExplorerError::NoTransaction {
            tx_hash: query.hash,
        })
    }

    /// The proof that a proof index, named in full (`instance.index`), has its hash in the newest block, with the block
    /// and its precommits. `None` when there is no such index.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unreadable`].
    pub fn index_proof(&self, index: &str) -> Result<Option<IndexProof>, LedgerError> {
        reading(|| self.snapshot.proof_for_index(index))
    }

    /// The state that the answers come from.
    pub fn snapshot(&self) -> &dyn Snapshot {
        &*self.snapshot
    }
}

impl std::fmt::Debug for Explorer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Explorer").finish_non_exhaustive()
    }
}

/// Reads a transaction as a client hands it in (`POST transactions`) and checks its signature.
///
/// # Errors
///
/// [`ExplorerError::Malformed`].
pub fn decode_transaction(transaction: &TransactionHex) -> Result<Verified<AnyTx>, ExplorerError> {
    let malformed = |reason: String| ExplorerError::Malformed { reason };
    let bytes = hex::decode(&transaction.tx_body).map_err(|error| malformed(error.to_string()))?;
    SignedMessage::from_bytes(bytes.into())
        .and_then(SignedMessage::into_verified::<AnyTx>)
        .map_err(|error| malformed(error.to_string()))
}

fn no_block(height: Height, newest: Height) -> ExplorerError {
    ExplorerError::NoBlock {
        height: height.0,
        newest: newest.0,
    }
}
