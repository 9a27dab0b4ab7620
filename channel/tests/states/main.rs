//! Each state of the machine with each input that matters, refusals included. Tests are named
//! `state_input_condition`.

#[cfg(test)]
#[path = "../support/mod.rs"]
mod support;

#[cfg(test)]
mod before_normal;
#[cfg(test)]
mod closing;
#[cfg(test)]
mod codec;
#[cfg(test)]
mod commitment;
#[cfg(test)]
mod fees;
#[cfg(test)]
mod negotiating;
#[cfg(test)]
mod normal;
#[cfg(test)]
mod opening;
#[cfg(test)]
mod reestablish;
#[cfg(test)]
mod shutting_down;
