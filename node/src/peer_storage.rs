//! What peers with a channel have this node keep for them (BOLT 1, "Peer storage"): one blob a peer, in a file. It is a
//! cache and no part of the ledger, which never forgets: a peer could fill the disk with it. The peer sends it anew.
//!
//! In memory is only what waits for its turn to be written: a blob that is asked for is read from its file.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use bitcoin::secp256k1::PublicKey;

/// BOLT 1, peer_storage: no blob is longer.
pub(crate) const MAX_BLOB: usize = 65_531;
/// A peer's file is written at most once in this time; what comes in between waits in memory.
const PAUSE: Duration = Duration::from_secs(5);
/// BOLT 1: what a peer without a channel left is kept for 2,016 blocks at least, two weeks; this is twice that.
const KEPT: Duration = Duration::from_secs(28 * 24 * 3_600);
/// Files of peers without a channel, 256 MiB: beyond it the oldest go before their time.
const KEPT_WITHOUT_CHANNEL: usize = 4_096;
/// How often files are looked at that may be old.
const TIDIED: Duration = Duration::from_secs(24 * 3_600);

/// The folder `peer-storage`.
pub(crate) struct PeerStorage {
    folder: PathBuf,
    /// What is not in its file yet.
    waiting: HashMap<PublicKey, Vec<u8>>,
    /// Whose file was written less than a pause ago.
    written: HashMap<PublicKey, Instant>,
    tidied: Option<Instant>,
}

impl PeerStorage {
    /// What is in the folder, which need not be there.
    pub(crate) fn open(folder: PathBuf) -> Self {
        Self {
            folder,
            waiting: HashMap::new(),
            written: HashMap::new(),
            tidied: None,
        }
    }

    /// Keeps the newest blob of a peer. One that is too long is not kept.
    pub(crate) fn keep(&mut self, peer: PublicKey, data: Vec<u8>, now: Instant) {
        if data.len() > MAX_BLOB {
            tracing::debug!(%peer, bytes = data.len(), "a blob that is too long");
            return;
        }
        self.waiting.insert(peer, data);
        self.write_due(now);
    }

    /// What was kept for a peer.
    pub(crate) fn kept(&self, peer: &PublicKey) -> Option<Vec<u8>> {
        match self.waiting.get(peer) {
            Some(data) => Some(data.clone()),
            None => fs::read(self.path(peer)).ok(),
        }
    }

    /// Whether something waits to be written.
    pub(crate) fn waits(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Writes what has waited long enough.
    pub(crate) fn write_due(&mut self, now: Instant) {
        self.written
            .retain(|_, at| now.saturating_duration_since(*at) < PAUSE);
        let peers = self.waiting.keys();
        let due: Vec<PublicKey> = peers
            .filter(|peer| !self.written.contains_key(peer))
            .copied()
            .collect();
        self.write(due, now);
    }

    /// Writes all that waits, before the process ends.
    pub(crate) fn write_all(&mut self) {
        let all = self.waiting.keys().copied().collect();
        self.write(all, Instant::now());
    }

    fn write(&mut self, due: Vec<PublicKey>, now: Instant) {
        for peer in due {
            let path = self.path(&peer);
            let Some(data) = self.waiting.get(&peer) else {
                continue;
            };
            let draft = path.with_extension("new");
            let written = fs::create_dir_all(&self.folder)
                .and_then(|()| fs::write(&draft, data))
                .and_then(|()| fs::rename(&draft, &path));
            self.written.insert(peer, now);
            match written {
                Ok(()) => drop(self.waiting.remove(&peer)),
                // It stays in memory, and is tried again after a pause.
                Err(error) => tracing::warn!(%peer, %error, "a peer's blob is not in its file"),
            }
        }
    }

    /// Whether files should be looked at that may be old.
    pub(crate) fn is_untidy(&self, now: Instant) -> bool {
        self.tidied
            .is_none_or(|at| now.saturating_duration_since(at) >= TIDIED)
    }

    /// Drops what was kept long enough after its peer's last channel. How long ago that was is seen by the file's time: as
    /// long as there is a channel, it is set to now.
    pub(crate) fn tidy(&mut self, has_channel: impl Fn(&PublicKey) -> bool, now: Instant) {
        self.tidied = Some(now);
        let (today, mut ended) = (SystemTime::now(), Vec::new());
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let peer = name.to_str().and_then(|name| name.parse().ok());
            if peer.is_some_and(|peer| has_channel(&peer)) {
                if let Err(error) = set_time(&entry.path(), today) {
                    tracing::warn!(%error, "a peer's blob cannot be kept beyond its time");
                }
                continue;
            }
            if let Ok(changed) = entry.metadata().and_then(|it| it.modified()) {
                ended.push((changed, entry.path()));
            }
        }
        ended.sort_unstable();
        let too_many = ended.len().saturating_sub(KEPT_WITHOUT_CHANNEL);
        for (place, (changed, path)) in ended.into_iter().enumerate() {
            let age = today.duration_since(changed).unwrap_or_default();
            if place < too_many || age > KEPT {
                let _ = fs::remove_file(path); // it is tried again the next day
            }
        }
    }

