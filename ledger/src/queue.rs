//! The bounded queue in front of the writer, and the receipts that answer it.

use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use exonum::{
    crypto::Hash,
    merkledb::ObjectHash,
    messages::{AnyTx, Verified},
};
use tokio::sync::oneshot;

use crate::{block::Committed, error::LedgerError, options::Limits};

/// Transactions that do not wait for the rest of a gathering: the writer has enough to do.
const GATHERED_AT_MOST: usize = 32;
/// How long transactions wait for the next one of a gathering.
const GATHERING: Duration = Duration::from_millis(3);

pub(crate) type Answer = oneshot::Sender<Result<Committed, LedgerError>>;

/// The outcome of a submitted transaction, to be awaited; it resolves when the transaction's block is on disk. Dropping
/// it takes nothing back.
#[derive(Debug)]
#[must_use = "a transaction is durable only when its receipt says so"]
pub struct Receipt(oneshot::Receiver<Result<Committed, LedgerError>>);

impl Receipt {
    pub(crate) fn new() -> (Answer, Self) {
        let (answer, receiver) = oneshot::channel();
        (answer, Self(receiver))
    }

    pub(crate) fn refused(error: LedgerError) -> Self {
        let (answer, receipt) = Self::new();
        // The receiver is in our hands: it cannot be gone.
        let _ = answer.send(Err(error));
        receipt
    }

    /// Waits on this thread. Not for use inside an async runtime.
    ///
    /// # Errors
    ///
    /// As the future's.
    pub fn wait(self) -> Result<Committed, LedgerError> {
        futures::executor::block_on(self)
    }
}

impl Future for Receipt {
    type Output = Result<Committed, LedgerError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0)
            .poll(context)
            .map(|answer| answer.unwrap_or(Err(LedgerError::Stopped)))
    }
}

/// A transaction that waits for its block.
pub(crate) struct Pending {
    pub(crate) tx_hash: Hash,
    pub(crate) message: Verified<AnyTx>,
    pub(crate) answer: Answer,
    size: usize,
}

impl Pending {
    pub(crate) fn new(message: Verified<AnyTx>, answer: Answer) -> Self {
        Self {
            tx_hash: message.object_hash(),
            size: message.as_raw().payload.len(),
            message,
            answer,
        }
    }
}

#[derive(Default)]
struct Waiting {
    transactions: VecDeque<Pending>,
    bytes: usize,
    closed: Option<LedgerError>,
    /// Since when the first of them waits.
    since: Option<Instant>,
    /// Gatherings that go on.
    gatherings: usize,
    /// Threads that wait for room.
    pressing: usize,
}

impl Waiting {
    /// Whether a gathering may bring more for the block that would be made now.
    fn is_gathering(&self) -> bool {
        self.gatherings > 0
            && self.pressing == 0
            && self.closed.is_none()
            && self.transactions.len() < GATHERED_AT_MOST
            && !self.patience().is_zero()
    }

    fn patience(&self) -> Duration {
        let waited = self.since.map_or(Duration::ZERO, |since| since.elapsed());
        GATHERING.saturating_sub(waited)
    }
}

/// While it lives, what is handed in waits for what is still to come, so that it shares a block and its one fsync. Only a
/// full queue, enough for a block, or a next one that comes milliseconds later is not waited for.
#[must_use = "it gathers while it lives"]
pub struct Gathering<'a>(&'a Queue);

impl Drop for Gathering<'_> {
    fn drop(&mut self) {
        let mut waiting = self.0.lock();
        waiting.gatherings -= 1;
        let is_due = waiting.gatherings == 0 && !waiting.transactions.is_empty();
        drop(waiting);
        if is_due {
            self.0.filled.notify_all();
        }
    }
}

/// First in, first out; bounded in transactions and bytes.
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    filled: Condvar,
    room: Condvar,
    limits: Limits,
}

impl Queue {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            waiting: Mutex::default(),
            filled: Condvar::new(),
            room: Condvar::new(),
            limits,
        }
    }

    /// Appends; waits for room when `block` is set, else refuses a full queue.
    pub(crate) fn push(&self, pending: Pending, block: bool) -> Result<(), LedgerError> {
        if pending.size > self.limits.transaction_bytes {
            return Err(LedgerError::TooLarge {
                size: pending.size,
                limit: self.limits.transaction_bytes,
            });
        }
        let mut waiting = self.lock();
        loop {
            if let Some(error) = &waiting.closed {
                return Err(error.clone());
            }
            if self.has_room(&waiting, pending.size) {
                break;
            }
            if !block {
                return Err(LedgerError::QueueFull {
                    transactions: waiting.transactions.len(),
                    bytes: waiting.bytes,
                });
            }
            waiting.pressing += 1;
            self.filled.notify_one();
            waiting = self
                .room
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
            waiting.pressing -= 1;
        }
        waiting.bytes += pending.size;
        waiting.transactions.push_back(pending);
        waiting.since.get_or_insert_with(Instant::now);
        // Else the end of the gathering wakes the writer.
        if !waiting.is_gathering() {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Begins a gathering.
    pub(crate) fn gather(&self) -> Gathering<'_> {
        self.lock().gatherings += 1;
        Gathering(self)
    }

    fn has_room(&self, waiting: &Waiting, size: usize) -> bool {
        // An empty queue takes anything of legal size, whatever the bytes are bounded to.
        waiting.transactions.is_empty()
            || (waiting.transactions.len() < self.limits.queue_transactions
                && waiting.bytes.saturating_add(size) <= self.limits.queue_bytes)
    }

    /// All that waits, up to one block's bounds; sleeps while there is nothing. `None` when closed and empty.
    pub(crate) fn take(&self) -> Option<Vec<Pending>> {
        let mut waiting = self.lock();
        while waiting.transactions.is_empty() {
            if waiting.closed.is_some() {
                return None;
            }
            waiting = self
                .filled
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
        while waiting.is_gathering() {
            let patience = waiting.patience();
            let woken = self.filled.wait_timeout(waiting, patience);
            (waiting, _) = woken.unwrap_or_else(PoisonError::into_inner);
        }
        let mut batch = Vec::new();
        let mut bytes = 0usize;
        while let Some(next) = waiting.transactions.front() {
            let full = batch.len() >= self.limits.batch_transactions.max(1)
                || bytes.saturating_add(next.size) > self.limits.batch_bytes;
            if full && !batch.is_empty() {
                break;
            }
            bytes += next.size;
            batch.extend(waiting.transactions.pop_front());
        }
        waiting.bytes -= bytes;
        waiting.since = (!waiting.transactions.is_empty()).then(Instant::now);
        self.room.notify_all();
        Some(batch)
    }

    /// Takes nothing more; what waits is still taken out by the writer.
    pub(crate) fn close(&self) {
        self.lock().closed.get_or_insert(LedgerError::Stopped);
        self.filled.notify_all();
        self.room.notify_all();
    }

    /// Takes nothing more and answers all that waits with `error`.
    pub(crate) fn fail(&self, error: &LedgerError) {
        let mut waiting = self.lock();
        waiting.closed = Some(error.clone());
        waiting.bytes = 0;
        for pending in waiting.transactions.drain(..) {
            // Whoever dropped the receipt does not want to know.
            let _ = pending.answer.send(Err(error.clone()));
        }
        self.room.notify_all();
    }

    /// Transactions waiting now.
    pub(crate) fn len(&self) -> usize {
        self.lock().transactions.len()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
