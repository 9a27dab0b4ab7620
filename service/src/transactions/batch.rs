//! funding_signed of all channels of a batch, in one transaction.

use bitcoin::secp256k1::ecdsa::Signature;
use exonum::crypto::Hash;
use exonum_derive::{BinaryValue, ObjectHash};
use exonum_proto::ProtobufConvert;
use zarnitsa_channel::ids::ChannelId;
use zarnitsa_channel::message::PeerMessage;

use super::step::{peer, Step};
use crate::proto;
use crate::wire::Wire;

/// Every peer of a batch has signed.
#[derive(Clone, Debug, PartialEq, Eq, ProtobufConvert, BinaryValue, ObjectHash)]
#[protobuf_convert(source = "proto::BatchSigned")]
pub struct BatchSigned {
    /// The operator's order: hash of its ledger transaction.
    pub request: Hash,
    /// One for each channel of the order.
    pub openings: Vec<SignedOpening>,
}

/// funding_signed of one channel.
#[derive(Clone, Debug, PartialEq, Eq, ProtobufConvert)]
#[protobuf_convert(source = "proto::SignedOpening")]
pub struct SignedOpening {
    /// The channel.
    #[protobuf_convert(with = "Wire")]
    pub channel_id: ChannelId,
    /// The channel's next step.
    pub step_number: u64,
    /// The peer's, of commitment 0 of this node.
    #[protobuf_convert(with = "Wire")]
    pub signature: Signature,
}

impl SignedOpening {
    /// What it is to its channel.
    pub(crate) fn into_step(self) -> Step {
        let signature = self.signature;
        Step {
            channel_id: self.channel_id,
            number: self.step_number,
            command: peer(PeerMessage::FundingSigned { signature }),
        }
    }
}
