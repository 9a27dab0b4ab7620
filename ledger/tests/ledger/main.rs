//! The ledger from outside, with a small service of its own.

// Clippy sees a test only in a #[test] function; the functions that tests share are tests as well.
#![allow(clippy::unwrap_used, clippy::panic)]

mod copying;
mod crashes;
mod explorer;
mod opening;
mod stopping;
mod subscribing;
// exonum_interface also makes a trait that only another service would use.
#[allow(dead_code)]
mod tally;
mod verifying;
mod writing;
