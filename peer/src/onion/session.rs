//! Shared secrets of an onion's origin with each hop (BOLT 4, "Shared Secret" and "Blinding Ephemeral Onion Keys").

use bitcoin::hashes::{sha256, Hash, HashEngine};
use bitcoin::secp256k1::ecdh::SharedSecret;
use bitcoin::secp256k1::{PublicKey, Scalar, Secp256k1, SecretKey};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// One secret for each hop, in the order of the route. They wipe and never print themselves.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct SharedSecrets(Vec<[u8; 32]>);

impl SharedSecrets {
    /// The secrets in the order of the route.
    pub fn as_slice(&self) -> &[[u8; 32]] {
        &self.0
    }
}

impl std::fmt::Debug for SharedSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SharedSecrets({} hops)", self.0.len())
    }
}

/// The origin's secrets with `hops` for the onion that `session_key` made. `None` in the case of 2^128 in which a hash is
/// no scalar.
pub fn session_secrets(session_key: &SecretKey, hops: &[PublicKey]) -> Option<SharedSecrets> {
    let secp = Secp256k1::new();
    let mut ephemeral = *session_key;
    let mut secrets = SharedSecrets(Vec::with_capacity(hops.len()));
    for hop in hops {
        let secret = SharedSecret::new(hop, &ephemeral).secret_bytes();
        let mut engine = sha256::Hash::engine();
        engine.input(&ephemeral.public_key(&secp).serialize());
        engine.input(&secret);
        let blinding = Scalar::from_be_bytes(sha256::Hash::from_engine(engine).to_byte_array());
        secrets.0.push(secret);
        ephemeral = ephemeral.mul_tweak(&blinding.ok()?).ok()?;
    }
    ephemeral.non_secure_erase();
    Some(secrets)
}
