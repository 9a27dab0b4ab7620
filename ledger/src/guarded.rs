//! Reads that fail must not look like nothing.
//!
//! Where RocksDB cannot read, merkledb panics over a single value, which Exonum takes for a fault of the service and
//! commits as one; and it ends an iteration early without a word. Either would be written into the chain for good. So
//! what fails is noted, and a database that has failed once takes no further write: the block that was made of it is
//! never stored, and the ledger stops.

use std::{
    panic::{catch_unwind, resume_unwind, AssertUnwindSafe},
    sync::Arc,
};

use exonum::merkledb::Snapshot;
use exonum_merkledb::{Iter, Iterator, ResolvedAddress};
use tokio::sync::watch;

use crate::error::panic_text;

/// Why a database can be believed no more: the first thing that failed.
#[derive(Debug, Default)]
pub(crate) struct Failure(watch::Sender<Option<String>>);

impl Failure {
    pub(crate) fn note(&self, reason: String) {
        self.0.send_if_modified(|first| {
            let is_first = first.is_none();
            if is_first {
                tracing::error!(reason, "the database has failed");
                *first = Some(reason);
            }
            is_first
        });
    }

    pub(crate) fn get(&self) -> Option<String> {
        self.0.borrow().clone()
    }

    /// Waits for it.
    pub(crate) async fn happens(&self) -> String {
        let mut noted = self.0.subscribe();
        let failed = noted.wait_for(Option::is_some).await;
        // The sender is in our own hands: it ends no earlier.
        failed
            .map_or_else(|_| None, |reason| reason.clone())
            .unwrap_or_default()
    }
}

/// A snapshot that notes what it could not read.
pub(crate) struct Guarded {
    inner: Box<dyn Snapshot>,
    failure: Arc<Failure>,
}

impl Guarded {
    pub(crate) fn new(inner: Box<dyn Snapshot>, failure: Arc<Failure>) -> Self {
        Self { inner, failure }
    }

    fn reading<T>(&self, read: impl FnOnce() -> T) -> T {
        catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|payload| {
            let text = panic_text(payload.as_ref());
            self.failure.note(format!("a read failed: {text}"));
            resume_unwind(payload)
        })
    }
}

impl Snapshot for Guarded {
    fn get(&self, name: &ResolvedAddress, key: &[u8]) -> Option<Vec<u8>> {
        self.reading(|| self.inner.get(name, key))
    }

    fn contains(&self, name: &ResolvedAddress, key: &[u8]) -> bool {
        self.reading(|| self.inner.contains(name, key))
    }

    fn iter(&self, name: &ResolvedAddress, from: &[u8]) -> Iter<'_> {
        Box::new(Entries {
            inner: self.reading(|| self.inner.iter(name, from)),
            of: self,
            name: name.clone(),
            at: from.to_vec(),
            passed: false,
            is_checked: false,
        })
    }
}

/// Entries whose end is looked at twice.
struct Entries<'a> {
    inner: Iter<'a>,
    of: &'a Guarded,
    name: ResolvedAddress,
    /// The key of the last entry, or where the iteration began.
    at: Vec<u8>,
    /// Whether there was an entry.
    passed: bool,
    is_checked: bool,
}

impl Entries<'_> {
    /// From the last entry on nothing may follow. A second look that is struck by the same fault ends as early: that one
    /// is found where the database is read through, at the next start.
    fn check_end(&mut self) {
        if std::mem::replace(&mut self.is_checked, true) {
            return;
        }
        let mut again = self.of.reading(|| self.of.inner.iter(&self.name, &self.at));
        let is_there = !self.passed || again.next().is_some_and(|(key, _)| key == self.at);
        if !is_there || again.next().is_some() {
            let reason = format!("a read failed: {} ended too early", self.name.name);
            self.of.failure.note(reason.clone());
            resume_unwind(Box::new(reason));
        }
    }
}

