//! Keeping RocksDB's write-ahead log bounded.
//!
//! Each index name is a column family here, and a rarely written one keeps every log since its last write alive: left
//! alone, the log may grow to gigabytes, all of which is read at the next start. merkledb has no option for it. A
//! checkpoint flushes all of them, after which RocksDB drops the old logs.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{mpsc, Arc},
    thread::{self, JoinHandle},
};

use crate::{durable::DurableDb, options::Limits};

/// A log below this size is left to the next start, in bytes.
const WORTH_FLUSHING: u64 = 1 << 20;

/// Looks at the log's size now and then, and has it flushed on a thread of its own, so that no block waits for it.
pub(crate) struct LogTrim {
    due: Option<mpsc::SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    db: Arc<DurableDb>,
    db_path: PathBuf,
    checkpoint: PathBuf,
    limit: u64,
    every: u64,
    blocks: u64,
}

impl LogTrim {
    pub(crate) fn start(
        db: Arc<DurableDb>,
        db_path: PathBuf,
        checkpoint: PathBuf,
        limits: &Limits,
    ) -> std::io::Result<Self> {
        let (due, wake) = mpsc::sync_channel::<()>(1);
        let (trimmed, place) = (Arc::clone(&db), checkpoint.clone());
        let thread = thread::Builder::new()
            .name("ledger-log-trim".to_owned())
            .spawn(move || {
                while wake.recv().is_ok() {
                    trim(&trimmed, &place);
                }
            })?;
        Ok(Self {
            due: Some(due),
            thread: Some(thread),
            db,
            db_path,
            checkpoint,
            limit: limits.log_bytes,
            every: limits.log_check_blocks.max(1),
            blocks: 0,
        })
    }

    /// To be called after each block.
    pub(crate) fn block_sealed(&mut self) {
        self.blocks += 1;
        if !self.blocks.is_multiple_of(self.every) || log_bytes(&self.db_path) <= self.limit {
            return;
        }
        if let Some(due) = &self.due {
            // Full: it is due already.
            let _ = due.try_send(());
        }
    }
}

impl LogTrim {
    /// Flushes a log of some size at a clean stop, so that the next start has little to read twice.
    pub(crate) fn finish(mut self) {
        self.join();
        if log_bytes(&self.db_path) > WORTH_FLUSHING {
            trim(&self.db, &self.checkpoint);
        }
    }

    fn join(&mut self) {
        self.due = None;
        if let Some(thread) = self.thread.take() {
            // It cannot have panicked: a checkpoint's failure is an error.
            let _ = thread.join();
        }
    }
}

impl Drop for LogTrim {
    fn drop(&mut self) {
        self.join();
    }
}

/// Flushes the log by a checkpoint in the given place, which is free again afterwards.
pub(crate) fn trim(db: &DurableDb, checkpoint: &Path) {
    // A checkpoint needs its place free; a leftover is worth nothing.
    let _ = fs::remove_dir_all(checkpoint);
    if let Err(error) = db.checkpoint(checkpoint) {
        tracing::warn!(%error, "the ledger's log could not be flushed; it goes on growing");
    }
    let _ = fs::remove_dir_all(checkpoint);
}

/// Bytes of all write-ahead logs of the database in `path`; 0 when they cannot be listed.
pub(crate) fn log_bytes(path: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(path) else {
        return 0;
    };
    entries
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|end| end == "log"))
        .filter_map(|entry| entry.metadata().ok())
        .map(|metadata| metadata.len())
        .sum()
}
