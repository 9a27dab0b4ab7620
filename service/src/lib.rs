//! The Exonum service `lightning`: the ledger's rules.
//!
//! Each method converts its argument to a command of the channel machine, lets the machine judge it, and writes what
//! came of it. A refused transaction changes nothing. Execution is a function of the ledger and the transaction alone:
//! no clock, no randomness, no network, no order of a hash map.
//!
//! - [`LedgerCall`] and [`transaction`] make signed transactions.
//! - [`read`] answers questions about a snapshot, [`proofs`] answers them with proofs for the light client.
//! - [`LightningService`] is what the ledger is started with; [`Genesis`](records::Genesis) is its argument.

mod call;
mod errors;
mod execute;
mod machines;
mod memo;
pub mod proofs;
pub mod proto;
pub mod read;
pub mod records;
mod schema;
mod service;
mod steps;
pub mod transactions;
mod wire;

use exonum::runtime::InstanceId;

pub use self::call::{may_join, transaction, Attachment, LedgerCall};
pub use self::errors::{
    AskError, ChannelError, HtlcError, InvoiceError, OpeningError, OperatorError, PaymentError,
};
pub use self::machines::Machines;
pub use self::memo::MemoVerifier;
pub use self::schema::Schema;
pub use self::service::LightningService;
pub use self::steps::{channel_steps, ChannelStep};

/// The service's number in the ledger.
pub const INSTANCE_ID: InstanceId = 100;

/// The service's name in the ledger: its indexes are `lightning.channels` and so on.
pub const INSTANCE_NAME: &str = "lightning";
