//! A disk that fails on purpose under a node: the power goes at a chosen fsync, and may tear what was being written, it
//! is full from a chosen write on, an fsync or a read of it fails. `tests/disk/disk.c` does it, preloaded into the built
//! program, which knows nothing of it.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// Words of eight bytes that both sides share: the counts, the plan, whether it has come to it.
const WORDS: u64 = 6;
/// Where the name of the file follows, and how long it may be.
const NAME_AT: u64 = WORDS * 8;
const NAME: usize = 208;

/// What the disk does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strike {
    /// The power goes just before an fsync: nothing since each file's last one is left.
    PowerBeforeSync,
    /// The power goes just after it: what it made durable is left, and nobody was told of it.
    PowerAfterSync,
    /// The power goes just before it, and of each file one write since its last fsync arrived in part: the first one
    /// where an odd number of fsyncs is waited for, with nothing that came later, else the last, with all before it.
    PowerTears,
    /// It is full, from a write on and as long as the process lives; that write is cut in half.
    Full,
    /// An fsync fails, what it should have made durable is lost, and the next one succeeds.
    SyncFails,
    /// A read fails, once.
    ReadFails,
}

impl Strike {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::PowerBeforeSync,
        Self::PowerAfterSync,
        Self::PowerTears,
        Self::SyncFails,
        Self::Full,
        Self::ReadFails,
    ];

    /// Whether the process dies of it at once.
    pub fn kills(self) -> bool {
        match self {
            Self::PowerBeforeSync | Self::PowerAfterSync | Self::PowerTears => true,
            Self::SyncFails | Self::Full | Self::ReadFails => false,
        }
    }

    /// As `disk.c` numbers them, where the strike is to come after `more` of its kind.
    fn number(self, more: u64) -> u64 {
        match self {
            Self::PowerBeforeSync => 1,
            Self::PowerAfterSync => 2,
            Self::Full => 3,
            Self::SyncFails => 4,
            Self::ReadFails => 5,
            Self::PowerTears if more % 2 == 1 => 6,
            Self::PowerTears => 7,
        }
    }
}

/// What a node has done with its disk since the [`Disk`] was made, over all its starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Durable writes: fsyncs of files.
    pub syncs: u64,
    /// Writes.
    pub writes: u64,
    /// Reads.
    pub reads: u64,
}

impl Counts {
    /// The count that a strike of this kind looks at.
    pub fn of(&self, strike: Strike) -> u64 {
        match strike {
            Strike::PowerBeforeSync
            | Strike::PowerAfterSync
            | Strike::PowerTears
            | Strike::SyncFails => self.syncs,
            Strike::Full => self.writes,
            Strike::ReadFails => self.reads,
        }
    }
}

/// The disk under one folder.
#[derive(Debug)]
pub struct Disk {
    place: TempDir,
    shared: File,
    folder: PathBuf,
}

impl Disk {
    /// Under this folder, with all below it. It does nothing yet but count.
    ///
    /// # Panics
    /// If there is no C compiler, which the node's own build needs too.
    pub fn under(folder: &Path) -> Self {
        let place = TempDir::with_prefix("zarnitsa-disk-").expect("a temporary folder");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("disk/disk.c");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror"])
            .arg("-o")
            .arg(place.path().join("disk.so"))
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
        let length = NAME_AT + u64::try_from(NAME).expect("a small number");
        shared.set_len(length).expect("a small file");
        Self {
            place,
            shared,
            folder: fs::canonicalize(folder).expect("the folder is there"),
        }
    }

