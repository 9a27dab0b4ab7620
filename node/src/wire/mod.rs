//! Between LDK's wire messages and the channel's own: the border at which a peer's bytes become typed values.
//!
//! `peer` and `channel` know nothing of one another, so the two vocabularies meet here and nowhere else.

mod channel_type;
mod incoming;
mod outgoing;
#[cfg(test)]
mod tests;

pub use channel_type::{channel_type_from_features, features_from_channel_type};
pub use incoming::{accept_channel, onion_bytes, open_channel, ChannelMessage};
pub use outgoing::{
    accept_channel_message, onion_packet, open_channel_message, Complete, UpdateBundle,
};

/// Why a peer's message could not be taken.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum WireError {
    /// BOLT 2 makes channel_type compulsory, and this node knows only two commitment formats.
    #[error("peer's fault: channel_type {got} is none of static_remotekey, anchors")]
    ChannelType {
        /// What came, in words.
        got: String,
    },
    /// open_channel for another chain.
    #[error("peer's fault: the channel is for another chain")]
    OtherChain,
    /// A field that the codec could not give back. Cannot happen with bytes that the codec itself made.
    #[error("a message's field could not be encoded again: {0}")]
    Codec(String),
}

/// Our id, in LDK's type.
pub fn ldk_channel_id(id: zarnitsa_channel::ids::ChannelId) -> lightning::ln::types::ChannelId {
    lightning::ln::types::ChannelId(id.0)
}

/// LDK's id, in ours.
pub fn channel_id(id: lightning::ln::types::ChannelId) -> zarnitsa_channel::ids::ChannelId {
    zarnitsa_channel::ids::ChannelId(id.0)
}
