//! The watches, and what each block means to them. Pure: blocks in, events out.

use std::collections::BTreeMap;
use std::sync::Arc;

use bitcoin::constants::COINBASE_MATURITY;
use bitcoin::{Block, OutPoint, Transaction, Txid};

use crate::source::BlockRef;
use crate::watch::{SpendWatch, TransactionWatch, WatchEvent};

/// Where a transaction stands in the chain.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) transaction: Arc<Transaction>,
    pub(crate) block: BlockRef,
    pub(crate) index: u32,
}

#[derive(Debug)]
struct TransactionEntry {
    watch: TransactionWatch,
    place: Option<Place>,
    told: bool,
}

#[derive(Debug)]
struct SpendEntry {
    watch: SpendWatch,
    place: Option<Place>,
    told_buried: bool,
    /// The newest unconfirmed spender that was told of.
    seen: Option<Arc<Transaction>>,
}

/// All watches of this run.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    transactions: BTreeMap<OutPoint, TransactionEntry>,
    spends: BTreeMap<OutPoint, SpendEntry>,
}

impl Registry {
    /// Takes a watch whose past has been searched: `place` is what was found at or below `tip`.
    pub(crate) fn add_transaction(
        &mut self,
        watch: TransactionWatch,
        place: Option<Place>,
        tip: BlockRef,
    ) -> Vec<WatchEvent> {
        let outpoint = watch.outpoint;
        let mut events = Vec::new();
        let told = match (&watch.reported, &place) {
            (Some(reported), Some(place)) if *reported == place.block => true,
            (Some(_), _) => {
                events.push(WatchEvent::TransactionReorged { outpoint });
                false
            }
            (None, _) => false,
        };
        self.transactions
            .insert(outpoint, TransactionEntry { watch, place, told });
        events.extend(
            self.transactions
                .get_mut(&outpoint)
                .and_then(|entry| entry.tell_if_deep(tip.height)),
        );
        events
    }

    /// Takes a watch whose past has been searched: `place` is the spender that was found at or below `tip`.
    pub(crate) fn add_spend(
        &mut self,
        watch: SpendWatch,
        place: Option<Place>,
        tip: BlockRef,
    ) -> Vec<WatchEvent> {
        let outpoint = watch.outpoint;
        let mut events = Vec::new();
        let spender = place
            .as_ref()
            .map(|place| (place.transaction.compute_txid(), place.block.height));
        let known = watch
            .reported
            .map(|reported| (reported.spender, reported.height));
        if known != spender {
            events.extend(known.map(|(spender, _)| WatchEvent::SpendReorged { outpoint, spender }));
            events.extend(place.as_ref().map(|place| place.spend_confirmed(outpoint)));
        }
        self.spends.insert(
            outpoint,
            SpendEntry {
                watch,
                place,
                told_buried: false,
                seen: None,
            },
        );
        events.extend(
            self.spends
                .get_mut(&outpoint)
                .and_then(|entry| entry.tell_if_buried(tip.height)),
        );
        events
    }

    pub(crate) fn remove_transaction(&mut self, outpoint: &OutPoint) {
        self.transactions.remove(outpoint);
    }

    pub(crate) fn remove_spend(&mut self, outpoint: &OutPoint) {
        self.spends.remove(outpoint);
    }

    /// The place of a watched transaction, or of the spender of a watched output.
    pub(crate) fn block_of(&self, txid: &Txid) -> Option<BlockRef> {
        let watched = self
            .transactions
            .values()
            .filter(|entry| entry.watch.outpoint.txid == *txid)
            .find_map(|entry| entry.place.as_ref());
        let spender = || {
            self.spends
                .values()
                .filter_map(|entry| entry.place.as_ref())
                .find(|place| place.transaction.compute_txid() == *txid)
        };
        watched.or_else(spender).map(|place| place.block)
    }

    /// A block joined the chain.
    pub(crate) fn connect(&mut self, block: BlockRef, body: &Block) -> Vec<WatchEvent> {
        let mut events = Vec::new();
        for (index, transaction) in (0..).zip(&body.txdata) {
            self.place_transaction(block, index, transaction);
            events.extend(self.place_spends(block, index, transaction));
        }
        events.extend(
            self.transactions
                .values_mut()
                .filter_map(|entry| entry.tell_if_deep(block.height)),
        );
        events.extend(
            self.spends
                .values_mut()
                .filter_map(|entry| entry.tell_if_buried(block.height)),
        );
        events
    }

