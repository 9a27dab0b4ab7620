//! The vectors of BIP 39, 32, 84 and 86.

// A test that fails may panic, and its helpers too.
#![allow(clippy::unwrap_used, clippy::panic)]

use bitcoin::bip32::{DerivationPath, Xpriv, Xpub};
use bitcoin::{Address, CompressedPublicKey, Network};
use secp256k1::SECP256K1;
use serde::Deserialize;
use zarnitsa_signer::{Mnemonic, MnemonicError, Signer, WalletKind};

#[derive(Deserialize)]
struct Bip39 {
    entropy: String,
    mnemonic: String,
}

#[derive(Deserialize)]
struct Bip32 {
    seed: String,
    chains: Vec<Chain>,
}

#[derive(Deserialize)]
struct Chain {
    path: String,
    xpub: String,
    xprv: String,
}

#[derive(Deserialize)]
struct Wallet {
    mnemonic: String,
    addresses: Vec<WalletAddress>,
}

#[derive(Deserialize)]
struct WalletAddress {
    path: String,
    address: String,
}

#[test]
fn vectors_bip39_words_are_read_and_shown() {
    let vectors: Vec<Bip39> = serde_json::from_str(include_str!("vectors/bip39.json")).unwrap();
    for vector in vectors {
        let mnemonic = Mnemonic::parse(&vector.mnemonic).unwrap();
        assert_eq!(mnemonic.words().as_str(), vector.mnemonic.trim());
        let entropy = hex::decode(vector.entropy).unwrap();
        let expected = bip39::Mnemonic::from_entropy(&entropy).unwrap();
        assert_eq!(mnemonic.words().as_str(), expected.to_string());
        let shouted = vector.mnemonic.to_uppercase().replace(' ', "\n  ");
        assert!(Mnemonic::parse(&shouted).unwrap() == mnemonic);
    }
}

#[test]
fn vectors_bip39_wrong_words_are_refused_without_repeating_them() {
    let words = |count: usize, last: &str| format!("{}{last}", "abandon ".repeat(count - 1));
    for (text, expected) in [
        (String::new(), MnemonicError::WordCount { got: 0 }),
        (words(15, "about"), MnemonicError::WordCount { got: 15 }),
        (
            words(12, "secretword"),
            MnemonicError::UnknownWord { position: 12 },
        ),
        (words(12, "abandon"), MnemonicError::Checksum),
        (words(24, "about"), MnemonicError::Checksum),
    ] {
        let Err(error) = Mnemonic::parse(&text) else {
            panic!("{text} was taken");
        };
        assert_eq!(error, expected);
        assert!(!error.to_string().contains("secretword"));
    }
}

#[test]
fn vectors_bip32_chains_are_derived() {
    let vector: Bip32 = serde_json::from_str(include_str!("vectors/bip32.json")).unwrap();
    let seed = hex::decode(vector.seed).unwrap();
    let master = Xpriv::new_master(Network::Bitcoin, &seed).unwrap();
    for chain in vector.chains {
        let path: DerivationPath = chain.path.parse().unwrap();
        let derived = master.derive_priv(SECP256K1, &path).unwrap();
        assert_eq!(derived.to_string(), chain.xprv);
        assert_eq!(Xpub::from_priv(SECP256K1, &derived).to_string(), chain.xpub);
    }
}

/// The address of a public descriptor of the signer, at the last two steps of `path`.
fn address(signer: &Signer, kind: WalletKind, path: &str) -> Address {
    let descriptors = signer.wallet_descriptors(kind).unwrap();
    let mut steps = path.rsplit('/');
    let index: u32 = steps.next().unwrap().parse().unwrap();
    let (descriptor, chain) = match steps.next().unwrap() {
        "0" => (descriptors.external, 0),
        "1" => (descriptors.change, 1),
        other => panic!("no chain {other}"),
    };
    assert!(
        descriptor.ends_with(&format!("/{chain}/*)")),
        "{descriptor}"
    );
    let xpub = descriptor.split(']').nth(1).unwrap();
    let xpub: Xpub = xpub.split('/').next().unwrap().parse().unwrap();
    let path: DerivationPath = format!("m/{chain}/{index}").parse().unwrap();
    let key = xpub.derive_pub(SECP256K1, &path).unwrap().public_key;
    match kind {
        WalletKind::Segwit => Address::p2wpkh(&CompressedPublicKey(key), Network::Bitcoin),
        WalletKind::Taproot => {
            let internal = key.x_only_public_key().0;
            Address::p2tr(SECP256K1, internal, None, Network::Bitcoin)
        }
    }
}

fn check_wallet(kind: WalletKind, vectors: &str) {
    let vector: Wallet = serde_json::from_str(vectors).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mnemonic = Mnemonic::parse(&vector.mnemonic).unwrap();
    let (signer, _) = Signer::create(dir.path(), Network::Bitcoin, "x", Some(mnemonic)).unwrap();
    for expected in vector.addresses {
        let got = address(&signer, kind, &expected.path);
        assert_eq!(got.to_string(), expected.address, "{}", expected.path);
    }
}

#[test]
fn vectors_bip84_addresses_come_from_the_descriptors() {
    check_wallet(WalletKind::Segwit, include_str!("vectors/bip84.json"));
}

#[test]
fn vectors_bip86_addresses_come_from_the_descriptors() {
    check_wallet(WalletKind::Taproot, include_str!("vectors/bip86.json"));
}
