//! Channels between two signers: every signature goes through the other side's machine or Bitcoin Core's script interpreter.

// A test that fails may panic, and its helpers too.
#![allow(clippy::unwrap_used, clippy::panic)]

#[cfg(test)]
mod closing;
#[cfg(test)]
mod justice;
#[cfg(test)]
mod living;
#[cfg(test)]
mod redaction;
#[cfg(test)]
mod world;
