//! `zarnitsa init`

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use bitcoin::secp256k1::PublicKey;
use clap::Args;
use serde::Serialize;
use zarnitsa_signer::{Mnemonic, Signer};
use zeroize::Zeroizing;

use super::passphrase::passphrase;
use super::{Output, Place};
use crate::config::Config;
use crate::data_dir::DataDir;

#[derive(Debug, Args)]
pub struct Init {
    /// Take the words from this file instead of making new ones
    #[arg(long, value_name = "F")]
    mnemonic_file: Option<PathBuf>,
}

/// The mnemonic is there only when the seed is new.
#[derive(Serialize)]
struct Made<'a> {
    node_id: PublicKey,
    #[serde(skip_serializing_if = "Option::is_none")]
    mnemonic: Option<&'a str>,
}

impl Init {
    pub fn run(self, place: &Place, out: Output) -> anyhow::Result<()> {
        let config = place.config()?;
        let folder = DataDir::new(config.network_dir());
        folder.create()?;
        let _lock = folder.lock()?;
        let given = self.mnemonic_file.as_deref().map(read_words).transpose()?;
        if folder.seed().exists() && given.is_none() {
            let signer = open(&config, &folder)?;
            let node_id = signer.node_id();
            return out.one(&Made {
                node_id,
                mnemonic: None,
            });
        }
        let (signer, mnemonic) = create(&config, &folder, given)?;
        folder.tokens()?;
        folder.operator_key()?;
        let words = mnemonic.words();
        let made = Made {
            node_id: signer.node_id(),
            mnemonic: Some(&words),
        };
        out.one(&made)?;
        if !out.is_json() {
            eprintln!("Write the mnemonic down: it is the only way back to the coins, and is not shown again.");
        }
        Ok(())
    }
}

pub(super) fn read_words(path: &std::path::Path) -> anyhow::Result<Mnemonic> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("cannot read the words from {}", path.display()))?;
    Ok(Mnemonic::parse(Zeroizing::new(text).trim())?)
}

/// Makes the seed file.
pub fn create(
    config: &Config,
    folder: &DataDir,
    words: Option<Mnemonic>,
) -> anyhow::Result<(Signer, Mnemonic)> {
    let passphrase = passphrase(config)?;
    let network = config.network.kind();
    Ok(Signer::create(folder.path(), network, &passphrase, words)?)
}

/// Opens the seed file.
pub fn open(config: &Config, folder: &DataDir) -> anyhow::Result<Signer> {
    let passphrase = passphrase(config)?;
    Ok(Signer::open(
        folder.path(),
        config.network.kind(),
        &passphrase,
    )?)
}
