//! Looks at every block for revoked commitments, and takes what they hold.
//!
//! What is known of a breach is read from the chain alone, so that a restart or a reorg finds it again: blocks are looked
//! at from some way back, and each output is claimed as long as the chain says that it is unspent.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use bitcoin::{Block, BlockHash, Transaction, Txid};
use zarnitsa_bitcoin_adapter::{ChainError, ChainSource};
use zarnitsa_signer::{locator, Justice, PenaltyTarget};

use super::store::Store;

/// Blocks that are looked at again after a start, from the oldest breach on that is not over, or else from the tip:
/// longer than any reorg.
const LOOK_BACK: u32 = 144;
/// Blocks for which a breach is kept after its last output was seen spent: no reorg brings it back then.
const KEPT: u32 = 100;
/// Below this no mempool takes a transaction, in satoshis for 1000 weight units.
const LEAST_FEERATE: u64 = 253;
/// What a replacement adds at least, in the same: above the usual incremental relay fee of 1 sat/vB.
const STEP_FEERATE: u64 = 275;
/// Of an output's value, no more than this part goes to the miners: to be paid something beats to be paid nothing.
const MOST_FEE_PART: u64 = 2;

struct Target {
    output: PenaltyTarget,
    feerate: u64,
    /// The newest penalty, and the height at which it was made.
    tried: Option<(Txid, u32)>,
    /// How many blocks had been looked at when all was last done for it.
    done_at: u64,
}

struct Breach {
    commitment: Txid,
    height: u32,
    justice: Justice,
    targets: Vec<Target>,
    quiet_since: Option<u32>,
}

struct Watcher {
    source: Arc<dyn ChainSource>,
    store: Arc<Mutex<Store>>,
    path: PathBuf,
    /// The newest blocks that were looked at, by height.
    looked_at: Vec<(u32, BlockHash)>,
    /// How many blocks were looked at in all.
    blocks: u64,
    /// How many of them when all that was due was done.
    punished_at: u64,
    breaches: Vec<Breach>,
}

/// The thread that watches.
pub(super) struct Running {
    stop: Arc<(Mutex<bool>, Condvar)>,
    thread: JoinHandle<()>,
}

impl Running {
    pub(super) fn start(
        source: Arc<dyn ChainSource>,
        store: Arc<Mutex<Store>>,
        path: PathBuf,
        poll: Duration,
    ) -> std::io::Result<Self> {
        let stop = Arc::new((Mutex::new(false), Condvar::new()));
        let stopped = stop.clone();
        let mut watcher = Watcher::new(source, store, path);
        let thread = std::thread::Builder::new()
            .name("watch-chain".to_owned())
            .spawn(move || loop {
                if let Err(error) = watcher.look() {
                    tracing::warn!(%error, "the chain cannot be followed now");
                }
                let (stop, woken) = &*stopped;
                let stop = stop.lock().unwrap_or_else(PoisonError::into_inner);
                let waited = woken.wait_timeout_while(stop, poll, |stop| !*stop);
                if *waited.unwrap_or_else(PoisonError::into_inner).0 {
                    return;
                }
            })?;
        Ok(Self { stop, thread })
    }

    pub(super) fn stop(self) {
        let (stop, woken) = &*self.stop;
        *stop.lock().unwrap_or_else(PoisonError::into_inner) = true;
        woken.notify_all();
        if self.thread.join().is_err() {
            tracing::error!("the watching thread panicked");
        }
    }
}

impl Watcher {
    fn new(source: Arc<dyn ChainSource>, store: Arc<Mutex<Store>>, path: PathBuf) -> Self {
        Self {
            source,
            store,
            path,
            looked_at: Vec::new(),
            blocks: 0,
            punished_at: 0,
            breaches: Vec::new(),
        }
    }

