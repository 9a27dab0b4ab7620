//! Where in the chain the follower stands, and its next step towards the tip.

use std::collections::VecDeque;
use std::sync::Arc;

use bitcoin::{Block, CompactTarget, Network};

use super::work;
use crate::error::ChainError;
use crate::source::{BlockRef, ChainSource};

/// Blocks remembered below the tip: enough to step back although the source has forgotten a branch. Steps further back ask the source.
const REMEMBERED: usize = 288;

/// One step along the chain.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The next block joined; the best chain had so many above it by then.
    Connected(BlockRef, Arc<Block>, u32),
    /// The tip left.
    Disconnected(BlockRef),
    /// The source is behind the tip: its own is at this height.
    Behind(u32),
    /// The tip is the best block.
    None,
}

/// The newest block that was told of, and those before it.
#[derive(Debug)]
pub(crate) struct Position {
    network: Network,
    tip: BlockRef,
    /// The tip's target, where its block was read.
    bits: Option<CompactTarget>,
    below: VecDeque<BlockRef>,
}

impl Position {
    pub(crate) fn new(network: Network, tip: BlockRef) -> Self {
        Self {
            network,
            tip,
            bits: None,
            below: VecDeque::new(),
        }
    }

    pub(crate) fn tip(&self) -> BlockRef {
        self.tip
    }

    /// Takes one step towards the best block of `source`, or away from a branch that lost.
    ///
    /// A source that is lower than this position is behind (it restarted, or is syncing), not reorganised: the best chain only ever
    /// gives way to one with more work. So it is waited for.
    ///
    /// # Errors
    /// [`ChainError::UnknownBlock`] if the source cannot know the way from here.
    pub(crate) fn step(&mut self, source: &dyn ChainSource) -> Result<Step, ChainError> {
        let best = source.best_block()?;
        if best == self.tip {
            return Ok(Step::None);
        }
        if best.height < self.tip.height {
            return Ok(Step::Behind(best.height));
        }
        match source.header(&self.tip.hash)? {
            Some(header) if header.in_best_chain => self.forwards(source, best),
            Some(header) => {
                let below = header.previous.zip(self.tip.height.checked_sub(1));
                self.backwards(below.map(|(hash, height)| BlockRef { height, hash }))
            }
            // A source that knows none of the blocks here is of another chain, and says nothing of this one.
            None if self.shares_a_block(source)? => self.backwards(None),
            None => Err(ChainError::UnknownBlock { from: self.tip }),
        }
    }

    fn shares_a_block(&self, source: &dyn ChainSource) -> Result<bool, ChainError> {
        for block in self.below.iter().rev() {
            let header = source.header(&block.hash)?;
            if header.is_some_and(|header| header.in_best_chain) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn forwards(&mut self, source: &dyn ChainSource, best: BlockRef) -> Result<Step, ChainError> {
        let height = self.tip.height.saturating_add(1);
        let Some(hash) = source.block_hash(height)? else {
            return Ok(Step::None);
        };
        let block = source.block(&hash)?;
        if block.header.prev_blockhash != self.tip.hash {
            // The chain changed between the two questions: the next step starts from the beginning.
            return self.step(source);
        }
        work::check(self.network, self.bits, height, &block.header)?;
        if self.below.len() >= REMEMBERED {
            self.below.pop_front();
        }
        self.below.push_back(self.tip);
        self.tip = BlockRef { height, hash };
        self.bits = Some(block.header.bits);
        let more = best.height.saturating_sub(height);
        Ok(Step::Connected(self.tip, block, more))
    }

    fn backwards(&mut self, below: Option<BlockRef>) -> Result<Step, ChainError> {
        let gone = self.tip;
        self.bits = None;
        self.tip = self
            .below
            .pop_back()
            .or(below)
            .ok_or(ChainError::UnknownBlock { from: gone })?;
        Ok(Step::Disconnected(gone))
    }
}
