//! The embedded ledger: Exonum's blockchain with this node as the one validator, on a local merkledb.
//!
//! A transaction is handed in ([`Ledger::submit`]); all that wait go into the next block; the block is executed, signed,
//! stored and fsynced, once; only then are receipts resolved, snapshots renewed and subscriptions woken. While nothing
//! waits, nothing is written.
//!
//! The ledger does not know what runs on it: [`Services`] are given by the caller. Exonum's consensus loop, HTTP server
//! and transaction pool are not used.
#![warn(missing_docs)]

mod block;
mod chain;
mod changes;
mod copy;
mod durable;
mod error;
pub mod explorer;
mod export;
#[cfg(feature = "testing")]
pub mod faults;
mod files;
mod folder;
mod guarded;
mod identity;
mod lease;
mod ledger;
mod log_trim;
mod options;
mod probe;
mod published;
mod queue;
mod queues;
mod read_cache;
mod replay;
mod sealer;
mod start;
mod subscription;
mod verify;
mod witness;
mod writer;

pub use crate::{
    block::{BlockTransaction, Committed, CommittedBlock, Head},
    copy::read_copy,
    durable::{BlockTimes, WriteCounts},
    error::{reading, LedgerError, OpenError},
    export::ExportError,
    ledger::{Ledger, LedgerStats},
    options::{LedgerOptions, Limits, Services, Validator, ValidatorPublic},
    queue::{Gathering, Receipt},
    sealer::Sealer,
    subscription::Subscription,
    verify::{verify, Progress, Report, VerifyError},
};
