//! Opening a ledger: identity, checks, chain, writer; in this order, so that a refusal comes before the first write.

use std::{
    panic::{catch_unwind, AssertUnwindSafe},
    path::Path,
    sync::Arc,
};

use exonum::blockchain::config::GenesisConfig;
use exonum_merkledb::Database;

use crate::{
    block::{read_head, Head},
    chain,
    durable::DurableDb,
    error::{panic_text, OpenError},
    folder::{io_error, Folder},
    identity::Identity,
    options::LedgerOptions,
    probe,
    sealer::{Sealer, SingleValidator},
    witness::Witness,
};

/// An opened ledger before its threads are started.
pub(crate) struct Started {
    pub(crate) folder: Folder,
    pub(crate) identity: Identity,
    pub(crate) db: Arc<DurableDb>,
    pub(crate) sealer: SingleValidator,
    pub(crate) head: Head,
}

/// Opens the ledger in `path`, or makes it.
pub(crate) fn start(path: &Path, options: &LedgerOptions) -> Result<Started, OpenError> {
    let folder = Folder::lock(path, options.create)?;
    let (genesis, _) = options.services.deploy(options.validator.public());
    if folder.has_store() {
        let identity = Identity::read(&folder)?;
        identity.check(path, options.validator.public(), &genesis)?;
        folder.sweep()?;
        probe::check(&folder, &identity, options.limits.scan_bytes)?;
    } else if options.create {
        folder.sweep()?;
        create(&folder, options, &genesis)?;
    } else {
        return Err(OpenError::Missing { path: path.into() });
    }
    take_up(folder, options)
}

/// Makes the store aside and renames it into place: a crash leaves no store or a whole one.
fn create(
    folder: &Folder,
    options: &LedgerOptions,
    genesis: &GenesisConfig,
) -> Result<(), OpenError> {
    let store = folder.creating();
    std::fs::create_dir_all(&store).map_err(io_error("make the folder", &store))?;
    let db = open_db(&store.join("db"), true, options)?;
    let mut sealer = build_sealer(&db, options)?;
    let genesis_head = head(&db)?;
    // The genesis has no precommit, so no client can verify it: the first block follows at once.
    let first = sealer.seal(Vec::new())?;
    Identity::new(options.validator.public(), genesis_head.block_hash, genesis).write(&store)?;
    Witness::create(&store, first.head())?;
    drop(sealer);
    drop(db);
    folder.finish_creating()
}

/// Opens a checked store for writing.
fn take_up(folder: Folder, options: &LedgerOptions) -> Result<Started, OpenError> {
    let identity = Identity::read(&folder)?;
    let db = open_db(&folder.db(), false, options)?;
    let mut sealer = build_sealer(&db, options)?;
    let head = head(&db)?;
    // A block that was stored but not synced before a crash may be shown as durable only after a sync.
    sealer.make_durable()?;
    sealer.acknowledge_in(Witness::create(&folder.store(), head)?);
    Ok(Started {
        folder,
        identity,
        db,
        sealer,
        head,
    })
}

fn build_sealer(
    db: &Arc<DurableDb>,
    options: &LedgerOptions,
) -> Result<SingleValidator, OpenError> {
    let validator = &options.validator;
    let chain = chain::build(
        Arc::clone(db) as Arc<dyn Database>,
        &options.services,
        validator.public(),
        validator.service.clone(),
    )?;
    db.queues_are_empty();
    let consensus = validator.consensus.clone();
    Ok(SingleValidator::new(chain, Arc::clone(db), consensus))
}

fn open_db(
    path: &Path,
    create: bool,
    options: &LedgerOptions,
) -> Result<Arc<DurableDb>, OpenError> {
    let db = catch_unwind(AssertUnwindSafe(|| DurableDb::open(path, create)))
        .map_err(|payload| panic_text(payload.as_ref()))
        .and_then(|opened| opened.map_err(|error| error.to_string()))
        .map_err(|reason| OpenError::Chain { reason })?;
    #[cfg(feature = "testing")]
    let db = db.with_faults(Arc::clone(&options.faults));
    #[cfg(not(feature = "testing"))]
    let _ = options;
    Ok(Arc::new(db))
}

fn head(db: &DurableDb) -> Result<Head, OpenError> {
    catch_unwind(AssertUnwindSafe(|| read_head(&db.snapshot())))
        .map_err(|payload| panic_text(payload.as_ref()))
        .and_then(|head| head.ok_or_else(|| "there is no block".to_owned()))
        .map_err(|reason| OpenError::Chain { reason })
}
