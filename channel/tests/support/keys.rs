//! A side's secrets and what it signs with them, really or in a way that only this module can verify but much faster.

use bitcoin::hashes::{sha256, Hash, HashEngine};
use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::{Message, PublicKey, SecretKey};
use secp256k1::SECP256K1;
use zarnitsa_channel::keys::derive_private_key;
use zarnitsa_channel::params::{ChannelParams, ChannelPublicKeys, Side};
use zarnitsa_channel::secrets::commitment_secret_from_seed;
use zarnitsa_channel::tx::commitment::CommitmentTx;
use zarnitsa_channel::validate::{Secp, SignatureVerifier};

use super::rng::Rng;

/// How signatures are made and verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signing {
    /// ECDSA.
    Real,
    /// A hash of message and public key in the place of a signature.
    Fast,
}

pub struct Keys {
    pub signing: Signing,
    funding: SecretKey,
    revocation: SecretKey,
    payment: SecretKey,
    delayed: SecretKey,
    htlc: SecretKey,
    seed: [u8; 32],
}

fn secret(rng: &mut Rng) -> SecretKey {
    loop {
        if let Ok(secret) = SecretKey::from_slice(&rng.bytes32()) {
            return secret;
        }
    }
}

/// A "signature" that anybody could make: for speed, where the machine's behaviour is tested and not the arithmetic.
fn fast_signature(message: &Message, key: &PublicKey) -> Signature {
    let mut engine = sha256::Hash::engine();
    engine.input(message.as_ref());
    engine.input(&key.serialize());
    let digest = sha256::Hash::from_engine(engine).to_byte_array();
    let mut compact = [1; 64];
    // Below the curve's order, and S low.
    compact[1..32].copy_from_slice(&digest[..31]);
    Signature::from_compact(&compact).unwrap()
}

impl SignatureVerifier for Signing {
    fn verify(&self, message: &Message, signature: &Signature, key: &PublicKey) -> bool {
        match self {
            Self::Real => Secp.verify(message, signature, key),
            Self::Fast => fast_signature(message, key) == *signature,
        }
    }
}

impl Keys {
    pub fn new(rng: &mut Rng, signing: Signing) -> Self {
        Self {
            signing,
            funding: secret(rng),
            revocation: secret(rng),
            payment: secret(rng),
            delayed: secret(rng),
            htlc: secret(rng),
            seed: rng.bytes32(),
        }
    }

    pub fn public(&self) -> ChannelPublicKeys {
        ChannelPublicKeys {
            funding: self.funding.public_key(SECP256K1),
            revocation_basepoint: self.revocation.public_key(SECP256K1),
            payment_basepoint: self.payment.public_key(SECP256K1),
            delayed_payment_basepoint: self.delayed.public_key(SECP256K1),
            htlc_basepoint: self.htlc.public_key(SECP256K1),
        }
    }

    pub fn secret_of(&self, number: u64) -> [u8; 32] {
        commitment_secret_from_seed(&self.seed, number)
    }

    pub fn point_of(&self, number: u64) -> PublicKey {
        let secret = SecretKey::from_slice(&self.secret_of(number)).unwrap();
        secret.public_key(SECP256K1)
    }

    fn sign(&self, message: &Message, secret: &SecretKey, public: &PublicKey) -> Signature {
        match self.signing {
            Signing::Real => SECP256K1.sign_ecdsa(message, secret),
            Signing::Fast => fast_signature(message, public),
        }
    }

    /// With the funding key.
    pub fn sign_funding(&self, params: &ChannelParams, message: &Message) -> Signature {
        self.sign(message, &self.funding, &params.holder.keys.funding)
    }

    /// The counterparty's commitment and its HTLC transactions.
    pub fn sign_commitment(
        &self,
        params: &ChannelParams,
        commitment: &CommitmentTx,
    ) -> (Signature, Vec<Signature>) {
        assert_eq!(commitment.broadcaster(), Side::Counterparty);
        let signature = self.sign_funding(params, &commitment.sighash(params));
        let point = commitment.keys().per_commitment_point;
        let secret = match self.signing {
            Signing::Real => derive_private_key(&self.htlc, &point),
            Signing::Fast => self.htlc,
        };
        let htlcs = commitment.htlc_transactions(params).unwrap();
        let htlc_signatures = htlcs
            .iter()
            .map(|htlc| self.sign(&htlc.sighash(), &secret, htlc.countersignatory_key()))
            .collect();
        (signature, htlc_signatures)
    }
}
