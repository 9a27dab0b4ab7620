//! The ledger from outside, with a small service of its own.

mod tally;
mod writing;
