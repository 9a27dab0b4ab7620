//! A chain and a mempool in memory, and one real breach: a commitment with two HTLCs, and its record.

use std::collections::HashMap;

use bitcoin::block::{Header as BlockHeader, Version};
use bitcoin::consensus::encode::deserialize_hex;
use bitcoin::hashes::Hash;
use bitcoin::{Amount, CompactTarget, FeeRate, OutPoint, ScriptBuf, TxMerkleNode};
use zarnitsa_bitcoin_adapter::{
    Accepted, Announcement, BlockRef, Header, Indexed, Rejection, Unspent,
};

use super::*;

/// Made by the tests of the signer, which check what it opens.
const COMMITMENT: &str = include_str!("commitment.hex");
const RECORD: &str = include_str!("record.hex");

/// What fails now.
#[derive(Default)]
struct Failing {
    estimates: bool,
    unspent: Option<OutPoint>,
    broadcast: Option<OutPoint>,
}

#[derive(Default)]
struct Chain {
    blocks: Mutex<Vec<Arc<Block>>>,
    /// Blocks below this are gone.
    pruned: Mutex<u32>,
    failing: Mutex<Failing>,
    /// What was taken, by the output that it spends.
    sent: Mutex<HashMap<OutPoint, Vec<Transaction>>>,
}

fn failed<T>(call: &'static str) -> Result<T, ChainError> {
    let why = "it is to fail".to_owned();
    Err(ChainError::Answer { call, why })
}

impl Chain {
    fn of(count: u32) -> Arc<Self> {
        let chain = Arc::new(Self::default());
        (0..count).for_each(|_| chain.mine(Vec::new()));
        chain
    }

    fn mine(&self, txdata: Vec<Transaction>) {
        let mut blocks = self.blocks.lock().unwrap();
        let header = BlockHeader {
            version: Version::TWO,
            prev_blockhash: BlockHash::all_zeros(),
            merkle_root: TxMerkleNode::all_zeros(),
            time: 0,
            bits: CompactTarget::from_consensus(0),
            nonce: u32::try_from(blocks.len()).unwrap(),
        };
        blocks.push(Arc::new(Block { header, txdata }));
    }

    fn fail(&self, failing: Failing) {
        *self.failing.lock().unwrap() = failing;
    }

    /// The outputs that penalties spend, with how many were sent of each.
    fn sent(&self) -> Vec<(OutPoint, usize)> {
        let sent = self.sent.lock().unwrap();
        let mut counts: Vec<_> = sent.iter().map(|(at, all)| (*at, all.len())).collect();
        counts.sort();
        counts
    }

    /// The newest penalties.
    fn penalties(&self) -> Vec<Transaction> {
        let sent = self.sent.lock().unwrap();
        sent.values()
            .filter_map(|all| all.last().cloned())
            .collect()
    }
}

impl ChainSource for Chain {
    fn best_block(&self) -> Result<BlockRef, ChainError> {
        let blocks = self.blocks.lock().unwrap();
        Ok(BlockRef {
            height: u32::try_from(blocks.len()).unwrap() - 1,
            hash: blocks.last().unwrap().block_hash(),
        })
    }

    fn block_hash(&self, height: u32) -> Result<Option<BlockHash>, ChainError> {
        let blocks = self.blocks.lock().unwrap();
        let block = blocks.get(usize::try_from(height).unwrap());
        Ok(block.map(|block| block.block_hash()))
    }

    fn header(&self, _: &BlockHash) -> Result<Option<Header>, ChainError> {
        failed("header")
    }

    fn block(&self, hash: &BlockHash) -> Result<Arc<Block>, ChainError> {
        let blocks = self.blocks.lock().unwrap();
        let block = blocks.iter().find(|block| block.block_hash() == *hash);
        let block = block.unwrap().clone();
        if block.header.nonce < *self.pruned.lock().unwrap() {
            return Err(ChainError::NoBlockData {
                hash: *hash,
                message: "pruned data".to_owned(),
            });
        }
        Ok(block)
    }

    fn unspent(&self, outpoint: &OutPoint) -> Result<Option<Unspent>, ChainError> {
        if self.failing.lock().unwrap().unspent == Some(*outpoint) {
            return failed("unspent");
        }
        let blocks = self.blocks.lock().unwrap();
        let mut transactions = blocks.iter().flat_map(|block| &block.txdata);
        let mut inputs = transactions
            .clone()
            .flat_map(|transaction| &transaction.input);
        if inputs.any(|input| input.previous_output == *outpoint) {
            return Ok(None);
        }
        let there = transactions.any(|transaction| transaction.compute_txid() == outpoint.txid);
        Ok(there.then(|| Unspent {
            tip: BlockHash::all_zeros(),
            confirmations: 1,
            value: Amount::ZERO,
            script: ScriptBuf::new(),
            coinbase: false,
        }))
    }

    fn mempool(&self) -> Result<Vec<Txid>, ChainError> {
        failed("mempool")
    }

    fn in_mempool(&self, _: &Txid) -> Result<bool, ChainError> {
        failed("in_mempool")
    }

    fn mempool_transaction(&self, _: &Txid) -> Result<Option<Transaction>, ChainError> {
        failed("mempool_transaction")
    }

    fn indexed(&self, _: &Txid) -> Result<Indexed, ChainError> {
        failed("indexed")
    }

