//! What readers see: the newest durable state, replaced after each fsync.

use std::{
    collections::VecDeque,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
};

use exonum::merkledb::Snapshot;
use tokio::sync::watch;

use crate::{
    block::{CommittedBlock, Head},
    error::{reading, LedgerError},
    lease::{Leases, LentSnapshot},
};

/// How many of the newest blocks are kept in memory for subscriptions that keep up.
const RECENT: usize = 16;

struct Newest {
    snapshot: Arc<Box<dyn Snapshot>>,
    head: Head,
    recent: VecDeque<Arc<CommittedBlock>>,
}

/// What wakes subscriptions: the newest height, and whether there will be more.
#[derive(Debug, Clone, Default)]
pub(crate) struct Signal {
    pub(crate) height: u64,
    pub(crate) end: Option<LedgerError>,
}

/// The durable state as all threads but the writer know it.
pub(crate) struct Published {
    newest: RwLock<Newest>,
    signal: watch::Sender<Signal>,
    leases: Arc<Leases>,
}

impl Published {
    pub(crate) fn new(snapshot: Box<dyn Snapshot>, head: Head, leases: Arc<Leases>) -> Self {
        let newest = Newest {
            snapshot: Arc::new(snapshot),
            head,
            recent: VecDeque::with_capacity(RECENT),
        };
        let signal = Signal {
            height: head.height,
            end: None,
        };
        Self {
            newest: RwLock::new(newest),
            signal: watch::Sender::new(signal),
            leases,
        }
    }

    /// Shows a block that is on disk. Only the writer calls it.
    pub(crate) fn publish(&self, block: CommittedBlock, snapshot: Box<dyn Snapshot>) {
        let head = block.head();
        let snapshot = Arc::new(snapshot);
        let old = {
            let mut newest = self.newest.write().unwrap_or_else(PoisonError::into_inner);
            newest.head = head;
            if newest.recent.len() == RECENT {
                newest.recent.pop_front();
            }
            newest.recent.push_back(Arc::new(block));
            std::mem::replace(&mut newest.snapshot, snapshot)
        };
        // Outside the lock: giving a RocksDB snapshot back takes a lock of its own.
        drop(old);
        self.signal
            .send_modify(|signal| signal.height = head.height);
    }

    /// No block will follow: `error` says why.
    pub(crate) fn end(&self, error: LedgerError) {
        self.signal.send_modify(|signal| {
            signal.end.get_or_insert(error);
        });
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Signal> {
        self.signal.subscribe()
    }

    pub(crate) fn ended(&self) -> Option<LedgerError> {
        self.signal.borrow().end.clone()
    }

    pub(crate) fn head(&self) -> Head {
        self.read().head
    }

    pub(crate) fn snapshot(&self) -> LentSnapshot {
        let inner = Arc::clone(&self.read().snapshot);
        LentSnapshot::new(inner, &self.leases)
    }

    /// The block at `height`, from memory when it is among the newest, else from disk. `None` above the head.
    pub(crate) fn block(&self, height: u64) -> Result<Option<Arc<CommittedBlock>>, LedgerError> {
        let recent = self
            .read()
            .recent
            .iter()
            .find(|block| block.height == height)
            .cloned();
        if recent.is_some() {
            return Ok(recent);
        }
        let snapshot = self.snapshot();
        reading(|| CommittedBlock::read(&snapshot, height)).map(|block| block.map(Arc::new))
    }

    fn read(&self) -> RwLockReadGuard<'_, Newest> {
        self.newest.read().unwrap_or_else(PoisonError::into_inner)
    }
}
