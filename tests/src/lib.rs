//! What tests across the parts stand on. Nothing here is part of the node.

// A harness that cannot do what a test asks of it ends that test, with the reason.
#![allow(clippy::panic)]

pub mod bitcoind;
pub mod wait;