    fn place_transaction(&mut self, block: BlockRef, index: u32, transaction: &Transaction) {
        if self.transactions.is_empty() {
            return;
        }
        let txid = transaction.compute_txid();
        let outputs = OutPoint::new(txid, 0)..=OutPoint::new(txid, u32::MAX);
        for (_, entry) in self.transactions.range_mut(outputs) {
            entry.place = Some(Place {
                transaction: Arc::new(transaction.clone()),
                block,
                index,
            });
        }
    }

    fn place_spends(
        &mut self,
        block: BlockRef,
        index: u32,
        transaction: &Transaction,
    ) -> Vec<WatchEvent> {
        let mut events = Vec::new();
        for input in &transaction.input {
            if let Some(entry) = self.spends.get_mut(&input.previous_output) {
                let place = Place {
                    transaction: Arc::new(transaction.clone()),
                    block,
                    index,
                };
                events.push(place.spend_confirmed(input.previous_output));
                entry.place = Some(place);
                entry.told_buried = false;
            }
        }
        events
    }

    /// A block left the chain.
    pub(crate) fn disconnect(&mut self, block: BlockRef) -> Vec<WatchEvent> {
        let left = |place: &Place| place.block.height >= block.height;
        let mut events = Vec::new();
        for (outpoint, entry) in &mut self.spends {
            if let Some(place) = entry.place.take_if(|place| left(place)) {
                events.push(WatchEvent::SpendReorged {
                    outpoint: *outpoint,
                    spender: place.transaction.compute_txid(),
                });
                entry.told_buried = false;
                entry.seen = None;
            }
        }
        for (outpoint, entry) in &mut self.transactions {
            if entry.place.take_if(|place| left(place)).is_some() && std::mem::take(&mut entry.told)
            {
                events.push(WatchEvent::TransactionReorged {
                    outpoint: *outpoint,
                });
            }
        }
        events
    }

    /// The newest unconfirmed spender of a watched output that no block has spent.
    pub(crate) fn waiting_spend(&self, outpoint: &OutPoint) -> Option<Arc<Transaction>> {
        let entry = self.spends.get(outpoint)?;
        entry.seen.clone().filter(|_| entry.place.is_none())
    }

    /// A transaction entered the mempool.
    pub(crate) fn see(&mut self, transaction: &Arc<Transaction>) -> Vec<WatchEvent> {
        let mut events = Vec::new();
        for input in &transaction.input {
            let outpoint = input.previous_output;
            let Some(entry) = self.spends.get_mut(&outpoint) else {
                continue;
            };
            let txid = transaction.compute_txid();
            let seen = entry.seen.as_ref().map(|seen| seen.compute_txid());
            if entry.place.is_none() && seen != Some(txid) {
                entry.seen = Some(Arc::clone(transaction));
                events.push(WatchEvent::SpendSeen {
                    outpoint,
                    transaction: Arc::clone(transaction),
                });
            }
        }
        events
    }
}

impl Place {
    fn spend_confirmed(&self, outpoint: OutPoint) -> WatchEvent {
        WatchEvent::SpendConfirmed {
            outpoint,
            transaction: Arc::clone(&self.transaction),
            block: self.block,
        }
    }

    /// 1 in the tip itself.
    fn depth(&self, tip: u32) -> u32 {
        tip.saturating_sub(self.block.height).saturating_add(1)
    }
}

impl TransactionEntry {
    /// Nothing may rest on a coinbase that cannot be spent yet: whoever is told of one before would have to be told again.
    fn depth_needed(&self, place: &Place) -> u32 {
        match place.transaction.is_coinbase() {
            true => self.watch.depth.max(COINBASE_MATURITY),
            false => self.watch.depth,
        }
    }

