//! What peers ask for, as far as it changes the ledger.

use anyhow::{bail, Result};
use bitcoin::secp256k1::PublicKey;
use bitcoin::Amount;
use exonum::crypto::Hash;
use exonum_derive::{BinaryValue, ObjectHash};
use exonum_proto::ProtobufConvert;

use crate::proto::{self, AskStep_oneof_step as Pb};
use crate::wire::{text, Wire};

/// A peer asks for a channel, or hears that it gets none.
#[derive(Clone, Debug, PartialEq, Eq, BinaryValue, ObjectHash)]
pub struct AskStep {
    /// Who asks.
    pub peer: PublicKey,
    /// What the peer calls it.
    pub id: [u8; 32],
    /// What happens to it.
    pub change: AskChange,
}

/// What happens to an ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskChange {
    /// It came.
    Received {
        /// How large the channel is to be.
        amount_sat: Amount,
        /// Unix time in seconds.
        now: u64,
    },
    /// The node gives it up.
    Refused {
        /// Why. The peer hears it.
        reason: String,
    },
}

impl ProtobufConvert for AskStep {
    type ProtoStruct = proto::AskStep;

    fn to_pb(&self) -> Self::ProtoStruct {
        let mut pb = proto::AskStep::new();
        pb.set_peer(Wire::to_pb(&self.peer));
        pb.set_id(self.id.to_vec());
        match &self.change {
            AskChange::Received { amount_sat, now } => {
                let mut received = proto::AskReceived::new();
                received.set_amount_sat(Wire::to_pb(amount_sat));
                received.set_now(*now);
                pb.set_received(received);
            }
            AskChange::Refused { reason } => {
                let mut refused = proto::Reason::new();
                refused.set_text(reason.clone());
                pb.set_refused(refused);
            }
        }
        pb
    }

    fn from_pb(mut pb: Self::ProtoStruct) -> Result<Self> {
        let peer = Wire::from_pb(pb.take_peer())?;
        let id = Wire::from_pb(pb.take_id())?;
        let change = match pb.step {
            Some(Pb::received(received)) => AskChange::Received {
                amount_sat: Wire::from_pb(received.get_amount_sat())?,
                now: received.get_now(),
            },
            Some(Pb::refused(mut refused)) => AskChange::Refused {
                reason: text::from_pb(refused.take_text())?,
            },
            None => bail!("ask: no step, or one that is not known"),
        };
        Ok(Self { peer, id, change })
    }
}

/// The operator approves or refuses what a peer asks for.
#[derive(Clone, Debug, PartialEq, Eq, ProtobufConvert, BinaryValue, ObjectHash)]
#[protobuf_convert(source = "proto::AskDecision")]
pub struct AskDecision {
    /// The ask's key.
    pub ask: Hash,
    /// It is to be opened.
    pub approve: bool,
    /// Why it is not. The peer hears it.
    #[protobuf_convert(with = "text")]
    pub reason: String,
    /// Makes two equal orders two transactions.
    #[protobuf_convert(with = "Wire")]
    pub nonce: [u8; 32],
}

/// Channels that peers asked for are to be opened by one transaction.
#[derive(Clone, Debug, PartialEq, Eq, ProtobufConvert, BinaryValue, ObjectHash)]
#[protobuf_convert(source = "proto::OpenAsked")]
pub struct OpenAsked {
    /// Keys of approved asks.
    pub asks: Vec<Hash>,
    /// Makes two equal orders two transactions.
    #[protobuf_convert(with = "Wire")]
    pub nonce: [u8; 32],
}
