//! Justice data for a watchtower: what punishes one revoked commitment of the peer's (BOLT 5, "Revoked Transaction Close
//! Handling"), readable only by whoever sees that commitment on the chain.
//!
//! It is encrypted under a hash of the revoked commitment's txid. The tower is given the first half of the txid to find it
//! by; the other half it learns from the chain. Inside is the revocation key of that one commitment, which opens
//! nothing else: after a breach the tower could keep the penalty for itself, but never touch a channel that is not
//! cheated in. It needs the key, for the cheater's second-stage transactions are known by nobody beforehand.
//!
//! Inside: version 1; the key, 32 bytes; the destination's script; the witness script of to_local and second stages; the
//! number of HTLCs, 2 bytes; their witness scripts. Each script has its length before it, one byte.

use bitcoin::absolute::LockTime;
use bitcoin::hashes::{sha256, Hash, HashEngine, Hmac, HmacEngine};
use bitcoin::secp256k1::{Message, PublicKey, SecretKey};
use bitcoin::sighash::{EcdsaSighashType, SighashCache};
use bitcoin::transaction::Version;
use bitcoin::{Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, Witness};
use chacha20poly1305::aead::Aead;
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use secp256k1::SECP256K1;
use zarnitsa_channel::ids::ChannelId;
use zarnitsa_channel::keys::derive_revocation_private_key;
use zarnitsa_channel::params::{ChannelParams, Side};
use zarnitsa_channel::script::broadcaster_redeemscript;
use zarnitsa_channel::tx::penalty::RevokedCommitment;
use zeroize::Zeroizing;

use crate::error::SignerError;
use crate::keys::Purpose;
use crate::signer::{sign, Signer};

const VERSION: u8 = 1;
const NONCE: usize = 24;
/// BOLT 2: no commitment has more HTLCs.
const MAX_HTLCS: usize = 2 * 483;

/// The most that one encrypted record takes: two scripts, and those of all HTLCs.
pub const MAX_JUSTICE: usize = NONCE + 16 + 1 + 32 + 2 * 256 + 2 + MAX_HTLCS * 150;

/// What a tower finds a record by: the first half of the revoked commitment's txid.
pub type Locator = [u8; 16];

/// Of a transaction.
pub fn locator(txid: &Txid) -> Locator {
    let (first, _) = txid
        .as_byte_array()
        .split_first_chunk()
        .expect("32 bytes are more than 16");
    *first
}

/// A record for the tower.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedJustice {
    /// What it is found by.
    pub locator: Locator,
    /// What cannot be read without the commitment.
    pub data: Vec<u8>,
}

/// An output that a cheater must lose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PenaltyTarget {
    /// Where it is.
    pub outpoint: OutPoint,
    /// What it holds.
    pub value: Amount,
    script: ScriptBuf,
    item: Vec<u8>,
}

/// A record that was opened by the commitment that it is about.
pub struct Justice {
    key: SecretKey,
    destination: ScriptBuf,
    delayed: ScriptBuf,
    htlcs: Vec<ScriptBuf>,
}

impl Drop for Justice {
    fn drop(&mut self) {
        self.key.non_secure_erase();
    }
}

impl Signer {
    /// The name that a tower knows a channel by: it tells nothing of the channel.
    pub fn tower_account(&self, id: &ChannelId) -> [u8; 32] {
        self.under_tower_key(&id.0)
    }

    /// The record for a commitment that the peer has revoked, with the secret that revoked it. The same arguments give the
    /// same bytes.
    ///
    /// # Errors
    /// Once in 2^127 channels, where BIP 32 has no key; or where the secret is none.
    pub fn seal_justice(
        &self,
        params: &ChannelParams,
        revoked: &RevokedCommitment,
        secret: &[u8; 32],
        destination: &ScriptBuf,
    ) -> Result<SealedJustice, SignerError> {
        let commitment = revoked.commitment();
        let no_secret = |_| SignerError::NothingToSign {
            channel_id: params.channel_id,
            state: "revoked",
            what: "secret of that commitment of the peer",
        };
        let secret = SecretKey::from_slice(secret).map_err(no_secret)?;
        let keys = self.channel_keys(&params.keys_id)?;
        let key = derive_revocation_private_key(&keys.revocation, &secret);
        let delayed = broadcaster_redeemscript(params, Side::Counterparty, commitment.keys());
        let outputs = commitment.htlc_outputs();
        let mut plain = Zeroizing::new(vec![VERSION]);
        plain.extend_from_slice(&key.secret_bytes());
        put_script(&mut plain, destination);
        put_script(&mut plain, &delayed);
        let count = u16::try_from(outputs.len()).unwrap_or(u16::MAX); // 966 at most
        plain.extend_from_slice(&count.to_be_bytes());
        for output in outputs {
            put_script(
                &mut plain,
                &commitment.htlc_redeemscript(params, &output.htlc),
            );
        }
        // Another content under the same key has another nonce.
        let nonce = self.under_tower_key(&plain)[..NONCE].to_vec();
        let sealed = cipher(&commitment.txid())
            .encrypt(XNonce::from_slice(&nonce), plain.as_slice())
            .expect("a record is far below the cipher's limit");
        Ok(SealedJustice {
            locator: locator(&commitment.txid()),
            data: [nonce, sealed].concat(),
        })
    }