    fn path(&self, peer: &PublicKey) -> PathBuf {
        self.folder.join(peer.to_string())
    }
}

fn set_time(path: &Path, time: SystemTime) -> io::Result<()> {
    File::options().append(true).open(path)?.set_modified(time)
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
        assert_eq!(storage.waiting.len(), 1, "what is written is in memory");
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

    #[test]
    fn blob_that_cannot_be_written_is_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("peer-storage");
        fs::write(&path, "a file in its way").unwrap();
        let mut storage = PeerStorage::open(path.clone());
        let start = Instant::now();
        storage.keep(peer(1), vec![1], start);
        assert_eq!(storage.kept(&peer(1)), Some(vec![1]));
        fs::remove_file(&path).unwrap();
        storage.write_due(start + PAUSE / 2);
        assert!(!path.exists(), "before its time");
        storage.write_due(start + PAUSE);
        assert!(!storage.waits());
        assert_eq!(storage.kept(&peer(1)), Some(vec![1]));
    }

    #[test]
    fn memory_holds_nothing_of_peers_whose_blobs_are_in_their_files() {
        let folder = tempfile::tempdir().unwrap();
        let mut storage = PeerStorage::open(folder.path().join("peer-storage"));
        let start = Instant::now();
        for number in 1..=100 {
            storage.keep(peer(number), vec![number; MAX_BLOB], start);
            assert!(!storage.waits());
        }
        storage.write_due(start + PAUSE);
        assert!(storage.waiting.is_empty() && storage.written.is_empty());
    }

    /// Makes a file as old as that.
    fn age(path: &Path, age: Duration) {
        set_time(path, SystemTime::now() - age).unwrap();
    }

    #[test]
    fn old_blob_is_dropped_where_its_peer_has_had_no_channel_for_so_long() {
        let folder = tempfile::tempdir().unwrap();
        let mut storage = PeerStorage::open(folder.path().to_path_buf());
        let day = Duration::from_secs(24 * 3_600);
        let start = Instant::now();
        for number in 1..=4 {
            storage.keep(peer(number), vec![number], start);
        }
        let file = |number| folder.path().join(peer(number).to_string());
        age(&file(1), KEPT * 9); // with a channel
        age(&file(2), KEPT + day); // its channel is long over
        age(&file(3), KEPT - day); // its channel is over, not yet so long
        age(&file(4), KEPT + day); // its channel ends a moment later
        fs::write(folder.path().join("nobody.new"), "half of it").unwrap();
        age(&folder.path().join("nobody.new"), KEPT + day);

        assert!(storage.is_untidy(start));
        storage.tidy(|it| *it == peer(1) || *it == peer(4), start);
        let kept = |storage: &PeerStorage| -> Vec<u8> {
            (1..=4)
                .filter(|number| storage.kept(&peer(*number)).is_some())
                .collect()
        };
        assert_eq!(kept(&storage), [1, 3, 4]);
        assert!(!folder.path().join("nobody.new").exists());
        assert!(!storage.is_untidy(start + TIDIED / 2) && storage.is_untidy(start + TIDIED));

        // The time runs from the channel's end, not from when the blob came.
        let mut storage = PeerStorage::open(folder.path().to_path_buf());
        storage.tidy(|it| *it == peer(1), start + TIDIED);
        assert_eq!(kept(&storage), [1, 3, 4]);
        age(&file(4), KEPT + day);
        storage.tidy(|it| *it == peer(1), start + TIDIED * 2);
        assert_eq!(kept(&storage), [1, 3]);
    }

    #[test]
    fn blobs_of_too_many_peers_without_a_channel_make_the_oldest_go() {
        let folder = tempfile::tempdir().unwrap();
        let mut storage = PeerStorage::open(folder.path().to_path_buf());
        let start = Instant::now();
        for number in 1..=2 {
            storage.keep(peer(number), vec![number], start);
        }
        let hours = |hours: u64| Duration::from_secs(hours * 3_600);
        age(&folder.path().join(peer(1).to_string()), hours(9)); // with a channel
        age(&folder.path().join(peer(2).to_string()), hours(5));
        for number in 1..=KEPT_WITHOUT_CHANNEL {
            fs::write(folder.path().join(number.to_string()), "").unwrap();
        }
        storage.tidy(|it| *it == peer(1), start);
        assert!(storage.kept(&peer(1)).is_some());
        assert_eq!(storage.kept(&peer(2)), None);
        let left = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, KEPT_WITHOUT_CHANNEL + 1);
    }
}
