//! The witness of the newest acknowledged block: a small file beside the database, written after each fsync and before
//! anyone is answered.
//!
//! RocksDB recovers from a damaged write-ahead log by quietly dropping everything behind the damage. For this node that
//! would mean to go on from a past state, which can cost the whole balance of a channel. The witness makes it visible:
//! it is never ahead of the database unless the database has lost something. It is not fsynced block by block (that
//! would be a second fsync a block): a power cut may leave an older one, which is harmless, or a part of a write, which
//! must not pass for damage. So the file holds three records, each in a sector of its own:
//!
//! ```text
//! the first           what was there at the start; the file is made whole beside the old one, fsynced, and renamed
//! the two after it    overwritten in turn, by the height's parity: one that was torn leaves the one before it
//! ```
//!
//! Of the records whose checksum fits the highest counts. Files of earlier versions are the first record alone.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::FileExt,
    path::Path,
};

use exonum::crypto::{hash, Hash, HASH_SIZE};

use crate::{
    block::Head,
    error::OpenError,
    folder::{io_error, sync_folder, Folder},
};

const NAME: &str = "head";
/// One in the making. It becomes the witness by one rename; what a crash left of one is overwritten.
const NEW_NAME: &str = "head.new";

const BODY: usize = 8 + HASH_SIZE;
const RECORD: usize = BODY + 8;
/// Disks write no less than this, so that no write touches two records.
const SECTOR: usize = 4096;
const SIZE: usize = 2 * SECTOR + RECORD;

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
    /// Makes the file in a store, durably, in place of the one that may be there.
    pub(crate) fn create(store: &Path, head: Head) -> Result<Self, OpenError> {
        let (path, new) = (store.join(NAME), store.join(NEW_NAME));
        let mut bytes = [0; SIZE];
        bytes[..RECORD].copy_from_slice(&encode(head.into()));
        let file = File::create(&new).map_err(io_error("make", &new))?;
        file.write_all_at(&bytes, 0)
            .and_then(|()| file.sync_all())
            .map_err(io_error("write", &new))?;
        fs::rename(&new, &path).map_err(io_error("rename", &new))?;
        sync_folder(store)?;
        Ok(Self(file))
    }

    /// Reads what was acknowledged last.
    pub(crate) fn read(folder: &Folder) -> Result<Acknowledged, OpenError> {
        let path = folder.store().join(NAME);
        let damaged = |what: &str| OpenError::Damaged {
            path: folder.path().into(),
            what: format!("store/{NAME}: {what}"),
        };
        let mut bytes = Vec::with_capacity(SIZE + 1);
        File::open(&path)
            .and_then(|file| file.take(SIZE as u64 + 1).read_to_end(&mut bytes)) // usize fits u64 on every target
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => damaged("it is missing"),
                _ => io_error("read", &path)(error),
            })?;
        newest(&bytes).ok_or_else(|| damaged("it is cut or its checksum does not fit"))
    }

    /// Notes a block whose fsync has returned.
    pub(crate) fn acknowledge(&self, block: Acknowledged) -> io::Result<()> {
        self.0.write_all_at(&encode(block), place(block.height))
    }
}

/// Where the record of a block goes while the ledger is open: never over that of the block before it.
fn place(height: u64) -> u64 {
    (1 + height % 2) * SECTOR as u64 // usize fits u64 on every target
}

/// The highest of the records in the file. The first is durable, so one that does not fit is damage; the others may be
/// empty or torn.
fn newest(bytes: &[u8]) -> Option<Acknowledged> {
    if bytes.len() != RECORD && bytes.len() != SIZE {
        return None;
    }
    let mut records = bytes.chunks(SECTOR).map(decode);
    let first = records.next()??;
    Some(
        records
            .flatten()
            .fold(first, |newest, other| match other.height > newest.height {
                true => other,
                false => newest,
            }),
    )
}

fn encode(block: Acknowledged) -> [u8; RECORD] {
    let mut bytes = [0; RECORD];
    bytes[..8].copy_from_slice(&block.height.to_le_bytes());
    bytes[8..BODY].copy_from_slice(block.block_hash.as_ref());
    let sum = hash(&bytes[..BODY]);
    bytes[BODY..].copy_from_slice(&sum.as_ref()[..8]);
    bytes
}

