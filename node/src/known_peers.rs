//! Addresses of the peers that this node calls: a file that may be lost, for it can be told again. But a node whose peers
//! wait for its call does not come back to them without it, so it survives a power cut, and a disk that fails to read it once.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bitcoin::secp256k1::PublicKey;
use zarnitsa_peer::PeerAddress;

use crate::shared::Shared;

type Addresses = BTreeMap<PublicKey, String>;

/// What is remembered; nothing where the file is missing or not to be understood.
fn read(path: &Path) -> io::Result<Addresses> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(serde_json::from_str(&text).unwrap_or_default()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Addresses::new()),
        Err(error) => Err(error),
    }
}

/// The old file or the new one, never a part.
fn write(path: &Path, peers: &Addresses) -> io::Result<()> {
    let draft = path.with_extension("new");
    let text = serde_json::to_vec_pretty(peers)?;
    let mut file = File::create(&draft)?;
    file.write_all(&text)?;
    file.sync_all()?;
    fs::rename(&draft, path)
}

/// Writes them again where `change` says that it has changed them. What cannot be read is not written over.
fn update(path: &Path, change: impl FnOnce(&mut Addresses) -> bool) -> io::Result<()> {
    let mut peers = read(path)?;
    if change(&mut peers) {
        write(path, &peers)?;
    }
    Ok(())
}

impl Shared {
    fn known_peers_path(&self) -> PathBuf {
        self.config.network_dir().join("peers.json")
    }

    fn change_known_peers(&self, change: impl FnOnce(&mut Addresses) -> bool) {
        if let Err(error) = update(&self.known_peers_path(), change) {
            tracing::warn!(%error, "the peers' addresses are not remembered");
        }
    }

    pub(crate) fn remember_peer(&self, peer: PublicKey, address: &str) {
        self.change_known_peers(|peers| {
            let before = peers.insert(peer, address.to_owned());
            before.as_deref() != Some(address)
        });
    }

    pub(crate) fn forget_peer(&self, peer: PublicKey) {
        self.peers.disconnect(peer);
        self.change_known_peers(|peers| peers.remove(&peer).is_some());
    }

    /// After a start: calls those that this node called before.
    pub(crate) fn call_known_peers(&self) {
        let known = read(&self.known_peers_path()).unwrap_or_else(|error| {
            tracing::warn!(%error, "the peers' addresses cannot be read");
            Addresses::new()
        });
        for (peer, address) in known {
            match address.parse::<PeerAddress>() {
                Ok(address) => self.peers.keep_connected(peer, vec![address]),
                Err(error) => tracing::warn!(%peer, %error, "an address cannot be read"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::secp256k1::{Secp256k1, SecretKey};

    use super::*;

    fn peer(number: u8) -> PublicKey {
        let secret = SecretKey::from_slice(&[number; 32]).unwrap();
        secret.public_key(&Secp256k1::new())
    }

    fn add(path: &Path, number: u8) -> io::Result<()> {
        update(path, |peers| {
            peers
                .insert(peer(number), format!("127.0.0.1:{number}"))
                .is_none()
        })
    }

    #[test]
    fn addresses_are_remembered_beside_those_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("peers.json");
        assert!(read(&path).unwrap().is_empty());
        add(&path, 1).unwrap();
        add(&path, 2).unwrap();
        let known: Vec<PublicKey> = read(&path).unwrap().into_keys().collect();
        assert!(known.len() == 2 && known.contains(&peer(1)) && known.contains(&peer(2)));
    }

    #[test]
    fn addresses_that_cannot_be_read_are_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("peers.json");
        add(&path, 1).unwrap();
        let kept = folder.path().join("kept");
        fs::rename(&path, &kept).unwrap();
        // A folder can be opened like a file, but not read.
        fs::create_dir(&path).unwrap();
        add(&path, 2).unwrap_err();
        fs::remove_dir(&path).unwrap();
        fs::rename(&kept, &path).unwrap();
        assert_eq!(read(&path).unwrap().len(), 1);
        assert!(!path.with_extension("new").exists(), "nothing was written");
    }

    #[test]
    fn file_that_is_cut_counts_as_empty() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("peers.json");
        add(&path, 1).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, &text[..text.len() / 2]).unwrap();
        assert!(read(&path).unwrap().is_empty());
        add(&path, 2).unwrap();
        assert_eq!(read(&path).unwrap().len(), 1);
    }
}
