//! `is_it_tx_in_blockchain`: where a transaction stands, right without txindex too.

use bitcoin::{BlockHash, OutPoint, Txid};

use crate::error::ChainError;
use crate::follow::scan::find_txid;
use crate::source::{BlockRef, ChainSource, Indexed};

/// How often a question is put again because the chain moved under it.
const ATTEMPTS: usize = 5;

/// What the asker knows of a transaction. The more of it, the less has to be searched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TxHint {
    /// A block that held it once.
    pub block: Option<BlockHash>,
    /// It is in no block below this height: from here upwards the chain may be searched.
    pub from_height: Option<u32>,
    /// One of its outputs that is probably unspent.
    pub output: Option<u32>,
}

/// Where a transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TxStatus {
    /// In a block of the best chain.
    Confirmed {
        /// That block.
        block: BlockRef,
        /// Its confirmations: 1 in the tip itself.
        depth: u32,
    },
    /// Waiting for a block.
    InMempool,
    /// Neither in the best chain (from the hint's height on, if it was that which decided) nor in the mempool. Certain, not presumed.
    Unknown,
}

/// Asks where `txid` stands. `known` is the block in which this node itself saw it.
///
/// # Errors
/// Whatever could not be asked; [`ChainError::NoIndex`] if only a search of the chain could tell and the hint gives no height to begin at.
pub(crate) fn look_up(
    source: &dyn ChainSource,
    txid: &Txid,
    hint: TxHint,
    known: Option<BlockHash>,
) -> Result<TxStatus, ChainError> {
    let mut last = ChainError::NoIndex { txid: *txid };
    for _ in 0..ATTEMPTS {
        let tip = source.best_block()?;
        // The mempool first: a transaction that leaves it for a block meanwhile moves the tip, and the question is put again.
        let in_mempool = source.in_mempool(txid)?;
        if !in_mempool {
            match in_chain(source, tip, txid, hint, known) {
                Ok(Some(block)) => {
                    return Ok(TxStatus::Confirmed {
                        block,
                        depth: tip.height.saturating_sub(block.height).saturating_add(1),
                    })
                }
                Ok(None) => {}
                Err(error @ ChainError::NoIndex { .. }) if source.best_block()? != tip => {
                    last = error;
                    continue;
                }
                Err(error) => return Err(error),
            }
        }
        if source.best_block()? == tip {
            return Ok(if in_mempool {
                TxStatus::InMempool
            } else {
                TxStatus::Unknown
            });
        }
        last = ChainError::Answer {
            call: "getblockchaininfo",
            why: "the tip changes with every question".to_owned(),
        };
    }
    Err(last)
}

/// The block at or below `tip` that holds it; `None` only if that is certain.
fn in_chain(
    source: &dyn ChainSource,
    tip: BlockRef,
    txid: &Txid,
    hint: TxHint,
    known: Option<BlockHash>,
) -> Result<Option<BlockRef>, ChainError> {
    for hash in [known, hint.block].into_iter().flatten() {
        if let Some(block) = in_this_block(source, &hash, txid)? {
            return Ok(Some(block));
        }
    }
    if let Some(vout) = hint.output {
        if let Some(block) = by_unspent_output(source, OutPoint::new(*txid, vout))? {
            return Ok(Some(block));
        }
    }
    match source.indexed(txid)? {
        Indexed::Absent => return Ok(None),
        Indexed::In(hash) => {
            if let Some(block) = in_this_block(source, &hash, txid)? {
                return Ok(Some(block));
            }
        }
        Indexed::NoIndex => {}
    }
    let from_height = hint
        .from_height
        .ok_or(ChainError::NoIndex { txid: *txid })?;
    search_down(source, tip, from_height, txid)
}

fn in_this_block(
    source: &dyn ChainSource,
    hash: &BlockHash,
    txid: &Txid,
) -> Result<Option<BlockRef>, ChainError> {
    let Some(header) = source.header(hash)?.filter(|header| header.in_best_chain) else {
        return Ok(None);
    };
    let body = match source.block(hash) {
        Ok(body) => body,
        // A pruned hint is no hint; other ways may still tell.
        Err(ChainError::NoBlockData { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(find_txid(header.block, &body, txid).map(|place| place.block))
}

fn by_unspent_output(
    source: &dyn ChainSource,
    outpoint: OutPoint,
) -> Result<Option<BlockRef>, ChainError> {
    let Some(unspent) = source.unspent(&outpoint)? else {
        return Ok(None);
    };
    let Some(tip) = source.header(&unspent.tip)? else {
        return Ok(None);
    };
    let Some(height) = tip
        .block
        .height
        .saturating_add(1)
        .checked_sub(unspent.confirmations)
    else {
        return Ok(None);
    };
    let Some(hash) = source.block_hash(height)? else {
        return Ok(None);
    };
    // Only if the chain is still the one in which the confirmations were counted.
    Ok((source.best_block()? == tip.block).then_some(BlockRef { height, hash }))
}

fn search_down(
    source: &dyn ChainSource,
    tip: BlockRef,
    from_height: u32,
    txid: &Txid,
) -> Result<Option<BlockRef>, ChainError> {
    let mut block = tip;
    while block.height >= from_height {
        let body = source.block(&block.hash)?;
        if let Some(place) = find_txid(block, &body, txid) {
            return Ok(Some(place.block));
        }
        let Some(height) = block.height.checked_sub(1) else {
            break;
        };
        block = BlockRef {
            height,
            hash: body.header.prev_blockhash,
        };
    }
    Ok(None)
}
