//! What tests across the parts stand on. Nothing here is part of the node.

// A harness that cannot do what a test asks of it ends that test, with the reason.
#![allow(clippy::panic)]

pub mod answers;
pub mod api;
pub mod bitcoind;
pub mod disk;
pub mod folder;
pub mod lag;
pub mod length;
pub mod mempool;
pub mod net;
pub mod node;
pub mod port;
mod preload;
pub mod stranger;
pub mod wait;
pub mod wire;
pub mod world;
