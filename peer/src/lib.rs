//! The Lightning network's side of the node: BOLT 8 transport, BOLT 1 messages, and the onions of BOLT 4.
//!
//! The transport and the codec are LDK's `PeerManager`, used as a library. Channel messages come out as
//! [`PeerEvent`]s in bounded queues and go in by [`PeerNetwork::send`]; nothing here knows what a channel is.
//!
//! What a stranger can make this crate hold is bounded: connections in all, connections without a finished
//! handshake and the time they may take for it, and waiting messages in number and bytes, per peer and in all.

#![warn(missing_docs)]

mod address;
mod asking;
mod bucket;
mod connections;
mod event;
mod features;
mod gossip;
mod handler;
mod inbox;
mod logger;
mod messages;
mod network;
pub mod onion;
mod printable;
mod reconnect;
pub mod routing;

pub use address::{AddressError, PeerAddress};
pub use asking::{AskStage, ChannelAsk, ChannelAskState, OwnMessage};
pub use event::{Connection, PeerEvent, WireMessage};
pub use features::{
    init_features, node_features, set_attribution_data_optional, supports_attribution_data,
};
pub use gossip::{FundingOutputs, Gossip, GossipLimits, NotAsked};
pub use inbox::{PeerEvents, QueueLimits};
pub use logger::TracingLogger;
pub use messages::{message_router, MessageRouter, Messages, OnionMessages};
pub use network::{
    ConnectError, ListenError, PeerConfig, PeerInfo, PeerNetwork, SendError, StartError,
};
pub use printable::printable;
pub use reconnect::Backoff;