    /// Looks at the blocks that are new, and punishes; again, where that failed.
    fn look(&mut self) -> Result<(), ChainError> {
        self.undo_reorged()?;
        let tip = self.source.best_block()?.height;
        let first = match self.looked_at.last() {
            Some((height, _)) => height.saturating_add(1),
            None => self.first_height(tip),
        };
        for height in first..=tip {
            let Some(hash) = self.source.block_hash(height)? else {
                break; // a reorg under way
            };
            let block = match self.source.block(&hash) {
                Err(error @ ChainError::NoBlockData { .. }) if self.looked_at.is_empty() => {
                    // Nothing brings it back, and those that come after it are not to wait for it.
                    tracing::error!(height, %error, "a block cannot be looked at");
                    continue;
                }
                block => block?,
            };
            self.block(height, &block);
            self.looked_at.push((height, hash));
            self.blocks += 1;
        }
        let keep = usize::try_from(LOOK_BACK).unwrap_or(usize::MAX);
        let surplus = self.looked_at.len().saturating_sub(keep);
        self.looked_at.drain(..surplus);
        if self.punished_at < self.blocks {
            self.remember(tip);
            self.punish(tip)?;
            self.punished_at = self.blocks;
        }
        Ok(())
    }

    fn first_height(&self, tip: u32) -> u32 {
        let stored = fs::read_to_string(&self.path).ok();
        let stored = stored.and_then(|text| text.trim().parse::<u32>().ok());
        stored.unwrap_or(tip).min(tip).saturating_sub(LOOK_BACK)
    }

    fn remember(&self, tip: u32) {
        // What is not over must be found again.
        let breaches = self.breaches.iter().map(|breach| breach.height);
        let height = breaches.min().unwrap_or(tip).min(tip);
        let draft = self.path.with_extension("new");
        let written = fs::write(&draft, height.to_string());
        // One that is lost costs what was mined while the tower was away for a day, and breaches older than that.
        if let Err(error) = written.and_then(|()| fs::rename(&draft, &self.path)) {
            tracing::warn!(%error, "how far the chain was looked at is not noted");
        }
    }

    fn undo_reorged(&mut self) -> Result<(), ChainError> {
        while let Some((height, hash)) = self.looked_at.last().copied() {
            if self.source.block_hash(height)? == Some(hash) {
                return Ok(());
            }
            tracing::info!(height, "a reorg");
            self.looked_at.pop();
            self.breaches.retain(|breach| breach.height < height);
        }
        Ok(())
    }

    fn block(&mut self, height: u32, block: &Block) {
        for transaction in &block.txdata {
            for breach in &mut self.breaches {
                breach.second_stage(transaction);
            }
            self.look_up(height, transaction);
        }
    }

    fn look_up(&mut self, height: u32, transaction: &Transaction) {
        let txid = transaction.compute_txid();
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let known = |breach: &Breach| breach.commitment == txid;
        for data in store.find(&locator(&txid)) {
            let Some(justice) = Justice::open(&txid, &data) else {
                continue;
            };
            if self.breaches.iter().any(known) {
                continue;
            }
            let targets = justice.targets(transaction);
            tracing::warn!(%txid, height, outputs = targets.len(), "a revoked commitment");
            self.breaches.push(Breach {
                commitment: txid,
                height,
                targets: targets.into_iter().map(Target::new).collect(),
                justice,
                quiet_since: None,
            });
        }
    }

    /// The first error, once all else is done.
    fn punish(&mut self, tip: u32) -> Result<(), ChainError> {
        let mut failed = None;
        let estimate = self.source.estimate_fee(2)?;
        let minimum = self.source.mempool_min_fee()?.to_sat_per_kwu();
        let estimate = estimate.map_or(0, bitcoin::FeeRate::to_sat_per_kwu);
        let goal = estimate.max(minimum).max(LEAST_FEERATE);
        for breach in &mut self.breaches {
            let mut unspent = false;
            for target in &mut breach.targets {
                let now = (goal, tip, self.blocks);
                match target.take(&*self.source, &breach.justice, now) {
                    Ok(there) => unspent |= there,
                    Err(error) => {
                        unspent = true; // for all that is known
                        failed.get_or_insert(error);
                    }
                }
            }
            breach.quiet_since = match unspent {
                true => None,
                false => breach.quiet_since.or(Some(tip)),
            };
        }
        let over = |breach: &Breach| {
            let quiet = breach.quiet_since;
            quiet.is_some_and(|since| tip.saturating_sub(since) > KEPT)
        };
        self.breaches.retain(|breach| !over(breach));
        failed.map_or(Ok(()), Err)
    }
}

