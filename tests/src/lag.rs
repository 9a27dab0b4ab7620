//! A disk that answers late on purpose: fsyncs below a folder wait while the test says so. `tests/lag/lag.c` does it, preloaded into
//! the built program, which knows nothing of it.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::wait;

/// Places of the words that both sides share.
const HELD_AT: u64 = 0;
const WAITING_AT: u64 = 8;

/// The disk under one folder.
#[derive(Debug)]
pub struct SlowDisk {
    place: TempDir,
    shared: File,
    folder: PathBuf,
}

impl SlowDisk {
    /// Under this folder, with all below it. It is as quick as the real one yet.
    ///
    /// # Panics
    /// If there is no C compiler, which the node's own build needs too.
    pub fn under(folder: &Path) -> Self {
        let place = TempDir::with_prefix("zarnitsa-lag-").expect("a temporary folder");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("lag/lag.c");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror"])
            .arg("-o")
            .arg(place.path().join("lag.so"))
            .arg(&source)
            .arg("-ldl")
            .output()
            .expect("there is a C compiler");
        let said = String::from_utf8_lossy(&built.stderr);
        assert!(built.status.success(), "{}: {said}", source.display());
        let shared = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(place.path().join("shared"))
            .expect("a file in a temporary folder");
        shared.set_len(2 * 8).expect("a small file");
        Self {
            place,
            shared,
            folder: std::fs::canonicalize(folder).expect("the folder is there"),
        }
    }

    /// What a process needs in its environment to stand on this disk.
    pub fn environment(&self) -> [(&'static str, PathBuf); 3] {
        [
            ("LD_PRELOAD", self.place.path().join("lag.so")),
            ("ZARNITSA_LAG", self.place.path().join("shared")),
            ("ZARNITSA_LAG_FOLDER", self.folder.clone()),
        ]
    }

    /// From now on nothing becomes durable.
    ///
    /// # Panics
    /// Never: it is a small file of the test's.
    pub fn hold(&self) {
        self.set_held(1);
    }

    /// All that waits becomes durable.
    ///
    /// # Panics
    /// Never: it is a small file of the test's.
    pub fn let_go(&self) {
        self.set_held(0);
    }

    fn set_held(&self, held: u64) {
        let written = self.shared.write_all_at(&held.to_ne_bytes(), HELD_AT);
        written.expect("a small file in a temporary folder");
    }

    /// Until the process waits for its disk.
    ///
    /// # Panics
    /// If it never does.
    pub fn until_waited_for(&self) {
        wait::until("the disk is waited for", || {
            let mut bytes = [0; 8];
            let read = self.shared.read_exact_at(&mut bytes, WAITING_AT);
            read.expect("it was made so long");
            (u64::from_ne_bytes(bytes) > 0).then_some(())
        });
    }
}
