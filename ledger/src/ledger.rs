//! The handle that the rest of the node holds.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
};

use chrono::{DateTime, Utc};
use exonum::{
    crypto::{Hash, PublicKey},
    merkledb::Snapshot,
    messages::{AnyTx, Verified},
};

use crate::{
    block::{Committed, CommittedBlock, Head},
    durable::{BlockTimes, DurableDb, WriteCounts},
    error::{LedgerError, OpenError},
    folder::{io_error, remove_folder, Folder, STORE},
    identity::Identity,
    lease::{Lease, Leases},
    log_trim::{log_bytes, LogTrim},
    options::{LedgerOptions, Limits, Services, ValidatorPublic},
    published::Published,
    queue::{Gathering, Pending, Queue, Receipt},
    sealer::Sealer,
    start::{start, Started},
    subscription::Subscription,
    verify::{verify_copy, Progress, Report, VerifyError},
    witness::Witness,
    writer::Writer,
};

/// A handle of an open ledger; clones share it. The ledger closes after [`Ledger::shutdown`], or when the last handle is
/// dropped.
pub struct Ledger {
    // Before the lease: whoever waits for the last handle wants the database released.
    inner: Arc<Inner>,
    lease: Lease,
}

struct Inner {
    queue: Arc<Queue>,
    published: Arc<Published>,
    writer: Mutex<Option<JoinHandle<()>>>,
    leases: Arc<Leases>,
    db: Arc<DurableDb>,
    folder: Folder,
    identity: Identity,
    services: Services,
    verifying: Mutex<()>,
    limits: Limits,
}

/// Numbers for a metrics page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerStats {
    /// Writes and fsyncs since the start.
    pub written: WriteCounts,
    /// Where the time of making blocks went since the start.
    pub times: BlockTimes,
    /// Transactions waiting for a block.
    pub queued: usize,
    /// Bytes of the database's write-ahead log.
    pub log_bytes: u64,
}

impl Ledger {
    /// Opens the ledger in the folder `path`; makes it, with genesis and first block, when there is none and
    /// [`LedgerOptions::create`] is set. Blocks this thread while the database is checked.
    ///
    /// # Errors
    ///
    /// [`OpenError`] names what is wrong. An existing ledger is then as it was before.
    pub fn open(path: impl AsRef<Path>, options: LedgerOptions) -> Result<Self, OpenError> {
        let Started {
            folder,
            identity,
            db,
            sealer,
            head,
        } = start(path.as_ref(), &options)?;
        let leases = Arc::new(Leases::default());
        let queue = Arc::new(Queue::new(options.limits.clone()));
        let published = Published::new(sealer.durable_snapshot(), head, Arc::clone(&leases));
        let published = Arc::new(published);
        let thread_error = |source| OpenError::Io {
            action: "start a thread for",
            path: path.as_ref().into(),
            source,
        };
        let log_trim = LogTrim::start(
            Arc::clone(&db),
            folder.db(),
            folder.checkpoint(),
            &options.limits,
        )
        .map_err(thread_error)?;
        let writer = Writer {
            sealer: Box::new(sealer),
            queue: Arc::clone(&queue),
            published: Arc::clone(&published),
            log_trim,
        };
        let writer = Mutex::new(Some(writer.start().map_err(thread_error)?));
        tracing::info!(height = head.height, hash = %head.block_hash, "ledger opened");
        let lease = Lease::handle(&leases);
        let inner = Inner {
            queue,
            published,
            writer,
            leases,
            db,
            folder,
            identity,
            services: options.services,
            verifying: Mutex::new(()),
            limits: options.limits,
        };
        Ok(Self {
            inner: Arc::new(inner),
            lease,
        })
    }

    /// Hands in a transaction for the next block. Transactions are executed in the order of this call. When the queue is
    /// full it waits on this thread until there is room; see [`Ledger::try_submit`].
    ///
    /// The receipt resolves when the block is on disk, with the service's outcome. A transaction that is committed
    /// already is not executed again: its receipt has the earlier outcome.
    pub fn submit(&self, transaction: Verified<AnyTx>) -> Receipt {
        self.push(transaction, true)
            .unwrap_or_else(Receipt::refused)
    }

    /// As [`Ledger::submit`], but refuses at once when the queue is full.
    ///
    /// # Errors
    ///
    /// [`LedgerError::QueueFull`], [`LedgerError::TooLarge`], [`LedgerError::Stopped`], [`LedgerError::Storage`].
    pub fn try_submit(&self, transaction: Verified<AnyTx>) -> Result<Receipt, LedgerError> {
        self.push(transaction, false)
    }

