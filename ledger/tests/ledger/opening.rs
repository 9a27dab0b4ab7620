//! What may be opened and what is refused, with nothing written.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use zarnitsa_ledger::{Ledger, LedgerError, LedgerOptions, OpenError};

use crate::tally::{self, note, notes, options, services, validator};

/// Every file below a folder with its bytes.
fn contents(path: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.insert(path.clone(), fs::read(&path).unwrap());
            }
        }
    }
    files
}

/// Opens and expects a refusal that wrote nothing.
fn refused(path: &Path, options: LedgerOptions) -> OpenError {
    let before = contents(path);
    let error = Ledger::open(path, options).unwrap_err();
    let after = contents(path);
    let changed: Vec<_> = before
        .keys()
        .chain(after.keys())
        .filter(|name| before.get(*name) != after.get(*name))
        .collect();
    assert!(changed.is_empty(), "{error}: changed {changed:?}");
    error
}

fn filled(path: &Path) {
    let ledger = tally::open(path);
    for n in 0..20u8 {
        ledger.submit(note([n; 100])).wait().unwrap();
    }
    ledger.shutdown().unwrap();
    // A second start flushes the log into tables, so that there is something of each kind to damage.
    let ledger = tally::open(path);
    for n in 20..40u8 {
        ledger.submit(note([n; 100])).wait().unwrap();
    }
    ledger.shutdown().unwrap();
}

/// Files of the database with the given ending, largest first.
fn database_files(ledger: &Path, ending: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(ledger.join("store/db"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == ending))
        .collect();
    files.sort_by_key(|path| std::cmp::Reverse(fs::metadata(path).unwrap().len()));
    files
}

fn flip_byte(path: &Path, position: u64) {
    let mut file = fs::File::options()
        .read(true)
        .write(true)
        .open(path)
        .unwrap();
    let mut byte = [0];
    file.seek(SeekFrom::Start(position)).unwrap();
    file.read_exact(&mut byte).unwrap();
    file.seek(SeekFrom::Start(position)).unwrap();
    file.write_all(&[byte[0] ^ 0x55]).unwrap();
}

fn cut(path: &Path, size: u64) {
    fs::File::options()
        .write(true)
        .open(path)
        .unwrap()
        .set_len(size)
        .unwrap();
}

#[test]
fn locked_ledger_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = tally::open(folder.path());
    let error = Ledger::open(folder.path(), options()).unwrap_err();
    assert!(
        matches!(&error, OpenError::Locked { path } if path == folder.path()),
        "{error}"
    );
    ledger.submit(note("undisturbed")).wait().unwrap();
    ledger.shutdown().unwrap();
    tally::open(folder.path()).shutdown().unwrap();
}

#[test]
fn absent_ledger_is_made_only_when_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/ledger");
    let mut absent = options();
    absent.create = false;
    let error = Ledger::open(&path, absent.clone()).unwrap_err();
    assert!(matches!(error, OpenError::Missing { .. }), "{error}");
    assert!(!folder.path().join("deep").exists());
    tally::open(&path).shutdown().unwrap();
    Ledger::open(&path, absent).unwrap().shutdown().unwrap();
}

#[test]
fn folder_of_something_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("wallet.dat"), "precious").unwrap();
    let error = refused(folder.path(), options());
    assert!(
        matches!(&error, OpenError::NotALedger { found, .. } if found == "wallet.dat"),
        "{error}"
    );
}

