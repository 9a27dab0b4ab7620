//! A bounded cache of entries in front of the database.
//!
//! Executing a transaction reads the same few hundred entries again and again: what indexes there are, the upper nodes of
//! the proof indexes, the channel's record. RocksDB looks for each in its memory tables and files.
//!
//! Each merge makes a new version of the database, and a snapshot is of one version. The cache holds newest values only, each
//! with the version that it holds since. Why a snapshot of version V is never told anything else than the database would
//! tell it:
//!
//! - An entry since S answers snapshots from S on. It is in the cache as long as it is the newest: a merge puts all that it
//!   changes into the cache anew, before the next snapshot can be taken. So nothing has changed it from S to the newest
//!   version, and V lies between the two.
//! - What a snapshot has read is kept only while the snapshot is of the newest version, and then it is the newest value.
//! - An older snapshot, an entry that was forgotten, and every iterator ask the database.
//! - After a merge that failed nobody knows the newest version: the cache is not used any more, and the database takes no
//!   more writes.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use exonum_merkledb::{Iter, ResolvedAddress, Snapshot};

use crate::changes::IndexChanges;

#[cfg(test)]
mod tests;

/// What an entry takes beside its key and its value, roughly, in bytes.
const ENTRY_BYTES: usize = 96;

/// The standard hash function takes longer than the rest of a look-up. This one is seeded for each map, and what peers
/// can choose of a key is a hash.
type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// See above.
pub(crate) struct ReadCache {
    newest: RwLock<Newest>,
    /// Most bytes of one generation.
    generation_bytes: usize,
}

struct Newest {
    version: u64,
    usable: bool,
    /// New entries, and those of the old ones that were read since. When it is full it takes the place of the old ones.
    young: Generation,
    /// An entry that is in both is newest in the young ones.
    old: Generation,
}

#[derive(Default)]
struct Generation {
    indexes: Map<ResolvedAddress, Map<Vec<u8>, Entry>>,
    bytes: usize,
}

#[derive(Clone)]
struct Entry {
    /// The version from which on it holds.
    since: u64,
    /// `None`: there is no such entry.
    value: Option<Vec<u8>>,
}

/// Where an entry was found.
enum Found {
    Young(Option<Vec<u8>>),
    Old(Entry),
}

impl Generation {
    fn get(&self, address: &ResolvedAddress, key: &[u8]) -> Option<&Entry> {
        self.indexes.get(address)?.get(key)
    }

    fn put(&mut self, address: &ResolvedAddress, key: Vec<u8>, entry: Entry) {
        let size = |value: &Option<Vec<u8>>| value.as_ref().map_or(0, Vec::len);
        self.bytes += size(&entry.value);
        let key_bytes = key.len() + ENTRY_BYTES;
        let earlier = match self.indexes.get_mut(address) {
            Some(index) => index.insert(key, entry),
            None => {
                let index = Map::from_iter([(key, entry)]);
                self.indexes.insert(address.clone(), index);
                None
            }
        };
        match earlier {
            Some(earlier) => self.bytes -= size(&earlier.value),
            None => self.bytes += key_bytes,
        }
    }
}

impl Newest {
    fn put(&mut self, address: &ResolvedAddress, key: Vec<u8>, entry: Entry, limit: usize) {
        self.young.put(address, key, entry);
        if self.young.bytes > limit {
            self.old = std::mem::take(&mut self.young);
        }
    }

    fn clear(&mut self, address: &ResolvedAddress) {
        // The bytes stay counted until the generation goes: clearing is rare.
        self.young.indexes.remove(address);
        self.old.indexes.remove(address);
    }
}

impl ReadCache {
    /// A cache of about so many bytes, for a database that nobody writes but through it.
    pub(crate) fn new(bytes: usize) -> Arc<Self> {
        let newest = Newest {
            version: 0,
            usable: true,
            young: Generation::default(),
            old: Generation::default(),
        };
        Arc::new(Self {
            newest: RwLock::new(newest),
            generation_bytes: bytes / 2,
        })
    }