/// The record at the beginning of a sector.
fn decode(sector: &[u8]) -> Option<Acknowledged> {
    let (body, sum) = sector.get(..RECORD)?.split_at(BODY);
    if hash(body).as_ref().get(..8)? != sum {
        return None;
    }
    let (height, block_hash) = body.split_at(8);
    Some(Acknowledged {
        height: u64::from_le_bytes(height.try_into().ok()?),
        block_hash: Hash::from_slice(block_hash)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(height: u64) -> Acknowledged {
        Acknowledged {
            height,
            block_hash: hash(&height.to_le_bytes()),
        }
    }

    /// A store with a witness of block 7, and the open witness.
    fn made() -> (tempfile::TempDir, Folder, Witness) {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::lock(place.path(), true).unwrap();
        fs::create_dir(folder.store()).unwrap();
        let witness = create(&folder, 7);
        (place, folder, witness)
    }

    fn create(folder: &Folder, height: u64) -> Witness {
        let Acknowledged { height, block_hash } = block(height);
        let head = Head {
            height,
            block_hash,
            state_hash: Hash::zero(),
        };
        Witness::create(&folder.store(), head).unwrap()
    }

    /// A write of which only so many bytes arrived.
    fn tear(folder: &Folder, block: Acknowledged, arrived: usize) {
        let file = File::options()
            .write(true)
            .open(folder.store().join(NAME))
            .unwrap();
        let record = encode(block);
        file.write_all_at(&record[..arrived], place(block.height))
            .unwrap();
    }

    #[test]
    fn newest_acknowledged_block_is_read() {
        let (_place, folder, witness) = made();
        assert_eq!(Witness::read(&folder).unwrap(), block(7));
        for height in 8..20 {
            witness.acknowledge(block(height)).unwrap();
            assert_eq!(Witness::read(&folder).unwrap(), block(height));
        }
        create(&folder, 20);
        assert_eq!(Witness::read(&folder).unwrap(), block(20));
    }

    #[test]
    fn record_torn_at_any_byte_leaves_the_one_before_it() {
        for acknowledged in [7, 8, 9, 10, 400, 401] {
            for arrived in 1..RECORD {
                let (_place, folder, witness) = made();
                for height in 8..=acknowledged {
                    witness.acknowledge(block(height)).unwrap();
                }
                tear(&folder, block(acknowledged + 1), arrived);
                let read = Witness::read(&folder).unwrap();
                assert_eq!(read, block(acknowledged), "{arrived} bytes arrived");
            }
        }
    }

    #[test]
    fn two_torn_records_leave_the_one_of_the_start() {
        let (_place, folder, witness) = made();
        witness.acknowledge(block(8)).unwrap();
        witness.acknowledge(block(9)).unwrap();
        tear(&folder, block(10), 20);
        tear(&folder, block(11), 20);
        assert_eq!(Witness::read(&folder).unwrap(), block(7));
    }

    #[test]
    fn witness_of_an_earlier_version_is_read_and_replaced() {
        let (_place, folder, _) = made();
        let path = folder.store().join(NAME);
        fs::write(&path, encode(block(12))).unwrap();
        assert_eq!(Witness::read(&folder).unwrap(), block(12));
        create(&folder, 13);
        assert_eq!(Witness::read(&folder).unwrap(), block(13));
        assert_eq!(fs::read(&path).unwrap().len(), SIZE);
    }

    #[test]
    fn witness_that_a_crash_left_in_the_making_is_overwritten() {
        let (_place, folder, _) = made();
        fs::write(folder.store().join(NEW_NAME), [1; SIZE * 2]).unwrap();
        create(&folder, 8);
        assert_eq!(Witness::read(&folder).unwrap(), block(8));
    }

    #[test]
    fn damage_that_no_power_cut_does_is_refused() {
        let (_place, folder, witness) = made();
        witness.acknowledge(block(8)).unwrap();
        let path = folder.store().join(NAME);
        let good = fs::read(&path).unwrap();
        let mut altered = good.clone();
        altered[3] ^= 1;
        for bytes in [&altered, &good[..RECORD - 1], &good[..SIZE - 1], &[]] {
            fs::write(&path, bytes).unwrap();
            let error = Witness::read(&folder).unwrap_err();
            assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
        }
        fs::remove_file(&path).unwrap();
        let error = Witness::read(&folder).unwrap_err().to_string();
        assert!(error.contains("store/head: it is missing"), "{error}");
    }
}
