//! The node: the shell that acts on what the channel machine decides.

pub mod api;
pub mod config;
pub mod wire;
