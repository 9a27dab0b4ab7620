//! Who still uses the database: handles and snapshots are counted, so that a shutdown can wait for the last of them.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use exonum::merkledb::Snapshot;
use exonum_merkledb::{Iter, ResolvedAddress};

/// How many handles and snapshots are out.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) handles: usize,
    pub(crate) snapshots: usize,
}

/// The count, and a way to wait for its end.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    usage: Mutex<Usage>,
    returned: Condvar,
}

impl Leases {
    /// Waits until nothing is out, at most for `wait`; what is out then.
    pub(crate) fn wait_for_all(&self, wait: Duration) -> Usage {
        let usage = self.lock();
        let in_use = |usage: &mut Usage| *usage != Usage::default();
        let (usage, _) = self
            .returned
            .wait_timeout_while(usage, wait, in_use)
            .unwrap_or_else(PoisonError::into_inner);
        *usage
    }

    fn lock(&self) -> MutexGuard<'_, Usage> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is counted.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Handle,
    Snapshot,
}

/// One user of the database; dropping it counts down.
#[derive(Debug)]
pub(crate) struct Lease {
    leases: Arc<Leases>,
    kind: Kind,
}

impl Lease {
    pub(crate) fn handle(leases: &Arc<Leases>) -> Self {
        leases.lock().handles += 1;
        Self {
            leases: Arc::clone(leases),
            kind: Kind::Handle,
        }
    }

    fn snapshot(leases: &Arc<Leases>) -> Self {
        leases.lock().snapshots += 1;
        Self {
            leases: Arc::clone(leases),
            kind: Kind::Snapshot,
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut usage = self.leases.lock();
        match self.kind {
            Kind::Handle => usage.handles -= 1,
            Kind::Snapshot => usage.snapshots -= 1,
        }
        drop(usage);
        self.leases.returned.notify_all();
    }
}

/// A snapshot on loan: many readers share the one that was taken after the last fsync.
pub(crate) struct LentSnapshot {
    // Before the lease: RocksDB's snapshot is gone when the count says so.
    inner: Arc<Box<dyn Snapshot>>,
    _lease: Lease,
}

impl LentSnapshot {
    pub(crate) fn new(inner: Arc<Box<dyn Snapshot>>, leases: &Arc<Leases>) -> Self {
        Self {
            inner,
            _lease: Lease::snapshot(leases),
        }
    }
}

impl Snapshot for LentSnapshot {
    fn get(&self, name: &ResolvedAddress, key: &[u8]) -> Option<Vec<u8>> {
        self.inner.get(name, key)
    }

    fn contains(&self, name: &ResolvedAddress, key: &[u8]) -> bool {
        self.inner.contains(name, key)
    }

    fn iter(&self, name: &ResolvedAddress, from: &[u8]) -> Iter<'_> {
        self.inner.iter(name, from)
    }
}
