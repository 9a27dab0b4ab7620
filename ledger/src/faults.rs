//! Faults on purpose (feature `testing`): the n-th write to the database fails, or ends the process.

use std::sync::{
    atomic::{AtomicU64, Ordering},
    Mutex, PoisonError,
};

/// What happens at the chosen write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The write returns an error and is not done.
    Fail,
    /// The process aborts before the write.
    AbortBefore,
    /// The process aborts after the write.
    AbortAfter,
    /// The write is done but reported as failed, as a failing fsync is.
    FailAfter,
}

/// Called after each synced write with the count of writes so far.
type OnSync = Box<dyn Fn(u64) + Send>;

/// Counts the writes of a ledger's database and strikes at the one that was chosen.
#[derive(Default)]
pub struct FaultHook {
    writes: AtomicU64,
    plan: Mutex<Option<(u64, Fault)>>,
    on_sync: Mutex<Option<OnSync>>,
}

impl std::fmt::Debug for FaultHook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FaultHook").finish_non_exhaustive()
    }
}

impl FaultHook {
    /// Strikes at the write with this number; the first write since the hook was made is number 1.
    pub fn strike_at(&self, write: u64, fault: Fault) {
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = Some((write, fault));
    }

    /// Strikes at the next write.
    pub fn strike_next(&self, fault: Fault) {
        self.strike_at(self.writes() + 1, fault);
    }

    /// Writes begun so far, synced or not, failed ones included.
    pub fn writes(&self) -> u64 {
        self.writes.load(Ordering::SeqCst)
    }

    /// Calls `watch` after each synced write: what is on disk then survives a power cut.
    pub fn on_sync(&self, watch: impl Fn(u64) + Send + 'static) {
        *self.on_sync.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(watch));
    }

    fn planned(&self, write: u64) -> Option<Fault> {
        let plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        plan.and_then(|(at, fault)| (at == write).then_some(fault))
    }

    pub(crate) fn before_write(&self) -> exonum_merkledb::Result<()> {
        let write = self.writes.fetch_add(1, Ordering::SeqCst) + 1;
        match self.planned(write) {
            Some(Fault::Fail) => Err(exonum_merkledb::Error::new("injected failure")),
            Some(Fault::AbortBefore) => std::process::abort(),
            Some(Fault::AbortAfter | Fault::FailAfter) | None => Ok(()),
        }
    }

    pub(crate) fn after_write(&self, synced: bool) -> exonum_merkledb::Result<()> {
        let write = self.writes();
        match self.planned(write) {
            Some(Fault::AbortAfter) => std::process::abort(),
            Some(Fault::FailAfter) => return Err(exonum_merkledb::Error::new("injected failure")),
            Some(Fault::Fail | Fault::AbortBefore) | None => {}
        }
        if synced {
            let watch = self.on_sync.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(watch) = watch.as_ref() {
                watch(write);
            }
        }
        Ok(())
    }
}
