//! The checks before an existing database is opened for writing. They run on a copy: the original is not touched.

use std::{
    panic::{catch_unwind, AssertUnwindSafe},
    path::Path,
};

use exonum::{blockchain::Schema, helpers::Height, merkledb::ObjectHash};
use exonum_merkledb::{Database, RocksDB};

use crate::{
    durable::db_options,
    error::{panic_text, OpenError},
    files,
    folder::{remove_folder, Folder},
    identity::Identity,
    witness::{Acknowledged, Witness},
};

/// How the system says that it is the disk's fault: RocksDB passes on its words only. Whoever reads "damaged" instead may
/// put an old copy in the place of a ledger that is whole.
const REFUSALS: [&str; 6] = [
    "No space left on device",
    "Disk quota exceeded",
    "Input/output error",
    "Read-only file system",
    "Too many open files",
    "Permission denied",
];

/// Refuses a database that is damaged, is not the one the identity speaks of, or has lost acknowledged blocks.
pub(crate) fn check(
    folder: &Folder,
    identity: &Identity,
    scan_bytes: u64,
) -> Result<(), OpenError> {
    let acknowledged = Witness::read(folder)?;
    let probe = folder.probe();
    files::copy_database(&folder.db(), &probe)?;
    let result = inspect(folder, &probe, identity, acknowledged, scan_bytes);
    remove_folder(&probe)?;
    result
}

/// The checks of `check` on a copy in `copy`.
pub(crate) fn inspect(
    folder: &Folder,
    copy: &Path,
    identity: &Identity,
    acknowledged: Acknowledged,
    scan_bytes: u64,
) -> Result<(), OpenError> {
    let damaged = |what: String| {
        let path = folder.path().into();
        // The copy's paths would lead nowhere.
        let what = what.replace(&*copy.to_string_lossy(), &folder.db().to_string_lossy());
        if REFUSALS.iter().any(|refusal| what.contains(refusal)) {
            OpenError::Unchecked { path, what }
        } else {
            OpenError::Damaged { path, what }
        }
    };
    let size = files::folder_bytes(copy).map_err(|error| damaged(error.to_string()))?;
    if size <= scan_bytes {
        files::scan(copy).map_err(damaged)?;
    }
    let newest = catch_unwind(AssertUnwindSafe(|| {
        newest_block(copy, identity, acknowledged)
    }))
    .unwrap_or_else(|payload| Err(panic_text(payload.as_ref())))
    .map_err(damaged)?;
    if newest < acknowledged.height {
        return Err(OpenError::LostBlocks {
            path: folder.path().into(),
            expected: acknowledged.height,
            found: newest,
        });
    }
    Ok(())
}

/// The height of the newest block, after checks of it, of the genesis and of the acknowledged block.
fn newest_block(
    copy: &Path,
    identity: &Identity,
    acknowledged: Acknowledged,
) -> Result<u64, String> {
    let db = RocksDB::open(copy, &db_options(false)).map_err(|error| files::named(copy, &error))?;
    let snapshot = db.snapshot();
    let schema = Schema::new(&snapshot);
    let hashes = schema.block_hashes_by_height();
    let Some(newest) = hashes.len().checked_sub(1) else {
        return Err("the database holds no block".to_owned());
    };
    if hashes.get(0) != Some(identity.genesis) {
        return Err("its genesis is not the one of store/identity".to_owned());
    }
    let keys = schema.consensus_config().validator_keys;
    let fits = matches!(keys.as_slice(), [only] if only.consensus_key == identity.validator.consensus
        && only.service_key == identity.validator.service);
    if !fits {
        return Err("its validator is not the one of store/identity".to_owned());
    }
    if let Some(found) = hashes.get(acknowledged.height) {
        if found != acknowledged.block_hash {
            return Err(format!(
                "block {} is not the acknowledged one",
                acknowledged.height
            ));
        }
    }
    let proof = schema
        .block_and_precommits(Height(newest))
        .ok_or_else(|| format!("block {newest} is missing"))?;
    let hash = schema.block_hash_by_height(Height(newest));
    if hash != Some(proof.block.object_hash()) || proof.block.height != Height(newest) {
        return Err(format!(
            "the header of block {newest} does not fit its hash"
        ));
    }
    // The genesis has no precommits; each store has a block after it before it is a store.
    proof
        .verify(&[identity.validator.consensus])
        .map_err(|error| format!("block {newest}: {error}"))?;
    Ok(newest)
}
