//! Types that are `bytes`, or a number, in protobuf.

use anyhow::{anyhow, bail, Context, Result};
use bitcoin::consensus::encode;
use bitcoin::hashes::Hash as _;
use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::PublicKey;
use bitcoin::{Amount, BlockHash, OutPoint, ScriptBuf, Transaction, Txid};
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::{
    ChannelId, HtlcId, KeysId, PaymentHash, PaymentPreimage, TemporaryChannelId,
};

use super::{bounded, Wire, MAX_MESSAGE, MAX_TRANSACTION};
use crate::proto;

impl Wire for [u8; 32] {
    type Pb = Vec<u8>;

    fn to_pb(&self) -> Self::Pb {
        self.to_vec()
    }

    fn from_pb(pb: Self::Pb) -> Result<Self> {
        pb.try_into()
            .map_err(|bytes: Vec<u8>| anyhow!("{} bytes where 32 were expected", bytes.len()))
    }
}

macro_rules! wire_bytes32 {
    ($($name:ident),*) => {
        $(impl Wire for $name {
            type Pb = Vec<u8>;

            fn to_pb(&self) -> Self::Pb {
                self.0.to_vec()
            }

            fn from_pb(pb: Self::Pb) -> Result<Self> {
                <[u8; 32]>::from_pb(pb).map(Self).context(stringify!($name))
            }
        })*
    };
}

wire_bytes32! { ChannelId, TemporaryChannelId, PaymentHash, PaymentPreimage, KeysId }

macro_rules! wire_bitcoin_hash {
    ($($name:ident),*) => {
        $(impl Wire for $name {
            type Pb = Vec<u8>;

            fn to_pb(&self) -> Self::Pb {
                self.to_byte_array().to_vec()
            }

            fn from_pb(pb: Self::Pb) -> Result<Self> {
                <[u8; 32]>::from_pb(pb).map(Self::from_byte_array).context(stringify!($name))
            }
        })*
    };
}

wire_bitcoin_hash! { Txid, BlockHash }

/// None is the empty field.
impl<T: Wire<Pb = Vec<u8>>> Wire for Option<T> {
    type Pb = Vec<u8>;

    fn to_pb(&self) -> Self::Pb {
        self.as_ref().map(T::to_pb).unwrap_or_default()
    }

    fn from_pb(pb: Self::Pb) -> Result<Self> {
        if pb.is_empty() {
            return Ok(None);
        }
        T::from_pb(pb).map(Some)
    }
}

impl Wire for PublicKey {
    type Pb = Vec<u8>;

    fn to_pb(&self) -> Self::Pb {
        self.serialize().to_vec()
    }

    fn from_pb(pb: Self::Pb) -> Result<Self> {
        // The uncompressed form would give one key two encodings.
        if pb.len() != 33 {
            bail!("public key: {} bytes where 33 were expected", pb.len());
        }
        Self::from_slice(&pb).context("public key")
    }
}

impl Wire for Signature {
    type Pb = Vec<u8>;

    fn to_pb(&self) -> Self::Pb {
        self.serialize_compact().to_vec()
    }

    fn from_pb(pb: Self::Pb) -> Result<Self> {
        Self::from_compact(&pb).context("signature")
    }
}

impl Wire for ScriptBuf {
    type Pb = Vec<u8>;

    fn to_pb(&self) -> Self::Pb {
        self.to_bytes()
    }

    fn from_pb(pb: Self::Pb) -> Result<Self> {
        bounded(pb, "script", MAX_MESSAGE).map(Self::from_bytes)
    }
}

impl Wire for Transaction {
    type Pb = Vec<u8>;

    fn to_pb(&self) -> Self::Pb {
        encode::serialize(self)
    }

    fn from_pb(pb: Self::Pb) -> Result<Self> {
        let bytes = bounded(pb, "transaction", MAX_TRANSACTION)?;
        encode::deserialize(&bytes).context("transaction")
    }
}

impl Wire for Amount {
    type Pb = u64;

    fn to_pb(&self) -> Self::Pb {
        self.to_sat()
    }

    fn from_pb(pb: Self::Pb) -> Result<Self> {
        let amount = Self::from_sat(pb);
        if amount > Self::MAX_MONEY {
            bail!("{pb} sat are more than there will ever be");
        }
        Ok(amount)
    }
}

impl Wire for Msat {
    type Pb = u64;

    fn to_pb(&self) -> Self::Pb {
        self.to_msat()
    }

    fn from_pb(pb: Self::Pb) -> Result<Self> {
        let amount = Self::new(pb);
        if amount.to_sat_floor() > Amount::MAX_MONEY {
            bail!("{pb} msat are more than there will ever be");
        }
        Ok(amount)
    }
}

impl Wire for HtlcId {
    type Pb = u64;

    fn to_pb(&self) -> Self::Pb {
        self.0
    }

    fn from_pb(pb: Self::Pb) -> Result<Self> {
        Ok(Self(pb))
    }
}

impl Wire for OutPoint {
    type Pb = proto::OutPoint;

    fn to_pb(&self) -> Self::Pb {
        let mut pb = proto::OutPoint::new();
        pb.set_txid(self.txid.to_pb());
        pb.set_vout(self.vout);
        pb
    }

    fn from_pb(mut pb: Self::Pb) -> Result<Self> {
        Ok(Self::new(Txid::from_pb(pb.take_txid())?, pb.get_vout()))
    }
}