    fn broadcast(&self, offered: &Transaction) -> Result<Result<Accepted, Rejection>, ChainError> {
        let spent = offered.input[0].previous_output;
        if self.failing.lock().unwrap().broadcast == Some(spent) {
            return failed("broadcast");
        }
        let mut sent = self.sent.lock().unwrap();
        sent.entry(spent).or_default().push(offered.clone());
        Ok(Ok(Accepted::InMempool))
    }

    fn estimate_fee(&self, _: u16) -> Result<Option<FeeRate>, ChainError> {
        match self.failing.lock().unwrap().estimates {
            true => failed("estimate_fee"),
            false => Ok(None),
        }
    }

    fn mempool_min_fee(&self) -> Result<FeeRate, ChainError> {
        Ok(FeeRate::from_sat_per_kwu(LEAST_FEERATE))
    }

    fn announcements(&self) -> Result<Vec<Announcement>, ChainError> {
        Ok(Vec::new())
    }
}

struct World {
    chain: Arc<Chain>,
    commitment: Transaction,
    store: Arc<Mutex<Store>>,
    folder: tempfile::TempDir,
}

impl World {
    /// A chain of so many blocks without the breach, and a tower that has its record.
    fn of(blocks: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path().join("states")).unwrap();
        let commitment: Transaction = deserialize_hex(COMMITMENT.trim()).unwrap();
        let record = (
            locator(&commitment.compute_txid()),
            hex::decode(RECORD.trim()).unwrap(),
        );
        store.add([1; 32], 0, vec![record]).unwrap();
        Self {
            chain: Chain::of(blocks),
            commitment,
            store: Arc::new(Mutex::new(store)),
            folder,
        }
    }

    fn start(&self) -> Watcher {
        let path = self.folder.path().join("height");
        Watcher::new(self.chain.clone(), self.store.clone(), path)
    }

    fn cheat(&self) {
        self.chain.mine(vec![self.commitment.clone()]);
    }
}

#[test]
fn penalty_that_could_not_be_sent_is_sent_at_the_next_look_and_the_others_at_once() {
    let world = World::of(3);
    let mut watcher = world.start();
    watcher.look().unwrap();
    world.cheat();
    let estimates = true;
    world.chain.fail(Failing {
        estimates,
        ..Failing::default()
    });
    watcher.look().unwrap_err();
    assert_eq!(world.chain.sent(), []);
    let targets = watcher.breaches[0].targets.iter();
    let outputs: Vec<_> = targets.map(|target| target.output.outpoint).collect();
    assert_eq!(outputs.len(), 3, "a balance and two HTLCs");

    // No block comes. One output cannot be asked for, another's penalty not be sent.
    world.chain.fail(Failing {
        unspent: Some(outputs[0]),
        broadcast: Some(outputs[1]),
        estimates: false,
    });
    for _ in 0..3 {
        watcher.look().unwrap_err();
        assert_eq!(world.chain.sent(), [(outputs[2], 1)]);
    }
    world.chain.fail(Failing::default());
    for _ in 0..3 {
        watcher.look().unwrap();
        let once: Vec<_> = outputs.iter().map(|at| (*at, 1)).collect();
        assert_eq!(world.chain.sent(), once, "none is raised before a block");
    }
    world.chain.mine(Vec::new());
    watcher.look().unwrap();
    let twice: Vec<_> = outputs.iter().map(|at| (*at, 2)).collect();
    assert_eq!(world.chain.sent(), twice);
}

#[test]
fn breach_that_is_not_over_is_found_again_however_old_it_is() {
    let world = World::of(3);
    let mut watcher = world.start();
    world.cheat();
    watcher.look().unwrap();
    let first = world.chain.sent();
    for _ in 0..2 * LOOK_BACK {
        world.chain.mine(Vec::new());
    }
    watcher.look().unwrap();
    drop(watcher);
    let mut watcher = world.start();
    watcher.look().unwrap();
    assert_eq!(watcher.breaches.len(), 1);
    let again: Vec<_> = first.iter().map(|(at, _)| (*at, 3)).collect();
    assert_eq!(world.chain.sent(), again);

    // All is taken. As soon as that is deep in the chain the breach is over.
    world.chain.mine(world.chain.penalties());
    watcher.look().unwrap();
    for _ in 0..=KEPT {
        world.chain.mine(Vec::new());
    }
    watcher.look().unwrap();
    assert!(watcher.breaches.is_empty());
    world.chain.mine(Vec::new());
    watcher.look().unwrap();
    drop(watcher);
    let mut watcher = world.start();
    watcher.look().unwrap();
    assert_eq!(watcher.blocks, u64::from(LOOK_BACK) + 1);
    assert!(watcher.breaches.is_empty());
}

#[test]
fn tower_whose_bitcoind_has_pruned_old_blocks_looks_at_the_others() {
    let world = World::of(9);
    *world.chain.pruned.lock().unwrap() = 7;
    let mut watcher = world.start();
    watcher.look().unwrap();
    assert_eq!(watcher.blocks, 2);
    world.cheat();
    watcher.look().unwrap();
    assert_eq!(watcher.breaches.len(), 1);
    // One that is missing later will come yet: bitcoind has just had it.
    world.chain.mine(Vec::new());
    *world.chain.pruned.lock().unwrap() = 11;
    watcher.look().unwrap_err();
    assert_eq!(watcher.blocks, 3);
}
