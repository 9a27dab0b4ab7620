//! Nothing that can be printed prints a secret.

use bitcoin::bip32::{DerivationPath, Xpriv};
use bitcoin::Network;
use secp256k1::SECP256K1;
use zarnitsa_channel::params::CommitmentFormat;
use zarnitsa_signer::{Mnemonic, Signer};

use crate::world::{Ledger, Pair};

const WORDS: &str =
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";

/// What the seed of WORDS leads to, in hex.
fn secrets() -> Vec<String> {
    let seed = bip39::Mnemonic::parse(WORDS).unwrap().to_seed("");
    let master = Xpriv::new_master(Network::Regtest, &seed).unwrap();
    let mut secrets = vec![
        hex::encode(seed),
        "00000000000000000000000000000000".to_owned(),
    ];
    for account in 0..7 {
        let path: DerivationPath = format!("m/9735'/1'/{account}'").parse().unwrap();
        let key = master.derive_priv(SECP256K1, &path).unwrap().private_key;
        secrets.push(hex::encode(key.secret_bytes()));
    }
    secrets
}

fn assert_clean(text: &str) {
    let lower = text.to_lowercase();
    assert!(
        !lower.contains("abandon") && !lower.contains("about"),
        "{text}"
    );
    for secret in secrets() {
        assert!(!lower.contains(&secret), "{text}");
    }
    // As a list of numbers, the way that byte arrays print themselves.
    let seed = hex::decode(&secrets()[0]).unwrap();
    let numbers = format!("{:?}", &seed[..8]);
    assert!(!text.contains(numbers.trim_matches(['[', ']'])), "{text}");
}

#[test]
fn debug_of_signer_and_mnemonic_shows_no_secret() {
    let mut pair = Pair::new(CommitmentFormat::Anchors);
    pair.add_htlcs();
    assert_clean(&format!("{:?}", pair.a.signer));
    assert_clean(&format!("{:#?}", pair.a.signer));
    assert_clean(&format!("{:?}", Mnemonic::parse(WORDS).unwrap()));
    let signed = pair.a.signer.sign_counterparty_commitment(&pair.a.id());
    assert_clean(&format!("{signed:?}"));
}

#[test]
fn errors_show_no_secret_and_no_passphrase() {
    let pair = Pair::new(CommitmentFormat::Anchors);
    let id = pair.a.id();
    let refusals = [
        pair.a.signer.release_secret(&id, 99).unwrap_err(),
        pair.a.signer.complete_closing(&id).unwrap_err(),
    ];
    for refused in refusals {
        assert_clean(&format!("{refused} {refused:?}"));
    }
    for alarm in pair.a.signer.check_against(&Ledger::default()) {
        assert_clean(&format!("{alarm} {alarm:?}"));
    }
    let dir = tempfile::tempdir().unwrap();
    let mnemonic = Mnemonic::parse(WORDS).unwrap();
    Signer::create(dir.path(), Network::Regtest, "hunter2", Some(mnemonic)).unwrap();
    let wrong = Signer::open(dir.path(), Network::Regtest, "hunter3").unwrap_err();
    let text = format!("{wrong} {wrong:?}");
    assert!(!text.contains("hunter"), "{text}");
    let again = Signer::create(dir.path(), Network::Regtest, "hunter4", None);
    let text = format!("{:?}", again.err().unwrap());
    assert!(!text.contains("hunter"), "{text}");
}

#[test]
fn keys_are_the_same_at_every_start_and_differ_from_one_another() {
    let pair = Pair::new(CommitmentFormat::Anchors);
    let keys_id = pair.a.channel.params().keys_id;
    let before = pair.a.signer.channel_public_keys(&keys_id).unwrap();
    let point = pair.a.signer.per_commitment_point(&keys_id, 7).unwrap();
    let preimage = pair.a.signer.invoice_preimage(&[1; 32]);
    let secret = pair.a.signer.payment_secret(&[1; 32]);
    let a = pair.a.restart();
    assert_eq!(a.signer.channel_public_keys(&keys_id).unwrap(), before);
    assert_eq!(a.signer.per_commitment_point(&keys_id, 7).unwrap(), point);
    assert!(a.signer.invoice_preimage(&[1; 32]) == preimage);
    assert!(preimage.0 != *secret);
    assert!(a.signer.invoice_preimage(&[2; 32]) != preimage);
    let seeds = a.signer.ledger_keys();
    assert!(*seeds.consensus != *seeds.service);
}
