//! The network side over real sockets: peers, and strangers.

// A test that fails may panic, and its helpers too.
#![allow(clippy::unwrap_used, clippy::panic)]

#[cfg(test)]
mod noise;
#[cfg(test)]
mod peers;
#[cfg(test)]
mod strangers;
#[cfg(test)]
mod world;
