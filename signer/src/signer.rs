//! The signer's handle: opening it, and what needs no channel.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bitcoin::bip32::Xpriv;
use bitcoin::psbt::Psbt;
use bitcoin::secp256k1::ecdh::SharedSecret;
use bitcoin::secp256k1::ecdsa::{RecoverableSignature, Signature};
use bitcoin::secp256k1::{schnorr, Keypair, Message, PublicKey, Scalar, SecretKey};
use bitcoin::Network;
use secp256k1::SECP256K1;
use zarnitsa_channel::ids::{KeysId, PaymentPreimage};
use zarnitsa_channel::params::ChannelPublicKeys;
use zeroize::Zeroizing;

use crate::channel::ChannelView;
use crate::error::SignerError;
use crate::head::HeadFile;
use crate::keys::{ChannelKeys, Keys, LedgerSeeds, Purpose};
use crate::mnemonic::Mnemonic;
use crate::psbt::{self, WalletDescriptors, WalletKind};
use crate::seed;
use crate::witness::{self, Witness};

/// Channels whose derived keys are kept. A stranger's many openings make it derive again, and not grow.
const MAX_KEPT_CHANNELS: usize = 10_000;

/// All keys of one node. Shared by reference between tasks.
pub struct Signer {
    keys: Keys,
    node_id: PublicKey,
    witness: Mutex<Witness>,
    head: Mutex<HeadFile>,
    /// Why nothing of any channel is signed any more.
    refusing: OnceLock<String>,
    /// Of channels that the ledger has, or that are being opened.
    channels: Mutex<HashMap<KeysId, Arc<ChannelKeys>>>,
    view: OnceLock<Arc<dyn ChannelView>>,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer")
            .field("node_id", &self.node_id)
            .field("network", &self.keys.network())
            .finish_non_exhaustive()
    }
}

impl Signer {
    /// Makes the seed file in `dir`, from new words or from given ones, and opens it. The mnemonic that comes back is
    /// to be shown once.
    ///
    /// # Errors
    /// Where there is a seed already, which is never overwritten, or the folder cannot be written.
    pub fn create(
        dir: &Path,
        network: Network,
        passphrase: &str,
        mnemonic: Option<Mnemonic>,
    ) -> Result<(Self, Mnemonic), SignerError> {
        let mnemonic = match mnemonic {
            Some(mnemonic) => mnemonic,
            None => Mnemonic::generate().map_err(SignerError::Randomness)?,
        };
        let keys = Keys::new(&mnemonic, network)?;
        seed::create(dir, network, passphrase, &mnemonic)?;
        Ok((Self::new(dir, keys)?, mnemonic))
    }

    /// Opens the seed file in `dir`.
    ///
    /// # Errors
    /// [`SignerError`] says what is wrong with the file, or that the passphrase is another. Nothing is written.
    pub fn open(dir: &Path, network: Network, passphrase: &str) -> Result<Self, SignerError> {
        let mnemonic = seed::open(dir, network, passphrase)?;
        if !witness::path(dir).exists() {
            tracing::warn!(path = %witness::path(dir).display(), "the signer's witness file is missing: an older ledger would not be noticed; a new file is made");
        }
        Self::new(dir, Keys::new(&mnemonic, network)?)
    }

    fn new(dir: &Path, keys: Keys) -> Result<Self, SignerError> {
        let witness = Witness::open(dir, keys.symmetric(Purpose::Witness))?;
        let head = HeadFile::open(dir, keys.symmetric(Purpose::Head))?;
        Ok(Self {
            node_id: keys.node().public_key(SECP256K1),
            keys,
            witness: Mutex::new(witness),
            head: Mutex::new(head),
            refusing: OnceLock::new(),
            channels: Mutex::default(),
            view: OnceLock::new(),
        })
    }

