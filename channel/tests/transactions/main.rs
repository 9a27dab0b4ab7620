//! The channel's transactions against BOLT 3's test vectors, against an independent implementation, and against
//! Bitcoin's consensus rules.

mod vectors;
mod world;
