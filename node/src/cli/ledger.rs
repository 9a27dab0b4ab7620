//! `zarnitsa ledger ...`

use std::path::{Path, PathBuf};

use anyhow::{bail, Context};
use clap::Subcommand;
use serde_json::json;

use zarnitsa_ledger::{LedgerOptions, Progress};

use super::work::Bar;
use super::{init, Client, Output, Place};
use crate::api::{LedgerHead, LedgerReport, LedgerWork};
use crate::data_dir::{DataDir, DataDirError, FolderLock};
use crate::genesis::{ledger_options, Memory};

#[derive(Debug, Subcommand)]
pub enum Ledger {
    /// The newest durable block
    Head,
    /// Replay from genesis and compare every block and state hash
    Verify,
    /// Write every block into a text file, a line of JSON each
    Export {
        /// The file, which must not exist
        #[arg(value_name = "F")]
        file: PathBuf,
    },
}

impl Ledger {
    pub fn run(self, place: &Place, out: Output) -> anyhow::Result<()> {
        let folder = place.existing()?;
        match self {
            Self::Head => out.one(&Client::new(&folder)?.get::<LedgerHead>("ledger/head")?),
            Self::Verify => {
                let report = verify(place, &folder).inspect_err(|error| {
                    let refuted = json!({ "ok": false, "error": format!("{error:#}") });
                    // For a program; a person reads it on standard error.
                    if out.is_json() {
                        let _ = out.one(&refuted);
                    }
                });
                out.one(&report?)
            }
            Self::Export { file } => out.one(&export(place, &folder, &file)?),
        }
    }
}

/// By the node where one runs, else here: the database opens for one process at a time.
fn verify(place: &Place, folder: &DataDir) -> anyhow::Result<LedgerReport> {
    let bar = Bar::new("verifying");
    let Some((options, _lock)) = offline(place, folder)? else {
        return follow(&Client::new(folder)?, "ledger/verify", &bar);
    };
    let mut step = |progress: Progress| bar.step(progress.into());
    let report = zarnitsa_ledger::verify(folder.ledger(), &options.services, &mut step);
    Ok(report.context("the ledger does not hold")?.into())
}

fn export(place: &Place, folder: &DataDir, file: &Path) -> anyhow::Result<LedgerReport> {
    if file.exists() {
        bail!("{} exists already", file.display());
    }
    let bar = Bar::new("exporting");
    let Some((options, _lock)) = offline(place, folder)? else {
        bail!("stop the node first: its ledger opens for one process at a time");
    };
    let options = LedgerOptions {
        create: false,
        ..options
    };
    let ledger = zarnitsa_ledger::Ledger::open(folder.ledger(), options)?;
    let report = ledger.export(file, &mut |progress| bar.step(progress.into()))?;
    ledger.shutdown()?;
    Ok(report.into())
}

/// How to open the ledger of a node that does not run; none where one runs.
pub(super) fn offline(
    place: &Place,
    folder: &DataDir,
) -> anyhow::Result<Option<(LedgerOptions, FolderLock)>> {
    let lock = match folder.lock() {
        Ok(lock) => lock,
        Err(DataDirError::InUse { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if !folder.ledger().is_dir() {
        bail!("{} holds no ledger", folder.path().display());
    }
    let config = place.config_of(folder)?;
    let signer = init::open(&config, folder)?;
    let operator = folder.operator_key()?.public_key();
    let memory = Memory::default();
    Ok(Some((
        ledger_options(config.network, operator, &signer, memory),
        lock,
    )))
}

/// Shows the steps of work that the node does, to its end.
fn follow(client: &Client, path: &str, bar: &Bar) -> anyhow::Result<LedgerReport> {
    for line in client.lines(path)? {
        match line? {
            LedgerWork::Step(step) => bar.step(step),
            LedgerWork::Report(report) => return Ok(report),
            LedgerWork::Error(error) => bail!("the ledger does not hold: {error}"),
        }
    }
    bail!("the node stopped before it was done")
}
