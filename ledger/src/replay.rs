//! Executing stored blocks again, one by one, over a fresh chain.

use std::{collections::BTreeMap, sync::Arc};

use exonum::{
    blockchain::{Block, BlockParams, BlockchainMut, ProposerId, Schema},
    crypto::{Hash, KeyPair},
    helpers::{Height, ValidatorId},
    merkledb::{ObjectHash, Snapshot},
    messages::{AnyTx, Precommit, Verified},
};
use exonum_merkledb::Database;

use crate::{
    chain,
    durable::DurableDb,
    options::{Services, ValidatorPublic},
    verify::VerifyError,
};

/// A chain that is made anew from the blocks of a stored one.
pub(crate) struct Replay<'a> {
    stored: Schema<&'a dyn Snapshot>,
    chain: BlockchainMut,
    validator: ValidatorPublic,
}

impl<'a> Replay<'a> {
    /// A fresh chain over the empty database `fresh`, to be filled with the blocks of `stored`.
    pub(crate) fn new(
        stored: &'a dyn Snapshot,
        fresh: Arc<DurableDb>,
        validator: ValidatorPublic,
        services: &Services,
    ) -> Result<Self, VerifyError> {
        // The replay signs nothing: any service key will do.
        let db = Arc::clone(&fresh) as Arc<dyn Database>;
        let chain = chain::build(db, services, validator, KeyPair::random())?;
        fresh.queues_are_empty();
        Ok(Self {
            stored: Schema::new(stored),
            chain,
            validator,
        })
    }

    /// Blocks to replay, the genesis included.
    pub(crate) fn blocks(&self) -> u64 {
        self.stored.next_height().0
    }

    /// Replays the block at `height`, the next one; how many transactions it had.
    pub(crate) fn block(&mut self, height: u64) -> Result<u64, VerifyError> {
        let stored = self.stored_block(height)?;
        if height == 0 {
            let replayed = Schema::new(&self.chain.snapshot()).last_block();
            compare(&stored, &replayed)?;
            return Ok(0);
        }
        let precommits = self.precommits(height)?;
        let transactions = self.transactions(height)?;
        let order: Vec<Hash> = transactions.iter().map(|tx| tx.object_hash()).collect();
        let cache: BTreeMap<Hash, _> = order.iter().copied().zip(transactions).collect();
        let params = BlockParams::new(ValidatorId(0), Height(height), &order);
        let patch = self.chain.create_patch(params, &cache);
        let replayed = Schema::new(patch.as_ref())
            .blocks()
            .get(&patch.block_hash())
            .ok_or_else(|| failed(height, "the replay made no header"))?;
        compare(&stored, &replayed)?;
        self.chain
            .commit(patch, precommits)
            .map_err(|error| failed(height, &error.to_string()))?;
        // No more than a block has; the header's count was compared.
        Ok(u64::from(stored.tx_count))
    }

    fn stored_block(&self, height: u64) -> Result<Block, VerifyError> {
        let hash = self
            .stored
            .block_hash_by_height(Height(height))
            .ok_or_else(|| failed(height, "its hash is missing"))?;
        let block = self
            .stored
            .blocks()
            .get(&hash)
            .ok_or_else(|| failed(height, "its header is missing"))?;
        if block.object_hash() != hash {
            return Err(VerifyError::Block {
                height,
                field: "hash",
                stored: hash.to_hex(),
                replayed: block.object_hash().to_hex(),
            });
        }
        Ok(block)
    }

    /// The precommits of a block, their signatures checked (merkledb reads them unchecked).
    fn precommits(&self, height: u64) -> Result<Vec<Verified<Precommit>>, VerifyError> {
        let wrong = |reason: String| VerifyError::Precommit { height, reason };
        let proof = self
            .stored
            .block_and_precommits(Height(height))
            .ok_or_else(|| failed(height, "it is missing"))?;
        for precommit in &proof.precommits {
            let raw = precommit.as_raw().clone();
            raw.into_verified::<Precommit>()
                .map_err(|error| wrong(error.to_string()))?;
        }
        proof
            .verify(&[self.validator.consensus])
            .map_err(|error| wrong(error.to_string()))?;
        Ok(proof.precommits)
    }

    /// The transactions of a block in order, their hashes and signatures checked.
    fn transactions(&self, height: u64) -> Result<Vec<Verified<AnyTx>>, VerifyError> {
        let stored = self.stored.transactions();
        let check = |position: u32, tx_hash: Hash| {
            let wrong = |reason: &str| VerifyError::Transaction {
                height,
                position,
                reason: reason.to_owned(),
            };
            let message = stored.get(&tx_hash).ok_or_else(|| wrong("it is missing"))?;
            if message.object_hash() != tx_hash {
                return Err(wrong("it has another hash"));
            }
            let raw = message.into_raw();
            raw.into_verified::<AnyTx>()
                .map_err(|error| wrong(&error.to_string()))
        };
        (0u32..)
            .zip(self.stored.block_transactions(Height(height)).iter())
            .map(|(position, tx_hash)| check(position, tx_hash))
            .collect()
    }
}

/// Names the first field in which two headers differ.
fn compare(stored: &Block, replayed: &Block) -> Result<(), VerifyError> {
    let proposer = |block: &Block| format!("{:?}", block.get_header::<ProposerId>().ok().flatten());
    let fields: [(&'static str, String, String); 8] = [
        (
            "height",
            stored.height.to_string(),
            replayed.height.to_string(),
        ),
        (
            "previous hash",
            stored.prev_hash.to_hex(),
            replayed.prev_hash.to_hex(),
        ),
        (
            "number of transactions",
            stored.tx_count.to_string(),
            replayed.tx_count.to_string(),
        ),
        (
            "transactions' hash",
            stored.tx_hash.to_hex(),
            replayed.tx_hash.to_hex(),
        ),
        (
            "errors' hash",
            stored.error_hash.to_hex(),
            replayed.error_hash.to_hex(),
        ),
        (
            "state hash",
            stored.state_hash.to_hex(),
            replayed.state_hash.to_hex(),
        ),
        ("proposer", proposer(stored), proposer(replayed)),
        // Last, since it holds all the others.
        (
            "hash",
            stored.object_hash().to_hex(),
            replayed.object_hash().to_hex(),
        ),
    ];
    let first = fields
        .into_iter()
        .find(|(_, stored, replayed)| stored != replayed);
    match first {
        None => Ok(()),
        Some((field, stored_field, replayed)) => Err(VerifyError::Block {
            height: stored.height.0,
            field,
            stored: stored_field,
            replayed,
        }),
    }
}

fn failed(height: u64, what: &str) -> VerifyError {
    VerifyError::Failed {
        reason: format!("block {height}: {what}"),
    }
}
