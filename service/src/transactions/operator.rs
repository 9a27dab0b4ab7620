//! What the operator orders beside channels, and the results that the node reports.

use anyhow::Result;
use bitcoin::secp256k1::PublicKey;
use exonum::crypto::Hash;
use exonum_derive::{BinaryValue, ObjectHash};
use exonum_proto::ProtobufConvert;
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::{ChannelId, PaymentHash};

use crate::proto;
use crate::records::{ChannelPolicy, Failure, Policy, RequestStatus};
use crate::wire::{invoice_text, present, text, Wire};

/// The operator orders a payment.
#[derive(Clone, Debug, PartialEq, Eq, ProtobufConvert, BinaryValue, ObjectHash)]
#[protobuf_convert(source = "proto::PaymentOrder")]
pub struct PaymentOrder {
    /// Its name.
    #[protobuf_convert(with = "Wire")]
    pub payment_hash: PaymentHash,
    /// Node id of the payee.
    #[protobuf_convert(with = "Wire")]
    pub payee: PublicKey,
    /// What the payee is to get.
    #[protobuf_convert(with = "Wire")]
    pub amount_msat: Msat,
    /// What it may cost beyond that.
    #[protobuf_convert(with = "Wire")]
    pub max_fee_msat: Msat,
    /// The BOLT 11 string, or empty.
    #[protobuf_convert(with = "invoice_text")]
    pub invoice: String,
    /// From this and the seed the signer derives a spontaneous payment's preimage. Public.
    #[protobuf_convert(with = "Wire")]
    pub session_nonce: [u8; 32],
    /// How long other ways are tried; zero leaves it to the node.
    pub timeout_seconds: u32,
}

/// A payment failed.
#[derive(Clone, Debug, PartialEq, Eq, BinaryValue, ObjectHash)]
pub struct PaymentResult {
    /// Which payment.
    pub payment_hash: PaymentHash,
    /// Which attempt.
    pub attempt: u32,
    /// Why.
    pub failure: Failure,
}

impl ProtobufConvert for PaymentResult {
    type ProtoStruct = proto::PaymentResult;

    fn to_pb(&self) -> Self::ProtoStruct {
        let mut pb = proto::PaymentResult::new();
        pb.set_payment_hash(self.payment_hash.to_pb());
        pb.set_attempt(self.attempt);
        pb.set_failure(self.failure.to_pb());
        pb
    }

    fn from_pb(mut pb: Self::ProtoStruct) -> Result<Self> {
        Ok(Self {
            payment_hash: Wire::from_pb(pb.take_payment_hash())?,
            attempt: pb.get_attempt(),
            failure: ProtobufConvert::from_pb(present(pb.failure, "failure")?)?,
        })
    }
}

/// The operator sets the policy, all of it.
#[derive(Clone, Debug, PartialEq, Eq, BinaryValue, ObjectHash)]
pub struct PolicyChange {
    /// The new policy.
    pub policy: Policy,
    /// Makes two equal orders two transactions.
    pub nonce: [u8; 32],
}

impl ProtobufConvert for PolicyChange {
    type ProtoStruct = proto::PolicyChange;

    fn to_pb(&self) -> Self::ProtoStruct {
        let mut pb = proto::PolicyChange::new();
        pb.set_policy(self.policy.to_pb());
        pb.set_nonce(self.nonce.to_vec());
        pb
    }

    fn from_pb(mut pb: Self::ProtoStruct) -> Result<Self> {
        Ok(Self {
            nonce: Wire::from_pb(pb.take_nonce())?,
            policy: ProtobufConvert::from_pb(present(pb.policy, "policy")?)?,
        })
    }
}

/// The operator sets what one channel forwards for.
#[derive(Clone, Debug, PartialEq, Eq, BinaryValue, ObjectHash)]
pub struct ChannelPolicyChange {
    /// Which channel.
    pub channel_id: ChannelId,
    /// None: the policy holds again.
    pub policy: Option<ChannelPolicy>,
    /// Makes two equal orders two transactions.
    pub nonce: [u8; 32],
}

impl ProtobufConvert for ChannelPolicyChange {
    type ProtoStruct = proto::ChannelPolicyChange;

    fn to_pb(&self) -> Self::ProtoStruct {
        let mut pb = proto::ChannelPolicyChange::new();
        pb.set_channel_id(self.channel_id.to_pb());
        if let Some(policy) = &self.policy {
            pb.set_policy(policy.to_pb());
        }
        pb.set_nonce(self.nonce.to_vec());
        pb
    }

    fn from_pb(mut pb: Self::ProtoStruct) -> Result<Self> {
        let policy = pb.policy.take();
        Ok(Self {
            channel_id: Wire::from_pb(pb.take_channel_id())?,
            policy: policy.map(ProtobufConvert::from_pb).transpose()?,
            nonce: Wire::from_pb(pb.take_nonce())?,
        })
    }
}

/// What became of an order.
#[derive(Clone, Debug, PartialEq, Eq, ProtobufConvert, BinaryValue, ObjectHash)]
#[protobuf_convert(source = "proto::RequestResult")]
pub struct RequestResult {
    /// Hash of the ledger transaction that gave the order.
    pub request: Hash,
    /// Done or failed.
    #[protobuf_convert(with = "Wire")]
    pub status: RequestStatus,
    /// The channel that it opened or closes, where there is one.
    #[protobuf_convert(with = "Wire")]
    pub channel_id: Option<ChannelId>,
    /// Why it failed.
    #[protobuf_convert(with = "text")]
    pub reason: String,
}
