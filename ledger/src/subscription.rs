//! Following the ledger block by block, without loss.

use std::sync::{Arc, Weak};

use tokio::sync::watch;

use crate::{
    block::CommittedBlock,
    error::LedgerError,
    published::{Published, Signal},
};

/// Every durable block after a height, in order. One that lags reads from disk; it holds no queue that could overflow,
/// and does not keep the ledger open.
#[derive(Debug)]
pub struct Subscription {
    published: Weak<Published>,
    signal: watch::Receiver<Signal>,
    next: u64,
}

impl Subscription {
    pub(crate) fn new(published: &Arc<Published>, after: u64) -> Self {
        Self {
            published: Arc::downgrade(published),
            signal: published.watch(),
            next: after.saturating_add(1),
        }
    }

    /// The height of the block that [`Subscription::next`] gives next.
    pub fn next_height(&self) -> u64 {
        self.next
    }

    /// The next block, as soon as it is durable. `None` after the last one of a ledger that was shut down. Dropping the
    /// future before it is ready loses nothing.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unreadable`] for a block that cannot be read; [`LedgerError::Storage`] after the last block of a
    /// ledger whose storage failed.
    pub async fn next(&mut self) -> Option<Result<Arc<CommittedBlock>, LedgerError>> {
        loop {
            let signal = self.signal.borrow_and_update().clone();
            if signal.height >= self.next {
                return self.read();
            }
            match signal.end {
                Some(LedgerError::Stopped) => return None,
                Some(error) => return Some(Err(error)),
                None => self.signal.changed().await.ok()?,
            }
        }
    }

    /// Waits on this thread for the next block. Not for use inside an async runtime.
    pub fn next_blocking(&mut self) -> Option<Result<Arc<CommittedBlock>, LedgerError>> {
        futures::executor::block_on(self.next())
    }

    fn read(&mut self) -> Option<Result<Arc<CommittedBlock>, LedgerError>> {
        let published = self.published.upgrade()?;
        let block = match published.block(self.next) {
            Ok(Some(block)) => block,
            Ok(None) => {
                return Some(Err(LedgerError::Unreadable {
                    reason: format!("block {} is missing", self.next),
                }))
            }
            Err(error) => return Some(Err(error)),
        };
        self.next += 1;
        Some(Ok(block))
    }
}
