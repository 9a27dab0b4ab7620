//! Blocks and outcomes as the rest of the node sees them.

use chrono::{DateTime, Utc};
use exonum::{
    blockchain::{CallInBlock, Schema},
    crypto::Hash,
    helpers::Height,
    merkledb::Snapshot,
    messages::{AnyTx, Verified},
    runtime::ExecutionError,
};

/// The newest durable block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Height; the genesis has 0.
    pub height: u64,
    /// Hash of the block's header.
    pub block_hash: Hash,
    /// Hash of all proof indexes after the block.
    pub state_hash: Hash,
}

/// Where a transaction went and how it ended.
#[derive(Debug, Clone)]
pub struct Committed {
    /// Height of its block.
    pub height: u64,
    /// Its place in the block, from 0.
    pub position: u32,
    /// Its hash.
    pub tx_hash: Hash,
    /// Whether the service carried it out. A failed transaction stays in the block and changed nothing.
    pub result: Result<(), ExecutionError>,
}

/// One transaction of a [`CommittedBlock`].
#[derive(Debug, Clone)]
pub struct BlockTransaction {
    /// Its hash.
    pub tx_hash: Hash,
    /// The signed message.
    pub message: Verified<AnyTx>,
    /// Whether the service carried it out.
    pub result: Result<(), ExecutionError>,
}

/// A durable block with its transactions in order.
#[derive(Debug, Clone)]
pub struct CommittedBlock {
    /// Height; the genesis has 0.
    pub height: u64,
    /// Hash of the block's header.
    pub block_hash: Hash,
    /// Hash of all proof indexes after the block.
    pub state_hash: Hash,
    /// The time in its precommit; none for the genesis.
    pub time: Option<DateTime<Utc>>,
    /// Its transactions.
    pub transactions: Vec<BlockTransaction>,
}

impl CommittedBlock {
    /// The block as a head.
    pub fn head(&self) -> Head {
        Head {
            height: self.height,
            block_hash: self.block_hash,
            state_hash: self.state_hash,
        }
    }

    /// Reads the block at `height`; `None` when it, or one of its transactions, is not there. Panics, as merkledb does, over unreadable data.
    pub(crate) fn read(snapshot: &dyn Snapshot, height: u64) -> Option<Self> {
        let schema = Schema::new(snapshot);
        let block_hash = schema.block_hash_by_height(Height(height))?;
        let block = schema.blocks().get(&block_hash)?;
        let records = schema.call_records(Height(height))?;
        let stored = schema.transactions();
        let transactions = (0u32..)
            .zip(schema.block_transactions(Height(height)).iter())
            .map(|(position, tx_hash)| {
                Some(BlockTransaction {
                    tx_hash,
                    message: stored.get(&tx_hash)?,
                    result: records.get(CallInBlock::transaction(position)),
                })
            })
            .collect::<Option<_>>()?;
        let time = schema
            .precommits(&block_hash)
            .get(0)
            .map(|p| p.payload().time);
        Some(Self {
            height,
            block_hash,
            state_hash: block.state_hash,
            time,
            transactions,
        })
    }
}

/// The newest block of a snapshot; `None` before the genesis.
pub(crate) fn read_head(snapshot: &dyn Snapshot) -> Option<Head> {
    let schema = Schema::new(snapshot);
    let hashes = schema.block_hashes_by_height();
    let block_hash = hashes.last()?;
    let block = schema.blocks().get(&block_hash)?;
    Some(Head {
        height: hashes.len() - 1,
        block_hash,
        state_hash: block.state_hash,
    })
}

/// The earlier outcome of a transaction that is committed already.
pub(crate) fn find_committed(snapshot: &dyn Snapshot, tx_hash: &Hash) -> Option<Committed> {
    let schema = Schema::new(snapshot);
    let location = schema.transactions_locations().get(tx_hash)?;
    let result = schema.transaction_result(location)?;
    Some(Committed {
        height: location.block_height().0,
        position: location.position_in_block(),
        tx_hash: *tx_hash,
        result,
    })
}
