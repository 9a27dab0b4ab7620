//! Onions of HTLCs.

use bitcoin::secp256k1::PublicKey;

use crate::transactions::ONION_LEN;

/// An HTLC's onion, and what travels beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HtlcOnion {
    /// 1,366 bytes (BOLT 4).
    pub packet: Vec<u8>,
    /// `path_key` of update_add_htlc: behind the introduction node of a blinded path (BOLT 4, "Route Blinding").
    pub path_key: Option<PublicKey>,
}

impl HtlcOnion {
    /// As the ledger keeps it: the packet, and the key behind it.
    pub(crate) fn into_stored(self) -> Vec<u8> {
        let mut bytes = self.packet;
        bytes.extend(self.path_key.iter().flat_map(PublicKey::serialize));
        bytes
    }

    /// None for what was never stored so.
    pub(crate) fn from_stored(mut bytes: Vec<u8>) -> Option<Self> {
        if bytes.len() < ONION_LEN {
            return None;
        }
        let key = bytes.split_off(ONION_LEN);
        let path_key = match key.as_slice() {
            [] => None,
            key => Some(PublicKey::from_slice(key).ok()?),
        };
        Some(Self {
            packet: bytes,
            path_key,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bitcoin::secp256k1::{SecretKey, SECP256K1};

    #[test]
    fn onion_stored_comes_back_with_its_key_or_without() {
        let secret = SecretKey::from_slice(&[5; 32]).expect("a valid key");
        for path_key in [None, Some(secret.public_key(SECP256K1))] {
            let onion = HtlcOnion {
                packet: vec![7; ONION_LEN],
                path_key,
            };
            let stored = onion.clone().into_stored();
            assert_eq!(HtlcOnion::from_stored(stored.clone()), Some(onion));
            assert_eq!(HtlcOnion::from_stored(stored[1..].to_vec()), None);
            assert_eq!(HtlcOnion::from_stored([stored, vec![2]].concat()), None);
        }
    }
}