    /// A snapshot of the newest version. Must not be called while a merge goes on.
    pub(crate) fn snapshot(self: &Arc<Self>, inner: Box<dyn Snapshot>) -> CachedSnapshot {
        CachedSnapshot {
            inner,
            version: self.read().version,
            cache: Arc::clone(self),
        }
    }

    /// Runs a merge. Must not be called while another one goes on.
    pub(crate) fn merge<E>(
        &self,
        changes: Vec<IndexChanges>,
        merge: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        let mut merging = Merging {
            cache: self,
            done: false,
        };
        merge()?;
        self.merged(changes);
        merging.done = true;
        Ok(())
    }

    fn merged(&self, changes: Vec<IndexChanges>) {
        let mut newest = self.write();
        newest.version += 1;
        let since = newest.version;
        for index in changes {
            if index.cleared {
                newest.clear(&index.address);
            }
            for (key, value) in index.entries {
                let entry = Entry { since, value };
                newest.put(&index.address, key, entry, self.generation_bytes);
            }
        }
    }

    /// What the cache knows of an entry in a version: `None` where it knows nothing.
    fn look(&self, version: u64, address: &ResolvedAddress, key: &[u8]) -> Option<Option<Vec<u8>>> {
        let found = {
            let newest = self.read();
            match newest.young.get(address, key) {
                // The older entry would be older than this one: it holds no more.
                Some(entry) if entry.since > version => None,
                Some(entry) => Some(Found::Young(entry.value.clone())),
                None => {
                    let entry = newest.old.get(address, key);
                    let entry = entry.filter(|entry| entry.since <= version);
                    entry.cloned().map(Found::Old)
                }
            }
        };
        match found? {
            Found::Young(value) => Some(value),
            Found::Old(entry) => {
                let value = entry.value.clone();
                self.keep(address, key, entry);
                Some(value)
            }
        }
    }

    /// An old entry is read again: it becomes a young one, unless a merge has changed it meanwhile.
    fn keep(&self, address: &ResolvedAddress, key: &[u8], entry: Entry) {
        let mut newest = self.write();
        let known = |of: &Generation| of.get(address, key).map(|it| it.since);
        let is_newest = known(&newest.young).is_none() && known(&newest.old) == Some(entry.since);
        if is_newest {
            newest.put(address, key.to_vec(), entry, self.generation_bytes);
        }
    }

    /// A snapshot of this version has read it from the database.
    fn learn(&self, version: u64, address: &ResolvedAddress, key: &[u8], value: Option<&[u8]>) {
        let newest = self.read();
        if !newest.usable || newest.version != version {
            return;
        }
        drop(newest);
        let entry = Entry {
            since: version,
            value: value.map(<[u8]>::to_vec),
        };
        let mut newest = self.write();
        if newest.usable && newest.version == version {
            newest.put(address, key.to_vec(), entry, self.generation_bytes);
        }
    }

    fn give_up(&self) {
        let mut newest = self.write();
        newest.usable = false;
        newest.young = Generation::default();
        newest.old = Generation::default();
    }

    fn read(&self) -> RwLockReadGuard<'_, Newest> {
        self.newest.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Newest> {
        self.newest.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A merge that goes on. One that ends without being done, by an error or a panic, ends the cache too.
struct Merging<'a> {
    cache: &'a ReadCache,
    done: bool,
}

impl Drop for Merging<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.cache.give_up();
        }
    }
}

/// A snapshot that asks the cache first.
pub(crate) struct CachedSnapshot {
    inner: Box<dyn Snapshot>,
    version: u64,
    cache: Arc<ReadCache>,
}

impl Snapshot for CachedSnapshot {
    fn get(&self, name: &ResolvedAddress, key: &[u8]) -> Option<Vec<u8>> {
        if let Some(known) = self.cache.look(self.version, name, key) {
            return known;
        }
        let value = self.inner.get(name, key);
        self.cache.learn(self.version, name, key, value.as_deref());
        value
    }

    fn iter(&self, name: &ResolvedAddress, from: &[u8]) -> Iter<'_> {
        self.inner.iter(name, from)
    }
}
