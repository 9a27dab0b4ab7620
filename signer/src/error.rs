//! Refusals of the signer. None of them carries a secret; each says what to do where there is something to do.

use std::path::PathBuf;

use bitcoin::{Network, Txid};
use zarnitsa_channel::error::CloseError;
use zarnitsa_channel::ids::ChannelId;
use zarnitsa_channel::tx::TxError;

use crate::mnemonic::MnemonicError;

/// Why the signer does not open, or does not sign.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignerError {
    /// A file could not be read or written.
    #[error("{}: cannot {action}: {source}", .path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is a seed already, and it is never overwritten.
    #[error("{} exists already: it holds the keys to this node's money and is not overwritten; choose another data folder", .path.display())]
    SeedExists {
        /// The seed file.
        path: PathBuf,
    },
    /// There is no seed.
    #[error("{} does not exist: make one with `zarnitsa init`", .path.display())]
    NoSeed {
        /// The seed file.
        path: PathBuf,
    },
    /// The file is whole, so it is the passphrase.
    #[error("wrong passphrase for {}", .path.display())]
    WrongPassphrase {
        /// The seed file.
        path: PathBuf,
    },
    /// The file is not as it was written.
    #[error("{} is damaged ({what}): restore it from a backup, or make it again from the mnemonic in another folder", .path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// In what way.
        what: &'static str,
    },
    /// Written by a later version.
    #[error("{} has format version {got}, this program knows {known}: use the program that wrote it, or a later one", .path.display())]
    UnknownVersion {
        /// Which file.
        path: PathBuf,
        /// Its version.
        got: u16,
        /// The latest that is known here.
        known: u16,
    },
    /// The seed is for another chain.
    #[error("{} is the seed of a node on {got}, not on {expected}", .path.display())]
    WrongNetwork {
        /// The seed file.
        path: PathBuf,
        /// What was asked for.
        expected: Network,
        /// What it is for.
        got: Network,
    },
    /// The witness file belongs to another seed.
    #[error("{} was written with another seed: put the two files that belong together into the folder", .path.display())]
    ForeignWitness {
        /// The witness file.
        path: PathBuf,
    },
    /// No randomness.
    #[error("the system gives no randomness: {0}")]
    Randomness(#[source] rand::Error),
    /// Key stretching failed, for want of memory perhaps.
    #[error("cannot stretch the passphrase: {0}")]
    KeyStretching(argon2::Error),
    /// Words that are no mnemonic.
    #[error(transparent)]
    Mnemonic(#[from] MnemonicError),
    /// BIP 32 has no key at a path, which happens once in 2^127 seeds.
    #[error("key derivation failed: {0}")]
    Derivation(bitcoin::bip32::Error),
    /// The ledger is an older one: see [`Signer::refuse`](crate::Signer::refuse).
    #[error("nothing is signed: {reason}")]
    Refusing {
        /// Why, and what to do.
        reason: String,
    },
    /// The ledger cannot be asked yet.
    #[error("the signer has not been given the ledger to read")]
    NoLedger,
    /// The ledger has no such channel: nothing of it is signed.
    #[error("the ledger has no channel {channel_id}")]
    UnknownChannel {
        /// Which was asked for.
        channel_id: ChannelId,
    },
    /// The ledger's state does not contain what was asked for.
    #[error("channel {channel_id} is {state}: it has no {what} to sign")]
    NothingToSign {
        /// Which channel.
        channel_id: ChannelId,
        /// Its state.
        state: &'static str,
        /// What was asked for.
        what: &'static str,
    },
    /// A closing transaction that cannot be.
    #[error("channel {channel_id}: {source}")]
    Closing {
        /// Which channel.
        channel_id: ChannelId,
        /// What is wrong with it.
        source: CloseError,
    },
    /// A transaction's input is not of this channel, or asks for another of its keys than the one that it names.
    #[error("channel {channel_id}: input {index} is not spent by a key of this channel's")]
    ForeignInput {
        /// Which channel.
        channel_id: ChannelId,
        /// Of the input.
        index: usize,
    },
    /// The channel's keys are not this seed's.
    #[error("channel {channel_id} has keys of another seed")]
    ForeignKeys {
        /// Which channel.
        channel_id: ChannelId,
    },
    /// A transaction could not be built from the ledger's state.
    #[error("channel {channel_id}: {source}")]
    Transaction {
        /// Which channel.
        channel_id: ChannelId,
        /// What is wrong with it.
        source: TxError,
    },
    /// See [`WitnessError`].
    #[error(transparent)]
    Witness(#[from] WitnessError),
    /// See [`PsbtError`].
    #[error(transparent)]
    Psbt(#[from] PsbtError),
}

/// What this signer did before and will not contradict.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WitnessError {
    /// A lower number than one signed before.
    #[error("channel {channel_id}: commitment {asked} was to be signed, but {signed} has been signed already: the ledger is older than this signer; restore the newest ledger, and do not delete the witness file")]
    SignedLater {
        /// Which channel.
        channel_id: ChannelId,
        /// What was to be signed.
        asked: u64,
        /// The highest signed.
        signed: u64,
    },
    /// Another transaction at a number signed before.
    #[error("channel {channel_id}: another commitment {number} has been signed before ({signed}), and a second one ({asked}) is refused: the ledger is not the one that this signer worked with; restore the newest ledger")]
    SignedDifferently {
        /// Which channel.
        channel_id: ChannelId,
        /// Of the commitment.
        number: u64,
        /// What was to be signed.
        asked: Txid,
        /// What was signed.
        signed: Txid,
    },
    /// A secret that was released long ago: after a loss of connection only the last one is said again.
    #[error("channel {channel_id}: secret {asked} was to be released, but all below {released} have been released already: the ledger is older than this signer; restore the newest ledger, and do not delete the witness file")]
    ReleasedLater {
        /// Which channel.
        channel_id: ChannelId,
        /// Whose secret.
        asked: u64,
        /// Secrets below this number are out.
        released: u64,
    },
    /// The secret of a commitment that may still be broadcast.
    #[error("channel {channel_id}: secret {asked} is not released: the ledger says that only those below {releasable} may be")]
    NotReleasable {
        /// Which channel.
        channel_id: ChannelId,
        /// Whose secret.
        asked: u64,
        /// From here on they are kept.
        releasable: u64,
    },
    /// A commitment whose secret is out: signing it would give the channel's money to the peer.
    #[error("channel {channel_id}: our commitment {asked} is revoked (secrets below {released} are released) and is never signed: the ledger is older than this signer; restore the newest ledger, or let the peer close the channel")]
    Revoked {
        /// Which channel.
        channel_id: ChannelId,
        /// What was to be signed.
        asked: u64,
        /// Secrets below this number are out.
        released: u64,
    },
    /// The secret of a commitment of ours that has been signed for broadcast.
    #[error("channel {channel_id}: our commitment {number} has been signed for broadcast, so its secret stays here")]
    Broadcast {
        /// Which channel.
        channel_id: ChannelId,
        /// Of the commitment.
        number: u64,
    },
    /// The ledger lacks what this signer knows of.
    #[error("the ledger is older than this signer: channel {channel_id} is at {what} {ledger} in the ledger, but {witness} was reached before")]
    LedgerOlder {
        /// Which channel.
        channel_id: ChannelId,
        /// Of what the two disagree.
        what: &'static str,
        /// What the ledger has; `none` where it lacks the channel.
        ledger: String,
        /// What the witness file has.
        witness: u64,
    },
}

/// Why a PSBT is not signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PsbtError {
    /// Neither `witness_utxo` nor `non_witness_utxo`.
    #[error("input {index} does not say which output it spends")]
    NoUtxo {
        /// Of the input.
        index: usize,
    },
    /// The two disagree, or the earlier transaction has another txid or no such output.
    #[error("input {index}: what it says of the output that it spends is contradictory")]
    UtxoMismatch {
        /// Of the input.
        index: usize,
    },
    /// Some of the outputs would stay open to change.
    #[error(
        "input {index} asks for sighash type {got}: only ALL, and DEFAULT for taproot, is signed"
    )]
    Sighash {
        /// Of the input.
        index: usize,
        /// What it asks for, as the PSBT has it.
        got: u32,
    },
    /// It names a key of ours by a path, but the key or the script is another.
    #[error("input {index} names our key {path}, but its output does not belong to that key")]
    ForeignOutput {
        /// Of the input.
        index: usize,
        /// The key's path.
        path: String,
    },
    /// It names a key of ours outside the wallet's accounts.
    #[error("input {index} names our key {path}, which is no wallet key")]
    NotAWalletKey {
        /// Of the input.
        index: usize,
        /// The key's path.
        path: String,
    },
    /// No input is ours.
    #[error("no input belongs to this wallet")]
    NothingOurs,
    /// The digest cannot be computed.
    #[error("input {index}: {why}")]
    Digest {
        /// Of the input.
        index: usize,
        /// Why.
        why: String,
    },
}