    fn tell_if_deep(&mut self, tip: u32) -> Option<WatchEvent> {
        let place = self
            .place
            .as_ref()
            .filter(|place| !self.told && place.depth(tip) >= self.depth_needed(place))?;
        self.told = true;
        let outpoint = self.watch.outpoint;
        let output = usize::try_from(outpoint.vout)
            .ok()
            .and_then(|vout| place.transaction.output.get(vout))
            .cloned();
        let coinbase = place.transaction.is_coinbase();
        Some(WatchEvent::TransactionConfirmed {
            outpoint,
            output,
            block: place.block,
            index: place.index,
            coinbase,
        })
    }
}

impl SpendEntry {
    fn tell_if_buried(&mut self, tip: u32) -> Option<WatchEvent> {
        let place = self
            .place
            .as_ref()
            .filter(|place| !self.told_buried && place.depth(tip) >= self.watch.depth)?;
        self.told_buried = true;
        Some(WatchEvent::SpendBuried {
            outpoint: self.watch.outpoint,
            spender: place.transaction.compute_txid(),
            block: place.block,
        })
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::absolute::LockTime;
    use bitcoin::hashes::Hash;
    use bitcoin::{Amount, BlockHash, ScriptBuf, Sequence, TxIn, TxOut, Witness};

    use super::*;

    fn block(height: u32) -> BlockRef {
        let mut hash = [0; 32];
        hash[..4].copy_from_slice(&height.to_le_bytes());
        BlockRef {
            height,
            hash: BlockHash::from_byte_array(hash),
        }
    }

    fn transaction(input: OutPoint) -> Transaction {
        Transaction {
            version: bitcoin::transaction::Version::TWO,
            lock_time: LockTime::ZERO,
            input: vec![TxIn {
                previous_output: input,
                script_sig: ScriptBuf::new(),
                sequence: Sequence::MAX,
                witness: Witness::new(),
            }],
            output: vec![TxOut {
                value: Amount::from_sat(50_000),
                script_pubkey: ScriptBuf::new(),
            }],
        }
    }

    /// The heights at which a transaction in block 10 is told of, with a block at each up to 130.
    fn told_at(transaction: Transaction, depth: u32) -> Vec<u32> {
        let mut body = bitcoin::constants::genesis_block(bitcoin::Network::Regtest);
        let outpoint = OutPoint::new(transaction.compute_txid(), 0);
        let watch = TransactionWatch {
            outpoint,
            script: ScriptBuf::new(),
            depth,
            from_height: 0,
            reported: None,
        };
        let mut registry = Registry::default();
        assert!(registry.add_transaction(watch, None, block(9)).is_empty());
        let mut told = Vec::new();
        for height in 10..=130 {
            body.txdata = match height {
                10 => vec![transaction.clone()],
                _ => Vec::new(),
            };
            let events = registry.connect(block(height), &body);
            told.extend(events.iter().map(|_| height));
        }
        told
    }

    #[test]
    fn transaction_is_told_once_at_the_depth_that_was_asked_for() {
        let spends = OutPoint::new(Txid::from_byte_array([7; 32]), 0);
        assert_eq!(told_at(transaction(spends), 3), [12]);
    }

    #[test]
    fn coinbase_is_told_once_when_it_can_be_spent_or_is_as_deep_as_was_asked_for() {
        let coinbase = transaction(OutPoint::null());
        assert!(coinbase.is_coinbase());
        assert_eq!(told_at(coinbase.clone(), 3), [109]);
        assert_eq!(told_at(coinbase, 110), [119]);
    }

    #[test]
    fn coinbase_of_the_past_is_told_at_once_where_it_can_be_spent() {
        let coinbase = transaction(OutPoint::null());
        let outpoint = OutPoint::new(coinbase.compute_txid(), 0);
        let place = Place {
            transaction: Arc::new(coinbase),
            block: block(10),
            index: 0,
        };
        for (tip, told) in [(108, 0), (109, 1)] {
            let watch = TransactionWatch {
                outpoint,
                script: ScriptBuf::new(),
                depth: 1,
                from_height: 0,
                reported: None,
            };
            let events =
                Registry::default().add_transaction(watch, Some(place.clone()), block(tip));
            assert_eq!(events.len(), told, "{tip}");
        }
    }
}