    /// What a process needs in its environment to stand on this disk.
    pub fn environment(&self) -> [(&'static str, PathBuf); 3] {
        [
            ("LD_PRELOAD", self.place.path().join("disk.so")),
            ("ZARNITSA_DISK", self.place.path().join("shared")),
            ("ZARNITSA_DISK_FOLDER", self.folder.clone()),
        ]
    }

    fn word(&self, number: u64) -> u64 {
        let mut bytes = [0; 8];
        let read = self.shared.read_exact_at(&mut bytes, number * 8);
        read.expect("it was made so long");
        u64::from_ne_bytes(bytes)
    }

    fn set_word(&self, number: u64, value: u64) {
        let written = self.shared.write_all_at(&value.to_ne_bytes(), number * 8);
        written.expect("a small file in a temporary folder");
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        Counts {
            syncs: self.word(0),
            writes: self.word(1),
            reads: self.word(2),
        }
    }

    /// Strikes after so many more of what the strike is about; 1 is the next one.
    pub fn strike_after(&self, strike: Strike, more: u64) {
        self.mend();
        self.set_word(4, self.counts().of(strike) + more);
        self.set_word(3, strike.number(more));
    }

    /// The file that was struck, if it has come to that.
    pub fn struck(&self) -> Option<String> {
        let mut name = [0; NAME];
        let read = self.shared.read_exact_at(&mut name, NAME_AT);
        read.expect("it was made so long");
        let text = String::from_utf8_lossy(&name);
        let name = text.split('\0').next().unwrap_or_default();
        (self.word(5) != 0).then(|| name.to_owned())
    }

    /// Nothing strikes any more; what was lost is lost.
    pub fn mend(&self) {
        self.set_word(3, 0);
        self.set_word(5, 0);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use super::*;

    const WRITTEN: &str = "aaaaaaaaaabbbbbbbbbbcccccccccc";

    /// Writes in three parts, from one byte on, and fsyncs.
    fn write(disk: &Disk, name: &str, at: u64) -> ExitStatus {
        let source = disk.place.path().join("source");
        fs::write(&source, WRITTEN).expect("a file in a temporary folder");
        Command::new("dd")
            .arg(format!("if={}", source.display()))
            .arg(format!("of={}", disk.folder.join(name).display()))
            .arg(format!("seek={at}"))
            .args(["bs=10", "conv=notrunc,fsync", "oflag=seek_bytes"])
            .arg("status=none")
            .envs(disk.environment())
            .status()
            .expect("there is dd")
    }

    /// What is left of a file over which was written when the power went.
    fn left(strike: Strike, more: u64, before: &str, at: u64) -> String {
        let folder = TempDir::with_prefix("zarnitsa-disk-test-").expect("a temporary folder");
        let disk = Disk::under(folder.path());
        let file = folder.path().join("file");
        fs::write(&file, before).expect("a file in a temporary folder");
        disk.strike_after(strike, more);
        for _ in 1..more {
            assert!(write(&disk, "other", 0).success());
        }
        let ended = write(&disk, "file", at);
        assert_eq!(ended.signal(), Some(9), "{ended}");
        assert_eq!(disk.struck().as_deref(), Some("file"));
        let other = fs::read_to_string(folder.path().join("other")).unwrap_or_default();
        assert!(other.is_empty() || other == WRITTEN, "{other}");
        fs::read_to_string(&file).expect("it is there")
    }

    #[test]
    fn power_that_goes_before_an_fsync_leaves_nothing_of_what_was_written() {
        let before = "-".repeat(40);
        assert_eq!(left(Strike::PowerBeforeSync, 1, &before, 5), before);
        assert_eq!(left(Strike::PowerBeforeSync, 2, "short", 2), "short");
    }

    #[test]
    fn power_that_goes_after_an_fsync_leaves_all_of_it() {
        let all = left(Strike::PowerAfterSync, 1, "short", 2);
        assert_eq!(all, format!("sh{WRITTEN}"));
    }

    #[test]
    fn torn_write_leaves_a_half_of_the_first_or_of_the_last() {
        let before = "-".repeat(40);
        let first = left(Strike::PowerTears, 1, &before, 5);
        assert_eq!(first, format!("-----aaaaa{}", "-".repeat(30)));
        let last = left(Strike::PowerTears, 2, &before, 5);
        assert_eq!(
            last,
            format!("-----aaaaaaaaaabbbbbbbbbbccccc{}", "-".repeat(10))
        );
    }

    #[test]
    fn torn_write_beyond_the_end_leaves_the_file_as_long_as_what_arrived() {
        assert_eq!(left(Strike::PowerTears, 1, "12", 0), "aaaaa");
        assert_eq!(left(Strike::PowerTears, 1, "12345678", 0), "aaaaa678");
        let last = left(Strike::PowerTears, 2, "12345678", 6);
        assert_eq!(last, "123456aaaaaaaaaabbbbbbbbbbccccc");
    }
}
