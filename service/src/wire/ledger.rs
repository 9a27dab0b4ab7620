//! Fields that hold the ledger's own types, or none of them.

use anyhow::Result;
use exonum::crypto::Hash;
use exonum_proto::ProtobufConvert;

use super::Wire;
use crate::proto;
use crate::records::{Failure, HtlcRef};

/// None is the hash of zeroes.
impl Wire for Option<Hash> {
    type Pb = <Hash as ProtobufConvert>::ProtoStruct;

    fn to_pb(&self) -> Self::Pb {
        self.unwrap_or_else(Hash::zero).to_pb()
    }

    fn from_pb(pb: Self::Pb) -> Result<Self> {
        let hash = <Hash as ProtobufConvert>::from_pb(pb)?;
        Ok((hash != Hash::zero()).then_some(hash))
    }
}

/// None is the empty message.
impl Wire for Option<Failure> {
    type Pb = proto::Failure;

    fn to_pb(&self) -> Self::Pb {
        self.as_ref()
            .map(ProtobufConvert::to_pb)
            .unwrap_or_default()
    }

    fn from_pb(pb: Self::Pb) -> Result<Self> {
        let failure = <Failure as ProtobufConvert>::from_pb(pb)?;
        Ok((failure != Failure::default()).then_some(failure))
    }
}

/// None is the empty message.
impl Wire for Option<HtlcRef> {
    type Pb = proto::HtlcRef;

    fn to_pb(&self) -> Self::Pb {
        self.as_ref()
            .map(ProtobufConvert::to_pb)
            .unwrap_or_default()
    }

    fn from_pb(pb: Self::Pb) -> Result<Self> {
        if pb == proto::HtlcRef::default() {
            return Ok(None);
        }
        <HtlcRef as ProtobufConvert>::from_pb(pb).map(Some)
    }
}
