//! The node: the shell that acts on what the channel machine decides.

pub mod api;
pub mod cli;
pub mod config;
pub mod data_dir;
pub mod demo;
pub mod genesis;
pub mod http;
pub mod logging;
pub mod wire;
