//! The log: on stderr and in `node.log`, which is bounded.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{fmt, EnvFilter, Layer, Registry};

use crate::config::LogConfig;

/// Why the log cannot start.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// `log.level` does not parse.
    #[error("log.level {level:?} is not a level")]
    Level {
        /// What was configured.
        level: String,
        /// Where it fails.
        source: tracing_subscriber::filter::ParseError,
    },
    /// node.log cannot be written.
    #[error("cannot open {}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something in this process logs already.
    #[error("the log has been started before")]
    Started(#[from] tracing_subscriber::util::TryInitError),
}

/// Starts the log of this process.
pub fn start(config: &LogConfig, path: &Path) -> Result<(), LogError> {
    let filter = EnvFilter::try_new(&config.level).map_err(|source| LogError::Level {
        level: config.level.clone(),
        source,
    })?;
    let file = LogFile::open(path, config.max_bytes).map_err(|source| LogError::File {
        path: path.into(),
        source,
    })?;
    let layers: [Box<dyn Layer<Registry> + Send + Sync>; 2] = if config.json {
        [
            fmt::layer().json().with_writer(io::stderr).boxed(),
            fmt::layer().json().with_writer(file).boxed(),
        ]
    } else {
        [
            fmt::layer()
                .with_writer(io::stderr)
                .with_ansi(is_terminal())
                .boxed(),
            fmt::layer().with_writer(file).with_ansi(false).boxed(),
        ]
    };
    let layers: Vec<_> = layers.into();
    tracing_subscriber::registry()
        .with(layers.with_filter(filter))
        .try_init()?;
    Ok(())
}

fn is_terminal() -> bool {
    io::IsTerminal::is_terminal(&io::stderr())
}

/// The most of the log that is read to find its newest lines.
const TAIL_BYTES: u64 = 1 << 20;

/// The newest lines of a log, oldest first: `count` at most, and no more than a mebibyte. None where there is no log yet.
pub fn tail(path: &Path, count: usize) -> io::Result<Vec<String>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let begin = file.metadata()?.len().saturating_sub(TAIL_BYTES);
    file.seek(io::SeekFrom::Start(begin))?;
    let mut bytes = Vec::new();
    // It may grow meanwhile.
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    // The first line is cut unless the reading began with the file.
    let whole = text.lines().skip(usize::from(begin > 0));
    let lines: Vec<&str> = whole.collect();
    let newest = lines.len().saturating_sub(count);
    Ok(lines
        .iter()
        .skip(newest)
        .map(|line| (*line).to_owned())
        .collect())
}

/// A file that moves aside when it is full: two of them hold the newest lines.
#[derive(Clone, Debug)]
struct LogFile(Arc<Mutex<Open>>);

#[derive(Debug)]
struct Open {
    path: PathBuf,
    file: File,
    size: u64,
    limit: u64,
}

impl LogFile {
    fn open(path: &Path, limit: u64) -> io::Result<Self> {
        let file = append(path)?;
        let size = file.metadata()?.len();
        Ok(Self(Arc::new(Mutex::new(Open {
            path: path.into(),
            file,
            size,
            limit,
        }))))
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
}

impl Open {
    fn rotate(&mut self) -> io::Result<()> {
        let mut old = self.path.clone().into_os_string();
        old.push(".1");
        fs::rename(&self.path, old)?;
        self.file = append(&self.path)?;
        self.size = 0;
        Ok(())
    }
}

impl Write for LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // A thread that panicked while it logged leaves a whole file behind: go on with it.
        let mut open = self
            .0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if open.size >= open.limit {
            open.rotate()?;
        }
        let written = open.file.write(line)?;
        open.size = open
            .size
            .saturating_add(u64::try_from(written).unwrap_or(u64::MAX));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for LogFile {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tail_of_a_log_is_its_newest_whole_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.log");
        assert!(tail(&path, 10).unwrap().is_empty(), "no log yet");
        fs::write(&path, "one\ntwo\nthree\n").unwrap();
        assert_eq!(tail(&path, 2).unwrap(), ["two", "three"]);
        assert_eq!(tail(&path, 10).unwrap().len(), 3);
        let long = "x".repeat(usize::try_from(TAIL_BYTES).unwrap() - 3);
        fs::write(&path, format!("cut{long}\nend")).unwrap();
        assert_eq!(tail(&path, 10).unwrap(), ["end"]);
    }

    #[test]
    fn log_file_when_full_moves_aside_and_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.log");
        let mut file = LogFile::open(&path, 10).unwrap();
        for _ in 0..5 {
            file.write_all(b"1234567\n").unwrap();
        }
        assert_eq!(fs::read(&path).unwrap().len(), 8);
        assert_eq!(
            fs::read(folder.path().join("node.log.1")).unwrap().len(),
            16
        );
        let mut again = LogFile::open(&path, 10).unwrap();
        again.write_all(b"1234567\n").unwrap();
        assert_eq!(fs::read(&path).unwrap().len(), 16);
    }
}