impl Breach {
    /// The cheater's HTLC-timeout or HTLC-success transaction, or several in one: their outputs are to be taken too.
    fn second_stage(&mut self, transaction: &Transaction) {
        let spends_one = |target: &Target| {
            let mut inputs = transaction.input.iter();
            inputs.any(|input| input.previous_output == target.output.outpoint)
        };
        if !self.targets.iter().any(spends_one) {
            return;
        }
        for output in self.justice.targets(transaction) {
            let mut known = self.targets.iter();
            if known.any(|target| target.output.outpoint == output.outpoint) {
                continue;
            }
            tracing::warn!(outpoint = %output.outpoint, "a second stage of a revoked commitment");
            self.targets.push(Target::new(output));
        }
    }
}

impl Target {
    fn new(output: PenaltyTarget) -> Self {
        Self {
            output,
            feerate: 0,
            tried: None,
            done_at: 0,
        }
    }

    /// Claims the output if it is there, once after each block. Whether it is.
    fn take(
        &mut self,
        source: &dyn ChainSource,
        justice: &Justice,
        (goal, tip, blocks): (u64, u32, u64),
    ) -> Result<bool, ChainError> {
        let there = source.unspent(&self.output.outpoint)?.is_some();
        if there && self.done_at < blocks {
            self.claim(source, justice, (goal, tip))?;
            self.done_at = blocks;
        }
        Ok(there)
    }

    /// Broadcasts the penalty; one block later with a higher fee, up to a part of the value. Where it is refused for its fee, as
    /// beside one that an earlier run made or the cheater's own, it is raised at once.
    fn claim(
        &mut self,
        source: &dyn ChainSource,
        justice: &Justice,
        (goal, tip): (u64, u32),
    ) -> Result<(), ChainError> {
        loop {
            let Some((penalty, feerate)) = self.next_penalty(justice, goal) else {
                return Ok(()); // the last one is the best there is, or it is not worth a fee
            };
            let txid = penalty.compute_txid();
            let answer = source.broadcast(&penalty)?;
            (self.feerate, self.tried) = (feerate, Some((txid, tip)));
            match answer {
                Ok(_) => {
                    tracing::warn!(%txid, outpoint = %self.output.outpoint, feerate, "punishes");
                    return Ok(());
                }
                Err(rejection) if rejection.wants_higher_fee() => {
                    tracing::info!(%txid, %rejection, feerate, "a penalty must pay more");
                }
                Err(rejection) => {
                    tracing::warn!(%txid, %rejection, "a penalty is not taken");
                    return Ok(());
                }
            }
        }
    }

    /// The penalty that pays more than the one before, and its feerate.
    fn next_penalty(&self, justice: &Justice, goal: u64) -> Option<(Transaction, u64)> {
        let raised = match self.tried {
            None => goal,
            Some(_) => goal.max(
                self.feerate
                    .saturating_add(STEP_FEERATE.max(self.feerate / 4)),
            ),
        };
        let most = self.output.value / MOST_FEE_PART;
        let affordable = |feerate: u64| {
            let penalty = justice.penalty(&self.output, feerate)?;
            let left = penalty.output.first()?.value;
            (self.output.value - left <= most).then_some(penalty)
        };
        match (affordable(raised), self.tried) {
            (Some(penalty), _) => Some((penalty, raised)),
            (None, Some(_)) => None,
            (None, None) => {
                let penalty = justice.penalty(&self.output, LEAST_FEERATE)?;
                Some((penalty, LEAST_FEERATE))
            }
        }
    }
}

#[cfg(test)]
mod tests;
