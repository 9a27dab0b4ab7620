//! The tree of keys.
//!
//! From the BIP 39 seed, by BIP 32, with `c'` the network's coin type (0' on the main chain, 1' on all others):
//!
//! | path | what |
//! |---|---|
//! | `m/84'/c'/0'` | on-chain wallet, P2WPKH (BIP 84) |
//! | `m/86'/c'/0'` | on-chain wallet, P2TR (BIP 86) |
//! | `m/9735'/c'/0'` | node key: the node's id, BOLT 8, invoices, gossip |
//! | `m/9735'/c'/1'` | channels' master: funding, revocation, delayed payment, HTLC keys and commitment seed, each a tagged hash with the channel's KeysId |
//! | `m/9735'/c'/2'/i'` | payment basepoints, `i` below 4096 from the KeysId: what a peer's unilateral close pays to can be found again from the words alone |
//! | `m/9735'/c'/3'` | invoices: preimage and payment secret, tagged hashes with the invoice's nonce |
//! | `m/9735'/c'/4'` | payments: onion session keys, tagged hashes with the payment's nonce |
//! | `m/9735'/c'/5'` | ledger: Ed25519 seeds of the Exonum validator and of the node's service key |
//! | `m/9735'/c'/6'` | symmetric keys: witness file, backups, peer storage and the like |
//!
//! A tagged hash is HMAC-SHA256 with the node's private key at that path as key, over `zarnitsa/` and the tag, a zero
//! byte, and the argument. No tag has a zero byte in it, so no two of them can be mistaken for one another.

use bitcoin::bip32::{ChildNumber, DerivationPath, Xpriv};
use bitcoin::hashes::{sha256, Hash, HashEngine, Hmac, HmacEngine};
use bitcoin::secp256k1::SecretKey;
use bitcoin::Network;
use secp256k1::SECP256K1;
use zarnitsa_channel::ids::KeysId;
use zarnitsa_channel::params::ChannelPublicKeys;
use zarnitsa_channel::secrets::commitment_secret_from_seed;
use zeroize::{Zeroize, Zeroizing};

use crate::error::SignerError;
use crate::mnemonic::Mnemonic;

/// The purpose that Lightning keys have by custom: the port of BOLT 1.
const PURPOSE: u32 = 9735;

/// How many payment basepoints there are to search after a loss of everything but the words.
const PAYMENT_KEYS: u16 = 4_096;

/// A key for something that is not money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Authenticates the records of the witness file.
    Witness,
    /// Authenticates the file that says how far the ledger has come.
    Head,
    /// Encrypts backups.
    Backup,
    /// Encrypts what peers store for this node (BOLT 1, peer storage).
    PeerStorage,
    /// Names channels to a watchtower, and makes the nonces of what it is given.
    Watchtower,
    /// Authenticates what this node puts into blinded paths.
    BlindedPaths,
    /// LDK's inbound payment key, of which BOLT 12 offers are made.
    Offers,
}

impl Purpose {
    const fn tag(self) -> &'static str {
        match self {
            Self::Witness => "witness",
            Self::Head => "head",
            Self::Backup => "backup",
            Self::PeerStorage => "peer storage",
            Self::Watchtower => "watchtower",
            Self::BlindedPaths => "blinded paths",
            Self::Offers => "offers",
        }
    }
}

/// Ed25519 seeds for the two keys by which this node writes its ledger.
pub struct LedgerSeeds {
    /// Signs precommits and blocks.
    pub consensus: Zeroizing<[u8; 32]>,
    /// Signs the node's own transactions.
    pub service: Zeroizing<[u8; 32]>,
}

/// The masters of the tree. Everything is derived when it is needed; nothing here prints itself.
pub(crate) struct Keys {
    network: Network,
    seed: Zeroizing<[u8; 64]>,
    node: Zeroizing<[u8; 32]>,
    channels: Zeroizing<[u8; 32]>,
    invoices: Zeroizing<[u8; 32]>,
    payments: Zeroizing<[u8; 32]>,
    ledger: Zeroizing<[u8; 32]>,
    symmetric: Zeroizing<[u8; 32]>,
}

/// The private keys of one channel, wiped when dropped.
pub(crate) struct ChannelKeys {
    /// Their public halves.
    pub(crate) public: ChannelPublicKeys,
    pub(crate) funding: SecretKey,
    pub(crate) revocation: SecretKey,
    pub(crate) payment: SecretKey,
    pub(crate) delayed_payment: SecretKey,
    pub(crate) htlc: SecretKey,
    commitment_seed: Zeroizing<[u8; 32]>,
}

impl Keys {
    pub(crate) fn new(mnemonic: &Mnemonic, network: Network) -> Result<Self, SignerError> {
        let seed = mnemonic.seed();
        let master = |account| lightning_key(&seed, network, &[account]);
        Ok(Self {
            network,
            node: master(0)?,
            channels: master(1)?,
            invoices: master(3)?,
            payments: master(4)?,
            ledger: master(5)?,
            symmetric: master(6)?,
            seed,
        })
    }

    pub(crate) fn network(&self) -> Network {
        self.network
    }

    pub(crate) fn node(&self) -> SecretKey {
        SecretKey::from_slice(&*self.node).expect("it came out of a BIP 32 key")
    }

