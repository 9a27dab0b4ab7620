//! Proof that the ledger is what it says: everything is done again, from genesis, into a fresh database, and compared.

use std::{
    panic::{catch_unwind, AssertUnwindSafe},
    path::Path,
    sync::Arc,
};

use exonum_merkledb::{Database, RocksDB, Snapshot};
use thiserror::Error;

use crate::{
    durable::{db_options, DurableDb},
    error::{panic_text, OpenError},
    files,
    folder::{io_error, remove_folder, Folder},
    identity::Identity,
    log_trim::{log_bytes, trim},
    options::Services,
    probe,
    replay::Replay,
    witness::{Acknowledged, Witness},
};

/// Index names whose content is not compared: Exonum counts all transactions in a write of its own after each block, so
/// a crash between the two leaves the count behind. It is in no state hash and nothing here reads it.
const NOT_COMPARED: [&str; 1] = ["core.transactions_len"];

/// The replay's own log is looked at once in so many blocks, and flushed beyond so many bytes.
const REPLAY_CHECK_BLOCKS: u64 = 256;
const REPLAY_LOG_BYTES: u64 = 64 << 20;

/// How far a verification has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Blocks done, the genesis included.
    pub blocks: u64,
    /// Blocks to do, the genesis included.
    pub of: u64,
    /// Transactions executed.
    pub transactions: u64,
}

/// What was verified and found right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Blocks, the genesis included.
    pub blocks: u64,
    /// Transactions in them.
    pub transactions: u64,
}

/// The first thing that is not as it should be, or the reason why it could not be found out.
#[derive(Debug, Error)]
pub enum VerifyError {
    /// The ledger is in use, foreign or damaged.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A block is not what its transactions make of the state before.
    #[error("block {height}: its {field} is stored as {stored}, the replay gives {replayed}")]
    Block {
        /// The first differing block.
        height: u64,
        /// The first differing field of its header.
        field: &'static str,
        /// What is stored.
        stored: String,
        /// What the replay makes.
        replayed: String,
    },
    /// A block is not signed by the validator.
    #[error("block {height}: its precommit does not hold: {reason}")]
    Precommit {
        /// The block.
        height: u64,
        /// What is wrong.
        reason: String,
    },
    /// A transaction is missing, has another hash, or its author's signature does not hold.
    #[error("block {height}, transaction {position}: {reason}")]
    Transaction {
        /// The block.
        height: u64,
        /// Its place in the block.
        position: u32,
        /// What is wrong.
        reason: String,
    },
    /// All blocks are right, but a stored entry is not what they make of it.
    #[error("all blocks hold, but index {index} differs at key {key}")]
    Content {
        /// The index's full name.
        index: String,
        /// The entry's key as stored, in hex.
        key: String,
    },
    /// The stored data could not be read, or the replay could not go on.
    #[error("the ledger could not be replayed: {reason}")]
    Failed {
        /// What the database or Exonum said.
        reason: String,
    },
}

/// Verifies the closed ledger in `path`: replays all blocks from genesis into a temporary database beside it, compares
/// every header, checks every signature, and at last compares every stored entry. `progress` is called after each block.
/// The ledger itself is only read.
///
/// # Errors
///
/// [`VerifyError`] with the first difference.
pub fn verify(
    path: impl AsRef<Path>,
    services: &Services,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, VerifyError> {
    let folder = Folder::lock(path.as_ref(), false)?;
    if !folder.has_store() {
        return Err(OpenError::Missing {
            path: path.as_ref().into(),
        }
        .into());
    }
    folder.sweep()?;
    let acknowledged = Witness::read(&folder)?;
    let stored = folder.verify().join("stored");
    let result = files::copy_database(&folder.db(), &stored)
        .map_err(VerifyError::from)
        .and_then(|()| verify_copy(&folder, acknowledged, services, progress));
    remove_folder(&folder.verify())?;
    result
}

/// Verifies the copy of the database that lies in the folder's `verify/stored`: it must hold at
/// least the `acknowledged` block.
pub(crate) fn verify_copy(
    folder: &Folder,
    acknowledged: Acknowledged,
    services: &Services,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, VerifyError> {
    let identity = Identity::read(folder)?;
    let (genesis, _) = services.deploy(identity.validator);
    identity.check_services(folder.path(), &genesis)?;
    let (stored, replayed) = (
        folder.verify().join("stored"),
        folder.verify().join("replayed"),
    );
    probe::inspect(folder, &stored, &identity, acknowledged, u64::MAX)?;
    remove_folder(&replayed)?;
    std::fs::create_dir_all(&replayed).map_err(io_error("make the folder", &replayed))?;

    let replay = || replay(&stored, &replayed, &identity, services, progress);
    let report = catch_unwind(AssertUnwindSafe(replay)).unwrap_or_else(|payload| {
        Err(VerifyError::Failed {
            reason: panic_text(payload.as_ref()),
        })
    })?;
    let difference = files::compare(&stored, &replayed, &NOT_COMPARED)
        .map_err(|reason| VerifyError::Failed { reason })?;
    match difference {
        Some(difference) => Err(VerifyError::Content {
            index: difference.index,
            key: hex::encode(difference.key),
        }),
        None => Ok(report),
    }
}

fn replay(
    stored: &Path,
    replayed: &Path,
    identity: &Identity,
    services: &Services,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, VerifyError> {
    let failed = |error: exonum_merkledb::Error| VerifyError::Failed {
        reason: error.to_string(),
    };
    let stored = RocksDB::open(stored, &db_options(false)).map_err(failed)?;
    let snapshot: Box<dyn Snapshot> = stored.snapshot();
    let fresh = Arc::new(DurableDb::open(replayed, true).map_err(failed)?);
    let mut replay = Replay::new(&*snapshot, Arc::clone(&fresh), identity.validator, services)?;
    let of = replay.blocks();
    let mut transactions = 0;
    for height in 0..of {
        transactions += replay.block(height)?;
        if height % REPLAY_CHECK_BLOCKS == 0 && log_bytes(replayed) > REPLAY_LOG_BYTES {
            trim(&fresh, &replayed.with_extension("checkpoint"));
        }
        progress(Progress {
            blocks: height + 1,
            of,
            transactions,
        });
    }
    Ok(Report {
        blocks: of,
        transactions,
    })
}
