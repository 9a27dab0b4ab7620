//! A memo of valid signatures.
//!
//! The driver checks a peer's signatures on its own state before it writes a ledger transaction, and the service checks
//! them again when it executes that transaction. Whether a signature is valid is a pure function of message, signature
//! and key, so the second check may be a look into a memo: it changes how long execution takes, never what comes of it.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bitcoin::hashes::{sha256, Hash as _, HashEngine as _};
use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::{Message, PublicKey};
use zarnitsa_channel::validate::{Secp, SignatureVerifier};

/// How many signatures the default memo remembers: ten commitments with all the HTLCs that a channel may have.
const DEFAULT_CAPACITY: usize = 10 * 967;

/// Verifies, and remembers what was valid. Bounded: the oldest is forgotten first. What was not valid is checked again.
pub struct MemoVerifier {
    capacity: usize,
    valid: Mutex<Valid>,
}

#[derive(Default)]
struct Valid {
    // Looked up, never iterated.
    known: HashSet<[u8; 32]>,
    order: VecDeque<[u8; 32]>,
}

impl MemoVerifier {
    /// Remembers up to `capacity` signatures.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            valid: Mutex::default(),
        }
    }

    /// How many signatures it remembers now.
    pub fn len(&self) -> usize {
        self.valid().order.len()
    }

    /// Whether it remembers none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn valid(&self) -> MutexGuard<'_, Valid> {
        // A panic elsewhere cannot leave a wrong entry: entries are made only after a check.
        self.valid.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, key: [u8; 32]) {
        let mut valid = self.valid();
        if self.capacity == 0 || !valid.known.insert(key) {
            return;
        }
        valid.order.push_back(key);
        if valid.order.len() > self.capacity {
            if let Some(oldest) = valid.order.pop_front() {
                valid.known.remove(&oldest);
            }
        }
    }
}

impl Default for MemoVerifier {
    fn default() -> Self {
        Self::new(DEFAULT_CAPACITY)
    }
}

impl fmt::Debug for MemoVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoVerifier")
            .field("capacity", &self.capacity)
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

impl SignatureVerifier for MemoVerifier {
    fn verify(&self, message: &Message, signature: &Signature, key: &PublicKey) -> bool {
        let memo_key = memo_key(message, signature, key);
        if self.valid().known.contains(&memo_key) {
            return true;
        }
        let valid = Secp.verify(message, signature, key);
        if valid {
            self.remember(memo_key);
        }
        valid
    }
}

/// All three parts have a fixed length, so that no two triples hash the same bytes.
fn memo_key(message: &Message, signature: &Signature, key: &PublicKey) -> [u8; 32] {
    let mut engine = sha256::Hash::engine();
    engine.input(message.as_ref());
    engine.input(&signature.serialize_compact());
    engine.input(&key.serialize());
    sha256::Hash::from_engine(engine).to_byte_array()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bitcoin::secp256k1::{SecretKey, SECP256K1};

    fn signed(text: &[u8]) -> (Message, Signature, PublicKey) {
        let secret = SecretKey::from_slice(&[7; 32]).expect("a valid key");
        let message = Message::from_digest(sha256::Hash::hash(text).to_byte_array());
        let signature = SECP256K1.sign_ecdsa(&message, &secret);
        (message, signature, secret.public_key(SECP256K1))
    }

    #[test]
    fn memo_valid_signature_is_remembered_and_still_valid() {
        let memo = MemoVerifier::new(10);
        let (message, signature, key) = signed(b"one");
        assert!(memo.verify(&message, &signature, &key));
        assert_eq!(memo.len(), 1);
        assert!(memo.verify(&message, &signature, &key));
        assert_eq!(memo.len(), 1);
    }

    #[test]
    fn memo_wrong_signature_is_never_remembered() {
        let memo = MemoVerifier::new(10);
        let (message, _, key) = signed(b"one");
        let (_, other, _) = signed(b"two");
        assert!(!memo.verify(&message, &other, &key));
        assert!(!memo.verify(&message, &other, &key));
        assert!(memo.is_empty());
    }

    #[test]
    fn memo_full_forgets_the_oldest_and_verifies_it_again() {
        let memo = MemoVerifier::new(2);
        let cases = [signed(b"one"), signed(b"two"), signed(b"three")];
        for (message, signature, key) in &cases {
            assert!(memo.verify(message, signature, key));
        }
        assert_eq!(memo.len(), 2);
        let (message, signature, key) = &cases[0];
        assert!(memo.verify(message, signature, key));
        assert_eq!(memo.len(), 2);
    }
}
