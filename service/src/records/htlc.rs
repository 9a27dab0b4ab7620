//! HTLCs.

use std::fmt;

use bitcoin::secp256k1::PublicKey;
use exonum::crypto::Hash;
use exonum_derive::{BinaryValue, ObjectHash};
use exonum_merkledb::BinaryKey;
use exonum_proto::ProtobufConvert;
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::{ChannelId, HtlcId, PaymentHash, PaymentPreimage};
use zarnitsa_channel::params::Side;

use super::Route;
use crate::proto;
use crate::wire::{bounded, Wire, MAX_TEXT};

/// Names an HTLC: its channel, who offers it, and the number that the offerer gave it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ProtobufConvert, BinaryValue, ObjectHash)]
#[protobuf_convert(source = "proto::HtlcRef")]
pub struct HtlcRef {
    /// Its channel.
    #[protobuf_convert(with = "Wire")]
    pub channel_id: ChannelId,
    /// Who offers it.
    #[protobuf_convert(with = "Wire")]
    pub offerer: Side,
    /// Its number.
    #[protobuf_convert(with = "Wire")]
    pub id: HtlcId,
}

impl HtlcRef {
    /// Its key in the ledger.
    pub fn key(&self) -> HtlcKey {
        HtlcKey::new(&self.channel_id, self.offerer, self.id)
    }
}

/// Bytes of a channel_id that stand in a key, the last ones: BOLT 2 makes it of a txid with the output's index in its last two
/// bytes, so channels that one transaction opens differ there alone. Two transactions with the same ones are out of reach.
const OF_CHANNEL: usize = 23;

/// An HTLC's key in the ledger: the last 23 bytes of its channel_id, one byte (1 offered by this node, 2 offered to it), and
/// its id in big-endian, each byte with its bits in reverse.
///
/// A map's tree goes by the bits of its keys, the lowest of each byte first. So HTLCs of one channel that live at the same
/// time stand side by side in it, and a block that changes many of them writes the way to them once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HtlcKey([u8; 32]);

impl HtlcKey {
    /// The key of the HTLC that `offerer` numbered `id`.
    pub fn new(channel_id: &ChannelId, offerer: Side, id: HtlcId) -> Self {
        let mut key = [0; 32];
        key[..OF_CHANNEL].copy_from_slice(&channel_id.0[32 - OF_CHANNEL..]);
        key[OF_CHANNEL] = match offerer {
            Side::Holder => 1,
            Side::Counterparty => 2,
        };
        let id = id.0.reverse_bits().to_le_bytes();
        key[OF_CHANNEL + 1..].copy_from_slice(&id);
        Self(key)
    }

    /// The key's bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// As the keys of maps with proofs are typed: 32 bytes, which need no further hash.
    pub fn raw(&self) -> Hash {
        Hash::new(self.0)
    }
}

impl fmt::Debug for HtlcKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HtlcKey({})", hex::encode(self.0))
    }
}

impl serde::Serialize for HtlcKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(self.0))
    }
}

impl BinaryKey for HtlcKey {
    fn size(&self) -> usize {
        self.0.len()
    }

    fn write(&self, buffer: &mut [u8]) -> usize {
        buffer.copy_from_slice(&self.0);
        self.0.len()
    }

    fn read(buffer: &[u8]) -> Self::Owned {
        let mut key = [0; 32];
        key.copy_from_slice(buffer);
        Self(key)
    }
}

/// Where an HTLC stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HtlcState {
    /// Added, not yet irrevocably committed by both sides.
    Added,
    /// In both sides' commitments for good.
    Committed,
    /// Its preimage is released.
    Fulfilled,
    /// Failed.
    Failed,
}

/// Why a payment or an HTLC failed, as far as the onion told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// BOLT 4 failure code; 0 where there is none.
    pub code: u16,
    /// The node that failed it, where known.
    pub culprit: Option<PublicKey>,
    /// For people.
    pub reason: String,
}

impl ProtobufConvert for Failure {
    type ProtoStruct = proto::Failure;

    fn to_pb(&self) -> Self::ProtoStruct {
        let mut pb = proto::Failure::new();
        pb.set_code(self.code.into());
        pb.set_culprit(self.culprit.to_pb());
        pb.set_reason(self.reason.clone());
        pb
    }

    fn from_pb(mut pb: Self::ProtoStruct) -> anyhow::Result<Self> {
        Ok(Self {
            code: ProtobufConvert::from_pb(pb.get_code())?,
            culprit: Wire::from_pb(pb.take_culprit())?,
            reason: bounded(pb.take_reason(), "reason", MAX_TEXT)?,
        })
    }
}

/// An HTLC. Its onion is stored apart, while the HTLC lives.
#[derive(Clone, Debug, PartialEq, Eq, ProtobufConvert, BinaryValue, ObjectHash)]
#[protobuf_convert(source = "proto::HtlcRecord")]
pub struct HtlcRecord {
    /// Its channel.
    #[protobuf_convert(with = "Wire")]
    pub channel_id: ChannelId,
    /// Who offers it.
    #[protobuf_convert(with = "Wire")]
    pub offerer: Side,
    /// The offerer's number.
    #[protobuf_convert(with = "Wire")]
    pub id: HtlcId,
    /// What it moves when it is fulfilled.
    #[protobuf_convert(with = "Wire")]
    pub amount_msat: Msat,
    /// What its preimage hashes to.
    #[protobuf_convert(with = "Wire")]
    pub payment_hash: PaymentHash,
    /// The block height after which the offerer may take it back.
    pub cltv_expiry: u32,
    /// Where it stands.
    #[protobuf_convert(with = "Wire")]
    pub state: HtlcState,
    /// In no commitment any more.
    pub removed: bool,
    /// None until it is released.
    #[protobuf_convert(with = "Wire")]
    pub preimage: Option<PaymentPreimage>,
    /// Why it failed, where that is known.
    #[protobuf_convert(with = "Wire")]
    pub failure: Option<Failure>,
    /// It is a part of the payment with its payment hash.
    pub pays_payment: bool,
    /// It is a part of the invoice with its payment hash.
    pub pays_invoice: bool,
    /// Ledger height of its adding.
    pub added_height: u64,
    /// Ledger height of its newest change.
    pub updated_height: u64,
    /// Of an HTLC that is forwarded: its other half.
    #[protobuf_convert(with = "Wire")]
    pub forward: Option<HtlcRef>,
    /// It took the exposure to HTLCs without an output over the limit: it is only to be failed.
    pub must_fail: bool,
    /// The way that it is to go, where it is a part of a payment.
    #[protobuf_convert(with = "Wire")]
    pub route: Option<Route>,
}

impl HtlcRecord {
    /// It can neither be taken back nor is it gone: how it ends is open.
    pub fn is_undecided(&self) -> bool {
        !self.removed && self.state != HtlcState::Fulfilled
    }

    /// Its name.
    pub fn reference(&self) -> HtlcRef {
        HtlcRef {
            channel_id: self.channel_id,
            offerer: self.offerer,
            id: self.id,
        }
    }
}
