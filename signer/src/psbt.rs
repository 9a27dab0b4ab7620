//! Signing the on-chain wallet's inputs: P2WPKH (BIP 84) and P2TR by its key (BIP 86).
//!
//! Only inputs that name a key of ours by its path are touched, and only where the output that they spend does belong
//! to that key. Others are left to those whose they are.

use bitcoin::bip32::{ChildNumber, DerivationPath, Fingerprint, Xpriv, Xpub};
use bitcoin::ecdsa;
use bitcoin::key::{TapTweak, UntweakedPublicKey};
use bitcoin::psbt::Psbt;
use bitcoin::secp256k1::{Keypair, Message, SecretKey};
use bitcoin::sighash::{EcdsaSighashType, Prevouts, SighashCache, TapSighashType};
use bitcoin::{taproot, CompressedPublicKey, Network, PublicKey, ScriptBuf, Transaction, TxOut};
use secp256k1::SECP256K1;

use crate::error::{PsbtError, SignerError};
use crate::keys::coin_type;

/// The two kinds of address that the wallet has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WalletKind {
    /// BIP 84: P2WPKH.
    Segwit,
    /// BIP 86: P2TR, spent by its key.
    Taproot,
}

impl WalletKind {
    const fn purpose(self) -> u32 {
        match self {
            Self::Segwit => 84,
            Self::Taproot => 86,
        }
    }
}

/// Public descriptors (BIP 380) of one kind, without checksum: what a watching wallet needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalletDescriptors {
    /// Addresses to be paid to.
    pub external: String,
    /// Change.
    pub change: String,
}

/// The first account's path.
fn account_path(kind: WalletKind, network: Network) -> DerivationPath {
    let hardened = |index| ChildNumber::Hardened { index };
    [kind.purpose(), coin_type(network), 0]
        .map(hardened)
        .as_slice()
        .into()
}

/// The public descriptors of the first account.
pub(crate) fn descriptors(
    root: &Xpriv,
    network: Network,
    kind: WalletKind,
) -> Result<WalletDescriptors, SignerError> {
    let path = account_path(kind, network);
    let account = root
        .derive_priv(SECP256K1, &path)
        .map_err(SignerError::Derivation)?;
    let account = Xpub::from_priv(SECP256K1, &account);
    let fingerprint = root.fingerprint(SECP256K1);
    let function = match kind {
        WalletKind::Segwit => "wpkh",
        WalletKind::Taproot => "tr",
    };
    let descriptor = |chain| format!("{function}([{fingerprint}/{path}]{account}/{chain}/*)");
    Ok(WalletDescriptors {
        external: descriptor(0),
        change: descriptor(1),
    })
}

/// Signs every input that is ours, and says how many that were.
pub(crate) fn sign(root: &Xpriv, network: Network, psbt: &mut Psbt) -> Result<usize, SignerError> {
    let signer = PsbtSigner {
        root,
        fingerprint: root.fingerprint(SECP256K1),
        network,
    };
    // Everything is checked and signed before anything is written, so that a refusal leaves the PSBT as it was.
    let mut signed = Vec::new();
    for index in 0..psbt.inputs.len() {
        if let Some(signature) = signer.sign_input(psbt, index)? {
            signed.push((index, signature));
        }
    }
    if signed.is_empty() {
        return Err(PsbtError::NothingOurs.into());
    }
    let count = signed.len();
    for (index, signature) in signed {
        if let Some(input) = psbt.inputs.get_mut(index) {
            match signature {
                InputSignature::Segwit(key, signature) => {
                    input.partial_sigs.insert(key, signature);
                }
                InputSignature::Taproot(signature) => input.tap_key_sig = Some(signature),
            }
        }
    }
    Ok(count)
}

enum InputSignature {
    Segwit(PublicKey, ecdsa::Signature),
    Taproot(taproot::Signature),
}

struct PsbtSigner<'a> {
    root: &'a Xpriv,
    fingerprint: Fingerprint,
    network: Network,
}

