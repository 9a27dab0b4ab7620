//! The witness of the newest acknowledged block: 48 bytes beside the database, overwritten after each fsync and before
//! anyone is answered.
//!
//! RocksDB recovers from a damaged write-ahead log by quietly dropping everything behind the damage. For this node that
//! would mean to go on from a past state, which can cost the whole balance of a channel. The witness makes it visible:
//! it is never ahead of the database unless the database has lost something. It is not fsynced (that would be a second
//! fsync a block): a power cut may leave an older one, which is harmless.

use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::FileExt,
    path::Path,
};

use exonum::crypto::{hash, Hash, HASH_SIZE};

use crate::{
    block::Head,
    error::OpenError,
    folder::{io_error, Folder},
};

const BODY: usize = 8 + HASH_SIZE;
const SIZE: usize = BODY + 8;

/// Height and hash of a block that was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Acknowledged {
    pub(crate) height: u64,
    pub(crate) block_hash: Hash,
}

impl From<Head> for Acknowledged {
    fn from(head: Head) -> Self {
        Self {
            height: head.height,
            block_hash: head.block_hash,
        }
    }
}

/// The open witness file.
#[derive(Debug)]
pub(crate) struct Witness(File);

impl Witness {
    /// Makes the file in a store in the making, durably.
    pub(crate) fn create(store: &Path, head: Head) -> Result<(), OpenError> {
        let path = store.join("head");
        let file = File::create(&path).map_err(io_error("make", &path))?;
        let witness = Self(file);
        witness
            .acknowledge(head.into())
            .and_then(|()| witness.0.sync_all())
            .map_err(io_error("write", &path))
    }

    /// Opens the file for writing.
    pub(crate) fn open(folder: &Folder) -> Result<Self, OpenError> {
        let path = folder.store().join("head");
        let file = File::options().write(true).open(&path);
        file.map(Self).map_err(io_error("open", &path))
    }

    /// Reads what was acknowledged last.
    pub(crate) fn read(folder: &Folder) -> Result<Acknowledged, OpenError> {
        let damaged = |what: String| OpenError::Damaged {
            path: folder.path().into(),
            what: format!("store/head: {what}"),
        };
        let mut bytes = Vec::with_capacity(SIZE);
        File::open(folder.store().join("head"))
            .and_then(|file| file.take(SIZE as u64 + 1).read_to_end(&mut bytes)) // usize fits u64 on every target
            .map_err(|error| damaged(error.to_string()))?;
        decode(&bytes).ok_or_else(|| damaged("it is cut or its checksum does not fit".to_owned()))
    }

    /// Notes a block whose fsync has returned.
    pub(crate) fn acknowledge(&self, block: Acknowledged) -> io::Result<()> {
        self.0.write_all_at(&encode(block), 0)
    }
}

fn encode(block: Acknowledged) -> [u8; SIZE] {
    let mut bytes = [0; SIZE];
    bytes[..8].copy_from_slice(&block.height.to_le_bytes());
    bytes[8..BODY].copy_from_slice(block.block_hash.as_ref());
    let sum = hash(&bytes[..BODY]);
    bytes[BODY..].copy_from_slice(&sum.as_ref()[..8]);
    bytes
}

fn decode(bytes: &[u8]) -> Option<Acknowledged> {
    let bytes: &[u8; SIZE] = bytes.try_into().ok()?;
    let (body, sum) = bytes.split_at(BODY);
    if hash(body).as_ref().get(..8)? != sum {
        return None;
    }
    let (height, block_hash) = body.split_at(8);
    Some(Acknowledged {
        height: u64::from_le_bytes(height.try_into().ok()?),
        block_hash: Hash::from_slice(block_hash)?,
    })
}
