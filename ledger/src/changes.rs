//! What a patch changes, which merkledb tells nobody outright.
//!
//! `DatabaseExt::merge_with_backup` asks the database for the old value of every key that a patch changes, and for all old
//! entries of every index that it clears, before it hands the patch over to be merged. So a database that listens to these
//! questions, and merges nothing, knows the changes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use exonum_merkledb::{
    Database, DatabaseExt, Iter, Iterator, Patch, ResolvedAddress, Result, Snapshot,
};

/// What a patch does to one index.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct IndexChanges {
    pub(crate) address: ResolvedAddress,
    /// All that was in it is gone, before the entries are changed.
    pub(crate) cleared: bool,
    /// Each changed key with its new value; `None` where it is removed.
    pub(crate) entries: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

/// The changes of a patch, and the patch, untouched.
pub(crate) fn list(patch: Patch) -> Result<(Patch, Vec<IndexChanges>)> {
    let listener = Listener::default();
    // The backup says that nothing was there before, for the listener holds nothing: of no use to anybody.
    drop(listener.merge_with_backup(patch)?);
    let patch = listener.patch.into_inner();
    let patch = patch.unwrap_or_else(PoisonError::into_inner);
    let patch =
        patch.ok_or_else(|| exonum_merkledb::Error::new("the patch was not handed over"))?;
    let mut changes = std::mem::take(&mut *lock(&listener.heard));
    for index in &mut changes {
        for (key, value) in &mut index.entries {
            *value = patch.get(&index.address, key);
        }
    }
    Ok((patch, changes))
}

type Heard = Arc<Mutex<Vec<IndexChanges>>>;

fn lock(heard: &Heard) -> MutexGuard<'_, Vec<IndexChanges>> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A database without content that notes what it is asked for.
#[derive(Default)]
struct Listener {
    heard: Heard,
    patch: Mutex<Option<Patch>>,
}

impl Database for Listener {
    fn snapshot(&self) -> Box<dyn Snapshot> {
        Box::new(Ear(Arc::clone(&self.heard)))
    }

    fn merge(&self, patch: Patch) -> Result<()> {
        *self.patch.lock().unwrap_or_else(PoisonError::into_inner) = Some(patch);
        Ok(())
    }

    fn merge_sync(&self, patch: Patch) -> Result<()> {
        self.merge(patch)
    }
}

/// A snapshot of nothing.
struct Ear(Heard);

impl Ear {
    fn hear(&self, address: &ResolvedAddress, note: impl FnOnce(&mut IndexChanges)) {
        let mut heard = lock(&self.0);
        // A patch is gone through index by index.
        if heard.last().is_none_or(|last| last.address != *address) {
            heard.push(IndexChanges {
                address: address.clone(),
                cleared: false,
                entries: Vec::new(),
            });
        }
        if let Some(last) = heard.last_mut() {
            note(last);
        }
    }
}

impl Snapshot for Ear {
    fn get(&self, name: &ResolvedAddress, key: &[u8]) -> Option<Vec<u8>> {
        self.hear(name, |index| index.entries.push((key.to_vec(), None)));
        None
    }

    fn iter(&self, name: &ResolvedAddress, _from: &[u8]) -> Iter<'_> {
        self.hear(name, |index| index.cleared = true);
        Box::new(Nothing)
    }
}

/// Iterates over nothing.
pub(crate) struct Nothing;

impl Iterator for Nothing {
    fn next(&mut self) -> Option<(&[u8], &[u8])> {
        None
    }

    fn peek(&mut self) -> Option<(&[u8], &[u8])> {
        None
    }
}
