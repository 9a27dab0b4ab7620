//! The database under the chain: merkledb's RocksDB with the moment of the fsync in our hands.
//!
//! `Database::merge` of merkledb never syncs. A block is several merges; they all stay unsynced, and one synced write
//! after them makes the whole log before it durable: one fsync a block.

use std::{
    path::Path,
    sync::{
        atomic::{AtomicBool, AtomicU64, Ordering},
        Arc, Mutex, MutexGuard, PoisonError,
    },
    time::{Duration, Instant},
};

use exonum_merkledb::{Database, DbOptions, Patch, RocksDB, Snapshot};

use crate::{
    changes,
    guarded::{Failure, Guarded},
    queues::EmptyQueues,
    read_cache::ReadCache,
};

/// What is kept in memory of the database: some hundred times what a payment reads.
const CACHE_BYTES: usize = 32 << 20;

/// Counts of what was written since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WriteCounts {
    /// Writes to the database, synced or not.
    pub writes: u64,
    /// Writes that were followed by an fsync before they returned.
    pub syncs: u64,
}

/// What blocks cost since the start, in time of the writing thread.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BlockTimes {
    /// Executing transactions, hashing included.
    pub executing: Duration,
    /// Handing blocks to the database, without fsync.
    pub writing: Duration,
    /// Waiting for fsyncs.
    pub syncing: Duration,
}

/// A sum of times that several threads may add to.
#[derive(Default)]
struct Total(AtomicU64);

impl Total {
    fn add(&self, since: Instant) {
        // 64 bits of nanoseconds last for centuries.
        let nanos = u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.0.fetch_add(nanos, Ordering::Relaxed);
    }

