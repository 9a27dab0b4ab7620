//! The channel's transactions against BOLT 3's test vectors, against an independent implementation, and against
//! Bitcoin's consensus rules.

#[cfg(test)]
mod amounts;
#[cfg(test)]
mod consensus;
#[cfg(test)]
mod differential;
#[cfg(test)]
mod history;
#[cfg(test)]
mod opening;
#[cfg(test)]
mod seeded;
#[cfg(test)]
mod validation;
#[cfg(test)]
mod vectors;
#[cfg(test)]
mod world;
