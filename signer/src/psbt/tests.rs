use bitcoin::absolute::LockTime;
use bitcoin::bip32::{DerivationPath, Xpriv};
use bitcoin::hashes::Hash;
use bitcoin::psbt::Psbt;
use bitcoin::sighash::{EcdsaSighashType, Prevouts, SighashCache, TapSighashType};
use bitcoin::transaction::Version;
use bitcoin::{
    Amount, CompressedPublicKey, Network, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut,
    Txid, Witness,
};
use secp256k1::SECP256K1;

use super::{sign, WalletKind};
use crate::error::{PsbtError, SignerError};

const NETWORK: Network = Network::Regtest;

fn root() -> Xpriv {
    Xpriv::new_master(NETWORK, &[5; 64]).unwrap()
}

/// Spends one output and pays nobody.
fn unsigned() -> Transaction {
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: OutPoint {
                txid: Txid::from_byte_array([3; 32]),
                vout: 1,
            },
            script_sig: ScriptBuf::new(),
            sequence: Sequence::MAX,
            witness: Witness::new(),
        }],
        output: vec![TxOut {
            value: Amount::from_sat(9_000),
            script_pubkey: ScriptBuf::new_op_return([1]),
        }],
    }
}

/// A PSBT with one input of ours at `path`, with the output's script by `kind`.
fn psbt(path: &str, kind: WalletKind) -> Psbt {
    let mut psbt = Psbt::from_unsigned_tx(unsigned()).unwrap();
    let path: DerivationPath = path.parse().unwrap();
    let secret = root().derive_priv(SECP256K1, &path).unwrap().private_key;
    let key = secret.public_key(SECP256K1);
    let origin = (root().fingerprint(SECP256K1), path);
    let script_pubkey = match kind {
        WalletKind::Segwit => {
            psbt.inputs[0].bip32_derivation.insert(key, origin);
            ScriptBuf::new_p2wpkh(&CompressedPublicKey(key).wpubkey_hash())
        }
        WalletKind::Taproot => {
            let internal = key.x_only_public_key().0;
            let origins = &mut psbt.inputs[0].tap_key_origins;
            origins.insert(internal, (vec![], origin));
            ScriptBuf::new_p2tr(SECP256K1, internal, None)
        }
    };
    psbt.inputs[0].witness_utxo = Some(TxOut {
        value: Amount::from_sat(10_000),
        script_pubkey,
    });
    psbt
}

fn refusal(psbt: &mut Psbt) -> PsbtError {
    let before = psbt.clone();
    let Err(SignerError::Psbt(error)) = sign(&root(), NETWORK, psbt) else {
        panic!("it was signed");
    };
    assert_eq!(*psbt, before, "a refusal changes nothing");
    error
}

#[test]
fn psbt_segwit_input_is_signed() {
    let mut psbt = psbt("m/84h/1h/0h/1/7", WalletKind::Segwit);
    assert_eq!(sign(&root(), NETWORK, &mut psbt).unwrap(), 1);
    let spent = psbt.inputs[0].witness_utxo.clone().unwrap();
    let (key, signature) = psbt.inputs[0].partial_sigs.first_key_value().unwrap();
    let digest = SighashCache::new(&psbt.unsigned_tx)
        .p2wpkh_signature_hash(0, &spent.script_pubkey, spent.value, EcdsaSighashType::All)
        .unwrap();
    SECP256K1
        .verify_ecdsa(&digest.into(), &signature.signature, &key.inner)
        .unwrap();
}

#[test]
fn psbt_taproot_input_is_signed_by_its_key() {
    for (asked, kind) in [
        (None, TapSighashType::Default),
        (Some(TapSighashType::Default), TapSighashType::Default),
        (Some(TapSighashType::All), TapSighashType::All),
    ] {
        let mut psbt = psbt("m/86h/1h/0h/0/0", WalletKind::Taproot);
        psbt.inputs[0].sighash_type = asked.map(Into::into);
        assert_eq!(sign(&root(), NETWORK, &mut psbt).unwrap(), 1);
        let spent = psbt.inputs[0].witness_utxo.clone().unwrap();
        let signature = psbt.inputs[0].tap_key_sig.unwrap();
        assert_eq!(signature.sighash_type, kind);
        let digest = SighashCache::new(&psbt.unsigned_tx)
            .taproot_key_spend_signature_hash(0, &Prevouts::All(&[&spent]), kind)
            .unwrap();
        let output_key = &spent.script_pubkey.as_bytes()[2..];
        let output_key = bitcoin::XOnlyPublicKey::from_slice(output_key).unwrap();
        SECP256K1
            .verify_schnorr(&signature.signature, &digest.into(), &output_key)
            .unwrap();
    }
}

#[test]
fn psbt_other_sighash_types_are_refused() {
    for (kind, asked) in [
        (WalletKind::Segwit, 0x81),
        (WalletKind::Segwit, 0x02),
        (WalletKind::Segwit, 0x00),
        (WalletKind::Taproot, 0x83),
    ] {
        let path = format!("m/{}h/1h/0h/0/0", kind.purpose());
        let mut psbt = psbt(&path, kind);
        psbt.inputs[0].sighash_type = Some(bitcoin::psbt::PsbtSighashType::from_u32(asked));
        let expected = PsbtError::Sighash {
            index: 0,
            got: asked,
        };
        assert_eq!(refusal(&mut psbt), expected);
    }
}

#[test]
fn psbt_keys_that_are_no_addresses_are_refused() {
    for path in [
        "m/9735h/1h/0h",
        "m/84h/0h/0h/0/0",
        "m/84h/1h/1h/0/0",
        "m/84h/1h/0h/2/0",
        "m/84h/1h/0h/0/0h",
        "m/84h/1h/0h/0",
        "m/84h/1h/0h/0/0/0",
        "m/86h/1h/0h/0/0",
        "m",
    ] {
        let mut psbt = psbt(path, WalletKind::Segwit);
        assert!(
            matches!(refusal(&mut psbt), PsbtError::NotAWalletKey { .. }),
            "{path}"
        );
    }
}

#[test]
fn psbt_output_of_another_key_is_refused() {
    let mut psbt = psbt("m/84h/1h/0h/0/0", WalletKind::Segwit);
    psbt.inputs[0].witness_utxo.as_mut().unwrap().script_pubkey = ScriptBuf::new_op_return([2]);
    assert!(matches!(
        refusal(&mut psbt),
        PsbtError::ForeignOutput { index: 0, .. }
    ));
}

#[test]
fn psbt_contradictory_or_missing_utxo_is_refused() {
    let mut none = psbt("m/84h/1h/0h/0/0", WalletKind::Segwit);
    none.inputs[0].witness_utxo = None;
    assert_eq!(refusal(&mut none), PsbtError::NoUtxo { index: 0 });

    let mut other = psbt("m/84h/1h/0h/0/0", WalletKind::Segwit);
    other.inputs[0].non_witness_utxo = Some(other.unsigned_tx.clone());
    assert_eq!(refusal(&mut other), PsbtError::UtxoMismatch { index: 0 });
}

#[test]
fn psbt_without_our_inputs_is_refused() {
    let mut psbt = psbt("m/84h/1h/0h/0/0", WalletKind::Segwit);
    psbt.inputs[0].bip32_derivation.clear();
    assert_eq!(refusal(&mut psbt), PsbtError::NothingOurs);
}