impl Iterator for Entries<'_> {
    fn next(&mut self) -> Option<(&[u8], &[u8])> {
        if self.inner.peek().is_none() {
            self.check_end();
            return None;
        }
        let (key, value) = self.inner.next()?;
        self.at.clear();
        self.at.extend_from_slice(key);
        self.passed = true;
        Some((key, value))
    }

    fn peek(&mut self) -> Option<(&[u8], &[u8])> {
        if self.inner.peek().is_none() {
            self.check_end();
            return None;
        }
        self.inner.peek()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use exonum_merkledb::{access::CopyAccessExt, Database, Fork, Patch, TemporaryDB};

    use super::*;

    /// A database that fails once: at the read with this number, as merkledb's does.
    struct Failing {
        stored: TemporaryDB,
        reads: Arc<AtomicU32>,
        failure: Arc<Failure>,
    }

    struct FailingSnapshot(Box<dyn Snapshot>, Arc<AtomicU32>);

    impl FailingSnapshot {
        fn fails(&self) -> bool {
            self.1.fetch_sub(1, Ordering::SeqCst) == 1
        }
    }

    impl Snapshot for FailingSnapshot {
        fn get(&self, name: &ResolvedAddress, key: &[u8]) -> Option<Vec<u8>> {
            assert!(!self.fails(), "unreadable");
            self.0.get(name, key)
        }

        fn iter(&self, name: &ResolvedAddress, from: &[u8]) -> Iter<'_> {
            let left = if self.fails() { 2 } else { u32::MAX };
            Box::new(Cut(self.0.iter(name, from), left))
        }
    }

    /// An iteration that ends after so many entries.
    struct Cut<'a>(Iter<'a>, u32);

    impl Iterator for Cut<'_> {
        fn next(&mut self) -> Option<(&[u8], &[u8])> {
            self.1 = self.1.checked_sub(1)?;
            self.0.next()
        }

        fn peek(&mut self) -> Option<(&[u8], &[u8])> {
            if self.1 == 0 {
                return None;
            }
            self.0.peek()
        }
    }

    impl Database for Failing {
        fn snapshot(&self) -> Box<dyn Snapshot> {
            let inner = FailingSnapshot(self.stored.snapshot(), self.reads.clone());
            Box::new(Guarded::new(Box::new(inner), self.failure.clone()))
        }

        fn merge(&self, patch: Patch) -> exonum_merkledb::Result<()> {
            self.stored.merge(patch)
        }

        fn merge_sync(&self, patch: Patch) -> exonum_merkledb::Result<()> {
            self.merge(patch)
        }
    }

    /// The numbers below five in an index, and what reading them comes to where the read with this number fails.
    fn read(fails_at: u32) -> (Result<Vec<u32>, String>, Option<String>) {
        let database = Failing {
            stored: TemporaryDB::new(),
            reads: Arc::new(AtomicU32::new(0)),
            failure: Arc::default(),
        };
        let fork: Fork = database.fork();
        for number in 0..5_u32 {
            fork.get_map("numbers").put(&number, number);
        }
        database.merge(fork.into_patch()).unwrap();
        let snapshot = database.snapshot();
        let numbers = snapshot.get_map::<_, u32, u32>("numbers");
        // Whatever was read to open the index does not count.
        database.reads.store(fails_at, Ordering::SeqCst);
        let mut all = || -> Vec<u32> {
            let mut all: Vec<u32> = numbers.iter().map(|(number, _)| number).collect();
            all.extend(numbers.get(&4));
            all
        };
        let read = catch_unwind(AssertUnwindSafe(&mut all));
        let read = read.map_err(|payload| panic_text(payload.as_ref()));
        (read, database.failure.get())
    }

    #[test]
    fn reads_that_succeed_note_nothing() {
        let (read, failure) = read(0);
        assert_eq!(read.unwrap(), [0, 1, 2, 3, 4, 4]);
        assert_eq!(failure, None);
    }

    #[test]
    fn iteration_that_ends_too_early_is_a_failure() {
        let (read, failure) = read(1);
        let failure = failure.expect("it is noted");
        assert!(failure.contains("numbers ended too early"), "{failure}");
        assert_eq!(read.unwrap_err(), failure);
    }

    #[test]
    fn value_that_cannot_be_read_is_noted() {
        // The iteration, the second look at its end, the value.
        let (read, failure) = read(3);
        assert_eq!(failure.as_deref(), Some("a read failed: unreadable"));
        assert_eq!(read.unwrap_err(), "unreadable");
    }
}
