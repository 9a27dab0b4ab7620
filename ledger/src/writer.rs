//! The one thread that writes: all that waits goes into the next block, and answers follow the fsync.

use std::{
    collections::HashMap,
    sync::Arc,
    thread::{self, JoinHandle},
};

use exonum::{
    blockchain::Blockchain,
    crypto::Hash,
    merkledb::Snapshot,
    messages::{AnyTx, Verified},
};

use crate::{
    block::{find_committed, Committed, CommittedBlock},
    error::{reading, LedgerError},
    log_trim::LogTrim,
    published::Published,
    queue::{Answer, Pending, Queue},
    sealer::Sealer,
};

/// What the writer thread works on.
pub(crate) struct Writer {
    pub(crate) sealer: Box<dyn Sealer>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) published: Arc<Published>,
    pub(crate) log_trim: LogTrim,
}

/// The transactions of one block to be, in order, each with everybody who waits for it.
#[derive(Default)]
struct Batch {
    transactions: Vec<(Hash, Verified<AnyTx>)>,
    waiters: Vec<Vec<Answer>>,
    places: HashMap<Hash, usize>,
}

impl Writer {
    /// Starts the thread. It ends when the queue is closed and empty, or when the storage fails.
    pub(crate) fn start(self) -> std::io::Result<JoinHandle<()>> {
        thread::Builder::new()
            .name("ledger-writer".to_owned())
            .spawn(move || self.run())
    }

    fn run(mut self) {
        while let Some(pending) = self.queue.take() {
            if self.write(pending).is_err() {
                return;
            }
        }
        self.published.end(LedgerError::Stopped);
        self.log_trim.finish();
    }

    fn write(&mut self, pending: Vec<Pending>) -> Result<(), LedgerError> {
        let Batch {
            transactions,
            waiters,
            ..
        } = self.admit(pending)?;
        if transactions.is_empty() {
            return Ok(());
        }
        let block = match self.sealer.seal(transactions) {
            Ok(block) => block,
            Err(error) => return Err(self.stop(error, waiters)),
        };
        tracing::debug!(
            height = block.height,
            transactions = block.transactions.len(),
            "block sealed"
        );
        let outcomes = outcomes(&block);
        // Published first: whoever is answered finds the block in the next snapshot.
        self.published
            .publish(block, self.sealer.durable_snapshot());
        for (answers, outcome) in waiters.into_iter().zip(outcomes) {
            for waiting in answers {
                answer(waiting, Ok(outcome.clone()));
            }
        }
        self.log_trim.block_sealed();
        Ok(())
    }

    /// Sorts out what is no new transaction: repeated ones get the earlier outcome, inadmissible ones a refusal.
    fn admit(&self, pending: Vec<Pending>) -> Result<Batch, LedgerError> {
        let snapshot = self.published.snapshot();
        let mut batch = Batch::default();
        let mut rest = pending.into_iter();
        for next in rest.by_ref() {
            if let Some(place) = batch.places.get(&next.tx_hash) {
                batch.waiters[*place].push(next.answer);
                continue;
            }
            match reading(|| Admission::of(&snapshot, &next)) {
                Ok(Admission::New) => batch.push(next),
                Ok(Admission::Known(earlier)) => answer(next.answer, Ok(earlier)),
                Ok(Admission::Refused(error)) => answer(next.answer, Err(error)),
                Err(error) => {
                    let error = LedgerError::Storage {
                        reason: error.to_string(),
                    };
                    let unanswered = rest.map(|pending| vec![pending.answer]);
                    let waiters = batch.waiters.into_iter().chain([vec![next.answer]]);
                    return Err(self.stop(error, waiters.chain(unanswered)));
                }
            }
        }
        Ok(batch)
    }
}

impl Writer {
    /// Stops everything over a failed storage, and only then says so to those who wait.
    fn stop(
        &self,
        error: LedgerError,
        waiters: impl IntoIterator<Item = Vec<Answer>>,
    ) -> LedgerError {
        tracing::error!(%error, "the ledger has stopped");
        self.published.end(error.clone());
        self.queue.fail(&error);
        for waiting in waiters.into_iter().flatten() {
            answer(waiting, Err(error.clone()));
        }
        error
    }
}

/// What a transaction is before its execution.
enum Admission {
    New,
    Known(Committed),
    Refused(LedgerError),
}

impl Admission {
    fn of(snapshot: &dyn Snapshot, pending: &Pending) -> Self {
        let tx_hash = pending.tx_hash;
        if let Some(earlier) = find_committed(snapshot, &tx_hash) {
            return Self::Known(earlier);
        }
        match Blockchain::check_tx(snapshot, &pending.message) {
            Ok(()) => Self::New,
            Err(error) => Self::Refused(LedgerError::NotAdmitted { tx_hash, error }),
        }
    }
}

impl Batch {
    fn push(&mut self, pending: Pending) {
        self.places.insert(pending.tx_hash, self.transactions.len());
        self.transactions.push((pending.tx_hash, pending.message));
        self.waiters.push(vec![pending.answer]);
    }
}

fn outcomes(block: &CommittedBlock) -> Vec<Committed> {
    (0u32..)
        .zip(&block.transactions)
        .map(|(position, transaction)| Committed {
            height: block.height,
            position,
            tx_hash: transaction.tx_hash,
            result: transaction.result.clone(),
        })
        .collect()
}

fn answer(waiting: Answer, outcome: Result<Committed, LedgerError>) {
    // Whoever dropped the receipt does not want to know.
    let _ = waiting.send(outcome);
}
