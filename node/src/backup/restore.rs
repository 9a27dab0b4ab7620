//! A node's folder out of its words and a backup.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use zarnitsa_channel::command::{Command, LocalCommand};
use zarnitsa_channel::ids::ChannelId;
use zarnitsa_channel::state::{Channel, Context};
use zarnitsa_ledger::{Head, Ledger, LedgerError, OpenError};
use zarnitsa_service::records::Policy;
use zarnitsa_service::{read, Attachment, LedgerCall, MemoVerifier};
use zarnitsa_signer::{BackupError, Mnemonic, Signer, SignerError};

use super::{archive, Manifest, SavedChannel};
use crate::api::Network;
use crate::data_dir::{DataDir, DataDirError};
use crate::genesis::{ledger_options, Memory};
use crate::{rollback, time};

/// What the history of each channel says of it.
const REASON: &str = "restored from a backup, which may be older than the peer's newest state";

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RestoreError {
    #[error("{} is not empty: a restore never writes over a node's folder; name another by --data-dir", .0.display())]
    NotEmpty(PathBuf),
    #[error(transparent)]
    Envelope(#[from] BackupError),
    #[error(transparent)]
    Signer(#[from] SignerError),
    #[error(transparent)]
    Ledger(#[from] OpenError),
    #[error(transparent)]
    Write(#[from] LedgerError),
    #[error(transparent)]
    Folder(#[from] DataDirError),
    #[error("channel {channel}: {reason}")]
    Channel { channel: ChannelId, reason: String },
    #[error("{action} {}: {source}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
}

fn io<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> RestoreError + 'a {
    move |source| RestoreError::Io {
        action,
        path: path.into(),
        source,
    }
}

/// What was restored.
#[derive(Debug, Serialize)]
pub(crate) struct Restored {
    /// Whose it is.
    pub node_id: bitcoin::secp256k1::PublicKey,
    /// When the backup was made, Unix time.
    pub backup_created: u64,
    /// How far the ledger of the backup had come.
    pub ledger_height: u64,
    /// Channels that the peers are now asked to close.
    pub channels: Vec<SavedChannel>,
}

/// Makes the folder `target`, which must not be there or be empty, whole or not at all.
///
/// # Errors
/// [`RestoreError`]; nothing is left behind then.
pub(crate) fn restore(
    file: &Path,
    words: Mnemonic,
    passphrase: &str,
    (network, target): (Network, &DataDir),
) -> Result<Restored, RestoreError> {
    check_empty(target.path())?;
    let backup = File::open(file).map_err(io("cannot open", file))?;
    let root = target.path().parent().unwrap_or(Path::new("."));
    let made_root = !root.exists();
    fs::create_dir_all(root).map_err(io("cannot create", root))?;
    let restored = restore_in(root, backup, words, passphrase, (network, target));
    if restored.is_err() && made_root {
        let _ = fs::remove_dir(root); // what it is without: it was made a moment ago
    }
    restored
}

fn check_empty(target: &Path) -> Result<(), RestoreError> {
    match fs::read_dir(target) {
        Ok(mut entries) => match entries.next() {
            Some(_) => Err(RestoreError::NotEmpty(target.into())),
            None => Ok(()),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(io("cannot read", target)(error)),
    }
}

fn restore_in(
    root: &Path,
    backup: File,
    words: Mnemonic,
    passphrase: &str,
    (network, target): (Network, &DataDir),
) -> Result<Restored, RestoreError> {
    let staging = tempfile::Builder::new()
        .prefix(".restoring-")
        .tempdir_in(root)
        .map_err(io("cannot create a folder in", root))?;
    let folder = DataDir::new(staging.path().join(network.name()));
    folder.create()?;
    let (signer, _) = Signer::create(folder.path(), network.kind(), passphrase, Some(words))?;
    let mut content = signer.open_backup(passphrase, backup)?;
    archive::extract(&mut content, folder.path()).map_err(io("cannot unpack into", root))?;
    let manifest = read_manifest(&folder)?;
    let head = lose_all(network, &folder, &signer)?;
    // A line of its own: what peers keep of the one that was lost is no alarm.
    signer.note_head(rollback::noted(head, time::unix()))?;
    signer.sync()?;
    sync(folder.path())?;
    fs::rename(folder.path(), target.path()).map_err(io("cannot make", target.path()))?;
    sync(root)?;
    Ok(Restored {
        node_id: manifest.node_id,
        backup_created: manifest.created,
        ledger_height: manifest.ledger_height,
        channels: manifest.channels,
    })
}

fn sync(folder: &Path) -> Result<(), RestoreError> {
    let opened = File::open(folder).and_then(|folder| folder.sync_all());
    opened.map_err(io("cannot sync", folder))
}

/// Takes the manifest out: it is of the backup, not of the node.
fn read_manifest(folder: &DataDir) -> Result<Manifest, RestoreError> {
    let path = folder.path().join("manifest.json");
    let read = fs::read(&path).and_then(|text| Ok(serde_json::from_slice(&text)?));
    let manifest = read.map_err(io("cannot read", &path))?;
    fs::remove_file(&path).map_err(io("cannot remove", &path))?;
    Ok(manifest)
}

/// Tells every channel that its state may be old, in the ledger, before anybody can start a node on it. One that cannot be
/// told, because this version does not know what it reads, refuses the whole: nothing else would keep a later version,
/// which can read it, from going on with that state.
pub(super) fn lose_all(
    network: Network,
    folder: &DataDir,
    signer: &Signer,
) -> Result<Head, RestoreError> {
    let memory = Memory::default();
    let operator = folder.operator_key()?.public_key();
    let options = ledger_options(network, operator, signer, memory.clone());
    let reporter = options.validator.service.clone();
    let ledger = Ledger::open(folder.ledger(), options)?;
    let lost = lose_channels(&ledger, &memory.verifier, &reporter);
    let head = ledger.head();
    ledger.shutdown()?;
    lost.map(|()| head)
}

fn lose_channels(
    ledger: &Ledger,
    verifier: &MemoVerifier,
    reporter: &exonum::crypto::KeyPair,
) -> Result<(), RestoreError> {
    let snapshot = ledger.snapshot();
    let limits = read::policy(&*snapshot)
        .unwrap_or_else(Policy::user)
        .limits();
    for id in read::live_channels(&*snapshot) {
        let failed = |reason: String| RestoreError::Channel {
            channel: id,
            reason,
        };
        let (Some(channel), Some(step)) = (
            read::channel(&*snapshot, &id),
            read::next_step(&*snapshot, &id),
        ) else {
            return Err(failed("its record cannot be read".to_owned()));
        };
        let reason = REASON.to_owned();
        let command = Command::Local(match channel {
            // It has nothing that could be lost. No backup has one, but older versions could make such: it must not stop the
            // others, and is given up, as at every start.
            Channel::AwaitingFundingSigned(_) => LocalCommand::Abandon { reason },
            _ => LocalCommand::LoseData { reason },
        });
        let context = Context {
            verifier,
            limits: &limits,
        };
        // One that closes already has made its last commitment, and one that is over none.
        match channel.clone().handle(command.clone(), &context) {
            Ok((next, _)) if next != channel => {}
            Ok(_) => continue,
            Err(_) if matches!(channel, Channel::Closed(_) | Channel::Failed(_)) => continue,
            Err(error) => return Err(failed(error.to_string())),
        }
        let call = LedgerCall::Command {
            channel_id: id,
            step,
            command: Box::new(command),
            attachment: Attachment::default(),
        };
        let receipt = ledger.submit(zarnitsa_service::transaction(reporter, call));
        let committed = futures::executor::block_on(receipt)?;
        committed
            .result
            .map_err(|error| failed(error.to_string()))?;
    }
    Ok(())
}
