//! The whole ledger as one text file: a line of JSON for each block, with its transactions, precommits and errors.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use exonum::helpers::Height;
use exonum_explorer::BlockchainExplorer;
use serde_json::json;
use thiserror::Error;

use crate::{
    error::{reading, LedgerError},
    ledger::Ledger,
    verify::{Progress, Report},
};

/// Why an export was not made. No file is left behind then.
#[derive(Debug, Error)]
pub enum ExportError {
    /// The file could not be written.
    #[error("could not write {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The ledger could not be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl Ledger {
    /// Writes all durable blocks to `file`: first a line with the format's name, the validator's keys and the head, then
    /// a line for each block from genesis, in the JSON of Exonum's explorer. The file appears when it is whole.
    ///
    /// # Errors
    ///
    /// [`ExportError`].
    pub fn export(
        &self,
        file: impl AsRef<Path>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Report, ExportError> {
        let file = file.as_ref();
        let mut part = file.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let written = self.write_blocks(&part, progress);
        let renamed = written.and_then(|report| {
            fs::rename(&part, file).map_err(|source| ExportError::Io {
                path: file.into(),
                source,
            })?;
            Ok(report)
        });
        if renamed.is_err() {
            // The first error is the one to tell.
            let _ = fs::remove_file(&part);
        }
        renamed
    }

    fn write_blocks(
        &self,
        part: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Report, ExportError> {
        let io_error = |source| ExportError::Io {
            path: part.into(),
            source,
        };
        let snapshot = self.snapshot();
        let explorer = BlockchainExplorer::new(&*snapshot);
        let of = reading(|| explorer.height())?.0 + 1;
        let mut out = BufWriter::new(File::create(part).map_err(io_error)?);
        let title = json!({
            "format": "zarnitsa-ledger-export-1",
            "consensus_key": self.validator().consensus.to_hex(),
            "service_key": self.validator().service.to_hex(),
            "blocks": of,
        });
        writeln!(out, "{title}").map_err(io_error)?;
        let mut transactions = 0;
        for height in 0..of {
            let block = reading(|| explorer.block_with_txs(Height(height)))?;
            let block = block.ok_or_else(|| LedgerError::Unreadable {
                reason: format!("block {height} is missing"),
            })?;
            transactions += u64::from(block.header.tx_count);
            serde_json::to_writer(&mut out, &block).map_err(|error| io_error(error.into()))?;
            out.write_all(b"\n").map_err(io_error)?;
            progress(Progress {
                blocks: height + 1,
                of,
                transactions,
            });
        }
        let file = out
            .into_inner()
            .map_err(|error| io_error(error.into_error()))?;
        file.sync_all().map_err(io_error)?;
        Ok(Report {
            blocks: of,
            transactions,
        })
    }
}
