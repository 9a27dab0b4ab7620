//! Blocks, and what they have spent.

use std::collections::{BTreeMap, HashMap};

use bitcoin::{OutPoint, Transaction, Txid};
use zarnitsa_channel::params::Side;

/// The height of the first block of the simulation.
pub const FIRST_HEIGHT: u32 = 700;

/// A transaction and who made it.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub transaction: Transaction,
    pub by: Side,
}

/// The best chain above [`FIRST_HEIGHT`].
#[derive(Default)]
pub struct Chain {
    /// By height; empty blocks are not listed.
    blocks: BTreeMap<u32, Vec<Candidate>>,
    tip: u32,
    highest: u32,
}

impl Chain {
    pub fn new() -> Self {
        Self {
            blocks: BTreeMap::new(),
            tip: FIRST_HEIGHT,
            highest: FIRST_HEIGHT,
        }
    }

    pub fn tip(&self) -> u32 {
        self.tip
    }

    pub fn block(&self, height: u32) -> &[Candidate] {
        self.blocks.get(&height).map_or(&[], Vec::as_slice)
    }

    /// The spender of each output, over the whole chain.
    pub fn spends(&self) -> HashMap<OutPoint, Candidate> {
        let all = self.blocks.values().flatten();
        all.flat_map(|candidate| {
            let inputs = candidate.transaction.input.iter();
            inputs.map(|input| (input.previous_output, candidate.clone()))
        })
        .collect()
    }

    /// Txids and their heights.
    pub fn heights(&self) -> HashMap<Txid, u32> {
        let blocks = self.blocks.iter();
        blocks
            .flat_map(|(height, block)| {
                block
                    .iter()
                    .map(|candidate| (candidate.transaction.compute_txid(), *height))
            })
            .collect()
    }

    /// One more block, of those candidates that do not contradict the chain or one another.
    pub fn mine(&mut self, candidates: Vec<Candidate>) {
        self.skip(1);
        let mut spent = self.spends();
        let mut block = Vec::new();
        for candidate in candidates {
            let inputs = &candidate.transaction.input;
            if inputs
                .iter()
                .any(|input| spent.contains_key(&input.previous_output))
            {
                continue;
            }
            for input in inputs {
                spent.insert(input.previous_output, candidate.clone());
            }
            block.push(candidate);
        }
        if !block.is_empty() {
            self.blocks.insert(self.tip, block);
        }
    }

    /// Empty blocks.
    pub fn skip(&mut self, blocks: u32) {
        self.tip += blocks;
        self.highest = self.highest.max(self.tip);
    }

    /// How many blocks may leave: one that six others once buried stays for good, however reorgs follow one another.
    pub fn loose(&self) -> u32 {
        self.tip
            - self
                .highest
                .saturating_sub(6)
                .max(FIRST_HEIGHT)
                .min(self.tip)
    }

    /// The tip leaves the chain.
    pub fn pop(&mut self) -> Vec<Candidate> {
        let block = self.blocks.remove(&self.tip).unwrap_or_default();
        self.tip -= 1;
        block
    }
}
