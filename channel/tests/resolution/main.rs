//! Closes on a simulated chain that reorganises itself: random channels, random closes, honest and revoked, with both sides'
//! claims racing. Pure and seeded: `ZARNITSA_CHAIN_SEED=n` runs one seed again.

#[cfg(test)]
#[path = "../support/mod.rs"]
mod support;

#[cfg(test)]
mod chain;
#[cfg(test)]
mod ending;
#[cfg(test)]
mod runs;
#[cfg(test)]
mod setup;
#[cfg(test)]
mod world;