    fn under_tower_key(&self, bytes: &[u8]) -> [u8; 32] {
        let mut engine = HmacEngine::<sha256::Hash>::new(&*self.purpose_key(Purpose::Watchtower));
        engine.input(bytes);
        Hmac::from_engine(engine).to_byte_array()
    }
}

fn put_script(plain: &mut Vec<u8>, script: &ScriptBuf) {
    // Scripts of BOLT 3 and of addresses have 150 bytes at most.
    plain.push(u8::try_from(script.len()).unwrap_or(0));
    plain.extend_from_slice(script.as_bytes());
}

fn cipher(txid: &Txid) -> XChaCha20Poly1305 {
    let mut engine = sha256::HashEngine::default();
    engine.input(b"zarnitsa/justice");
    engine.input(txid.as_byte_array());
    XChaCha20Poly1305::new(&sha256::Hash::from_engine(engine).to_byte_array().into())
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(taken)
}

fn take_script(rest: &mut &[u8]) -> Option<ScriptBuf> {
    let [length] = take(rest, 1)? else {
        return None;
    };
    Some(ScriptBuf::from_bytes(
        take(rest, usize::from(*length))?.to_vec(),
    ))
}

impl Justice {
    /// Opens a record with the txid of the commitment that is on the chain; `None` where it is not about that one.
    pub fn open(txid: &Txid, data: &[u8]) -> Option<Self> {
        let (nonce, sealed) = data.split_first_chunk::<NONCE>()?;
        let plain = cipher(txid)
            .decrypt(XNonce::from_slice(nonce), sealed)
            .ok()?;
        let plain = Zeroizing::new(plain);
        let mut rest = plain.strip_prefix(&[VERSION])?;
        let key = SecretKey::from_slice(take(&mut rest, 32)?).ok()?;
        let destination = take_script(&mut rest)?;
        let delayed = take_script(&mut rest)?;
        let [high, low] = take(&mut rest, 2)? else {
            return None;
        };
        let htlcs = (0..u16::from_be_bytes([*high, *low]))
            .map(|_| take_script(&mut rest))
            .collect::<Option<Vec<_>>>()?;
        Some(Self {
            key,
            destination,
            delayed,
            htlcs,
        })
    }

    fn public_key(&self) -> PublicKey {
        self.key.public_key(SECP256K1)
    }

    /// The outputs of a transaction that are to be taken: of the commitment, or of a second stage that has spent one of
    /// its HTLCs.
    pub fn targets(&self, transaction: &Transaction) -> Vec<PenaltyTarget> {
        let txid = transaction.compute_txid();
        let mut targets = Vec::new();
        for (vout, output) in (0_u32..).zip(&transaction.output) {
            let found = if output.script_pubkey == self.delayed.to_p2wsh() {
                Some((&self.delayed, vec![1]))
            } else {
                let is_it = |script: &&ScriptBuf| output.script_pubkey == script.to_p2wsh();
                let item = self.public_key().serialize().to_vec();
                self.htlcs.iter().find(is_it).map(|script| (script, item))
            };
            if let Some((script, item)) = found {
                targets.push(PenaltyTarget {
                    outpoint: OutPoint { txid, vout },
                    value: output.value,
                    script: script.clone(),
                    item,
                });
            }
        }
        targets
    }

    /// The transaction that takes one output. One each: what the cheater moves meanwhile makes no other void. `None`
    /// where the fee leaves too little to be relayed.
    pub fn penalty(&self, target: &PenaltyTarget, feerate_per_kw: u64) -> Option<Transaction> {
        let draft = self.signed(target, target.value)?;
        let weight = draft.weight().to_wu().saturating_add(1); // a signature may be a byte longer
        let fee = weight.checked_mul(feerate_per_kw)?.div_ceil(1_000);
        let left = target.value.checked_sub(Amount::from_sat(fee))?;
        (left >= self.destination.minimal_non_dust()).then(|| self.signed(target, left))?
    }

    fn signed(&self, target: &PenaltyTarget, value: Amount) -> Option<Transaction> {
        let mut transaction = Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: vec![TxIn {
                previous_output: target.outpoint,
                script_sig: ScriptBuf::new(),
                sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
                witness: Witness::new(),
            }],
            output: vec![TxOut {
                value,
                script_pubkey: self.destination.clone(),
            }],
        };
        let sighash = SighashCache::new(&transaction)
            .p2wsh_signature_hash(0, &target.script, target.value, EcdsaSighashType::All)
            .ok()?;
        let digest = Message::from_digest(sighash.to_byte_array());
        let signature = bitcoin::ecdsa::Signature::sighash_all(sign(&digest, &self.key));
        let mut witness = Witness::new();
        witness.push_ecdsa_signature(&signature);
        witness.push(&target.item);
        witness.push(&target.script);
        if let Some(input) = transaction.input.first_mut() {
            input.witness = witness;
        }
        Some(transaction)
    }
}
