//! Copies of a running ledger, and what is read in them.

use std::fs;
use std::path::{Path, PathBuf};

use zarnitsa_ledger::{read_copy, OpenError};

use crate::tally::{self, note, notes};

/// All files below a folder, with what is in them.
fn contents(path: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            let bytes = fs::read(&path).unwrap();
            found.push((path, bytes));
        }
    }
    found.sort();
    found
}

#[test]
fn copy_of_a_running_ledger_is_read_as_it_was_and_stays_so() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = tally::open(&folder.path().join("ledger"));
    ledger.submit(note("before")).wait().unwrap();
    let copy = folder.path().join("copy");
    ledger.copy_to(&copy).unwrap();
    ledger.submit(note("after")).wait().unwrap();
    let before = contents(&copy);
    for _ in 0..2 {
        let read = read_copy(&copy, notes).unwrap();
        assert_eq!(read, [b"before".to_vec()]);
        assert_eq!(contents(&copy), before);
    }
    assert_eq!(notes(&*ledger.snapshot()).len(), 2);
    ledger.shutdown().unwrap();
    let copied = tally::open(&copy);
    assert_eq!(notes(&*copied.snapshot()), [b"before".to_vec()]);
}

#[test]
fn copy_that_is_absent_or_damaged_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = tally::open(&folder.path().join("ledger"));
    ledger.submit(note("before")).wait().unwrap();
    let copy = folder.path().join("copy");
    let absent = read_copy(&copy, notes).unwrap_err();
    assert!(matches!(absent, OpenError::Io { .. }), "{absent}");
    ledger.copy_to(&copy).unwrap();
    let manifest = contents(&copy)
        .into_iter()
        .map(|(path, _)| path)
        .find(|path| path.to_string_lossy().contains("MANIFEST"))
        .unwrap();
    fs::write(manifest, "nonsense").unwrap();
    let damaged = read_copy(&copy, notes).unwrap_err();
    assert!(matches!(damaged, OpenError::Chain { .. }), "{damaged}");
    ledger.shutdown().unwrap();
}
