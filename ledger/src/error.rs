//! What can go wrong with a ledger: at its start ([`OpenError`]) and while it runs ([`LedgerError`]).

use std::{io, path::PathBuf};

use exonum::{
    crypto::{Hash, PublicKey},
    runtime::ExecutionError,
};
use thiserror::Error;

/// Why a ledger was not opened. Nothing has been written to an existing ledger when one of these is returned,
/// [`OpenError::Chain`], [`OpenError::Write`] and an [`OpenError::Io`] of `store/head.new` excepted.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another process, or another handle in this one, holds the ledger.
    #[error("the ledger in {path} is in use by another process")]
    Locked {
        /// The ledger's folder.
        path: PathBuf,
    },
    /// The folder holds something, but not a ledger.
    #[error("{path} is not a ledger: it holds `{found}` and no store")]
    NotALedger {
        /// The folder that was given.
        path: PathBuf,
        /// The first entry that does not belong to a ledger.
        found: String,
    },
    /// There is no ledger at the path, and the caller did not ask to make one.
    #[error("there is no ledger in {path}")]
    Missing {
        /// The folder that was given.
        path: PathBuf,
    },
    /// Written by a version that this one does not know.
    #[error("the ledger in {path} has format {found}; this version reads format {expected}")]
    UnknownFormat {
        /// The ledger's folder.
        path: PathBuf,
        /// What the identity file says.
        found: String,
        /// What this version writes.
        expected: u32,
    },
    /// The ledger was made with another validator key: its blocks could not be told from forged ones.
    #[error("the ledger in {path} belongs to another node: its {role} key is {found}, this node's is {expected}")]
    ForeignValidator {
        /// The ledger's folder.
        path: PathBuf,
        /// `consensus` or `service`.
        role: &'static str,
        /// The key that the caller gave.
        expected: PublicKey,
        /// The key that the ledger was made with.
        found: PublicKey,
    },
    /// The ledger was made with other services, other versions or other parameters of them.
    #[error(
        "the ledger in {path} was made by another version or with other services: expected {expected}, found {found}"
    )]
    ForeignGenesis {
        /// The ledger's folder.
        path: PathBuf,
        /// The first service instance of the caller's that differs, or `no further service`.
        expected: String,
        /// The ledger's own at the same place.
        found: String,
    },
    /// A file is missing, cut or altered.
    #[error("the ledger in {path} is damaged: {what}")]
    Damaged {
        /// The ledger's folder.
        path: PathBuf,
        /// What is wrong, with the file's name as far as it is known.
        what: String,
    },
    /// The disk refused what the checks had to read, or to write beside the ledger. Whether the ledger is whole is not
    /// known; nothing of it was changed.
    #[error("the ledger in {path} cannot be checked, the disk refuses: {what}")]
    Unchecked {
        /// The ledger's folder.
        path: PathBuf,
        /// What the system said.
        what: String,
    },
    /// Blocks that were once acknowledged are gone: going on would mean to act on a past state.
    #[error("the ledger in {path} has lost blocks: block {expected} was acknowledged, the newest found is {found}")]
    LostBlocks {
        /// The ledger's folder.
        path: PathBuf,
        /// Height of the newest acknowledged block.
        expected: u64,
        /// Height of the newest block in the database.
        found: u64,
    },
    /// The chain could not be made from genesis or taken up again.
    #[error("the ledger's chain could not be built: {reason}")]
    Chain {
        /// What Exonum said.
        reason: String,
    },
    /// The operating system refused a file operation.
    #[error("could not {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The first writes after the checks failed.
    #[error(transparent)]
    Write(#[from] LedgerError),
}

/// Why a running ledger did not do what it was asked. Cheap to clone: one failure answers many waiters.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The ledger has been shut down; the transaction was not executed.
    #[error("the ledger has been shut down")]
    Stopped,
    /// Too much is waiting already; try again.
    #[error("the ledger's queue is full: {transactions} transactions, {bytes} bytes")]
    QueueFull {
        /// Transactions in the queue.
        transactions: usize,
        /// Their bytes.
        bytes: usize,
    },
    /// The transaction is larger than the ledger takes.
    #[error("the transaction has {size} bytes, the ledger takes {limit}")]
    TooLarge {
        /// Bytes of the signed message.
        size: usize,
        /// The limit of the options.
        limit: usize,
    },
    /// The transaction calls a service that does not exist or is not active. It was not committed.
    #[error("transaction {tx_hash} was not admitted: {error}")]
    NotAdmitted {
        /// The transaction.
        tx_hash: Hash,
        /// What Exonum's dispatcher said.
        error: ExecutionError,
    },
    /// The storage failed. The ledger has stopped: nothing later is accepted, and what was not acknowledged may or
    /// may not be there after the next start.
    #[error("the ledger's storage failed: {reason}")]
    Storage {
        /// What failed.
        reason: String,
    },
    /// Stored data could not be read.
    #[error("the ledger's data could not be read: {reason}")]
    Unreadable {
        /// What the database said.
        reason: String,
    },
    /// The ledger is stopped and safe on disk, but others still hold it open.
    #[error("the ledger is stopped but still held open: {handles} handles, {snapshots} snapshots")]
    StillInUse {
        /// Other handles.
        handles: usize,
        /// Snapshots that were not dropped.
        snapshots: usize,
    },
}

/// The text of a caught panic. RocksDB's errors reach us as panics of merkledb with different payloads.
pub(crate) fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else if let Some(error) = payload.downcast_ref::<rocksdb::Error>() {
        error.to_string()
    } else if let Some(error) = payload.downcast_ref::<exonum_merkledb::Error>() {
        error.to_string()
    } else {
        "unknown panic".to_owned()
    }
}

/// Runs `read` over stored data; merkledb's panics over unreadable data become errors.
///
/// # Errors
///
/// [`LedgerError::Unreadable`] with the panic's text.
pub fn reading<T>(read: impl FnOnce() -> T) -> Result<T, LedgerError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(read)).map_err(|payload| {
        LedgerError::Unreadable {
            reason: panic_text(payload.as_ref()),
        }
    })
}
