//! The database as files: copied for checks, read through with every checksum, compared entry by entry.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use rocksdb::{DBRawIterator, Options, DB};

use crate::{
    error::OpenError,
    folder::{io_error, remove_folder},
};

/// Makes a copy of the closed database `from` that may be opened, written to and thrown away without touching the
/// original: tables are immutable and become hard links, all else is copied.
pub(crate) fn copy_database(from: &Path, to: &Path) -> Result<(), OpenError> {
    remove_folder(to)?;
    fs::create_dir_all(to).map_err(io_error("make the folder", to))?;
    for entry in fs::read_dir(from).map_err(io_error("read the folder", from))? {
        let entry = entry.map_err(io_error("read the folder", from))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name == "LOCK" || name.starts_with("LOG") {
            continue;
        }
        copy_file(&source, &target).map_err(io_error("copy", &source))?;
    }
    Ok(())
}

fn copy_file(source: &Path, target: &Path) -> io::Result<()> {
    let is_table = source.extension().is_some_and(|end| end == "sst");
    if is_table && fs::hard_link(source, target).is_ok() {
        return Ok(());
    }
    fs::copy(source, target).map(drop)
}

/// Bytes of all files in the folder.
pub(crate) fn folder_bytes(path: &Path) -> io::Result<u64> {
    fs::read_dir(path)?.try_fold(0, |sum, entry| Ok(sum + entry?.metadata()?.len()))
}

/// Reads every entry of the closed database in `path`; RocksDB checks the checksum of each block it passes.
///
/// # Errors
///
/// The first thing that could not be read.
pub(crate) fn scan(path: &Path) -> Result<(), String> {
    let names = column_families(path)?;
    let db = open(path, &names)?;
    for name in &names {
        let mut entries = entries(&db, name)?;
        while entries.valid() {
            entries.next();
        }
        entries
            .status()
            .map_err(|error| format!("{name}: {error}"))?;
    }
    Ok(())
}

/// The first entry in which two databases differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) index: String,
    pub(crate) key: Vec<u8>,
}

/// Compares two closed databases entry by entry, the column families in `except` left out.
pub(crate) fn compare(
    left: &Path,
    right: &Path,
    except: &[&str],
) -> Result<Option<Difference>, String> {
    let (left_names, right_names) = (column_families(left)?, column_families(right)?);
    let (left, right) = (open(left, &left_names)?, open(right, &right_names)?);
    let mut names: Vec<&String> = left_names.iter().chain(&right_names).collect();
    names.sort();
    names.dedup();
    for name in names
        .into_iter()
        .filter(|name| !except.contains(&name.as_str()))
    {
        if let Some(key) = compare_index(&left, &right, name)? {
            return Ok(Some(Difference {
                index: name.clone(),
                key,
            }));
        }
    }
    Ok(None)
}

/// The first differing key of one column family; one that is missing counts as empty.
fn compare_index(left: &DB, right: &DB, name: &str) -> Result<Option<Vec<u8>>, String> {
    let (left, right) = match (left.cf_handle(name), right.cf_handle(name)) {
        (Some(_), Some(_)) => (entries(left, name)?, entries(right, name)?),
        (Some(_), None) => return Ok(entries(left, name)?.key().map(<[u8]>::to_vec)),
        (None, Some(_)) => return Ok(entries(right, name)?.key().map(<[u8]>::to_vec)),
        (None, None) => return Ok(None),
    };
    let (mut left, mut right) = (left, right);
    loop {
        for side in [&left, &right] {
            side.status().map_err(|error| format!("{name}: {error}"))?;
        }
        match (left.key(), right.key()) {
            (None, None) => return Ok(None),
            (Some(l), Some(r)) if l == r => {
                if left.value() != right.value() {
                    return Ok(Some(l.to_vec()));
                }
            }
            (Some(l), Some(r)) => return Ok(Some(l.min(r).to_vec())),
            (Some(key), None) | (None, Some(key)) => return Ok(Some(key.to_vec())),
        }
        left.next();
        right.next();
    }
}

fn entries<'a>(db: &'a DB, name: &str) -> Result<DBRawIterator<'a>, String> {
    let family = db
        .cf_handle(name)
        .ok_or_else(|| format!("{name}: no such column family"))?;
    let mut entries = db
        .raw_iterator_cf(family)
        .map_err(|error| format!("{name}: {error}"))?;
    entries.seek_to_first();
    Ok(entries)
}

fn column_families(path: &Path) -> Result<Vec<String>, String> {
    DB::list_cf(&Options::default(), path).map_err(|error| named(path, &error))
}

/// RocksDB's words on why the database in `path` cannot be opened, with the file that they are of: it names tables, and
/// leaves open that it means the file that lists them.
pub(crate) fn named(path: &Path, error: &impl fmt::Display) -> String {
    let error = error.to_string();
    if error.contains(&*path.to_string_lossy()) {
        return error;
    }
    format!("{}: {error}", manifest(path).display())
}

/// The file that says which files belong to the database, or the one that names it where that names none.
fn manifest(path: &Path) -> PathBuf {
    let current = path.join("CURRENT");
    let named = fs::read_to_string(&current).ok();
    let named = named.as_deref().and_then(|name| name.strip_suffix('\n'));
    match named {
        Some(name) if name.starts_with("MANIFEST-") && !name.contains('/') => path.join(name),
        Some(_) | None => current,
    }
}

fn open(path: &Path, names: &[String]) -> Result<DB, String> {
    let mut options = Options::default();
    options.set_max_open_files(256);
    DB::open_cf(&options, path, names).map_err(|error| named(path, &error))
}