    /// Gives the signer the durable ledger to read. Without it no channel is signed for. A second call changes nothing.
    pub fn set_view(&self, view: Arc<dyn ChannelView>) {
        // Set once: what the signer trusts is not exchanged under way.
        let _ = self.view.set(view);
    }

    /// Puts the witness file on disk, before the process ends.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn sync(&self) -> Result<(), SignerError> {
        self.head_file().sync()?;
        self.witness().sync()
    }

    /// From now on nothing of any channel is signed or released, for this reason, until the next start: the ledger is an
    /// older one. A second call changes nothing.
    pub fn refuse(&self, reason: String) {
        // The first reason stays.
        let _ = self.refusing.set(reason);
    }

    /// Why nothing of any channel is signed, where that is so.
    pub fn refusing(&self) -> Option<&str> {
        self.refusing.get().map(String::as_str)
    }

    pub(crate) fn head_file(&self) -> MutexGuard<'_, HeadFile> {
        // What is in memory follows the file's write, so a panic elsewhere leaves it whole.
        self.head.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn view(&self) -> Result<&dyn ChannelView, SignerError> {
        self.view
            .get()
            .map(|view| &**view)
            .ok_or(SignerError::NoLedger)
    }

    pub(crate) fn witness(&self) -> MutexGuard<'_, Witness> {
        // A record is replaced only after it is written, so a panic elsewhere leaves the witness whole.
        self.witness.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn channel_keys(&self, id: &KeysId) -> Result<Arc<ChannelKeys>, SignerError> {
        // One insert is the only change, so a panic elsewhere leaves the map whole.
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(keys) = channels.get(id) {
            return Ok(Arc::clone(keys));
        }
        if channels.len() >= MAX_KEPT_CHANNELS {
            channels.clear();
        }
        let keys = Arc::new(self.keys.channel(id)?);
        channels.insert(*id, Arc::clone(&keys));
        Ok(keys)
    }

    /// The chain that the keys are for.
    pub fn network(&self) -> Network {
        self.keys.network()
    }

    // ----- The node key -----

    /// The node's id.
    pub fn node_id(&self) -> PublicKey {
        self.node_id
    }

    /// BOLT 8 and BOLT 4: the shared secret of the node key, or of the node key times `tweak`, with `other`.
    pub fn ecdh(&self, other: &PublicKey, tweak: Option<&Scalar>) -> Option<SharedSecret> {
        let mut secret = self.keys.node();
        if let Some(tweak) = tweak {
            secret = secret.mul_tweak(tweak).ok()?;
        }
        let shared = SharedSecret::new(other, &secret);
        secret.non_secure_erase();
        Some(shared)
    }

    /// BOLT 7 and the like: the node key's signature over a digest.
    pub fn sign_node(&self, digest: &Message) -> Signature {
        self.with_node_key(|key| sign(digest, key))
    }

    /// BOLT 11 and signed messages: a signature from which the node id can be recovered.
    pub fn sign_node_recoverable(&self, digest: &Message) -> RecoverableSignature {
        self.with_node_key(|key| SECP256K1.sign_ecdsa_recoverable(digest, key))
    }

    /// BOLT 12: the node key's BIP 340 signature over a digest.
    pub fn sign_node_schnorr(&self, digest: &Message) -> schnorr::Signature {
        self.with_node_key(|key| {
            let pair = Keypair::from_secret_key(SECP256K1, key);
            SECP256K1.sign_schnorr_no_aux_rand(digest, &pair)
        })
    }

    fn with_node_key<T>(&self, sign: impl FnOnce(&SecretKey) -> T) -> T {
        let mut key = self.keys.node();
        let signed = sign(&key);
        key.non_secure_erase();
        signed
    }

    // ----- Public keys of channels -----

    /// The channel's basepoints and funding key, for open_channel and accept_channel (BOLT 2).
    ///
    /// # Errors
    /// Once in 2^127 key ids, where BIP 32 has no key: choose another.
    pub fn channel_public_keys(&self, id: &KeysId) -> Result<ChannelPublicKeys, SignerError> {
        Ok(self.channel_keys(id)?.public)
    }

    /// This node's per-commitment point `number`, from 0 (BOLT 3).
    ///
    /// # Errors
    /// As [`channel_public_keys`](Self::channel_public_keys).
    pub fn per_commitment_point(&self, id: &KeysId, number: u64) -> Result<PublicKey, SignerError> {
        let secret = self.channel_keys(id)?.commitment_secret(number);
        let mut key = SecretKey::from_slice(&*secret)
            .expect("a SHA-256 digest is a private key but for 2^-128");
        let point = key.public_key(SECP256K1);
        key.non_secure_erase();
        Ok(point)
    }

    // ----- Invoices and payments -----

    /// The preimage of the invoice with this public nonce. It stays out of the ledger until the invoice is paid.
    pub fn invoice_preimage(&self, nonce: &[u8; 32]) -> PaymentPreimage {
        PaymentPreimage(*self.keys.invoice_preimage(nonce))
    }

    /// The payment secret of the invoice with this nonce (BOLT 4, payment_data).
    pub fn payment_secret(&self, nonce: &[u8; 32]) -> Zeroizing<[u8; 32]> {
        self.keys.payment_secret(nonce)
    }

    /// The preimage that this node chooses for a spontaneous payment with this public nonce (BOLT 4, keysend). The payee
    /// finds it in its onion; the ledger sees it when the payee releases it.
    pub fn keysend_preimage(&self, nonce: &[u8; 32]) -> PaymentPreimage {
        PaymentPreimage(*self.keys.keysend_preimage(nonce))
    }

    /// The session key of the onion with this nonce: one nonce for one onion.
    pub fn onion_session_key(&self, nonce: &[u8; 32]) -> SecretKey {
        self.keys.onion_session_key(nonce)
    }

    // ----- Keys for other parts -----

    /// The seeds of the ledger's keys.
    pub fn ledger_keys(&self) -> LedgerSeeds {
        self.keys.ledger_seeds()
    }

    /// A symmetric key for one purpose.
    pub fn purpose_key(&self, purpose: Purpose) -> Zeroizing<[u8; 32]> {
        self.keys.symmetric(purpose)
    }

    // ----- The on-chain wallet -----

    /// Public descriptors of the wallet's first account.
    ///
    /// # Errors
    /// Once in 2^127 seeds.
    pub fn wallet_descriptors(&self, kind: WalletKind) -> Result<WalletDescriptors, SignerError> {
        self.with_root(|root| psbt::descriptors(root, self.network(), kind))
    }

    /// Adds our signatures to a PSBT and says how many; whoever holds the descriptors finalizes it.
    ///
    /// # Errors
    /// [`PsbtError`](crate::PsbtError) where an input is not as it says or nothing is ours; the PSBT is unchanged then.
    pub fn sign_psbt(&self, psbt: &mut Psbt) -> Result<usize, SignerError> {
        self.with_root(|root| psbt::sign(root, self.network(), psbt))
    }

    fn with_root<T>(
        &self,
        work: impl FnOnce(&Xpriv) -> Result<T, SignerError>,
    ) -> Result<T, SignerError> {
        let mut root = self.keys.root()?;
        let done = work(&root);
        root.private_key.non_secure_erase();
        done
    }
}

/// Deterministic (RFC 6979), with a low S as consensus policy and BOLT 3 demand, and a low R, so that each has the same
/// length and the same transaction the same signature at each retransmission.
pub(crate) fn sign(digest: &Message, key: &SecretKey) -> Signature {
    SECP256K1.sign_ecdsa_low_r(digest, key)
}

/// As [`sign`], for signatures that travel in messages, where each takes 64 bytes: the first R will do. A low one is looked
/// for by signing twice, on average.
pub(crate) fn sign_for_message(digest: &Message, key: &SecretKey) -> Signature {
    SECP256K1.sign_ecdsa(digest, key)
}
