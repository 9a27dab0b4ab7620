//! Making blocks: one small trait, and the one validator that this node is.

use std::{
    collections::BTreeMap,
    panic::{catch_unwind, AssertUnwindSafe},
    sync::Arc,
    time::Instant,
};

use chrono::Utc;
use exonum::{
    blockchain::{BlockParams, BlockchainMut, Schema, TxLocation},
    crypto::{Hash, KeyPair},
    helpers::{Height, Round, ValidatorId},
    merkledb::Snapshot,
    messages::{AnyTx, Precommit, Verified},
};
use exonum_merkledb::Database;

use crate::{
    block::{BlockTransaction, CommittedBlock, Head},
    durable::DurableDb,
    error::{panic_text, LedgerError},
    witness::Witness,
};

/// What turns transactions into durable blocks. A hub that outgrows one machine puts a consensus of several validators
/// in the place of `SingleValidator`; nothing else knows how a block comes to be.
pub trait Sealer: Send {
    /// Executes `transactions` in order as the next block and makes it durable. They are distinct, new and admissible.
    /// An empty block is allowed.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`]: the block may or may not be stored, and nothing more must be sealed.
    fn seal(
        &mut self,
        transactions: Vec<(Hash, Verified<AnyTx>)>,
    ) -> Result<CommittedBlock, LedgerError>;

    /// The state after the newest block that `seal` returned (or that was there at the start).
    fn durable_snapshot(&self) -> Box<dyn Snapshot>;
}

/// The node as its ledger's only validator: what it executes is agreed upon.
pub(crate) struct SingleValidator {
    chain: BlockchainMut,
    db: Arc<DurableDb>,
    consensus: KeyPair,
    /// None while a store is in the making.
    witness: Option<Witness>,
}

impl SingleValidator {
    pub(crate) fn new(chain: BlockchainMut, db: Arc<DurableDb>, consensus: KeyPair) -> Self {
        Self {
            chain,
            db,
            consensus,
            witness: None,
        }
    }

    /// Makes all that was taken up at the start durable.
    pub(crate) fn make_durable(&self) -> Result<(), LedgerError> {
        self.db.sync().map_err(|error| LedgerError::Storage {
            reason: format!("the first sync failed: {error}"),
        })
    }

    /// From now on each block is acknowledged in this witness, which has the newest one already.
    pub(crate) fn acknowledge_in(&mut self, witness: Witness) {
        self.witness = Some(witness);
    }

    fn acknowledge(&self, head: Head) -> Result<(), LedgerError> {
        let Some(witness) = &self.witness else {
            return Ok(());
        };
        witness
            .acknowledge(head.into())
            .map_err(|error| LedgerError::Storage {
                reason: format!(
                    "the witness of block {} was not written: {error}",
                    head.height
                ),
            })
    }

    fn precommit(&self, height: Height, block_hash: Hash) -> Verified<Precommit> {
        // exonum-client compares the epoch in the precommit with the block's height, so the two must stay equal.
        let precommit = Precommit::new(
            ValidatorId(0),
            height,
            Round::first(),
            Hash::zero(),
            block_hash,
            Utc::now(),
        );
        let key = self.consensus.public_key();
        Verified::from_value(precommit, key, self.consensus.secret_key())
    }

    fn commit(
        &mut self,
        transactions: Vec<(Hash, Verified<AnyTx>)>,
    ) -> Result<CommittedBlock, String> {
        let height = Schema::new(&self.chain.snapshot()).next_height();
        let order: Vec<Hash> = transactions.iter().map(|(hash, _)| *hash).collect();
        let cache: BTreeMap<_, _> = transactions.iter().cloned().collect();
        let params = BlockParams::new(ValidatorId(0), height, &order);
        let start = Instant::now();
        let patch = self.chain.create_patch(params, &cache);
        self.db.executed(start);
        let block_hash = patch.block_hash();
        let precommit = self.precommit(height, block_hash);
        let time = precommit.payload().time;
        self.chain
            .commit(patch, Some(precommit))
            .map_err(|error| format!("block {height} was not stored: {error}"))?;
        self.db
            .sync()
            .map_err(|error| format!("block {height} was not synced: {error}"))?;

        let snapshot = self.db.snapshot();
        let schema = Schema::new(&snapshot);
        let transactions = (0u32..)
            .zip(transactions)
            .map(|(position, (tx_hash, message))| {
                let result = schema.transaction_result(TxLocation::new(height, position));
                result
                    .map(|result| BlockTransaction {
                        tx_hash,
                        message,
                        result,
                    })
                    .ok_or_else(|| format!("block {height} has no transaction {position}"))
            })
            .collect::<Result<_, _>>()?;
        Ok(CommittedBlock {
            height: height.0,
            block_hash,
            state_hash: schema.last_block().state_hash,
            time: Some(time),
            transactions,
        })
    }
}

impl Sealer for SingleValidator {
    fn seal(
        &mut self,
        transactions: Vec<(Hash, Verified<AnyTx>)>,
    ) -> Result<CommittedBlock, LedgerError> {
        // merkledb panics over storage errors while a block is executed.
        let block = catch_unwind(AssertUnwindSafe(|| self.commit(transactions)))
            .unwrap_or_else(|payload| Err(panic_text(payload.as_ref())))
            .map_err(|reason| LedgerError::Storage { reason })?;
        self.acknowledge(block.head())?;
        Ok(block)
    }

    fn durable_snapshot(&self) -> Box<dyn Snapshot> {
        // This thread is the only writer, and each of its blocks ends with a sync.
        self.db.snapshot()
    }
}
