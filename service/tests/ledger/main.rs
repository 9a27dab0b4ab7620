//! The service on a real chain in memory, with real channels between two of them. Tests are named
//! `state_input_condition`.

// Clippy sees a test only in a #[test] function; the functions that tests share are tests as well.
#![allow(clippy::unwrap_used, clippy::panic)]

// The channel crate's own test machines sign and talk here too.
#[path = "../../../channel/tests/support/mod.rs"]
mod support;

mod hub;
mod node;
mod world;

mod asks;
mod batches;
mod channels;
mod forwards;
mod holding;
mod invoices;
mod joined;
mod lifecycle;
mod malformed;
mod openings;
mod operator;
mod parts;
mod payments;
mod proofs;
mod recorded;
mod vectors;
