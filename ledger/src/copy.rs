//! What is in a copy of the ledger that nobody runs on.

use std::{path::Path, sync::Arc};

use exonum::merkledb::Snapshot;
use exonum_merkledb::Database;

use crate::{
    durable::DurableDb,
    error::{reading, OpenError},
    files,
    folder::{remove_folder, STORE, WORK},
};

/// The database is opened once and read a little: no more of it is kept in memory.
const CACHE_BYTES: usize = 1 << 20;

/// Reads the newest state in a copy that [`Ledger::copy_to`](crate::Ledger::copy_to) made in `place`: what is found where
/// the copy is opened. It stays as it is.
///
/// # Errors
///
/// [`OpenError::Io`], [`OpenError::Chain`] where it cannot be read.
pub fn read_copy<T>(place: &Path, read: impl FnOnce(&dyn Snapshot) -> T) -> Result<T, OpenError> {
    let work = place.join(WORK);
    let probe = work.join("probe");
    let result = files::copy_database(&place.join(STORE).join("db"), &probe)
        .and_then(|()| read_database(&probe, read));
    remove_folder(&work)?;
    result
}

fn read_database<T>(path: &Path, read: impl FnOnce(&dyn Snapshot) -> T) -> Result<T, OpenError> {
    let db = reading(|| DurableDb::open_with_cache(path, false, CACHE_BYTES))
        .map_err(|error| error.to_string())
        .and_then(|opened| opened.map_err(|error| error.to_string()))
        .map_err(|reason| OpenError::Chain { reason })?;
    let failure = Arc::clone(db.failure());
    let value = reading(|| read(&*db.snapshot())).map_err(|error| error.to_string());
    // An iteration over what cannot be read ends early, without a word.
    match (value, failure.get()) {
        (Ok(value), None) => Ok(value),
        (Err(reason), _) | (_, Some(reason)) => Err(OpenError::Chain { reason }),
    }
}
