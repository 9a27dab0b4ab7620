//! BOLT 12: offers, and what is said about them in onion messages.

mod peers;

pub(crate) use peers::ChannelPeers;
