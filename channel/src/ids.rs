//! Identifiers and hashes: 32-byte newtypes, lower-case hex to the eye.

use std::fmt;

use bitcoin::hashes::{sha256, Hash};
use bitcoin::OutPoint;
use serde::{Deserialize, Serialize};

macro_rules! bytes32 {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub [u8; 32]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl std::str::FromStr for $name {
            type Err = hex::FromHexError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let mut bytes = [0; 32];
                hex::decode_to_slice(text, &mut bytes)?;
                Ok(Self(bytes))
            }
        }
    };
}

bytes32! {
    /// Names a channel for its whole life: the funding txid with its last two bytes XORed with the output's index (BOLT 2).
    ChannelId
}
bytes32! {
    /// Names a channel until its funding outpoint is known; chosen by the opener (BOLT 2).
    TemporaryChannelId
}
bytes32! {
    /// SHA-256 of a payment's preimage.
    PaymentHash
}
bytes32! {
    /// Public: from it and the seed the signer derives a channel's keys. Chosen at random when a channel begins.
    KeysId
}

impl ChannelId {
    /// BOLT 2, "channel_id": the last two bytes of the funding txid are XORed with the big-endian output index.
    pub fn from_funding(outpoint: OutPoint) -> Self {
        let mut id = outpoint.txid.to_byte_array();
        // Two bytes are all that funding_created has for the index.
        let [_, _, high, low] = outpoint.vout.to_be_bytes();
        id[30] ^= high;
        id[31] ^= low;
        Self(id)
    }
}

/// Proof of payment. A secret until it is released, so it never prints itself.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentPreimage(pub [u8; 32]);

impl PaymentPreimage {
    /// SHA-256 of the preimage.
    pub fn payment_hash(&self) -> PaymentHash {
        PaymentHash(sha256::Hash::hash(&self.0).to_byte_array())
    }
}

impl fmt::Debug for PaymentPreimage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PaymentPreimage(..)")
    }
}

/// An HTLC's number, counted by the side that offers it (BOLT 2, update_add_htlc).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct HtlcId(pub u64);

/// Eight bytes that follow from a channel and tell nothing about it.
pub(crate) fn alias_bytes(channel_id: &ChannelId, keys_id: &KeysId) -> [u8; 8] {
    let mut input = b"zarnitsa channel alias".to_vec();
    input.extend(channel_id.0);
    input.extend(keys_id.0);
    let [a, b, c, d, e, f, g, h, ..] = sha256::Hash::hash(&input).to_byte_array();
    [a, b, c, d, e, f, g, h]
}
