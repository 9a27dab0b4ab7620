//! Onions of BOLT 4: the payment's instructions, layer by layer, on their way out, and failures on their way back.
//!
//! LDK builds and peels the payment's onion. Failures are made, wrapped and read here.

mod attribution;
mod build;
mod failure;
mod peel;
mod returning;
mod session;

pub use attribution::{attribute, read_attribution, Attributed, Attribution, ATTRIBUTION_LENGTH};
pub use build::{build, direct_path, BuildError, BuiltOnion, Payee, Payment};
pub use failure::{Failure, FailureCode};
pub use peel::{
    fail_htlc, onion_sha256, peel, shared_secret, HtlcFailure, IncomingHtlc, Peeled, ONION_LENGTH,
};
pub use returning::{build_failure, read_failure, wrap_failure, ReturnedFailure};
pub use session::{session_secrets, SharedSecrets};

/// What an invoice's min_final_cltv_expiry_delta must be at least, for [`peel`] to take its payment: a claim on the
/// chain needs time.
pub const MIN_FINAL_CLTV_EXPIRY_DELTA: u16 =
    lightning::ln::channelmanager::MIN_FINAL_CLTV_EXPIRY_DELTA;
