//! `zarnitsa backup ...`

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{bail, Context};
use clap::Subcommand;
use serde::Serialize;
use zarnitsa_ledger::{Ledger, LedgerOptions};
use zarnitsa_signer::Mnemonic;
use zeroize::Zeroizing;

use super::{init, ledger, passphrase, Client, Output, Place};
use crate::backup::{restore, Source};
use crate::data_dir::DataDir;
use crate::node::open_wallet;

#[derive(Debug, Subcommand)]
pub enum Backup {
    /// Write an encrypted backup of the node, running or not; the seed's words are not in it
    Create {
        /// The file, which must not exist
        #[arg(value_name = "F")]
        file: PathBuf,
    },
    /// Make a node's folder out of its words and a backup; its channels are closed by their peers
    Restore {
        /// The backup
        #[arg(value_name = "F")]
        file: PathBuf,
        /// Take the words from this file instead of standard input
        #[arg(long, value_name = "W")]
        mnemonic_file: Option<PathBuf>,
    },
}

#[derive(Serialize)]
struct Created {
    file: PathBuf,
    bytes: u64,
}

impl Backup {
    pub fn run(self, place: &Place, out: Output) -> anyhow::Result<()> {
        match self {
            Self::Create { file } => out.one(&create(place, &file)?),
            Self::Restore {
                file,
                mnemonic_file,
            } => {
                let config = place.config()?;
                let words = match &mnemonic_file {
                    Some(path) => init::read_words(path)?,
                    None => words_typed()?,
                };
                let passphrase = passphrase(&config)?;
                let target = DataDir::new(config.network_dir());
                let place = (config.network, &target);
                let restored = restore(&file, words, &passphrase, place)?;
                out.one(&restored)?;
                eprintln!("Start the node and leave it running: it asks its peers to close the channels, and takes what is its own.");
                Ok(())
            }
        }
    }
}

fn words_typed() -> anyhow::Result<Mnemonic> {
    eprintln!("The words, in one line:");
    let mut line = Zeroizing::new(String::new());
    std::io::stdin()
        .read_line(&mut line)
        .context("cannot read the words")?;
    Ok(Mnemonic::parse(line.trim())?)
}

/// By the node where one runs, else here: the database opens for one process at a time.
fn create(place: &Place, file: &Path) -> anyhow::Result<Created> {
    if file.exists() {
        bail!("{} exists already", file.display());
    }
    let folder = place.existing()?;
    let draft = file.with_extension("unfinished");
    let made = write(place, &folder, &draft).and_then(|bytes| {
        // Unlike a rename, a link refuses to cover a file that came meanwhile.
        fs::hard_link(&draft, file).with_context(|| format!("cannot make {}", file.display()))?;
        Ok(bytes)
    });
    let _ = fs::remove_file(&draft); // nobody's but this process's
    Ok(Created {
        file: file.into(),
        bytes: made?,
    })
}

fn write(place: &Place, folder: &DataDir, draft: &Path) -> anyhow::Result<u64> {
    let mut out = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(draft)
        .with_context(|| format!("cannot write {}", draft.display()))?;
    match ledger::offline(place, folder)? {
        None => Client::new(folder)?.download("backup", &mut out)?,
        Some((options, _lock)) => here(place, folder, options, out.try_clone()?)?,
    }
    out.sync_all()?;
    Ok(out.metadata()?.len())
}

fn here(place: &Place, folder: &DataDir, options: LedgerOptions, out: File) -> anyhow::Result<()> {
    let config = place.config_of(folder)?;
    let signer = init::open(&config, folder)?;
    let wallet = open_wallet(&config, folder, &signer)?;
    let passphrase = passphrase(&config)?;
    let options = LedgerOptions {
        create: false,
        ..options
    };
    let ledger = Ledger::open(folder.ledger(), options)?;
    let source = Source {
        dir: folder,
        network: config.network,
        ledger: &ledger,
        wallet: &wallet,
        signer: &signer,
    };
    let written = source.write(&passphrase, out);
    ledger.shutdown()?;
    written?;
    Ok(())
}