impl PsbtSigner<'_> {
    fn sign_input(&self, psbt: &Psbt, index: usize) -> Result<Option<InputSignature>, SignerError> {
        let Some(input) = psbt.inputs.get(index) else {
            return Ok(None);
        };
        if input.final_script_witness.is_some() {
            return Ok(None);
        }
        let taproot = input
            .tap_key_origins
            .iter()
            .find(|(_, (_, (fingerprint, _)))| *fingerprint == self.fingerprint);
        if let Some((key, (_, (_, path)))) = taproot {
            return self.sign_taproot(psbt, index, key, path).map(Some);
        }
        let segwit = input
            .bip32_derivation
            .iter()
            .find(|(_, (fingerprint, _))| *fingerprint == self.fingerprint);
        match segwit {
            Some((key, (_, path))) => self.sign_segwit(psbt, index, key, path).map(Some),
            None => Ok(None),
        }
    }

    fn sign_segwit(
        &self,
        psbt: &Psbt,
        index: usize,
        named: &bitcoin::secp256k1::PublicKey,
        path: &DerivationPath,
    ) -> Result<InputSignature, SignerError> {
        let secret = self.wallet_key(index, path, WalletKind::Segwit)?;
        let key = secret.public_key(SECP256K1);
        let spent = spent_output(psbt, index)?;
        let script = ScriptBuf::new_p2wpkh(&CompressedPublicKey(key).wpubkey_hash());
        if key != *named || spent.script_pubkey != script {
            return Err(foreign(index, path));
        }
        only_all(psbt, index, &[EcdsaSighashType::All.to_u32()])?;
        let digest = SighashCache::new(&psbt.unsigned_tx)
            .p2wpkh_signature_hash(
                index,
                &spent.script_pubkey,
                spent.value,
                EcdsaSighashType::All,
            )
            .map_err(|error| PsbtError::Digest {
                index,
                why: error.to_string(),
            })?;
        let signature = SECP256K1.sign_ecdsa_low_r(&Message::from(digest), &secret);
        Ok(InputSignature::Segwit(
            PublicKey::new(key),
            ecdsa::Signature::sighash_all(signature),
        ))
    }

    fn sign_taproot(
        &self,
        psbt: &Psbt,
        index: usize,
        named: &UntweakedPublicKey,
        path: &DerivationPath,
    ) -> Result<InputSignature, SignerError> {
        let secret = self.wallet_key(index, path, WalletKind::Taproot)?;
        let pair = Keypair::from_secret_key(SECP256K1, &secret);
        let (internal, _) = pair.x_only_public_key();
        let spent = spent_output(psbt, index)?;
        let script = ScriptBuf::new_p2tr(SECP256K1, internal, None);
        if internal != *named || spent.script_pubkey != script {
            return Err(foreign(index, path));
        }
        let (default, all) = (TapSighashType::Default, TapSighashType::All);
        let asked = only_all(
            psbt,
            index,
            &[u32::from(default as u8), u32::from(all as u8)],
        )?; // the types' own bytes
        let kind = if asked.is_some_and(|asked| asked == u32::from(all as u8)) {
            all
        } else {
            default
        };
        let prevouts = all_spent_outputs(psbt)?;
        let digest = SighashCache::new(&psbt.unsigned_tx)
            .taproot_key_spend_signature_hash(index, &Prevouts::All(&prevouts), kind)
            .map_err(|error| PsbtError::Digest {
                index,
                why: error.to_string(),
            })?;
        let tweaked = pair.tap_tweak(SECP256K1, None).to_keypair();
        let signature = SECP256K1.sign_schnorr_no_aux_rand(&Message::from(digest), &tweaked);
        Ok(InputSignature::Taproot(taproot::Signature {
            signature,
            sighash_type: kind,
        }))
    }

    /// The key at `path`, if that is an address of the first account of that kind.
    fn wallet_key(
        &self,
        index: usize,
        path: &DerivationPath,
        kind: WalletKind,
    ) -> Result<SecretKey, SignerError> {
        let account = account_path(kind, self.network);
        let mut rest = path.into_iter();
        let in_account = account
            .into_iter()
            .all(|expected| rest.next() == Some(expected));
        let chain = rest.next();
        let address = rest.next();
        let is_address = matches!(chain, Some(ChildNumber::Normal { index: 0 | 1 }))
            && matches!(address, Some(ChildNumber::Normal { .. }))
            && rest.next().is_none();
        if !in_account || !is_address {
            return Err(PsbtError::NotAWalletKey {
                index,
                path: path.to_string(),
            }
            .into());
        }
        let derived = self
            .root
            .derive_priv(SECP256K1, path)
            .map_err(SignerError::Derivation)?;
        Ok(derived.private_key)
    }
}

fn foreign(index: usize, path: &DerivationPath) -> SignerError {
    PsbtError::ForeignOutput {
        index,
        path: path.to_string(),
    }
    .into()
}

/// The sighash type that the input asks for, if it is one of `allowed`.
fn only_all(psbt: &Psbt, index: usize, allowed: &[u32]) -> Result<Option<u32>, PsbtError> {
    let asked = psbt
        .inputs
        .get(index)
        .and_then(|input| input.sighash_type)
        .map(bitcoin::psbt::PsbtSighashType::to_u32);
    match asked {
        Some(got) if !allowed.contains(&got) => Err(PsbtError::Sighash { index, got }),
        asked => Ok(asked),
    }
}

fn all_spent_outputs(psbt: &Psbt) -> Result<Vec<TxOut>, PsbtError> {
    (0..psbt.inputs.len())
        .map(|index| spent_output(psbt, index))
        .collect()
}

/// What an input spends. Where both descriptions are there, they must agree.
fn spent_output(psbt: &Psbt, index: usize) -> Result<TxOut, PsbtError> {
    let (Some(input), Some(tx_input)) = (psbt.inputs.get(index), psbt.unsigned_tx.input.get(index))
    else {
        return Err(PsbtError::NoUtxo { index });
    };
    let outpoint = tx_input.previous_output;
    let from_tx = |tx: &Transaction| {
        let output = usize::try_from(outpoint.vout)
            .ok()
            .and_then(|vout| tx.output.get(vout).cloned());
        output
            .filter(|_| tx.compute_txid() == outpoint.txid)
            .ok_or(PsbtError::UtxoMismatch { index })
    };
    let full = input.non_witness_utxo.as_ref().map(from_tx).transpose()?;
    match (full, input.witness_utxo.clone()) {
        (Some(full), Some(short)) if full != short => Err(PsbtError::UtxoMismatch { index }),
        (Some(output), _) | (None, Some(output)) => Ok(output),
        (None, None) => Err(PsbtError::NoUtxo { index }),
    }
}

#[cfg(test)]
mod tests;
