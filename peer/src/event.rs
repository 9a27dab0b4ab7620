//! What comes from peers.

use bitcoin::secp256k1::PublicKey;
use lightning::ln::msgs;
use lightning::types::features::InitFeatures;
use lightning::util::ser::Writeable;

use crate::asking::OwnMessage;

/// One connection to one peer. A peer that comes back has a new one, so an answer to a message of an earlier
/// connection cannot slip in before the new one's channel_reestablish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Connection {
    /// Who it is, proved by the handshake of BOLT 8.
    pub node_id: PublicKey,
    /// Counted up since the start of this process.
    pub number: u64,
}

/// Something that a peer did. The events of one peer come in order: Connected, its messages, Disconnected.
#[derive(Clone, Debug)]
pub enum PeerEvent {
    /// The handshake and the exchange of `init` are done.
    Connected {
        /// Where answers go.
        connection: Connection,
        /// What the peer's `init` says.
        features: InitFeatures,
        /// It called us.
        inbound: bool,
    },
    /// A channel message, parsed and not believed.
    Message {
        /// Who said it.
        connection: Connection,
        /// What it said.
        message: WireMessage,
    },
    /// The connection is gone; nothing more comes from it and nothing goes to it.
    Disconnected {
        /// Which.
        connection: Connection,
    },
}

impl PeerEvent {
    /// The connection it came by.
    pub fn connection(&self) -> Connection {
        match self {
            Self::Connected { connection, .. }
            | Self::Message { connection, .. }
            | Self::Disconnected { connection } => *connection,
        }
    }
}

/// A channel message as LDK's codec reads it. The large ones are boxed.
#[derive(Clone, Debug)]
pub enum WireMessage {
    /// open_channel
    OpenChannel(Box<msgs::OpenChannel>),
    /// accept_channel
    AcceptChannel(Box<msgs::AcceptChannel>),
    /// funding_created
    FundingCreated(Box<msgs::FundingCreated>),
    /// funding_signed
    FundingSigned(Box<msgs::FundingSigned>),
    /// channel_ready
    ChannelReady(msgs::ChannelReady),
    /// shutdown
    Shutdown(msgs::Shutdown),
    /// closing_signed
    ClosingSigned(Box<msgs::ClosingSigned>),
    /// update_add_htlc
    UpdateAddHtlc(Box<msgs::UpdateAddHTLC>),
    /// update_fulfill_htlc
    UpdateFulfillHtlc(Box<msgs::UpdateFulfillHTLC>),
    /// update_fail_htlc
    UpdateFailHtlc(Box<msgs::UpdateFailHTLC>),
    /// update_fail_malformed_htlc
    UpdateFailMalformedHtlc(msgs::UpdateFailMalformedHTLC),
    /// update_fee
    UpdateFee(msgs::UpdateFee),
    /// commitment_signed
    CommitmentSigned(Box<msgs::CommitmentSigned>),
    /// revoke_and_ack
    RevokeAndAck(Box<msgs::RevokeAndACK>),
    /// channel_reestablish
    ChannelReestablish(Box<msgs::ChannelReestablish>),
    /// announcement_signatures (BOLT 7)
    AnnouncementSignatures(Box<msgs::AnnouncementSignatures>),
    /// A channel_update that came directly, for one of our channels perhaps.
    ChannelUpdate(Box<msgs::ChannelUpdate>),
    /// peer_storage (BOLT 1): what the peer wants kept.
    PeerStorage(Vec<u8>),
    /// peer_storage_retrieval (BOLT 1): what the peer keeps for this node.
    PeerStorageRetrieval(Vec<u8>),
    /// error. Its text is already made printable. A channel id of zeros means all channels with the peer (BOLT 1).
    Error(msgs::ErrorMessage),
    /// One of this program's own.
    Own(OwnMessage),
}

impl WireMessage {
    /// The name that the BOLTs give it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::OpenChannel(_) => "open_channel",
            Self::AcceptChannel(_) => "accept_channel",
            Self::FundingCreated(_) => "funding_created",
            Self::FundingSigned(_) => "funding_signed",
            Self::ChannelReady(_) => "channel_ready",
            Self::Shutdown(_) => "shutdown",
            Self::ClosingSigned(_) => "closing_signed",
            Self::UpdateAddHtlc(_) => "update_add_htlc",
            Self::UpdateFulfillHtlc(_) => "update_fulfill_htlc",
            Self::UpdateFailHtlc(_) => "update_fail_htlc",
            Self::UpdateFailMalformedHtlc(_) => "update_fail_malformed_htlc",
            Self::UpdateFee(_) => "update_fee",
            Self::CommitmentSigned(_) => "commitment_signed",
            Self::RevokeAndAck(_) => "revoke_and_ack",
            Self::ChannelReestablish(_) => "channel_reestablish",
            Self::AnnouncementSignatures(_) => "announcement_signatures",
            Self::ChannelUpdate(_) => "channel_update",
            Self::PeerStorage(_) => "peer_storage",
            Self::PeerStorageRetrieval(_) => "peer_storage_retrieval",
            Self::Error(_) => "error",
            Self::Own(OwnMessage::Ask(_)) => "channel_ask",
            Self::Own(OwnMessage::State(_)) => "channel_ask_state",
        }
    }

    /// About how many bytes it holds in memory while it waits.
    pub(crate) fn weight(&self) -> usize {
        /// The fixed part of any message, its box and its place in the queue, rounded up.
        const FIXED: usize = 512;
        let variable = match self {
            Self::OpenChannel(_) | Self::AcceptChannel(_) => 1_024,
            Self::UpdateAddHtlc(_) => 2_048, // the onion's 1,366 bytes and what may travel beside it
            Self::UpdateFailHtlc(message) => message.serialized_length(),
            Self::CommitmentSigned(message) => message.htlc_signatures.len() * 64,
            Self::Shutdown(message) => message.scriptpubkey.len(),
            Self::ChannelUpdate(message) => message.contents.excess_data.len(),
            Self::PeerStorage(data) | Self::PeerStorageRetrieval(data) => data.len(),
            Self::Error(message) => message.data.len(),
            Self::UpdateFulfillHtlc(_) => 1_024,
            Self::Own(OwnMessage::State(message)) => message.reason.len(),
            Self::FundingCreated(_)
            | Self::FundingSigned(_)
            | Self::ChannelReady(_)
            | Self::ClosingSigned(_)
            | Self::UpdateFailMalformedHtlc(_)
            | Self::UpdateFee(_)
            | Self::RevokeAndAck(_)
            | Self::ChannelReestablish(_)
            | Self::AnnouncementSignatures(_)
            | Self::Own(OwnMessage::Ask(_)) => 0,
        };
        FIXED.saturating_add(variable)
    }
}
