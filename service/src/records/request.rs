//! The operator's orders that take longer than one step.

use bitcoin::secp256k1::PublicKey;
use bitcoin::Amount;
use exonum_derive::{BinaryValue, ObjectHash};
use exonum_proto::ProtobufConvert;
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::ChannelId;

use crate::proto;
use crate::wire::{text, Wire};

/// The order to open a channel: argument of method `open_channel`.
#[derive(Clone, Debug, PartialEq, Eq, ProtobufConvert, BinaryValue, ObjectHash)]
#[protobuf_convert(source = "proto::OpenChannelRequest")]
pub struct OpenChannelRequest {
    /// Node id of the peer.
    #[protobuf_convert(with = "Wire")]
    pub peer: PublicKey,
    /// Where to reach it, `host:port`; empty where it is connected.
    #[protobuf_convert(with = "text")]
    pub address: String,
    /// Zero: all that the wallet holds.
    #[protobuf_convert(with = "Wire")]
    pub amount_sat: Amount,
    /// Given to the peer at once.
    #[protobuf_convert(with = "Wire")]
    pub push_msat: Msat,
    /// Of the opening transaction, in satoshis per 1,000 weight units; 0: the node estimates.
    pub feerate_per_kw: u32,
    /// Ask for the channel to be announced.
    pub announce: bool,
    /// Makes two equal orders two transactions.
    #[protobuf_convert(with = "Wire")]
    pub nonce: [u8; 32],
    /// Usable before its opening transaction is confirmed, if the peer trusts this node so far.
    pub zero_conf: bool,
}

/// The order to close a channel: argument of method `close_channel`.
#[derive(Clone, Debug, PartialEq, Eq, ProtobufConvert, BinaryValue, ObjectHash)]
#[protobuf_convert(source = "proto::CloseChannelRequest")]
pub struct CloseChannelRequest {
    /// Which channel.
    #[protobuf_convert(with = "Wire")]
    pub channel_id: ChannelId,
    /// Unilaterally.
    pub force: bool,
    /// Of the closing transaction, in satoshis per 1,000 weight units; 0: the node estimates.
    pub feerate_per_kw: u32,
    /// Makes two equal orders two transactions.
    #[protobuf_convert(with = "Wire")]
    pub nonce: [u8; 32],
}

/// The order to open several channels by one opening transaction: argument of method `open_batch`.
#[derive(Clone, Debug, PartialEq, Eq, ProtobufConvert, BinaryValue, ObjectHash)]
#[protobuf_convert(source = "proto::OpenBatchRequest")]
pub struct OpenBatchRequest {
    /// Each with another peer. Their feerates and nonces do not count.
    pub channels: Vec<OpenChannelRequest>,
    /// Of the opening transaction, in satoshis per 1,000 weight units; 0: the node estimates.
    pub feerate_per_kw: u32,
    /// Makes two equal orders two transactions.
    #[protobuf_convert(with = "Wire")]
    pub nonce: [u8; 32],
}

impl OpenBatchRequest {
    /// What is ordered of the channel with this peer.
    pub fn with(&self, peer: &PublicKey) -> Option<&OpenChannelRequest> {
        self.channels.iter().find(|order| order.peer == *peer)
    }
}

/// The order to ask a hub for a channel: argument of method `ask_channel`.
#[derive(Clone, Debug, PartialEq, Eq, ProtobufConvert, BinaryValue, ObjectHash)]
#[protobuf_convert(source = "proto::AskChannelRequest")]
pub struct AskChannelRequest {
    /// Node id of the hub.
    #[protobuf_convert(with = "Wire")]
    pub hub: PublicKey,
    /// Where to reach it, `host:port`; empty where it is connected.
    #[protobuf_convert(with = "text")]
    pub address: String,
    /// How large the channel is to be.
    #[protobuf_convert(with = "Wire")]
    pub amount_sat: Amount,
    /// Makes two equal orders two transactions.
    #[protobuf_convert(with = "Wire")]
    pub nonce: [u8; 32],
}

/// What was ordered.
#[derive(Clone, Debug, PartialEq, Eq, ProtobufConvert)]
#[protobuf_convert(source = "proto::RequestArguments", rename(case = "snake_case"))]
pub enum RequestArguments {
    /// To open a channel.
    OpenChannel(OpenChannelRequest),
    /// To close a channel.
    CloseChannel(CloseChannelRequest),
    /// To open several at once.
    OpenBatch(OpenBatchRequest),
    /// To ask a hub for a channel.
    AskChannel(AskChannelRequest),
}

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestStatus {
    /// The node is at it.
    Pending,
    /// Carried out.
    Done,
    /// Given up.
    Failed,
}

impl RequestStatus {
    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// An order. Its name is the hash of the ledger transaction that gave it.
#[derive(Clone, Debug, PartialEq, Eq, ProtobufConvert, BinaryValue, ObjectHash)]
#[protobuf_convert(source = "proto::Request")]
pub struct Request {
    /// What was ordered.
    pub arguments: RequestArguments,
    /// What became of it.
    #[protobuf_convert(with = "Wire")]
    pub status: RequestStatus,
    /// The channel that it opened or closes.
    #[protobuf_convert(with = "Wire")]
    pub channel_id: Option<ChannelId>,
    /// Why it failed.
    pub reason: String,
    /// Ledger height of the order.
    pub created_height: u64,
    /// Ledger height of its newest change.
    pub updated_height: u64,
    /// The channels that a batch opens, as far as they are known.
    #[protobuf_convert(with = "Wire")]
    pub channels: Vec<ChannelId>,
}
