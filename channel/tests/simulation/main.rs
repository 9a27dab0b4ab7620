//! Two machines, a wire that loses what is in flight when it breaks, two processes that can stop at any moment, and a chain
//! that takes the opening transaction in and out, from a seed. After every event DESIGN's invariants are checked; at the end
//! everything must be resolved and both must agree. One run in three begins at open_channel, the others in a channel that
//! can be used.
//!
//! BOLT 8 keeps the order of messages within one direction and loses none of them while a connection lasts. So in most runs
//! chance only chooses how the two directions, the disks, the chain and the nodes' own wishes interleave, and where a
//! connection breaks. In one run in four the wire breaks that promise too: see `relay`.
//!
//! `ZARNITSA_SIM_RUNS` sets how many runs there are from the fixed seeds, `ZARNITSA_SEED` where the other seeds begin,
//! `ZARNITSA_SIM_SEED` repeats one run and prints its log.

#[cfg(test)]
#[path = "../support/mod.rs"]
mod support;

#[cfg(test)]
mod chain;
#[cfg(test)]
mod driver;
#[cfg(test)]
mod ending;
#[cfg(test)]
mod node;
#[cfg(test)]
mod opening;
#[cfg(test)]
mod relay;
#[cfg(test)]
mod runs;
#[cfg(test)]
mod sabotage;
#[cfg(test)]
mod tally;
#[cfg(test)]
mod world;
