//! The node: the shell that acts on what the channel machine decides.

pub mod api;
pub mod config;
pub mod data_dir;
pub mod http;
pub mod logging;
pub mod wire;
