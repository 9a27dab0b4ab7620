//! The node: the shell that acts on what the channel machine decides.

mod answers;
pub mod api;
mod backup;
mod bolt11;
mod channel_update;
mod claims;
pub mod cli;
mod client_handler;
pub mod config;
pub mod data_dir;
pub mod demo;
mod driver;
mod foreign;
mod funding;
pub mod genesis;
mod gossip;
mod hints;
pub mod http;
mod known_peers;
mod ldk_signer;
pub mod logging;
mod network_view;
pub mod node;
mod notify;
mod offers;
mod onchain;
mod parts;
mod payment_view;
mod peer_storage;
mod policy_orders;
mod rollback;
mod sending;
pub mod server_handler;
mod shared;
#[cfg(test)]
mod test_party;
mod time;
mod tower;
mod view;
mod watch;
pub mod wire;

pub use answers::Answers;
