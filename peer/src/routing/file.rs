//! A cache's file: a digest, then what it is of. A file that was torn or changed is found out before it is decoded, so
//! that no length in it makes the decoder ask for memory that is not there.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

use bitcoin::hashes::{sha256, Hash};

/// The public network's graph takes some fifty million bytes.
const MAX_BYTES: u64 = 1 << 29;
const DIGEST: usize = 32;

/// Why a cache could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The disk refuses.
    #[error("{0}")]
    Disk(#[from] std::io::Error),
    /// It is larger than any cache of this node.
    #[error("it has {got} bytes where {MAX_BYTES} are allowed")]
    TooLarge {
        /// Its size.
        got: u64,
    },
    /// It is not what was written.
    #[error("its bytes are not those that were written")]
    Damaged,
}

/// `None` where there is no such file.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, CacheError> {
    let mut file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let got = file.metadata()?.len();
    if got > MAX_BYTES {
        return Err(CacheError::TooLarge { got });
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let body = match bytes.split_first_chunk::<DIGEST>() {
        Some((digest, body)) if sha256::Hash::hash(body).to_byte_array() == *digest => {
            body.to_vec()
        }
        Some(_) | None => return Err(CacheError::Damaged),
    };
    Ok(Some(body))
}

/// In place of what was there, or not at all.
pub(super) fn write(path: &Path, body: &[u8]) -> Result<(), CacheError> {
    let beside = path.with_extension("new");
    let mut file = fs::File::create(&beside)?;
    file.write_all(&sha256::Hash::hash(body).to_byte_array())?;
    file.write_all(body)?;
    drop(file);
    fs::rename(&beside, path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cache_comes_back_as_it_was_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("cache");
        assert!(read(&path).expect("no file is no error").is_none());
        write(&path, b"what was learnt").expect("it can be written");
        let body = read(&path).expect("it can be read");
        assert_eq!(body.as_deref(), Some(&b"what was learnt"[..]));
    }

    #[test]
    fn cache_with_one_byte_changed_or_cut_off_is_damaged() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("cache");
        write(&path, b"what was learnt").expect("it can be written");
        let good = fs::read(&path).expect("it is there");
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(&path, &bad).expect("it can be written");
            assert!(matches!(read(&path), Err(CacheError::Damaged)), "byte {at}");
            fs::write(&path, &good[..at]).expect("it can be written");
            assert!(
                matches!(read(&path), Err(CacheError::Damaged)),
                "cut at {at}"
            );
        }
    }
}
