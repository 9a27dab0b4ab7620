//! Files one after another: what lies inside a backup's envelope.
//!
//! For each file: two bytes of the name's length, the name, eight bytes of the file's length, the file. A name of no
//! length ends it. Numbers are big-endian.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};

/// Longer than any name that is written.
const MAX_NAME: u16 = 1_024;

/// Writes one file's content under a name.
pub(super) fn write_bytes(out: &mut impl Write, name: &str, content: &[u8]) -> io::Result<()> {
    let length = u64::try_from(content.len()).map_err(io::Error::other)?;
    write_head(out, name, length)?;
    out.write_all(content)
}

/// Writes one file from disk. It must not change meanwhile.
pub(super) fn write_file(out: &mut impl Write, name: &str, path: &Path) -> io::Result<()> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    write_head(out, name, length)?;
    let copied = io::copy(&mut (&mut file).take(length), out)?;
    if copied == length {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "{} became shorter",
        path.display()
    )))
}

/// Writes a folder with all that is below it.
pub(super) fn write_folder(out: &mut impl Write, name: &str, path: &Path) -> io::Result<()> {
    let mut entries = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let below = format!("{name}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            write_folder(out, &below, &entry.path())?;
        } else {
            write_file(out, &below, &entry.path())?;
        }
    }
    Ok(())
}

/// Ends the list of files.
pub(super) fn write_end(out: &mut impl Write) -> io::Result<()> {
    out.write_all(&[0, 0])
}

fn write_head(out: &mut impl Write, name: &str, length: u64) -> io::Result<()> {
    let named = u16::try_from(name.len()).map_err(io::Error::other)?;
    out.write_all(&named.to_be_bytes())?;
    out.write_all(name.as_bytes())?;
    out.write_all(&length.to_be_bytes())
}

/// Writes all files below `folder`, readable by their owner only.
pub(super) fn extract(archive: &mut impl Read, folder: &Path) -> io::Result<()> {
    while let Some((name, length)) = read_head(archive)? {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut file = create(&path)?;
        let copied = io::copy(&mut archive.take(length), &mut file)?;
        if copied != length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        file.sync_all()?;
    }
    Ok(())
}

fn create(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

fn read_head(archive: &mut impl Read) -> io::Result<Option<(PathBuf, u64)>> {
    let mut named = [0; 2];
    archive.read_exact(&mut named)?;
    let named = u16::from_be_bytes(named);
    if named == 0 {
        return Ok(None);
    }
    let wrong = || io::Error::new(io::ErrorKind::InvalidData, "a name in it is no file's");
    if named > MAX_NAME {
        return Err(wrong());
    }
    let mut name = vec![0; usize::from(named)];
    archive.read_exact(&mut name)?;
    let name = PathBuf::from(String::from_utf8(name).map_err(|_| wrong())?);
    let inside = |part: Component<'_>| matches!(part, Component::Normal(_));
    if !name.components().all(inside) {
        return Err(wrong());
    }
    let mut length = [0; 8];
    archive.read_exact(&mut length)?;
    Ok(Some((name, u64::from_be_bytes(length))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archive_of_files_comes_back_and_leaves_its_folder_never() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir(from.path().join("deep")).unwrap();
        fs::write(from.path().join("deep/file"), b"content").unwrap();
        let mut archive = Vec::new();
        write_bytes(&mut archive, "first", b"").unwrap();
        write_folder(&mut archive, "folder", from.path()).unwrap();
        write_end(&mut archive).unwrap();
        extract(&mut archive.as_slice(), to.path()).unwrap();
        assert_eq!(fs::read(to.path().join("first")).unwrap(), b"");
        let deep = to.path().join("folder/deep/file");
        assert_eq!(fs::read(deep).unwrap(), b"content");

        for name in ["/etc/passwd", "../out", "a/../../out"] {
            let mut archive = Vec::new();
            write_bytes(&mut archive, name, b"x").unwrap();
            let error = extract(&mut archive.as_slice(), to.path()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{name}");
        }
        let mut cut = Vec::new();
        write_bytes(&mut cut, "cut", b"content").unwrap();
        cut.truncate(cut.len() - 1);
        assert!(extract(&mut cut.as_slice(), to.path()).is_err());
    }
}
