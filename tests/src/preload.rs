//! What is put between the built program and the files of one folder: a C file of `tests/preload`, loaded into a program
//! that knows nothing of it, and a few words that both sides share.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// One of them, built.
#[derive(Debug)]
pub(crate) struct Preload {
    place: TempDir,
    shared: File,
    folder: PathBuf,
}

impl Preload {
    /// Builds `tests/preload/{name}.c` for the files below `folder`. What is shared has so many bytes, all 0.
    ///
    /// # Panics
    /// If there is no C compiler, which the node's own build needs too.
    pub(crate) fn build(name: &str, folder: &Path, length: u64) -> Self {
        let place = TempDir::with_prefix("zarnitsa-preload-").expect("a temporary folder");
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("preload");
        let source = sources.join(name).with_extension("c");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror"])
            .arg("-o")
            .arg(library(&place))
            .arg(&source)
            .args(["-ldl", "-pthread"])
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
        shared.set_len(length).expect("a small file");
        Self {
            place,
            shared,
            folder: fs::canonicalize(folder).expect("the folder is there"),
        }
    }

    /// What a process needs in its environment to have it.
    pub(crate) fn environment(&self) -> [(&'static str, PathBuf); 3] {
        [
            ("LD_PRELOAD", library(&self.place)),
            ("ZARNITSA_PRELOAD", self.place.path().join("shared")),
            ("ZARNITSA_PRELOAD_FOLDER", self.folder.clone()),
        ]
    }

    /// The shared word of eight bytes with this number.
    pub(crate) fn word(&self, number: u64) -> u64 {
        let mut bytes = [0; 8];
        self.read(number * 8, &mut bytes);
        u64::from_ne_bytes(bytes)
    }

    pub(crate) fn set_word(&self, number: u64, value: u64) {
        let written = self.shared.write_all_at(&value.to_ne_bytes(), number * 8);
        written.expect("a small file in a temporary folder");
    }

    /// What is shared from this byte on.
    pub(crate) fn read(&self, at: u64, bytes: &mut [u8]) {
        let read = self.shared.read_exact_at(bytes, at);
        read.expect("it was made so long");
    }

    #[cfg(test)]
    pub(crate) fn place(&self) -> &Path {
        self.place.path()
    }

    #[cfg(test)]
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

fn library(place: &TempDir) -> PathBuf {
    place.path().join("preload.so")
}
