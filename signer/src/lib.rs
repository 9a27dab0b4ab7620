//! The only code that sees secrets: the seed, the keys derived from it, and signatures.
//!
//! Nothing outside the ledger is signed. What is asked for is named by a channel's id; the signer reads the channel's
//! durable state by a [`ChannelView`], rebuilds the transaction itself, and compares with its own witness file
//! what it signed and revealed before. The files are `seed` (encrypted) and `witness`.
//!
//! Secrets have no `Debug` that shows them, are wiped when dropped, and are in no error.

mod announce;
mod backup;
mod channel;
mod error;
mod head;
mod justice;
mod keys;
mod mnemonic;
mod psbt;
mod resolve;
mod seed;
mod signer;
mod witness;

pub use announce::AnnouncementSignatures;
pub use backup::{BackupError, Opening, Sealing};
pub use channel::{ChannelView, CommitmentSignatures};
pub use error::{PsbtError, SignerError, WitnessError};
pub use head::LedgerHead;
pub use justice::{locator, Justice, Locator, PenaltyTarget, SealedJustice, MAX_JUSTICE};
pub use keys::{LedgerSeeds, Purpose};
pub use mnemonic::{Mnemonic, MnemonicError};
pub use psbt::{WalletDescriptors, WalletKind};
pub use resolve::HolderHtlc;
pub use signer::Signer;
