//! Types generated from the schemas in `proto/`, and the sources of those schemas.

// Generated code: its style is rust-protobuf's.
#![allow(
    missing_docs,
    unused_parens,
    mismatched_lifetime_syntaxes,
    renamed_and_removed_lints,
    clippy::all,
    clippy::pedantic,
    clippy::panic,
    clippy::unwrap_used
)]

pub use self::lightning_records::*;
pub use self::lightning_transactions::*;

include!(concat!(env!("OUT_DIR"), "/lightning_proto.rs"));

// The generated code names the modules of exonum's own schemas.
use exonum_crypto::proto::*;