    fn get(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

/// RocksDB with counted writes, an explicit [`DurableDb::sync`], and a latch: after one failed write or read all later
/// writes fail.
pub(crate) struct DurableDb {
    inner: RocksDB,
    cache: Arc<ReadCache>,
    /// Held while the database and the cache change, and while a snapshot is taken: it is of one version of both.
    order: Mutex<()>,
    writes: AtomicU64,
    syncs: AtomicU64,
    executing: Total,
    writing: Total,
    syncing: Total,
    failure: Arc<Failure>,
    /// See `queues`: set once the chain stands, that is, from the genesis' end on.
    queues_empty: AtomicBool,
    #[cfg(feature = "testing")]
    faults: Arc<crate::faults::FaultHook>,
}

impl DurableDb {
    /// Opens the database in `path`, or makes it when `create` is set.
    pub(crate) fn open(path: &Path, create: bool) -> exonum_merkledb::Result<Self> {
        Self::open_with_cache(path, create, CACHE_BYTES)
    }

    /// The same with about so many bytes of it in memory.
    pub(crate) fn open_with_cache(
        path: &Path,
        create: bool,
        cache_bytes: usize,
    ) -> exonum_merkledb::Result<Self> {
        Ok(Self {
            inner: RocksDB::open(path, &db_options(create))?,
            cache: ReadCache::new(cache_bytes),
            order: Mutex::new(()),
            writes: AtomicU64::new(0),
            syncs: AtomicU64::new(0),
            executing: Total::default(),
            writing: Total::default(),
            syncing: Total::default(),
            failure: Arc::default(),
            queues_empty: AtomicBool::new(false),
            #[cfg(feature = "testing")]
            faults: Arc::default(),
        })
    }

    /// Puts faults between the chain and the database.
    #[cfg(feature = "testing")]
    pub(crate) fn with_faults(mut self, faults: Arc<crate::faults::FaultHook>) -> Self {
        self.faults = faults;
        self
    }

    /// Makes everything merged so far durable: one fsync of the write-ahead log.
    pub(crate) fn sync(&self) -> exonum_merkledb::Result<()> {
        // It changes nothing: snapshots may be taken meanwhile.
        let patch = self.fork().into_patch();
        self.write(true, || self.inner.merge_sync(patch))
    }

    /// From now on the dispatcher's queues are known to be empty between blocks. Not to be said before the genesis is
    /// done: its parts are merged one by one, with the queues filled in between.
    pub(crate) fn queues_are_empty(&self) {
        self.queues_empty.store(true, Ordering::Release);
    }

    pub(crate) fn counts(&self) -> WriteCounts {
        WriteCounts {
            writes: self.writes.load(Ordering::Relaxed),
            syncs: self.syncs.load(Ordering::Relaxed),
        }
    }

    /// A block was executed, beginning then.
    pub(crate) fn executed(&self, since: Instant) {
        self.executing.add(since);
    }

    pub(crate) fn times(&self) -> BlockTimes {
        BlockTimes {
            executing: self.executing.get(),
            writing: self.writing.get(),
            syncing: self.syncing.get(),
        }
    }

    /// The first read or write that failed.
    pub(crate) fn failure(&self) -> &Arc<Failure> {
        &self.failure
    }

    /// Flushes the memory tables, which frees the write-ahead log, by way of a checkpoint in `path` (hard links).
    pub(crate) fn checkpoint(&self, path: &Path) -> exonum_merkledb::Result<()> {
        self.inner.create_checkpoint(path)
    }

    fn change(&self, patch: Patch, sync: bool) -> exonum_merkledb::Result<()> {
        let _order = self.order();
        self.write(sync, || {
            let (patch, changes) = changes::list(patch)?;
            self.cache.merge(changes, || match sync {
                true => self.inner.merge_sync(patch),
                false => self.inner.merge(patch),
            })
        })
    }

    fn write(
        &self,
        sync: bool,
        write: impl FnOnce() -> exonum_merkledb::Result<()>,
    ) -> exonum_merkledb::Result<()> {
        // A failed fsync may have dropped dirty pages: no later success can be believed. And what was made of a failed
        // read may be wrong.
        if let Some(reason) = self.failure.get() {
            return Err(exonum_merkledb::Error::new(reason));
        }
        self.write_unlatched(sync, write)
            .inspect_err(|error| self.failure.note(format!("a write failed: {error}")))
    }

    /// RocksDB's close waits for ever for its recovery from a full disk. What failed is left to the process' end: there
    /// is nothing that a close would save.
    fn never_close(&self) {
        let _leaked = Box::leak(self.inner.snapshot());
    }

    fn write_unlatched(
        &self,
        sync: bool,
        write: impl FnOnce() -> exonum_merkledb::Result<()>,
    ) -> exonum_merkledb::Result<()> {
        #[cfg(feature = "testing")]
        self.faults.before_write()?;
        let start = Instant::now();
        write().inspect_err(|_| self.never_close())?;
        if sync {
            self.syncs.fetch_add(1, Ordering::Relaxed);
            self.syncing.add(start);
        } else {
            self.writing.add(start);
        }
        self.writes.fetch_add(1, Ordering::Relaxed);
        #[cfg(feature = "testing")]
        self.faults.after_write(sync)?;
        Ok(())
    }

    fn order(&self) -> MutexGuard<'_, ()> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Database for DurableDb {
    fn snapshot(&self) -> Box<dyn Snapshot> {
        let snapshot = {
            let _order = self.order();
            let inner = Guarded::new(self.inner.snapshot(), Arc::clone(&self.failure));
            Box::new(self.cache.snapshot(Box::new(inner)))
        };
        if self.queues_empty.load(Ordering::Acquire) {
            return Box::new(EmptyQueues(snapshot));
        }
        snapshot
    }

    fn merge(&self, patch: Patch) -> exonum_merkledb::Result<()> {
        self.change(patch, false)
    }

    fn merge_sync(&self, patch: Patch) -> exonum_merkledb::Result<()> {
        self.change(patch, true)
    }
}

/// Options of every database that we open. The open files are bounded, since each index name is a column family with
/// files of its own and the node needs descriptors for its peers too.
pub(crate) fn db_options(create: bool) -> DbOptions {
    let mut options = DbOptions::default();
    options.create_if_missing = create;
    options.max_open_files = Some(256);
    options
}
