//! The Lightning channel, pure: what BOLT 2, BOLT 3 and BOLT 5 demand of a channel's two sides.
//!
//! Everything here is a function of its arguments. There is no I/O, no clock, no randomness and no
//! runtime: [`Channel::handle`](state::Channel::handle) takes a state and a [`Command`](command::Command) and
//! gives the next state with the [`Action`](action::Action)s to carry out once that state is on disk, or a
//! typed refusal. Secrets never enter: where a signature or a per-commitment secret is to be sent, the
//! action says which, and the signer makes it from the state that the ledger holds.

pub mod action;
pub mod amount;
pub mod command;
mod commitments;
pub mod error;
pub mod fees;
pub mod htlc;
pub mod ids;
pub mod keys;
pub mod limits;
pub mod message;
pub mod opening;
pub mod params;
pub mod script;
pub mod secrets;
pub mod shutdown;
pub mod state;
pub mod tx;
pub mod validate;
