//! What peers with a channel have this node keep for them (BOLT 1, "Peer storage"): one blob a peer, in a file. It is a
//! cache and no part of the ledger, which never forgets: a peer could fill the disk with it. The peer sends it anew.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use bitcoin::secp256k1::PublicKey;

/// BOLT 1, peer_storage: no blob is longer.
pub(crate) const MAX_BLOB: usize = 65_531;
/// A peer's file is written at most once in this time; what comes in between waits in memory.
const PAUSE: Duration = Duration::from_secs(5);
/// BOLT 1: what a peer without a channel left is kept for 2,016 blocks at least, two weeks; this is twice that.
const KEPT: Duration = Duration::from_secs(28 * 24 * 3_600);

struct Blob {
    data: Vec<u8>,
    written: Option<Instant>,
    waits: bool,
}

/// The folder `peer-storage`.
pub(crate) struct PeerStorage {
    folder: PathBuf,
    blobs: HashMap<PublicKey, Blob>,
}

impl PeerStorage {
    /// Opens the folder, and drops what was kept long enough.
    pub(crate) fn open(folder: PathBuf) -> Self {
        let old = |entry: &fs::DirEntry| {
            let changed = entry.metadata().and_then(|it| it.modified()).ok()?;
            SystemTime::now().duration_since(changed).ok()
        };
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            if old(&entry).is_some_and(|age| age > KEPT) {
                let _ = fs::remove_file(entry.path()); // it is tried again at the next start
            }
        }
        Self {
            folder,
            blobs: HashMap::new(),
        }
    }

    /// Keeps the newest blob of a peer. One that is too long is not kept.
    pub(crate) fn keep(&mut self, peer: PublicKey, data: Vec<u8>, now: Instant) {
        if data.len() > MAX_BLOB {
            tracing::debug!(%peer, bytes = data.len(), "a blob that is too long");
            return;
        }
        let written = self.blobs.get(&peer).and_then(|blob| blob.written);
        let blob = Blob {
            data,
            written,
            waits: true,
        };
        self.blobs.insert(peer, blob);
        self.write_due(now);
    }

    /// What was kept for a peer.
    pub(crate) fn kept(&self, peer: &PublicKey) -> Option<Vec<u8>> {
        match self.blobs.get(peer) {
            Some(blob) => Some(blob.data.clone()),
            None => fs::read(self.path(peer)).ok(),
        }
    }

    /// Whether something waits to be written.
    pub(crate) fn waits(&self) -> bool {
        self.blobs.values().any(|blob| blob.waits)
    }

    /// Writes what has waited long enough.
    pub(crate) fn write_due(&mut self, now: Instant) {
        self.write(
            |blob| {
                let written = blob.written;
                written.is_none_or(|at| now.saturating_duration_since(at) >= PAUSE)
            },
            now,
        );
    }

    /// Writes all that waits, before the process ends.
    pub(crate) fn write_all(&mut self) {
        self.write(|_| true, Instant::now());
    }

    fn write(&mut self, is_due: impl Fn(&Blob) -> bool, now: Instant) {
        let due: Vec<PublicKey> = self
            .blobs
            .iter()
            .filter(|(_, blob)| blob.waits && is_due(blob))
            .map(|(peer, _)| *peer)
            .collect();
        for peer in due {
            let path = self.path(&peer);
            let Some(blob) = self.blobs.get_mut(&peer) else {
                continue;
            };
            let draft = path.with_extension("new");
            let written = fs::create_dir_all(&self.folder)
                .and_then(|()| fs::write(&draft, &blob.data))
                .and_then(|()| fs::rename(&draft, &path));
            (blob.waits, blob.written) = (false, Some(now));
            if let Err(error) = written {
                tracing::warn!(%peer, %error, "a peer's blob is not kept");
            }
        }
    }

    fn path(&self, peer: &PublicKey) -> PathBuf {
        self.folder.join(peer.to_string())
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::secp256k1::{Secp256k1, SecretKey};

    use super::*;

    fn peer(number: u8) -> PublicKey {
        let secret = SecretKey::from_slice(&[number; 32]).unwrap();
        PublicKey::from_secret_key(&Secp256k1::new(), &secret)
    }

    #[test]
    fn blob_of_each_peer_is_kept_and_the_disk_is_written_now_and_then() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("peer-storage");
        let mut storage = PeerStorage::open(path.clone());
        let start = Instant::now();
        let on_disk = |number| fs::read(path.join(peer(number).to_string())).ok();
        assert_eq!(storage.kept(&peer(1)), None);
        storage.keep(peer(1), vec![1; MAX_BLOB], start);
        assert_eq!(on_disk(1), Some(vec![1; MAX_BLOB]));
        // A second one a moment later waits, but is what is given back.
        storage.keep(peer(1), vec![2], start + PAUSE / 2);
        storage.keep(peer(2), vec![3], start + PAUSE / 2);
        assert_eq!(on_disk(1), Some(vec![1; MAX_BLOB]));
        assert_eq!(on_disk(2), Some(vec![3]), "no peer waits for another");
        assert_eq!(storage.kept(&peer(1)), Some(vec![2]));
        assert!(storage.waits());
        storage.write_due(start + PAUSE);
        assert_eq!(on_disk(1), Some(vec![2]));
        assert!(!storage.waits());
        // One that is too long changes nothing.
        storage.keep(peer(1), vec![4; MAX_BLOB + 1], start + PAUSE * 9);
        storage.keep(peer(2), vec![5], start + PAUSE);
        storage.write_all();
        let storage = PeerStorage::open(path.clone());
        assert_eq!(storage.kept(&peer(1)), Some(vec![2]));
        assert_eq!(storage.kept(&peer(2)), Some(vec![5]));
    }
}
