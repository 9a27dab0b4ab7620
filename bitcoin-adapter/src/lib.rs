//! Zarnitsa's view of the Bitcoin network: the chain, the mempool, and the on-chain wallet.
//!
//! [`Chain`] is the door. It follows a [`ChainSource`] ([`Bitcoind`]) in a thread of its own and tells of each block that joins or
//! leaves the best chain, of watched transactions and outputs, and of broadcasts, as [`ChainEvent`]s in one ordered stream.
//! A source that is away, starting or restarting delays events; it loses none.
//!
//! Nothing here is stored except the wallet's file: the node sets its watches again at each start, from its ledger, and names the
//! last block that it has dealt with.
//!
//! An error never means "no": whatever could not be asked is a [`ChainError`].

mod announce;
mod announced;
mod bitcoind;
mod broadcast;
mod chain;
mod error;
mod fees;
mod follow;
mod lookup;
mod source;
mod wallet;
mod watch;

pub use announced::{unspent_at, OutputPlace};
pub use bitcoind::{Auth, Bitcoind, BitcoindConfig};
pub use broadcast::{BroadcastEvent, BroadcastOutcome, Rejection};
pub use chain::{Chain, ChainEvent, ChainOptions, ChainStatus, SendError, Start};
pub use error::ChainError;
pub use fees::{FeeBounds, FeeEstimates, FeeTarget};
pub use follow::stalled::Stall;
pub use lookup::{TxHint, TxStatus};
pub use source::{Accepted, Announcement, BlockRef, ChainSource, Header, Indexed, Unspent};
pub use wallet::{
    AccountDescriptors, AddressKind, Birthday, FeeGoal, FeeRequest, ForeignInput, FundedPsbt,
    SendAmount, SendOrder, SignerFailure, Wallet, WalletBalance, WalletError, WalletOptions,
    WalletTransaction, WalletUtxo,
};
pub use watch::{ReportedSpend, SpendWatch, TransactionWatch, Watch, WatchEvent};

/// The version of Bitcoin's types that this crate speaks.
pub use bitcoin;