    /// The keys of the channel whose public name is `id`. It takes a fraction of a millisecond: the signer keeps them.
    pub(crate) fn channel(&self, id: &KeysId) -> Result<ChannelKeys, SignerError> {
        let secret = |tag| scalar(&self.channels, tag, &id.0);
        let [high, low, ..] = id.0;
        let index = u16::from_be_bytes([high, low]) % PAYMENT_KEYS;
        let payment = lightning_key(&self.seed, self.network, &[2, u32::from(index)])?;
        let payment = SecretKey::from_slice(&*payment).expect("it came out of a BIP 32 key");
        let funding = secret("channel funding");
        let revocation = secret("channel revocation");
        let delayed_payment = secret("channel delayed payment");
        let htlc = secret("channel htlc");
        Ok(ChannelKeys {
            public: ChannelPublicKeys {
                funding: funding.public_key(SECP256K1),
                revocation_basepoint: revocation.public_key(SECP256K1),
                payment_basepoint: payment.public_key(SECP256K1),
                delayed_payment_basepoint: delayed_payment.public_key(SECP256K1),
                htlc_basepoint: htlc.public_key(SECP256K1),
            },
            funding,
            revocation,
            payment,
            delayed_payment,
            htlc,
            commitment_seed: tagged(&self.channels, "channel commitment seed", &id.0),
        })
    }

    pub(crate) fn invoice_preimage(&self, nonce: &[u8; 32]) -> Zeroizing<[u8; 32]> {
        tagged(&self.invoices, "invoice preimage", nonce)
    }

    pub(crate) fn payment_secret(&self, nonce: &[u8; 32]) -> Zeroizing<[u8; 32]> {
        tagged(&self.invoices, "invoice payment secret", nonce)
    }

    pub(crate) fn keysend_preimage(&self, nonce: &[u8; 32]) -> Zeroizing<[u8; 32]> {
        tagged(&self.payments, "keysend preimage", nonce)
    }

    pub(crate) fn onion_session_key(&self, nonce: &[u8; 32]) -> SecretKey {
        scalar(&self.payments, "onion session", nonce)
    }

    pub(crate) fn ledger_seeds(&self) -> LedgerSeeds {
        LedgerSeeds {
            consensus: tagged(&self.ledger, "ledger consensus", &[]),
            service: tagged(&self.ledger, "ledger service", &[]),
        }
    }

    pub(crate) fn symmetric(&self, purpose: Purpose) -> Zeroizing<[u8; 32]> {
        tagged(&self.symmetric, purpose.tag(), &[])
    }

    /// The root of the BIP 32 tree, whose fingerprint PSBTs name.
    pub(crate) fn root(&self) -> Result<Xpriv, SignerError> {
        Xpriv::new_master(self.network, &*self.seed).map_err(SignerError::Derivation)
    }
}

impl ChannelKeys {
    /// BOLT 3, "Per-commitment Secret Requirements".
    pub(crate) fn commitment_secret(&self, number: u64) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(commitment_secret_from_seed(&self.commitment_seed, number))
    }
}

impl Drop for ChannelKeys {
    fn drop(&mut self) {
        for key in [
            &mut self.funding,
            &mut self.revocation,
            &mut self.payment,
            &mut self.delayed_payment,
            &mut self.htlc,
        ] {
            key.non_secure_erase();
        }
    }
}

/// BIP 44's coin type: one for the main chain, one for all test chains.
pub(crate) fn coin_type(network: Network) -> u32 {
    match network {
        Network::Bitcoin => 0,
        _ => 1, // the enum is open: whatever comes to it is a test chain
    }
}

fn hardened(index: u32) -> Result<ChildNumber, SignerError> {
    ChildNumber::from_hardened_idx(index).map_err(SignerError::Derivation)
}

/// The private key at `m/9735'/c'/` and `path`, all hardened.
fn lightning_key(
    seed: &[u8; 64],
    network: Network,
    path: &[u32],
) -> Result<Zeroizing<[u8; 32]>, SignerError> {
    let indexes = [PURPOSE, coin_type(network)].into_iter();
    let path: DerivationPath = indexes
        .chain(path.iter().copied())
        .map(hardened)
        .collect::<Result<Vec<_>, _>>()?
        .into();
    let master = Xpriv::new_master(network, seed).map_err(SignerError::Derivation)?;
    let mut derived = master
        .derive_priv(SECP256K1, &path)
        .map_err(SignerError::Derivation)?;
    let bytes = Zeroizing::new(derived.private_key.secret_bytes());
    derived.private_key.non_secure_erase();
    Ok(bytes)
}

fn tagged(master: &[u8; 32], tag: &str, argument: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut engine = HmacEngine::<sha256::Hash>::new(master);
    engine.input(b"zarnitsa/");
    engine.input(tag.as_bytes());
    engine.input(&[0]);
    engine.input(argument);
    Zeroizing::new(Hmac::from_engine(engine).to_byte_array())
}

/// A tagged hash as a private key: hashed again in the one case of 2^128 in which it is none.
fn scalar(master: &[u8; 32], tag: &str, argument: &[u8]) -> SecretKey {
    let mut bytes = tagged(master, tag, argument);
    loop {
        if let Ok(key) = SecretKey::from_slice(&*bytes) {
            bytes.zeroize();
            return key;
        }
        bytes = tagged(master, tag, &*bytes);
    }
}
