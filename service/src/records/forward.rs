//! Payments that pass through this node.

use exonum_derive::{BinaryValue, ObjectHash};
use exonum_proto::ProtobufConvert;
use zarnitsa_channel::action::FailureReason;
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::PaymentHash;

use super::{Failure, HtlcRef, PaymentStatus};
use crate::proto;
use crate::wire::{bounded, Wire, MAX_MESSAGE};

/// A payment that passes through this node: an HTLC in, and the HTLC out that it causes.
#[derive(Clone, Debug, PartialEq, Eq, ProtobufConvert, BinaryValue, ObjectHash)]
#[protobuf_convert(source = "proto::Forward")]
pub struct Forward {
    /// Its name.
    pub incoming: HtlcRef,
    /// What it causes.
    pub outgoing: HtlcRef,
    /// Of both.
    #[protobuf_convert(with = "Wire")]
    pub payment_hash: PaymentHash,
    /// What comes in when it succeeds.
    #[protobuf_convert(with = "Wire")]
    pub incoming_msat: Msat,
    /// What goes out.
    #[protobuf_convert(with = "Wire")]
    pub outgoing_msat: Msat,
    /// Where it stands. It succeeds when the preimage is here, for then the HTLC in is claimed.
    #[protobuf_convert(with = "Wire")]
    pub status: PaymentStatus,
    /// Why it failed, where that is known.
    #[protobuf_convert(with = "Wire")]
    pub failure: Option<Failure>,
    /// Ledger height of the HTLC out.
    pub created_height: u64,
    /// Ledger height of its newest change.
    pub updated_height: u64,
}

impl Forward {
    /// What stays here when it succeeds.
    pub fn fee(&self) -> Msat {
        // No forward is stored that sends out more than comes in.
        self.incoming_msat
            .checked_sub(self.outgoing_msat)
            .unwrap_or(Msat::ZERO)
    }
}

/// Why an HTLC out failed, as it came: to be told on the way in.
#[derive(Clone, Debug, PartialEq, Eq, BinaryValue, ObjectHash)]
pub enum ReturnedFailure {
    /// Encrypted for the payer.
    Onion(Vec<u8>),
    /// The next node could not read the onion.
    Malformed {
        /// Of the onion.
        sha256_of_onion: [u8; 32],
        /// What is wrong with it.
        failure_code: u16,
    },
    /// Nobody said anything: it was never sent, or it ended on chain.
    Silent,
}

impl From<&FailureReason> for ReturnedFailure {
    fn from(reason: &FailureReason) -> Self {
        match reason {
            FailureReason::Onion(onion) => Self::Onion(onion.clone()),
            FailureReason::Malformed {
                sha256_of_onion,
                failure_code,
            } => Self::Malformed {
                sha256_of_onion: *sha256_of_onion,
                failure_code: *failure_code,
            },
            FailureReason::Withdrawn | FailureReason::OnChain => Self::Silent,
        }
    }
}

impl ProtobufConvert for ReturnedFailure {
    type ProtoStruct = proto::ReturnedFailure;

    fn to_pb(&self) -> Self::ProtoStruct {
        let mut pb = proto::ReturnedFailure::new();
        match self {
            Self::Onion(onion) => pb.set_onion(onion.clone()),
            Self::Malformed {
                sha256_of_onion,
                failure_code,
            } => {
                pb.set_sha256_of_onion(sha256_of_onion.to_vec());
                pb.set_malformed_code((*failure_code).into());
            }
            Self::Silent => {}
        }
        pb
    }

    fn from_pb(mut pb: Self::ProtoStruct) -> anyhow::Result<Self> {
        if !pb.get_onion().is_empty() {
            let onion = bounded(pb.take_onion(), "failure onion", MAX_MESSAGE)?;
            return Ok(Self::Onion(onion));
        }
        if pb.get_sha256_of_onion().is_empty() {
            return Ok(Self::Silent);
        }
        Ok(Self::Malformed {
            sha256_of_onion: Wire::from_pb(pb.take_sha256_of_onion())?,
            failure_code: ProtobufConvert::from_pb(pb.get_malformed_code())?,
        })
    }
}
