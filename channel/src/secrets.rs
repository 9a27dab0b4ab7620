//! Per-commitment secrets (BOLT 3, "Per-commitment Secret Requirements" and "Efficient Per-commitment Secret Storage").
//!
//! Here commitments are numbered from 0 upwards. BOLT 3 counts indexes from 2^48 - 1 downwards; the translation
//! happens in this file only.

use std::fmt;

use bitcoin::hashes::{sha256, Hash};
use bitcoin::secp256k1::{PublicKey, SecretKey};
use secp256k1::SECP256K1;
use serde::{Deserialize, Serialize};

/// The first index (BOLT 3): that of commitment 0.
const FIRST_INDEX: u64 = (1 << 48) - 1;

/// The highest commitment number. Index 0 is never used: its secret would be the seed itself.
pub const MAX_COMMITMENT_NUMBER: u64 = FIRST_INDEX - 1;

/// Why a peer's per-commitment secret was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// Secrets are revealed one after the other.
    #[error("secret of commitment {got} where that of {expected} was next")]
    OutOfOrder {
        /// The next number.
        expected: u64,
        /// What came.
        got: u64,
    },
    /// The secret does not derive an earlier one, so they are not of one seed.
    #[error("secret of commitment {number} does not derive that of commitment {earlier}")]
    Inconsistent {
        /// The secret that came.
        number: u64,
        /// The earlier secret that it contradicts.
        earlier: u64,
    },
    /// The secret is not the one behind the point that the peer had announced.
    #[error("secret of commitment {number} is not that of its announced point")]
    NotOfPoint {
        /// The commitment.
        number: u64,
    },
}

/// BOLT 3, derive_secret: walks from a secret whose index ends in `bits` zeros down to `index`.
fn derive(base: &[u8; 32], bits: u32, index: u64) -> [u8; 32] {
    (0..bits).rev().fold(*base, |mut secret, bit| {
        if index & (1 << bit) != 0 {
            // The quotient is at most 5: a bit number is below 48.
            secret[(bit / 8) as usize] ^= 1 << (bit % 8);
            secret = sha256::Hash::hash(&secret).to_byte_array();
        }
        secret
    })
}

/// The secret of commitment `number` from the channel's 32-byte seed. For the signer, and for tests.
///
/// # Panics
///
/// Above [`MAX_COMMITMENT_NUMBER`], where a secret would reveal the seed. No channel gets there:
/// [`create_commitment_tx`](crate::tx::commitment::create_commitment_tx) refuses such a number.
pub fn commitment_secret_from_seed(seed: &[u8; 32], number: u64) -> [u8; 32] {
    assert!(
        number <= MAX_COMMITMENT_NUMBER,
        "commitment number {number} has no secret"
    );
    derive(seed, 48, FIRST_INDEX - number)
}

/// Whether `secret` is behind `point`. False for bytes that are no secret key.
pub fn is_secret_of_point(secret: &[u8; 32], point: &PublicKey) -> bool {
    SecretKey::from_slice(secret).is_ok_and(|key| key.public_key(SECP256K1) == *point)
}

/// The counterparty's revealed secrets, all of them, in at most 48 times 32 bytes.
///
/// `known[b]` is the secret of the lowest index so far that ends in exactly `b` zero bits; as secrets come without
/// gaps, the count alone tells which index that is.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretStore {
    count: u64,
    known: Vec<[u8; 32]>,
}

impl SecretStore {
    /// Without secrets.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many are known: those of commitments `0..len()`. Also the number whose secret is next.
    pub fn len(&self) -> u64 {
        self.count
    }

    /// Whether nothing has been revoked yet.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Takes the next secret. It must derive all earlier ones that it covers (BOLT 3, insert_secret).
    ///
    /// # Errors
    ///
    /// [`SecretError`]; the store is unchanged then.
    pub fn insert(&mut self, number: u64, secret: [u8; 32]) -> Result<(), SecretError> {
        if number != self.count || number > MAX_COMMITMENT_NUMBER {
            return Err(SecretError::OutOfOrder {
                expected: self.count,
                got: number,
            });
        }
        let index = FIRST_INDEX - number;
        let bucket = index.trailing_zeros();
        for (earlier_bucket, earlier) in (0..bucket).zip(&self.known) {
            let earlier_index = self.index_of_bucket(earlier_bucket);
            if derive(&secret, bucket, earlier_index) != *earlier {
                return Err(SecretError::Inconsistent {
                    number,
                    earlier: FIRST_INDEX - earlier_index,
                });
            }
        }
        let bucket = bucket as usize; // below 48
        match self.known.get_mut(bucket) {
            Some(slot) => *slot = secret,
            None => self.known.push(secret),
        }
        self.count = number + 1;
        Ok(())
    }

    /// Like [`insert`](Self::insert), for a secret whose point the peer announced earlier.
    ///
    /// # Errors
    ///
    /// [`SecretError`]; the store is unchanged then.
    pub fn insert_checked(
        &mut self,
        number: u64,
        secret: [u8; 32],
        point: &PublicKey,
    ) -> Result<(), SecretError> {
        // BOLT 2, revoke_and_ack: the secret must generate the commitment's announced point.
        if !is_secret_of_point(&secret, point) {
            return Err(SecretError::NotOfPoint { number });
        }
        self.insert(number, secret)
    }

    /// The secret of a revoked commitment, `None` where it has not been revealed.
    pub fn get(&self, number: u64) -> Option<[u8; 32]> {
        if number >= self.count {
            return None;
        }
        let index = FIRST_INDEX.checked_sub(number)?;
        (0..48).zip(&self.known).find_map(|(bucket, secret)| {
            let prefix = index >> bucket << bucket;
            (prefix == self.index_of_bucket(bucket)).then(|| derive(secret, bucket, index))
        })
    }

    /// The lowest index known that ends in exactly `bucket` zero bits.
    fn index_of_bucket(&self, bucket: u32) -> u64 {
        let lowest = (FIRST_INDEX + 1).saturating_sub(self.count);
        let step = 1u64 << bucket;
        let multiple = lowest.div_ceil(step) * step;
        if multiple & step == 0 {
            multiple + step
        } else {
            multiple
        }
    }
}

impl fmt::Debug for SecretStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretStore({} secrets)", self.count)
    }
}
