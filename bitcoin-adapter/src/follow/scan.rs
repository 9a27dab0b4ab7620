//! Searches the past of a watch that is set: from the follower's own tip downwards, block by block along the previous hashes, so that
//! what is found belongs to exactly the chain on which the follower stands, whatever the source does meanwhile.

use std::sync::Arc;

use bitcoin::{Block, OutPoint, Transaction, Txid};

use super::registry::Place;
use crate::error::ChainError;
use crate::source::{BlockRef, ChainSource};
use crate::watch::Watch;

/// A watch and what its past holds.
#[derive(Debug)]
pub(crate) struct Searched {
    pub(crate) watch: Watch,
    pub(crate) place: Option<Place>,
}

/// Searches the past of all `watches` at once, at and below `tip`. `go_on` is asked before each block.
///
/// # Errors
/// The first question that could not be answered; [`ChainError::Stopped`] if `go_on` said no. Nothing is concluded then.
pub(crate) fn search(
    source: &dyn ChainSource,
    tip: BlockRef,
    watches: &[Watch],
    go_on: &dyn Fn() -> bool,
) -> Result<Vec<Searched>, ChainError> {
    let mut searched: Vec<Searched> = watches
        .iter()
        .map(|watch| Searched {
            watch: watch.clone(),
            place: None,
        })
        .collect();
    let mut open = Vec::new();
    for (position, entry) in searched.iter_mut().enumerate() {
        match shortcut(source, tip, &entry.watch)? {
            Shortcut::Found(place) => entry.place = Some(place),
            Shortcut::Absent => {}
            Shortcut::None => open.push(position),
        }
    }
    let mut block = tip;
    while let Some(lowest) = open
        .iter()
        .filter_map(|position| Some(searched.get(*position)?.watch.lowest()))
        .min()
    {
        if block.height < lowest {
            break;
        }
        if !go_on() {
            return Err(ChainError::Stopped);
        }
        let body = source.block(&block.hash)?;
        open.retain(|position| match searched.get_mut(*position) {
            Some(entry) => {
                entry.place = entry.watch.find(block, &body);
                entry.place.is_none() && entry.watch.lowest() < block.height
            }
            None => false,
        });
        let Some(height) = block.height.checked_sub(1) else {
            break;
        };
        block = BlockRef {
            height,
            hash: body.header.prev_blockhash,
        };
    }
    Ok(searched)
}

enum Shortcut {
    Found(Place),
    Absent,
    /// The blocks must be read.
    None,
}

/// The set of unspent outputs and the mempool often know already. They count only if they speak of the follower's own tip.
fn shortcut(
    source: &dyn ChainSource,
    tip: BlockRef,
    watch: &Watch,
) -> Result<Shortcut, ChainError> {
    if watch.lowest() > tip.height {
        return Ok(Shortcut::Absent);
    }
    let unspent = source
        .unspent(&watch.outpoint())?
        .filter(|unspent| unspent.tip == tip.hash);
    match (watch, unspent) {
        (Watch::Spend(_), Some(_)) => Ok(Shortcut::Absent),
        (Watch::Spend(_), None) => Ok(Shortcut::None),
        (Watch::Transaction(_), Some(unspent)) => {
            found_unspent(source, tip, watch, unspent.confirmations)
        }
        (Watch::Transaction(watch), None) => {
            let waiting = source.in_mempool(&watch.outpoint.txid)? && source.best_block()? == tip;
            Ok(if waiting {
                Shortcut::Absent
            } else {
                Shortcut::None
            })
        }
    }
}

fn found_unspent(
    source: &dyn ChainSource,
    tip: BlockRef,
    watch: &Watch,
    confirmations: u32,
) -> Result<Shortcut, ChainError> {
    let Some(height) = tip.height.saturating_add(1).checked_sub(confirmations) else {
        return Ok(Shortcut::None);
    };
    let Some(hash) = source.block_hash(height)? else {
        return Ok(Shortcut::None);
    };
    let block = BlockRef { height, hash };
    let place = watch.find(block, source.block(&hash)?.as_ref());
    // The chain may have changed since the set of unspent outputs was asked.
    let unchanged = source.best_block()? == tip;
    Ok(place
        .filter(|_| unchanged)
        .map_or(Shortcut::None, Shortcut::Found))
}

impl Watch {
    pub(crate) fn outpoint(&self) -> OutPoint {
        match self {
            Self::Spend(watch) => watch.outpoint,
            Self::Transaction(watch) => watch.outpoint,
        }
    }

    /// The height at which its past begins.
    fn lowest(&self) -> u32 {
        match self {
            Self::Spend(watch) => watch.from_height,
            Self::Transaction(watch) => watch.from_height,
        }
    }

    fn find(&self, block: BlockRef, body: &Block) -> Option<Place> {
        match self {
            Self::Spend(watch) => find(block, body, |transaction| {
                transaction
                    .input
                    .iter()
                    .any(|input| input.previous_output == watch.outpoint)
            }),
            Self::Transaction(watch) => find_txid(block, body, &watch.outpoint.txid),
        }
    }
}

/// Where in this block the transaction stands.
pub(crate) fn find_txid(block: BlockRef, body: &Block, txid: &Txid) -> Option<Place> {
    find(block, body, |transaction| {
        transaction.compute_txid() == *txid
    })
}

fn find(block: BlockRef, body: &Block, is_it: impl Fn(&Transaction) -> bool) -> Option<Place> {
    let (index, transaction) = (0..)
        .zip(&body.txdata)
        .find(|(_, transaction)| is_it(transaction))?;
    Some(Place {
        transaction: Arc::new(transaction.clone()),
        block,
        index,
    })
}