#[test]
fn ledger_of_another_validator_is_refused_by_name_of_the_key() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    let mut foreign = options();
    foreign.validator = validator(2);
    let error = refused(folder.path(), foreign);
    assert!(
        matches!(
            error,
            OpenError::ForeignValidator {
                role: "consensus",
                ..
            }
        ),
        "{error}"
    );
    let mut foreign = options();
    foreign.validator.service = validator(2).service;
    let error = refused(folder.path(), foreign);
    assert!(
        matches!(
            error,
            OpenError::ForeignValidator {
                role: "service",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn ledger_of_other_services_is_refused_by_name_of_the_service() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    let mut foreign = options();
    foreign.services = services(1);
    let error = refused(folder.path(), foreign);
    assert!(
        matches!(&error, OpenError::ForeignGenesis { expected, found, .. }
            if expected.contains("7 tally") && found.contains("7 tally") && expected != found)
    );
    let mut none = options();
    none.services = zarnitsa_ledger::Services::new(|_, _| {});
    let error = refused(folder.path(), none);
    assert!(
        matches!(&error, OpenError::ForeignGenesis { expected, .. } if expected == "no further service")
    );
}

#[test]
fn newer_format_is_refused_as_unknown_and_altered_identity_as_damage() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    let path = folder.path().join("store/identity");
    let text = fs::read_to_string(&path).unwrap();
    let (body, _) = text.trim_end().rsplit_once("\nsum ").unwrap();
    let newer = body.replace("zarnitsa-ledger 1", "zarnitsa-ledger 2");
    let sum = exonum::crypto::hash(newer.as_bytes()).to_hex();
    fs::write(&path, format!("{newer}\nsum {sum}\n")).unwrap();
    let error = refused(folder.path(), options());
    assert!(
        matches!(&error, OpenError::UnknownFormat { found, expected: 1, .. } if found == "2"),
        "{error}"
    );

    let damages = [
        text.replace("genesis", "genesys"),
        text.replacen('0', "1", 1),
        text[..text.len() / 2].to_owned(),
        String::new(),
    ];
    for damaged in damages {
        fs::write(&path, damaged).unwrap();
        let error = refused(folder.path(), options());
        assert!(
            matches!(&error, OpenError::Damaged { what, .. } if what.contains("store/identity")),
            "{error}"
        );
    }
    fs::remove_file(&path).unwrap();
    let error = refused(folder.path(), options());
    assert!(
        matches!(&error, OpenError::Damaged { what, .. } if what.contains("store/identity")),
        "{error}"
    );
}

/// Does harm to a file of a copy of the database, chosen by its name's end or beginning; the refusal that follows.
fn damaged(original: &Path, name: &str, part: &str, harm: &dyn Fn(&Path)) -> OpenError {
    let folder = tempfile::tempdir().unwrap();
    copy_folder(original, folder.path());
    let victims = database_files(folder.path(), part);
    let begins = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with(part)
    };
    let victim = match victims.first() {
        Some(victim) => victim.clone(),
        None => fs::read_dir(folder.path().join("store/db"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(begins)
            .unwrap(),
    };
    harm(&victim);
    let error = refused(folder.path(), options());
    assert!(
        matches!(
            error,
            OpenError::Damaged { .. } | OpenError::LostBlocks { .. }
        ),
        "{name}: {error}"
    );
    assert!(!error.to_string().contains("probe"), "{name}: {error}");
    error
}

fn half(path: &Path) -> u64 {
    fs::metadata(path).unwrap().len() / 2
}

/// What is done to a file, and how that is called.
type Harm<'a> = (&'a str, &'a dyn Fn(&Path));

#[test]
fn damaged_list_of_the_databases_files_is_refused_and_named_itself() {
    let original = tempfile::tempdir().unwrap();
    filled(original.path());
    let damage =
        |name: &str, part: &str, harm: &dyn Fn(&Path)| damaged(original.path(), name, part, harm);
    let manifests: [Harm<'_>; 4] = [
        ("manifest altered", &|path| flip_byte(path, half(path))),
        ("manifest cut", &|path| cut(path, half(path))),
        ("manifest emptied", &|path| cut(path, 0)),
        ("manifest removed", &|path| fs::remove_file(path).unwrap()),
    ];
    for (name, harm) in manifests {
        let error = damage(name, "MANIFEST", harm).to_string();
        assert!(error.contains("/store/db/MANIFEST-"), "{name}: {error}");
    }
    let currents: [Harm<'_>; 3] = [
        ("current removed", &|path| fs::remove_file(path).unwrap()),
        ("current emptied", &|path| cut(path, 0)),
        ("current altered", &|path| flip_byte(path, 0)),
    ];
    for (name, harm) in currents {
        let error = damage(name, "CURRENT", harm).to_string();
        assert!(error.contains("/store/db/CURRENT"), "{name}: {error}");
    }
}

#[test]
fn damaged_file_of_any_kind_is_refused_and_named() {
    let original = tempfile::tempdir().unwrap();
    filled(original.path());
    let damage =
        |name: &str, part: &str, harm: &dyn Fn(&Path)| damaged(original.path(), name, part, harm);
    damage("table cut", "sst", &|path| cut(path, half(path)));
    damage("table removed", "sst", &|path| {
        fs::remove_file(path).unwrap()
    });
    damage("table altered", "sst", &|path| flip_byte(path, 40));
    // RocksDB itself would open these two, without the blocks behind the damage.
    let error = damage("log cut", "log", &|path| cut(path, half(path)));
    assert!(
        matches!(error, OpenError::LostBlocks { expected: 41, .. }),
        "{error}"
    );
    let error = damage("log altered", "log", &|path| flip_byte(path, half(path)));
    assert!(
        matches!(error, OpenError::LostBlocks { expected: 41, .. }),
        "{error}"
    );
    let error = damage("log removed", "log", &|path| fs::remove_file(path).unwrap());
    assert!(
        matches!(error, OpenError::LostBlocks { expected: 41, .. }),
        "{error}"
    );
}

#[test]
fn unread_damage_is_an_error_when_it_is_met_and_stops_the_writer() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    tally::open(folder.path()).shutdown().unwrap();
    let good = contents(folder.path());
    let (mut met, mut stopped) = (0, 0);
    for victim in database_files(folder.path(), "sst") {
        flip_byte(&victim, 12);
        let mut unscanned = options();
        unscanned.limits.scan_bytes = 0;
        match Ledger::open(folder.path(), unscanned) {
            Err(error) => {
                let named = matches!(error, OpenError::Damaged { .. } | OpenError::Chain { .. });
                assert!(named, "{error}");
            }
            Ok(ledger) => {
                // The scan was declined: now the reader meets it, or nobody needs that entry.
                for height in 0..=ledger.head().height {
                    match ledger.block(height) {
                        Ok(block) => assert!(block.is_some()),
                        Err(LedgerError::Unreadable { .. }) => met += 1,
                        Err(error) => panic!("{error}"),
                    }
                }
                match ledger.submit(note([1; 100])).wait() {
                    Ok(_) => {}
                    Err(LedgerError::Storage { .. }) => stopped += 1,
                    Err(error) => panic!("{error}"),
                }
                let _ = ledger.shutdown();
            }
        }
        fs::remove_dir_all(folder.path()).unwrap();
        for (path, bytes) in &good {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }
    assert!(met > 0 && stopped > 0, "{met} {stopped}");
}

fn copy_folder(from: &Path, to: &Path) {
    for (path, bytes) in contents(from) {
        let target = to.join(path.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::write(target, bytes).unwrap();
    }
}

#[test]
fn damaged_or_foreign_witness_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    let path = folder.path().join("store/head");
    let good = fs::read(&path).unwrap();
    flip_byte(&path, 3);
    let error = refused(folder.path(), options());
    assert!(
        matches!(&error, OpenError::Damaged { what, .. } if what.contains("store/head")),
        "{error}"
    );
    fs::write(&path, &good[..40]).unwrap();
    let error = refused(folder.path(), options());
    assert!(
        matches!(&error, OpenError::Damaged { what, .. } if what.contains("store/head")),
        "{error}"
    );

    // The witness of another history of the same ledger: an older copy of the database with other blocks.
    let other = tempfile::tempdir().unwrap();
    let ledger = tally::open(other.path());
    for n in 0..3u8 {
        ledger.submit(note([n, n])).wait().unwrap();
    }
    ledger.shutdown().unwrap();
    fs::copy(other.path().join("store/head"), &path).unwrap();
    let error = refused(folder.path(), options());
    assert!(
        matches!(&error, OpenError::Damaged { what, .. } if what.contains("block 4")),
        "{error}"
    );

    fs::write(&path, good).unwrap();
    let ledger = tally::open(folder.path());
    assert_eq!(notes(&*ledger.snapshot()).len(), 40);
    ledger.shutdown().unwrap();
}

#[test]
fn witness_torn_by_a_power_cut_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    let path = folder.path().join("store/head");
    let whole = fs::read(&path).unwrap();
    for torn in [4_096 + 20, 8_192 + 20] {
        fs::write(&path, &whole).unwrap();
        flip_byte(&path, torn);
        let ledger = tally::open(folder.path());
        assert_eq!(notes(&*ledger.snapshot()).len(), 40, "torn at {torn}");
        ledger.shutdown().unwrap();
    }
}

#[test]
fn older_copy_of_the_database_is_refused_as_lost_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let ledger_path = folder.path().join("ledger");
    filled(&ledger_path);
    let backup = folder.path().join("backup");
    copy_folder(&ledger_path.join("store/db"), &backup);
    let ledger = tally::open(&ledger_path);
    ledger.submit(note("newer")).wait().unwrap();
    ledger.shutdown().unwrap();
    fs::remove_dir_all(ledger_path.join("store/db")).unwrap();
    copy_folder(&backup, &ledger_path.join("store/db"));
    let error = refused(&ledger_path, options());
    assert!(
        matches!(
            error,
            OpenError::LostBlocks {
                expected: 42,
                found: 41,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn leftovers_of_an_interrupted_start_are_swept() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    for name in ["creating", "probe", "checkpoint.tmp", "verify"] {
        let leftover = folder.path().join("work").join(name);
        fs::create_dir_all(leftover.join("db")).unwrap();
        fs::write(leftover.join("CURRENT"), "rubbish").unwrap();
    }
    let ledger = tally::open(folder.path());
    assert_eq!(ledger.head().height, 41);
    ledger.shutdown().unwrap();
    let names: Vec<_> = fs::read_dir(folder.path().join("work"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(names.is_empty(), "{names:?}");
}
