//! Two machines, a wire that loses what is in flight when it breaks, and two processes that can stop at any moment, from a
//! seed. After every event DESIGN's invariants are checked; at the end everything must be resolved and both must agree.
//!
//! `ZARNITSA_SIM_RUNS` sets how many runs there are, `ZARNITSA_SIM_SEED` repeats one run and prints its log.

#[cfg(test)]
#[path = "../support/mod.rs"]
mod support;

#[cfg(test)]
mod driver;
#[cfg(test)]
mod ending;
#[cfg(test)]
mod node;
#[cfg(test)]
mod runs;
#[cfg(test)]
mod sabotage;
#[cfg(test)]
mod world;
