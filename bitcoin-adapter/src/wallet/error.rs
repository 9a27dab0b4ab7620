//! Why the wallet could not do what it was asked.

use bdk_wallet::chain::local_chain::ApplyHeaderError;
use bdk_wallet::error::CreateTxError;
use bdk_wallet::rusqlite;
use bitcoin::{Amount, Network};

use crate::error::ChainError;

/// A failure of the on-chain wallet. No coin moves when one is returned.
#[derive(Debug, thiserror::Error)]
pub enum WalletError {
    /// The address is of another network, or no address at all.
    #[error("{address} is not an address of {network}")]
    Address {
        /// What was given.
        address: String,
        /// The wallet's network.
        network: Network,
    },
    /// The transaction cannot be built for another reason than a lack of coins.
    #[error("cannot build the transaction: {0}")]
    Build(#[from] CreateTxError),
    /// The chain could not be asked.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A block does not connect to those that the wallet knows.
    #[error("a block does not connect to the wallet's chain: {0}")]
    Connect(#[from] ApplyHeaderError),
    /// A descriptor is not what the wallet can use: unreadable, private, or not SegWit.
    #[error("the wallet's descriptor cannot be used: {why}")]
    Descriptor {
        /// What is wrong with it.
        why: String,
    },
    /// `wallet.sqlite` is damaged or belongs to another seed or network.
    #[error("the wallet's file is of another wallet or damaged: {why}")]
    Foreign {
        /// What does not match.
        why: String,
    },
    /// Too few coins that are confirmed (or change of one's own) and not reserved.
    #[error("too few coins: {needed} are needed, {available} can be spent")]
    Insufficient {
        /// Amount and fee.
        needed: Amount,
        /// The coins that could be used.
        available: Amount,
    },
    /// The payment would leave less than is to be kept.
    #[error("{keep} must be kept of {available} that can be spent")]
    Kept {
        /// All that can be spent.
        available: Amount,
        /// What must be left of it.
        keep: Amount,
    },
    /// The signer refused or failed.
    #[error("the signer did not sign: {0}")]
    Signer(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The signer returned something that is not the transaction it was given, completely and rightly signed.
    #[error("the signed transaction is not right: {why}")]
    Signed {
        /// What is wrong with it.
        why: String,
    },
    /// The wallet's file cannot be read or written.
    #[error("the wallet's file: {0}")]
    Store(#[from] rusqlite::Error),
}

impl WalletError {
    /// Tells a chain that could not be asked from all else.
    pub(crate) fn into_chain_error(self) -> Result<ChainError, Self> {
        match self {
            Self::Chain(error) => Ok(error),
            error => Err(error),
        }
    }
}
