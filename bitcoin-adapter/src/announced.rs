//! Outputs by their place in the chain, as channel announcements name them (BOLT 7, short_channel_id).

use bitcoin::{OutPoint, TxOut};

use crate::error::ChainError;
use crate::source::ChainSource;

/// A place in the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputPlace {
    /// Of the block.
    pub height: u32,
    /// The transaction's place in it.
    pub index: u32,
    /// The output's place in that.
    pub vout: u32,
}

/// The output at a place of the best chain, while no confirmed transaction has spent it.
///
/// `Ok(None)` only where the chain says that there is none. A place above the tip says nothing: this node may be behind.
///
/// # Errors
/// Where the chain could not be asked, has lost the block ([`ChainError::NoBlockData`]), or does not reach that far.
pub fn unspent_at(
    source: &dyn ChainSource,
    place: OutputPlace,
) -> Result<Option<TxOut>, ChainError> {
    let Some(hash) = source.block_hash(place.height)? else {
        return Err(ChainError::Answer {
            call: "getblockhash",
            why: format!("the chain does not reach height {} yet", place.height),
        });
    };
    let block = source.block(&hash)?;
    let output = usize::try_from(place.index)
        .ok()
        .and_then(|index| block.txdata.get(index))
        .map(|transaction| OutPoint::new(transaction.compute_txid(), place.vout));
    let Some(outpoint) = output else {
        return Ok(None);
    };
    let unspent = source.unspent(&outpoint)?;
    Ok(unspent.map(|unspent| TxOut {
        value: unspent.value,
        script_pubkey: unspent.script,
    }))
}
