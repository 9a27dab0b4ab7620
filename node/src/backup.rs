//! Backups: a checkpoint of the ledger with what is beside it, encrypted, and the way back.
//!
//! A checkpoint grows old with the next payment, and an old commitment that is broadcast costs the whole channel. So a
//! restored node never goes on with its channels: before its folder is there, each of them is told in the ledger that
//! its state may be old ([`LocalCommand::LoseData`](zarnitsa_channel::command::LocalCommand::LoseData)), after which
//! nothing of it is signed or broadcast. It connects to its peers, asks them to close, and takes what their commitments
//! pay it (BOLT 2, data loss protection; static_remotekey makes that possible with the words alone).
//!
//! Inside: `manifest.json`, `operator.key`, `peers.json`, `wallet.sqlite`, `ledger/`. The seed is not.

mod archive;
mod restore;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Seek, Write};

use bitcoin::secp256k1::PublicKey;
use bitcoin::{OutPoint, Txid};
use exonum::crypto::Hash;
use exonum::merkledb::Snapshot;
use serde::{Deserialize, Serialize};
use zarnitsa_bitcoin_adapter::{Wallet, WalletError};
use zarnitsa_channel::ids::ChannelId;
use zarnitsa_channel::state::Channel;
use zarnitsa_ledger::{Ledger, OpenError};
use zarnitsa_service::read;
use zarnitsa_signer::{BackupError, Signer};

use crate::api::{display, ApiError, ErrorCode, Network};
use crate::cli::passphrase;
use crate::data_dir::{DataDir, DataDirError};
use crate::shared::Shared;
use crate::time;

pub(crate) use restore::restore;

/// Why a backup could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CreateError {
    #[error(
        "a channel is being opened: its first commitment is not signed yet; try again in a moment"
    )]
    OpeningUnderWay,
    #[error(transparent)]
    Envelope(#[from] BackupError),
    #[error(transparent)]
    Ledger(#[from] OpenError),
    #[error(transparent)]
    Wallet(#[from] WalletError),
    #[error(transparent)]
    Folder(#[from] DataDirError),
    #[error("the backup cannot be written: {0}")]
    Io(#[from] io::Error),
}

/// What must be known of a channel to get its coins back with the peer's help.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SavedChannel {
    /// Its name.
    #[serde(with = "display")]
    pub channel_id: ChannelId,
    /// Who has to close it.
    pub peer: PublicKey,
    /// Where the peer was called.
    pub addresses: Vec<String>,
    /// The funding output.
    pub opening_txid: Txid,
    /// The funding output's index.
    pub opening_output: u32,
    /// What its keys are derived by, from the words: hex.
    pub keys_id: String,
    /// What the funding output holds.
    pub capacity_sat: u64,
}

/// What a backup says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// Whose it is.
    pub node_id: PublicKey,
    /// On which chain.
    pub network: Network,
    /// When it was made, Unix time.
    pub created: u64,
    /// The ledger's newest block that is in it for certain.
    pub ledger_height: u64,
    /// That block's hash.
    pub ledger_hash: Hash,
    /// Channels that were not over.
    pub channels: Vec<SavedChannel>,
}

/// What a backup is made of.
pub(crate) struct Source<'a> {
    pub dir: &'a DataDir,
    pub network: Network,
    pub ledger: &'a Ledger,
    pub wallet: &'a Wallet,
    pub signer: &'a Signer,
}

impl Source<'_> {
    /// Writes the backup into `out`, to the disk. It reads the ledger as it is at one moment; payments go on meanwhile.
    ///
    /// # Errors
    /// [`CreateError`]; `out` is worth nothing then.
    pub(crate) fn write(&self, passphrase: &str, out: File) -> Result<Manifest, CreateError> {
        // Emptied at each start, should this process be killed on the way.
        let work = self.dir.ledger().join("work");
        fs::create_dir_all(&work)?;
        let work = tempfile::Builder::new()
            .prefix("backup-")
            .tempdir_in(work)?;
        let ledger = work.path().join("ledger");
        let head = self.ledger.copy_to(&ledger)?;
        // Of the copy, not of the ledger, which has gone on: what the copy says is what is restored.
        let known = self.known_addresses();
        let channels = zarnitsa_ledger::read_copy(&ledger, |copy| saved_channels(copy, &known))??;
        let wallet = work.path().join("wallet.sqlite");
        self.wallet.copy_to(&wallet)?;
        let manifest = Manifest {
            node_id: self.signer.node_id(),
            network: self.network,
            created: time::unix(),
            ledger_height: head.height,
            ledger_hash: head.block_hash,
            channels,
        };
        let mut out = self.signer.seal_backup(passphrase, out)?;
        let text = serde_json::to_vec(&manifest).map_err(io::Error::from)?;
        archive::write_bytes(&mut out, "manifest.json", &text)?;
        let operator = self.dir.path().join("operator.key");
        archive::write_file(&mut out, "operator.key", &operator)?;
        let peers = self.dir.path().join("peers.json");
        if peers.exists() {
            archive::write_file(&mut out, "peers.json", &peers)?;
        }
        archive::write_file(&mut out, "wallet.sqlite", &wallet)?;
        archive::write_folder(&mut out, "ledger", &ledger)?;
        archive::write_end(&mut out)?;
        let mut file = out.finish()?;
        file.flush()?;
        file.sync_all()?;
        Ok(manifest)
    }

    fn known_addresses(&self) -> BTreeMap<PublicKey, String> {
        let text = fs::read_to_string(self.dir.path().join("peers.json")).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }
}

/// The channels in a copy of the ledger that are not over.
fn saved_channels(
    copy: &dyn Snapshot,
    known: &BTreeMap<PublicKey, String>,
) -> Result<Vec<SavedChannel>, CreateError> {
    let mut saved = Vec::new();
    for id in read::live_channels(copy) {
        let Some(channel) = read::channel(copy, &id) else {
            continue;
        };
        // Without the peer's first signature it would be given up by the restored node, though it may live on.
        if matches!(channel, Channel::AwaitingFundingSigned(_)) {
            return Err(CreateError::OpeningUnderWay);
        }
        let params = channel.params();
        let OutPoint { txid, vout } = params.funding;
        saved.push(SavedChannel {
            channel_id: id,
            peer: params.peer,
            addresses: known.get(&params.peer).cloned().into_iter().collect(),
            opening_txid: txid,
            opening_output: vout,
            keys_id: hex::encode(params.keys_id.0),
            capacity_sat: params.capacity.to_sat(),
        });
    }
    Ok(saved)
}

impl Shared {
    /// A backup of the running node, in a file without a name.
    pub(crate) fn backup(&self) -> Result<File, ApiError> {
        let passphrase = passphrase(&self.config)
            .map_err(|error| ApiError::new(ErrorCode::Refused, format_args!("{error:#}")))?;
        let dir = DataDir::new(self.config.network_dir());
        let mut file = tempfile::tempfile_in(dir.path()).map_err(ApiError::internal)?;
        let source = Source {
            dir: &dir,
            network: self.config.network,
            ledger: &self.ledger,
            wallet: &self.wallet,
            signer: &self.signer,
        };
        let out = file.try_clone().map_err(ApiError::internal)?;
        let manifest = source
            .write(&passphrase, out)
            .map_err(|error| match error {
                CreateError::OpeningUnderWay => ApiError::new(ErrorCode::Conflict, error),
                other => ApiError::internal(other),
            })?;
        file.rewind().map_err(ApiError::internal)?;
        tracing::info!(
            height = manifest.ledger_height,
            channels = manifest.channels.len(),
            "a backup was made"
        );
        Ok(file)
    }
}
