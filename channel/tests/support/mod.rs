//! Two machines with a tiny signer each, for tests that let them talk.

// Each test binary uses its part of this.
#![allow(dead_code)]

pub mod keys;
pub mod pair;
pub mod party;
pub mod rng;
