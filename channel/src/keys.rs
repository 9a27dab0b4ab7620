//! Key derivation (BOLT 3, "Key Derivation"): from basepoints and a per-commitment point to the keys of one
//! commitment transaction.
//!
//! The private halves are pure arithmetic. Only the signer has secrets to call them with.

use std::collections::{HashMap, VecDeque};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use bitcoin::hashes::{sha256, Hash, HashEngine};
use bitcoin::secp256k1::{PublicKey, Scalar, SecretKey};
use secp256k1::SECP256K1;

use crate::params::{ChannelParams, Side};

/// A point's tweak: SHA-256 over two compressed keys, as a scalar.
fn tweak(first: &PublicKey, second: &PublicKey) -> Scalar {
    let mut engine = sha256::Hash::engine();
    engine.input(&first.serialize());
    engine.input(&second.serialize());
    let digest = sha256::Hash::from_engine(engine).to_byte_array();
    Scalar::from_be_bytes(digest)
        .expect("a SHA-256 digest is below the curve's order but for 2^-128")
}

/// BOLT 3, localpubkey and its kin: the basepoint plus the hash of both points times G.
///
/// Used for `htlc_basepoint` and `delayed_payment_basepoint` of either side.
pub fn derive_public_key(basepoint: &PublicKey, per_commitment_point: &PublicKey) -> PublicKey {
    basepoint
        .add_exp_tweak(SECP256K1, &tweak(per_commitment_point, basepoint))
        .expect("the tweak commits to the basepoint, so their sum is no infinity")
}

/// BOLT 3, revocationpubkey: a key that needs a secret of both sides, so that nobody owns it before the
/// broadcaster reveals the commitment's secret.
///
/// `revocation_basepoint` is that of the side that does NOT broadcast.
pub fn derive_revocation_public_key(
    revocation_basepoint: &PublicKey,
    per_commitment_point: &PublicKey,
) -> PublicKey {
    let from_base = revocation_basepoint
        .mul_tweak(
            SECP256K1,
            &tweak(revocation_basepoint, per_commitment_point),
        )
        .expect("a hash is no zero scalar");
    let from_point = per_commitment_point
        .mul_tweak(
            SECP256K1,
            &tweak(per_commitment_point, revocation_basepoint),
        )
        .expect("a hash is no zero scalar");
    from_base
        .combine(&from_point)
        .expect("each term commits to the other's key, so their sum is no infinity")
}

/// The private key of [`derive_public_key`].
pub fn derive_private_key(base_secret: &SecretKey, per_commitment_point: &PublicKey) -> SecretKey {
    let basepoint = base_secret.public_key(SECP256K1);
    base_secret
        .add_tweak(&tweak(per_commitment_point, &basepoint))
        .expect("the tweak commits to the basepoint, so their sum is not zero")
}

/// The private key of [`derive_revocation_public_key`]: the punishing side's base secret with the secret that
/// the broadcaster revealed when it revoked the commitment.
pub fn derive_revocation_private_key(
    base_secret: &SecretKey,
    per_commitment_secret: &SecretKey,
) -> SecretKey {
    let basepoint = base_secret.public_key(SECP256K1);
    let point = per_commitment_secret.public_key(SECP256K1);
    let from_base = base_secret
        .mul_tweak(&tweak(&basepoint, &point))
        .expect("a hash is no zero scalar");
    let from_secret = per_commitment_secret
        .mul_tweak(&tweak(&point, &basepoint))
        .expect("a hash is no zero scalar");
    from_base
        .add_tweak(&Scalar::from(from_secret))
        .expect("each term commits to the other's key, so their sum is not zero")
}

/// The derived keys of one commitment transaction and of its HTLC transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxKeys {
    /// The broadcaster's point, from which the others follow.
    pub per_commitment_point: PublicKey,
    /// Spends everything of the broadcaster's once the commitment is revoked.
    pub revocation: PublicKey,
    /// The broadcaster's HTLC key (local_htlcpubkey).
    pub broadcaster_htlc: PublicKey,
    /// The other side's HTLC key (remote_htlcpubkey).
    pub countersignatory_htlc: PublicKey,
    /// The broadcaster's key of delayed outputs (local_delayedpubkey).
    pub broadcaster_delayed: PublicKey,
}

/// What [`TxKeys`] follow from.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Origin {
    per_commitment_point: PublicKey,
    other_revocation: PublicKey,
    own_htlc: PublicKey,
    other_htlc: PublicKey,
    own_delayed: PublicKey,
}

/// How many derivations are remembered: those of the channels that move at the same time.
const REMEMBERED: usize = 512;

/// The keys derived last. The same ones are needed when a commitment is proposed, stored, signed and checked, and to derive
/// them takes longer than all else that is done to build it. A function's results under its arguments: it changes nothing
/// but the time, and holds public keys alone.
#[derive(Default)]
struct Derived {
    // Looked up, never iterated.
    known: HashMap<Origin, TxKeys>,
    order: VecDeque<Origin>,
}

static DERIVED: LazyLock<Mutex<Derived>> = LazyLock::new(Mutex::default);

impl Derived {
    fn lock() -> MutexGuard<'static, Self> {
        DERIVED.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&mut self, origin: Origin, keys: TxKeys) {
        if self.known.insert(origin, keys).is_some() {
            return;
        }
        self.order.push_back(origin);
        if self.order.len() > REMEMBERED {
            if let Some(oldest) = self.order.pop_front() {
                self.known.remove(&oldest);
            }
        }
    }
}

impl TxKeys {
    /// The keys of `broadcaster`'s commitment whose point is `per_commitment_point`.
    pub fn new(
        params: &ChannelParams,
        broadcaster: Side,
        per_commitment_point: &PublicKey,
    ) -> Self {
        let own = &params.side(broadcaster).keys;
        let other = &params.side(broadcaster.other()).keys;
        let origin = Origin {
            per_commitment_point: *per_commitment_point,
            other_revocation: other.revocation_basepoint,
            own_htlc: own.htlc_basepoint,
            other_htlc: other.htlc_basepoint,
            own_delayed: own.delayed_payment_basepoint,
        };
        let known = Derived::lock().known.get(&origin).copied();
        known.unwrap_or_else(|| {
            let keys = Self::derive(&origin);
            Derived::lock().remember(origin, keys);
            keys
        })
    }

    fn derive(of: &Origin) -> Self {
        let point = &of.per_commitment_point;
        Self {
            per_commitment_point: *point,
            revocation: derive_revocation_public_key(&of.other_revocation, point),
            broadcaster_htlc: derive_public_key(&of.own_htlc, point),
            countersignatory_htlc: derive_public_key(&of.other_htlc, point),
            broadcaster_delayed: derive_public_key(&of.own_delayed, point),
        }
    }
}
