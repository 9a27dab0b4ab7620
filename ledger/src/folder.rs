//! The ledger's folder: what stands where, who holds it, whose it is.
//!
//! ```text
//! PATH/lock             held (flock) while the ledger is open
//! PATH/store/identity   text: format, validator keys, genesis, services
//! PATH/store/head       height and hash of the newest acknowledged block, see `witness`; `head.new` is one in the making
//! PATH/store/db/        merkledb
//! PATH/work/            nothing that must be kept; emptied at each start
//! PATH/work/creating/   a store in the making; becomes `store` by one rename
//! PATH/work/probe/      copy for the checks before opening (hard links)
//! PATH/work/checkpoint/ by-product of flushing the log
//! PATH/work/verify/     a verification's copy and its replay
//! ```

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use crate::error::OpenError;

const LOCK: &str = "lock";
pub(crate) const STORE: &str = "store";
pub(crate) const WORK: &str = "work";

/// The locked folder of one ledger. Dropping it lets another process open the ledger.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Takes the folder for this process; makes it when `create` is set and nothing is there.
    ///
    /// # Errors
    ///
    /// [`OpenError::Missing`], [`OpenError::NotALedger`] and [`OpenError::Locked`], with nothing written.
    pub(crate) fn lock(path: &Path, create: bool) -> Result<Self, OpenError> {
        let known = Self::look(path)?;
        if !known && !create {
            return Err(OpenError::Missing { path: path.into() });
        }
        if !known {
            fs::create_dir_all(path).map_err(io_error("make the folder", path))?;
        }
        let lock = Self::take_lock(path)?;
        Ok(Self {
            path: path.into(),
            _lock: lock,
        })
    }

    /// Whether the folder has been a ledger's before. An empty or absent one has not.
    fn look(path: &Path) -> Result<bool, OpenError> {
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(io_error("read the folder", path)(error)),
        };
        let mut known = false;
        for entry in entries {
            let name = entry
                .map_err(io_error("read the folder", path))?
                .file_name();
            let name = name.to_string_lossy();
            if name == STORE || name == LOCK {
                known = true;
            } else if name != WORK {
                return Err(OpenError::NotALedger {
                    path: path.into(),
                    found: name.into_owned(),
                });
            }
        }
        Ok(known)
    }

    fn take_lock(path: &Path) -> Result<File, OpenError> {
        let file_path = path.join(LOCK);
        let file = File::options()
            .read(true)
            .append(true)
            .create(true)
            .open(&file_path)
            .map_err(io_error("open", &file_path))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(OpenError::Locked { path: path.into() }),
            Err(TryLockError::Error(error)) => Err(io_error("lock", &file_path)(error)),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a finished store is there.
    pub(crate) fn has_store(&self) -> bool {
        self.store().exists()
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.path.join(STORE)
    }

    pub(crate) fn db(&self) -> PathBuf {
        self.store().join("db")
    }

    pub(crate) fn creating(&self) -> PathBuf {
        self.path.join(WORK).join("creating")
    }

    pub(crate) fn probe(&self) -> PathBuf {
        self.path.join(WORK).join("probe")
    }

    pub(crate) fn checkpoint(&self) -> PathBuf {
        self.path.join(WORK).join("checkpoint")
    }

    pub(crate) fn verify(&self) -> PathBuf {
        self.path.join(WORK).join("verify")
    }

    /// Removes what an earlier process left in the making, and makes place for new work.
    pub(crate) fn sweep(&self) -> Result<(), OpenError> {
        let work = self.path.join(WORK);
        remove_folder(&work)?;
        fs::create_dir(&work).map_err(io_error("make the folder", &work))
    }

    /// Turns `creating` into the store, by one rename, durably.
    pub(crate) fn finish_creating(&self) -> Result<(), OpenError> {
        let (from, to) = (self.creating(), self.store());
        sync_folder(&from)?;
        fs::rename(&from, &to).map_err(io_error("rename", &from))?;
        sync_folder(&self.path)?;
        match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => sync_folder(parent),
            _ => Ok(()),
        }
    }
}

/// Makes the entries of a folder durable.
pub(crate) fn sync_folder(path: &Path) -> Result<(), OpenError> {
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(io_error("sync", path))
}

/// Removes a folder with all in it; one that is not there is fine.
pub(crate) fn remove_folder(path: &Path) -> Result<(), OpenError> {
    match fs::remove_dir_all(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(io_error("remove", path)(error)),
    }
}

/// Gives an I/O error its place.
pub(crate) fn io_error<'a>(
    action: &'static str,
    path: &'a Path,
) -> impl FnOnce(io::Error) -> OpenError + 'a {
    move |source| OpenError::Io {
        action,
        path: path.into(),
        source,
    }
}
