//! The data folder: which files a node keeps, and how they come to be.
//!
//! `<data-dir>/<network>/` holds `ledger/`, `seed`, `operator.key`, `read.token`, `full.token`,
//! `wallet.sqlite`, `node.log`; beside them `http.address` while a node runs, and `lock`.

mod keys;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

pub use keys::{Token, Tokens};

/// Why a file of the data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// The operating system refused.
    #[error("{action} {}", path.display())]
    Io {
        /// "cannot read", "cannot create", ...
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another node runs on this folder.
    #[error("another node uses {}", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The file holds something else than it should.
    #[error("{} is damaged: {expected} expected", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What should be in it.
        expected: &'static str,
    },
    /// No node has written its address.
    #[error("no node runs on {}: start one with `zarnitsa node --data-dir DIR`", path.display())]
    NotRunning {
        /// The folder.
        path: PathBuf,
    },
}

/// A network's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataDir {
    path: PathBuf,
}

/// Held while a node runs: no second one starts on the same folder.
#[derive(Debug)]
pub struct FolderLock(#[allow(dead_code, reason = "the lock lives as long as the file")] File);

impl DataDir {
    /// The folder, whether it exists or not.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Makes the folder, readable by its owner only.
    pub fn create(&self) -> Result<(), DataDirError> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.path)
            .map_err(|source| self.io("cannot create the folder", &self.path, source))
    }

    /// Takes the folder for one running node.
    pub fn lock(&self) -> Result<FolderLock, DataDirError> {
        let path = self.path.join("lock");
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|source| self.io("cannot open", &path, source))?;
        match file.try_lock() {
            Ok(()) => Ok(FolderLock(file)),
            Err(TryLockError::WouldBlock) => Err(DataDirError::InUse {
                path: self.path.clone(),
            }),
            Err(TryLockError::Error(source)) => Err(self.io("cannot lock", &path, source)),
        }
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The ledger's database.
    pub fn ledger(&self) -> PathBuf {
        self.path.join("ledger")
    }

    /// The encrypted seed.
    pub fn seed(&self) -> PathBuf {
        self.path.join("seed")
    }

    /// The wallet's index of the chain.
    pub fn wallet(&self) -> PathBuf {
        self.path.join("wallet.sqlite")
    }

    /// What gossip told and payments taught. It can be lost: all of it can be heard and learnt again.
    pub fn gossip(&self) -> PathBuf {
        self.path.join("gossip")
    }

    /// The log.
    pub fn log(&self) -> PathBuf {
        self.path.join("node.log")
    }

    /// Says where the HTTP server listens, for the command line.
    pub fn write_address(&self, address: SocketAddr) -> Result<(), DataDirError> {
        let path = self.path.join("http.address");
        self.replace(&path, 0o600, format!("{address}\n").as_bytes())
    }

    /// Takes the address back when the node stops.
    pub fn remove_address(&self) {
        // A file that stays behind misleads nobody: the port does not answer.
        let _ = fs::remove_file(self.path.join("http.address"));
    }

    /// Where the running node's HTTP server listens.
    pub fn address(&self) -> Result<SocketAddr, DataDirError> {
        let path = self.path.join("http.address");
        match fs::read_to_string(&path) {
            Ok(text) => text.trim().parse().map_err(|_| DataDirError::Damaged {
                path,
                expected: "an address with a port",
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(DataDirError::NotRunning {
                    path: self.path.clone(),
                })
            }
            Err(source) => Err(self.io("cannot read", &path, source)),
        }
    }

    /// Reads a file that holds one line of text.
    fn read_line(&self, path: &Path) -> Result<Option<String>, DataDirError> {
        match fs::read_to_string(path) {
            Ok(text) => Ok(Some(text.trim_end().to_string())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(self.io("cannot read", path, source)),
        }
    }

    /// Makes a file that must not exist: whole or not at all, whatever stops in between.
    fn create_file(&self, path: &Path, mode: u32, content: &[u8]) -> Result<(), DataDirError> {
        let draft = self.draft(path, mode, content)?;
        // A hard link, unlike a rename, refuses to cover a file that another process made meanwhile.
        let linked = fs::hard_link(&draft, path);
        let removed = fs::remove_file(&draft);
        linked
            .and(removed)
            .and_then(|()| self.sync())
            .map_err(|source| self.io("cannot create", path, source))
    }

    /// Makes a file or covers the one that is there: the old or the new, never half.
    fn replace(&self, path: &Path, mode: u32, content: &[u8]) -> Result<(), DataDirError> {
        let draft = self.draft(path, mode, content)?;
        fs::rename(&draft, path)
            .and_then(|()| self.sync())
            .map_err(|source| self.io("cannot write", path, source))
    }

    fn draft(&self, path: &Path, mode: u32, content: &[u8]) -> Result<PathBuf, DataDirError> {
        let mut name = path.file_name().unwrap_or_default().to_os_string();
        name.push(format!(".{}.new", std::process::id()));
        let draft = path.with_file_name(name);
        // One from a process of the same number that was killed half-way.
        let _ = fs::remove_file(&draft);
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&draft)
            .and_then(|mut file| {
                file.write_all(content)?;
                file.sync_all()
            })
            .map_err(|source| self.io("cannot write", &draft, source))?;
        Ok(draft)
    }

    /// A new name in a folder is durable when the folder is.
    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    fn io(&self, action: &'static str, path: &Path, source: io::Error) -> DataDirError {
        DataDirError::Io {
            action,
            path: path.into(),
            source,
        }
    }
}

#[cfg(test)]
mod tests;
