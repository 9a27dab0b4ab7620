//! A channel's whole life on the durable ledger, killed at every write in turn, with what was not synced lost.

// A test that fails may panic, and its helpers too.
#![allow(clippy::unwrap_used, clippy::panic)]

// The channel crate's own test machines, and the service's two nodes; each test binary uses its part of them.
#[cfg(test)]
#[path = "../ledger/node.rs"]
#[allow(dead_code)]
mod node;
#[cfg(test)]
#[path = "../../../channel/tests/support/mod.rs"]
mod support;
// As above.
#[cfg(test)]
#[path = "../ledger/world.rs"]
#[allow(dead_code)]
mod world;

#[cfg(test)]
mod kills;
#[cfg(test)]
mod life;