    /// What is handed in until the gathering is dropped shares a block, where that is possible without a longer wait. For
    /// who hands in several transactions, one right after the other.
    pub fn gather(&self) -> Gathering<'_> {
        self.inner.queue.gather()
    }

    fn push(&self, transaction: Verified<AnyTx>, block: bool) -> Result<Receipt, LedgerError> {
        let (answer, receipt) = Receipt::new();
        let pending = Pending::new(transaction, answer);
        self.inner.queue.push(pending, block).map(|()| receipt)
    }

    /// The newest durable state. Never one whose block is not on disk. Keep it short: it pins old data and delays
    /// [`Ledger::shutdown`].
    pub fn snapshot(&self) -> Box<dyn Snapshot> {
        Box::new(self.inner.published.snapshot())
    }

    /// The newest durable block.
    pub fn head(&self) -> Head {
        self.inner.published.head()
    }

    /// The durable block at `height`; `None` above the head.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unreadable`] over damaged data.
    pub fn block(&self, height: u64) -> Result<Option<Arc<CommittedBlock>>, LedgerError> {
        self.inner.published.block(height)
    }

    /// The outcome of a transaction if it is committed.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unreadable`] over damaged data.
    pub fn committed(&self, tx_hash: &Hash) -> Result<Option<Committed>, LedgerError> {
        let snapshot = self.inner.published.snapshot();
        crate::error::reading(|| crate::block::find_committed(&snapshot, tx_hash))
    }

    /// Every durable block after height `after`, in order, without loss.
    pub fn subscribe(&self, after: u64) -> Subscription {
        Subscription::new(&self.inner.published, after)
    }

    /// The key that signs every block: what a light client pins.
    pub fn validator_key(&self) -> PublicKey {
        self.inner.identity.validator.consensus
    }

    /// Both public keys of the validator.
    pub fn validator(&self) -> ValidatorPublic {
        self.inner.identity.validator
    }

    /// Hash of the genesis block.
    pub fn genesis_hash(&self) -> Hash {
        self.inner.identity.genesis
    }

    /// When the ledger was made: the time in the first block's precommit.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unreadable`] over damaged data.
    pub fn created(&self) -> Result<Option<DateTime<Utc>>, LedgerError> {
        Ok(self.block(1)?.and_then(|block| block.time))
    }

    /// Why the ledger takes nothing more; `None` while it runs. Once a read has failed it makes no block any more.
    pub fn stopped(&self) -> Option<LedgerError> {
        let failed = || {
            let reason = self.inner.db.failure().get()?;
            Some(LedgerError::Storage { reason })
        };
        self.inner.published.ended().or_else(failed)
    }

    /// Waits for a read or a write that fails, whoever needed it, and gives the reason.
    pub async fn failed(&self) -> LedgerError {
        let reason = self.inner.db.failure().happens().await;
        LedgerError::Storage { reason }
    }

    /// Numbers for a metrics page.
    pub fn stats(&self) -> LedgerStats {
        LedgerStats {
            written: self.inner.db.counts(),
            times: self.inner.db.times(),
            queued: self.inner.queue.len(),
            log_bytes: log_bytes(&self.inner.folder.db()),
        }
    }

    /// Verifies the running ledger as it is now, as [`verify`](crate::verify()) does a closed one, on a checkpoint of its
    /// database. Takes as long; blocks go on being made.
    ///
    /// # Errors
    ///
    /// [`VerifyError`] with the first difference.
    pub fn verify(&self, progress: &mut dyn FnMut(Progress)) -> Result<Report, VerifyError> {
        let inner = &*self.inner;
        let _one_at_a_time = inner
            .verifying
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let place = inner.folder.verify();
        let acknowledged = inner.published.head().into();
        remove_folder(&place)?;
        std::fs::create_dir_all(&place).map_err(io_error("make the folder", &place))?;
        let result = inner
            .db
            .checkpoint(&place.join("stored"))
            .map_err(|error| VerifyError::Failed {
                reason: error.to_string(),
            })
            .and_then(|()| verify_copy(&inner.folder, acknowledged, &inner.services, progress));
        remove_folder(&place)?;
        result
    }

    /// Copies the running ledger as it is now into `place`, which must not exist: a ledger's folder of its own, that opens
    /// with the same options. Blocks go on being made. Tables are hard links where the file system has them.
    ///
    /// The head that is in it at least.
    ///
    /// # Errors
    ///
    /// [`OpenError::Io`], [`OpenError::Chain`] where the database cannot be copied.
    pub fn copy_to(&self, place: &Path) -> Result<Head, OpenError> {
        let inner = &*self.inner;
        let store = place.join(STORE);
        std::fs::create_dir_all(&store).map_err(io_error("make the folder", &store))?;
        let identity = inner.folder.store().join("identity");
        std::fs::copy(&identity, store.join("identity")).map_err(io_error("copy", &identity))?;
        // Before the database: the witness of a copy must not be ahead of it.
        let head = self.head();
        Witness::create(&store, head)?;
        let reason = |error: exonum_merkledb::Error| OpenError::Chain {
            reason: error.to_string(),
        };
        inner.db.checkpoint(&store.join("db")).map_err(reason)?;
        Ok(head)
    }

    /// Stops taking transactions, writes the blocks of those that wait, and closes the database once all other handles
    /// and snapshots are dropped, for which it waits as long as the limits say. Not for use on an async runtime's thread.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`] when the ledger had stopped over it; [`LedgerError::StillInUse`] when somebody else
    /// holds on: all is on disk then, and the database closes with the last of them.
    pub fn shutdown(self) -> Result<(), LedgerError> {
        let Self { inner, lease } = self;
        inner.stop();
        let ended = inner.published.ended();
        drop(lease);
        let usage = inner.leases.wait_for_all(inner.limits.shutdown_wait);
        drop(inner);
        match ended {
            Some(error @ LedgerError::Storage { .. }) => Err(error),
            _ if usage.handles + usage.snapshots > 0 => Err(LedgerError::StillInUse {
                handles: usage.handles,
                snapshots: usage.snapshots,
            }),
            _ => Ok(()),
        }
    }
}

impl Clone for Ledger {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            lease: Lease::handle(&self.inner.leases),
        }
    }
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger")
            .field("path", &self.inner.folder.path())
            .field("head", &self.head())
            .finish_non_exhaustive()
    }
}

impl Inner {
    fn stop(&self) {
        self.queue.close();
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = writer.take() {
            // A panic of the writer was its own answer to everybody: the receipts are gone with it.
            if thread.join().is_err() {
                tracing::error!("the ledger's writer panicked");
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop();
    }
}
