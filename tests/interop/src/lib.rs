//! What the interoperability tests stand on: ldk-node beside our own built program, each a process of its own.

// A harness that cannot do what a test asks of it ends that test, with the reason.
#![allow(clippy::panic)]

pub mod ldk;
pub mod link;
pub mod net;
pub mod ours;
pub mod protocol;
pub mod world;
