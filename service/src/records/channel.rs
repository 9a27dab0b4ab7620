//! A channel, and the list of its steps.

use bitcoin::secp256k1::PublicKey;
use bitcoin::{Amount, OutPoint, Txid};
use exonum::crypto::Hash;
use exonum_derive::{BinaryValue, ObjectHash};
use exonum_proto::ProtobufConvert;
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::{ChannelId, HtlcId};
use zarnitsa_channel::params::{CommitmentFormat, Side};

use crate::proto;
use crate::wire::Wire;

/// A channel as people and the light client see it, with the machine's whole state.
#[derive(Clone, Debug, PartialEq, Eq, ProtobufConvert, BinaryValue, ObjectHash)]
#[protobuf_convert(source = "proto::ChannelRecord")]
pub struct ChannelRecord {
    /// Its name for its whole life.
    #[protobuf_convert(with = "Wire")]
    pub channel_id: ChannelId,
    /// Node id of the peer.
    #[protobuf_convert(with = "Wire")]
    pub peer: PublicKey,
    /// The lifecycle state's public name.
    pub state: String,
    /// Who opened it.
    #[protobuf_convert(with = "Wire")]
    pub opener: Side,
    /// The commitment format.
    #[protobuf_convert(with = "Wire")]
    pub format: CommitmentFormat,
    /// Both sides asked for it to be announced.
    pub announced: bool,
    /// The funding output's value.
    #[protobuf_convert(with = "Wire")]
    pub capacity_sat: Amount,
    /// This node's settled balance.
    #[protobuf_convert(with = "Wire")]
    pub local_msat: Msat,
    /// The peer's settled balance.
    #[protobuf_convert(with = "Wire")]
    pub remote_msat: Msat,
    /// In HTLCs that this node offers.
    #[protobuf_convert(with = "Wire")]
    pub offered_msat: Msat,
    /// In HTLCs that this node is offered.
    #[protobuf_convert(with = "Wire")]
    pub received_msat: Msat,
    /// Of this node's newest commitment.
    pub commitment_number: u64,
    /// Of the peer's newest commitment.
    pub counterparty_commitment_number: u64,
    /// The funding output.
    #[protobuf_convert(with = "Wire")]
    pub funding: OutPoint,
    /// BOLT 7; 0 until the opening transaction is confirmed.
    pub short_channel_id: u64,
    /// Of the transaction that spends the funding output.
    #[protobuf_convert(with = "Wire")]
    pub closing_txid: Option<Txid>,
    /// The operator's order that opened it; none where the peer opened it.
    #[protobuf_convert(with = "Wire")]
    pub request: Option<Hash>,
    /// Ledger height of its opening.
    pub opened_height: u64,
    /// Ledger height of its newest step.
    pub updated_height: u64,
    /// Root hash of its history. A grouped list is not part of the state hash by itself: this makes it so.
    pub history_hash: Hash,
    /// Length of its history.
    pub history_len: u64,
    /// `Channel::encode` of the machine.
    pub machine: Vec<u8>,
}

/// What a step of a channel was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistoryKind {
    /// The channel began.
    Opening,
    /// funding_signed or channel_ready.
    Ready,
    /// An HTLC was added.
    HtlcAdd,
    /// An HTLC's preimage was released.
    HtlcFulfill,
    /// An HTLC was failed.
    HtlcFail,
    /// update_fee.
    Fee,
    /// commitment_signed.
    Commitment,
    /// revoke_and_ack.
    Revocation,
    /// channel_reestablish dropped what was not committed.
    Reestablish,
    /// A step towards the end.
    Closing,
    /// The chain showed something.
    Chain,
}

/// Who made a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// This node.
    Holder,
    /// The peer.
    Counterparty,
    /// The Bitcoin network.
    Chain,
}

/// One step of a channel, and how the channel stood after it.
#[derive(Clone, Debug, PartialEq, Eq, ProtobufConvert, BinaryValue, ObjectHash)]
#[protobuf_convert(source = "proto::HistoryEntry")]
pub struct HistoryEntry {
    /// What the step was.
    #[protobuf_convert(with = "Wire")]
    pub kind: HistoryKind,
    /// Who made it.
    #[protobuf_convert(with = "Wire")]
    pub by: Actor,
    /// The lifecycle state's public name after it.
    pub state: String,
    /// Of this node's newest commitment.
    pub commitment_number: u64,
    /// Of the peer's newest commitment.
    pub counterparty_commitment_number: u64,
    /// This node's settled balance.
    #[protobuf_convert(with = "Wire")]
    pub local_msat: Msat,
    /// The peer's settled balance.
    #[protobuf_convert(with = "Wire")]
    pub remote_msat: Msat,
    /// Of the HTLC that the step is about, else 0.
    #[protobuf_convert(with = "Wire")]
    pub amount_msat: Msat,
    /// Of the HTLC that the step is about, else 0.
    #[protobuf_convert(with = "Wire")]
    pub htlc_id: HtlcId,
    /// The ledger transaction that has the step.
    pub tx_hash: Hash,
    /// Height of its block.
    pub height: u64,
    /// Of the Bitcoin transaction that the step is about.
    #[protobuf_convert(with = "Wire")]
    pub txid: Option<Txid>,
    /// Why, where the step has a reason: that of a unilateral close, or what the chain showed.
    pub note: String,
}
