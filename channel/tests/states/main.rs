//! Each state of the machine with each input that matters, refusals included. Tests are named
//! `state_input_condition`.

#[path = "../support/mod.rs"]
mod support;

mod before_normal;
mod closing;
mod codec;
mod commitment;
mod fees;
mod negotiating;
mod normal;
mod opening;
mod reestablish;
mod shutting_down;
