//! A disk that fails on purpose under a node: the power goes at a chosen fsync, and may tear what was being written, it
//! is full from a chosen write on, an fsync or a read of it fails. `tests/preload/disk.c` does it.

use std::path::{Path, PathBuf};

use crate::preload::Preload;

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
pub struct Disk(Preload);

impl Disk {
    /// Under this folder, with all below it. It does nothing yet but count.
    ///
    /// # Panics
    /// If there is no C compiler, which the node's own build needs too.
    pub fn under(folder: &Path) -> Self {
        let length = NAME_AT + u64::try_from(NAME).expect("a small number");
        Self(Preload::build("disk", folder, length))
    }

    /// What a process needs in its environment to stand on this disk.
    pub fn environment(&self) -> [(&'static str, PathBuf); 3] {
        self.0.environment()
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        Counts {
            syncs: self.0.word(0),
            writes: self.0.word(1),
            reads: self.0.word(2),
        }
    }

    /// Strikes after so many more of what the strike is about; 1 is the next one.
    pub fn strike_after(&self, strike: Strike, more: u64) {
        self.mend();
        self.0.set_word(4, self.counts().of(strike) + more);
        self.0.set_word(3, strike.number(more));
    }

    /// The file that was struck, if it has come to that.
    pub fn struck(&self) -> Option<String> {
        let mut name = [0; NAME];
        self.0.read(NAME_AT, &mut name);
        let text = String::from_utf8_lossy(&name);
        let name = text.split('\0').next().unwrap_or_default();
        (self.0.word(5) != 0).then(|| name.to_owned())
    }

    /// What has not struck strikes no more. A disk that is full stays full.
    pub fn hold(&self) {
        if self.struck().is_none() {
            self.0.set_word(3, 0);
        }
    }

    /// Nothing strikes any more; what was lost is lost.
    pub fn mend(&self) {
        self.0.set_word(3, 0);
        self.0.set_word(5, 0);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Command, ExitStatus};

    use tempfile::TempDir;

    use super::*;

    const WRITTEN: &str = "aaaaaaaaaabbbbbbbbbbcccccccccc";

    /// Writes in three parts, from one byte on, and fsyncs.
    fn write(disk: &Disk, name: &str, at: u64) -> ExitStatus {
        let source = disk.0.place().join("source");
        fs::write(&source, WRITTEN).expect("a file in a temporary folder");
        Command::new("dd")
            .arg(format!("if={}", source.display()))
            .arg(format!("of={}", disk.0.folder().join(name).display()))
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
