//! Every way in which a channel can end on chain, on a real bitcoind that relays nothing non-standard: the four commitments,
//! each with each kind of HTLC, broadcast by either side. Prints a table of what confirmed and of what each side has.

// A test that fails may panic, and its helpers too.
#![allow(clippy::unwrap_used, clippy::panic)]

#[cfg(test)]
mod party;
#[cfg(test)]
mod purse;
#[cfg(test)]
mod scenario;
#[cfg(test)]
mod table;
// Each test binary uses its part of this.
#[cfg(test)]
#[path = "../channels/world.rs"]
#[allow(dead_code)]
mod world;
