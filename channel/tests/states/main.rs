//! Each state of the machine with each input that matters, refusals included. Tests are named
//! `state_input_condition`.

#[path = "../support/mod.rs"]
mod support;

mod normal;
