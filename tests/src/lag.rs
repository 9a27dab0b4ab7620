//! A disk that answers late on purpose: fsyncs below a folder wait while the test says so. `tests/preload/lag.c` does it.

use std::path::{Path, PathBuf};

use crate::preload::Preload;
use crate::wait;

/// The words that both sides share.
const HELD: u64 = 0;
const WAITING: u64 = 1;

/// The disk under one folder.
#[derive(Debug)]
pub struct SlowDisk(Preload);

impl SlowDisk {
    /// Under this folder, with all below it. It is as quick as the real one yet.
    ///
    /// # Panics
    /// If there is no C compiler, which the node's own build needs too.
    pub fn under(folder: &Path) -> Self {
        Self(Preload::build("lag", folder, 2 * 8))
    }

    /// What a process needs in its environment to stand on this disk.
    pub fn environment(&self) -> [(&'static str, PathBuf); 3] {
        self.0.environment()
    }

    /// From now on nothing becomes durable.
    ///
    /// # Panics
    /// Never: it is a small file of the test's.
    pub fn hold(&self) {
        self.0.set_word(HELD, 1);
    }

    /// All that waits becomes durable.
    ///
    /// # Panics
    /// Never: it is a small file of the test's.
    pub fn let_go(&self) {
        self.0.set_word(HELD, 0);
    }

    /// Until the process waits for its disk.
    ///
    /// # Panics
    /// If it never does.
    pub fn until_waited_for(&self) {
        wait::until("the disk is waited for", || {
            (self.0.word(WAITING) > 0).then_some(())
        });
    }
}
