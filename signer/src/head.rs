//! How far the ledger has come, kept outside of it: in the file `head` beside the seed, and with peers (BOLT 1, "Peer
//! storage"). A start on a ledger that does not contain what is kept here has an older ledger before it.
//!
//! The file: two copies of 128 bytes, written in turn, each with a MAC under a key of the seed; the one with the higher
//! sequence counts. It is not synced with each block: what a power cut takes from it, the ledger still has.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::Aead;
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use rand::rngs::OsRng;
use rand::RngCore;
use zeroize::Zeroizing;

use crate::error::SignerError;
use crate::keys::Purpose;
use crate::seed::io;
use crate::signer::Signer;
use crate::witness::{offset_of, opened, sealed, take, COPY};

const MAGIC: &[u8; 8] = b"ZARNHEAD";
const NONCE: usize = 24;

/// A block of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerHead {
    /// When the ledger was restored from a backup, Unix time; 0 for one that never was. A later one is another line of
    /// blocks, in which every earlier channel was given up.
    pub generation: u64,
    /// The block's height.
    pub height: u64,
    /// Its hash.
    pub hash: [u8; 32],
}

impl LedgerHead {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = self.generation.to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.height.to_be_bytes());
        bytes.extend_from_slice(&self.hash);
        bytes
    }

    fn decode(mut bytes: &[u8]) -> Option<Self> {
        Some(Self {
            generation: u64::from_be_bytes(take(&mut bytes)?),
            height: u64::from_be_bytes(take(&mut bytes)?),
            hash: take(&mut bytes)?,
        })
    }
}

/// The open file.
pub(crate) struct HeadFile {
    path: PathBuf,
    file: File,
    key: Zeroizing<[u8; 32]>,
    sequence: u64,
    head: Option<LedgerHead>,
}

impl HeadFile {
    /// Opens `<dir>/head`, or makes it. Copies that cannot be read, torn ones perhaps, do not count.
    pub(crate) fn open(dir: &Path, key: Zeroizing<[u8; 32]>) -> Result<Self, SignerError> {
        let path = dir.join("head");
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path);
        let file = opened.map_err(io(&path, "open it"))?;
        let mut content = Vec::new();
        let most = offset_of(2);
        (&file)
            .take(most)
            .read_to_end(&mut content)
            .map_err(io(&path, "read it"))?;
        let newest = content
            .chunks_exact(COPY)
            .filter_map(|copy| decode(copy.try_into().ok()?, &key))
            .max_by_key(|(sequence, _)| *sequence);
        let (sequence, head) = newest.map_or((0, None), |(sequence, head)| (sequence, Some(head)));
        Ok(Self {
            path,
            file,
            key,
            sequence,
            head,
        })
    }

    pub(crate) fn head(&self) -> Option<LedgerHead> {
        self.head
    }

    pub(crate) fn note(&mut self, head: LedgerHead) -> Result<(), SignerError> {
        if self.head == Some(head) {
            return Ok(());
        }
        let sequence = self.sequence.saturating_add(1);
        let mut body = MAGIC.to_vec();
        body.extend_from_slice(&sequence.to_be_bytes());
        body.extend_from_slice(&head.encode());
        self.file
            .write_all_at(&sealed(body, &self.key), offset_of(sequence % 2))
            .map_err(io(&self.path, "write it"))?;
        (self.sequence, self.head) = (sequence, Some(head));
        Ok(())
    }

    pub(crate) fn sync(&self) -> Result<(), SignerError> {
        match self.file.sync_all() {
            // Somebody removed the folder: there is nothing to keep.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            result => result.map_err(io(&self.path, "write it")),
        }
    }
}

fn decode(copy: &[u8; COPY], key: &[u8; 32]) -> Option<(u64, LedgerHead)> {
    let mut body = opened(copy, key)?.strip_prefix(MAGIC)?;
    let sequence = u64::from_be_bytes(take(&mut body)?);
    Some((sequence, LedgerHead::decode(body)?))
}

impl Signer {
    /// What was noted last; `None` where nothing was, or the file was removed.
    pub fn head(&self) -> Option<LedgerHead> {
        self.head_file().head()
    }

    /// Notes how far the ledger has come. To be called only with blocks that are on disk.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn note_head(&self, head: LedgerHead) -> Result<(), SignerError> {
        self.head_file().note(head)
    }

    /// The same for a peer to keep, which can read nothing in it.
    ///
    /// # Errors
    /// No randomness.
    pub fn seal_head(&self, head: &LedgerHead) -> Result<Vec<u8>, SignerError> {
        let mut sealed = vec![0; NONCE];
        OsRng
            .try_fill_bytes(&mut sealed)
            .map_err(SignerError::Randomness)?;
        let encrypted = self
            .storage_cipher()
            .encrypt(XNonce::from_slice(&sealed), head.encode().as_slice())
            .expect("48 bytes are far below the cipher's limit");
        sealed.extend_from_slice(&encrypted);
        Ok(sealed)
    }

    /// What a peer has kept; `None` where it is not what this node gave to any.
    pub fn open_head(&self, kept: &[u8]) -> Option<LedgerHead> {
        let (nonce, encrypted) = kept.split_first_chunk::<NONCE>()?;
        let opened = self
            .storage_cipher()
            .decrypt(XNonce::from_slice(nonce), encrypted)
            .ok()?;
        LedgerHead::decode(&opened)
    }

    fn storage_cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.purpose_key(Purpose::PeerStorage)).into())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use bitcoin::Network;

    use super::*;

    fn head(height: u64) -> LedgerHead {
        LedgerHead {
            generation: 1,
            height,
            hash: [7; 32],
        }
    }

    #[test]
    fn head_that_was_noted_is_there_at_the_next_start_and_a_torn_copy_costs_one_step() {
        let folder = tempfile::tempdir().unwrap();
        let create = || Signer::create(folder.path(), Network::Regtest, "words", None);
        let open = || Signer::open(folder.path(), Network::Regtest, "words").unwrap();
        let (signer, _) = create().unwrap();
        assert_eq!(signer.head(), None);
        for height in [3, 4, 5] {
            signer.note_head(head(height)).unwrap();
        }
        assert_eq!(open().head(), Some(head(5)));
        let path = folder.path().join("head");
        let mut content = fs::read(&path).unwrap();
        assert_eq!(content.len(), 2 * COPY);
        content[COPY + 20] ^= 1; // the copy of the third step
        fs::write(&path, &content).unwrap();
        assert_eq!(open().head(), Some(head(4)));
    }

    #[test]
    fn head_that_a_peer_keeps_is_read_by_this_seed_alone() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let of = |folder: &Path| {
            Signer::create(folder, Network::Regtest, "words", None)
                .unwrap()
                .0
        };
        let (ours, other) = (of(one.path()), of(two.path()));
        let kept = ours.seal_head(&head(9)).unwrap();
        assert_eq!(ours.open_head(&kept), Some(head(9)));
        assert_eq!(other.open_head(&kept), None);
        assert_eq!(ours.open_head(&kept[1..]), None);
        assert_eq!(ours.open_head(&[]), None);
        let again = ours.seal_head(&head(9)).unwrap();
        assert_ne!(kept, again, "a peer sees no more than that something came");
    }
}
