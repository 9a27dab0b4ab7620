//! BOLT 3, appendices B to F, from `tests/vectors/bolt3-*.json`.

use std::path::Path;
use std::str::FromStr;

use bitcoin::absolute::LockTime;
use bitcoin::consensus::encode::serialize_hex;
use bitcoin::hashes::Hash;
use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::{Message, PublicKey, SecretKey};
use bitcoin::sighash::{EcdsaSighashType, SighashCache};
use bitcoin::{Amount, OutPoint, ScriptBuf, Sequence, Txid};
use secp256k1::SECP256K1;
use serde_json::Value;
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::{HtlcId, PaymentPreimage};
use zarnitsa_channel::keys::{
    derive_private_key, derive_public_key, derive_revocation_private_key,
    derive_revocation_public_key,
};
use zarnitsa_channel::params::{ChannelParams, CommitmentFormat, Side};
use zarnitsa_channel::script::funding_redeemscript;
use zarnitsa_channel::secrets::{commitment_secret_from_seed, SecretStore};
use zarnitsa_channel::tx::commitment::{
    commitment_number_of, create_commitment_tx, CommitmentHtlc, CommitmentSpec,
};
use zarnitsa_channel::tx::opening::{create_opening_tx, OpeningInput, OpeningRequest};
use zarnitsa_channel::validate::{validate_tx, Secp, ValidatedTx};

use crate::world::{sign, World};

fn load(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors");
    let text = std::fs::read_to_string(folder.join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field]
        .as_str()
        .unwrap_or_else(|| panic!("no text {field} in {value}"))
}

fn number(value: &Value, field: &str) -> u64 {
    value[field]
        .as_u64()
        .unwrap_or_else(|| panic!("no number {field} in {value}"))
}

fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value[field]
        .as_array()
        .unwrap_or_else(|| panic!("no list {field} in {value}"))
}

fn bytes32(value: &Value, field: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text(value, field), &mut bytes).unwrap();
    bytes
}

fn secret(value: &Value, field: &str) -> SecretKey {
    SecretKey::from_slice(&bytes32(value, field)).unwrap()
}

fn public(value: &Value, field: &str) -> PublicKey {
    PublicKey::from_str(text(value, field)).unwrap()
}

fn signature(value: &Value) -> Signature {
    Signature::from_str(text(value, "remote_signature")).unwrap()
}

#[test]
fn appendix_b_opening_tx_same_bytes() {
    let v = load("bolt3-funding.json");
    let key = secret(&v, "input_privkey");
    let wallet_key = bitcoin::PublicKey::new(key.public_key(SECP256K1));
    let coin_script = ScriptBuf::new_p2pkh(&wallet_key.pubkey_hash());
    let funding_keys = [
        public(&v, "local_funding_pubkey"),
        public(&v, "remote_funding_pubkey"),
    ];
    let request = OpeningRequest {
        capacity: Amount::from_sat(number(&v, "funding_satoshis")),
        funding_keys,
        inputs: vec![OpeningInput {
            outpoint: OutPoint {
                txid: Txid::from_str(text(&v, "input_txid")).unwrap(),
                vout: 0,
            },
            value: Amount::from_sat(number(&v, "input_satoshis")),
            // A script_sig with a signature of 72 bytes and a key of 33, each with a length.
            satisfaction_weight: 4 * 107,
            segwit: false,
            sequence: Sequence::MAX,
        }],
        change_script: ScriptBuf::new_p2wpkh(&wallet_key.wpubkey_hash().unwrap()),
        feerate_per_kw: u32::try_from(number(&v, "feerate_per_kw")).unwrap(),
        lock_time: LockTime::ZERO,
    };
    let script = funding_redeemscript(&funding_keys[1], &funding_keys[0]);
    assert_eq!(script.to_hex_string(), text(&v, "funding_witness_script"));

    let mut opening = create_opening_tx(&request).unwrap();
    let digest = SighashCache::new(&opening.tx)
        .legacy_signature_hash(0, &coin_script, EcdsaSighashType::All.to_u32())
        .unwrap();
    let message = Message::from_digest(digest.to_byte_array());
    let signature = bitcoin::ecdsa::Signature::sighash_all(sign(&message, &key));
    opening.tx.input[0].script_sig = ScriptBuf::builder()
        .push_slice(signature.serialize())
        .push_key(&wallet_key)
        .into_script();
    assert_eq!(serialize_hex(&opening.tx), text(&v, "funding_tx"));
    assert_eq!(
        opening.tx.compute_txid().to_string(),
        text(&v, "funding_txid")
    );
    assert_eq!(
        u64::from(opening.funding.vout),
        number(&v, "funding_output")
    );
}

#[test]
fn appendix_d_generation_same_secrets() {
    for v in list(&load("bolt3-secrets.json"), "generation") {
        let commitment = (1 << 48) - 1 - number(v, "index");
        let secret = commitment_secret_from_seed(&bytes32(v, "seed"), commitment);
        assert_eq!(hex::encode(secret), text(v, "secret"), "{}", v["name"]);
    }
}

#[test]
fn appendix_d_storage_same_refusals() {
    for v in list(&load("bolt3-secrets.json"), "storage") {
        let mut store = SecretStore::new();
        for insert in list(v, "inserts") {
            let commitment = (1 << 48) - 1 - number(insert, "index");
            let secret = bytes32(insert, "secret");
            let before = store.clone();
            let result = store.insert(commitment, secret);
            assert_eq!(
                Some(result.is_ok()),
                insert["ok"].as_bool(),
                "{}",
                v["name"]
            );
            if result.is_ok() {
                assert_eq!(store.get(commitment), Some(secret));
            } else {
                assert_eq!(store, before);
            }
        }
    }
}

#[test]
fn appendix_e_same_keys() {
    let v = load("bolt3-keys.json");
    let base = secret(&v, "base_secret");
    let per_commitment = secret(&v, "per_commitment_secret");
    let basepoint = public(&v, "base_point");
    let point = public(&v, "per_commitment_point");
    assert_eq!(base.public_key(SECP256K1), basepoint);
    assert_eq!(per_commitment.public_key(SECP256K1), point);
    assert_eq!(
        derive_public_key(&basepoint, &point),
        public(&v, "localpubkey")
    );
    assert_eq!(
        derive_private_key(&base, &point),
        secret(&v, "localprivkey")
    );
    assert_eq!(
        derive_revocation_public_key(&basepoint, &point),
        public(&v, "revocationpubkey")
    );
    assert_eq!(
        derive_revocation_private_key(&base, &per_commitment),
        secret(&v, "revocationprivkey")
    );
}

/// The channel of appendices C and F. Its "local" is this crate's holder: opener and broadcaster.
fn spec_channel(v: &Value, format: CommitmentFormat) -> World {
    let mut world = World::new(format, 0);
    let holder = &mut world.holder;
    holder.funding = secret(v, "local_funding_privkey");
    holder.payment = secret(v, "local_payment_basepoint_secret");
    holder.htlc = holder.payment;
    holder.delayed = secret(v, "local_delayed_payment_basepoint_secret");
    let counterparty = &mut world.counterparty;
    counterparty.funding = secret(v, "remote_funding_privkey");
    counterparty.payment = secret(v, "remote_payment_basepoint_secret");
    counterparty.htlc = counterparty.payment;
    counterparty.revocation = secret(v, "remote_revocation_basepoint_secret");

    let params = &mut world.params;
    params.holder.keys = world.holder.public();
    params.counterparty.keys = world.counterparty.public();
    params.counterparty.to_self_delay = u16::try_from(number(v, "local_delay")).unwrap();
    params.capacity = Amount::from_sat(number(v, "funding_satoshis"));
    params.funding = OutPoint {
        txid: Txid::from_str(text(v, "funding_txid")).unwrap(),
        vout: 0,
    };
    check_public_keys(v, params);
    world
}

fn check_public_keys(v: &Value, params: &ChannelParams) {
    let (local, remote) = (&params.holder.keys, &params.counterparty.keys);
    assert_eq!(local.funding, public(v, "local_funding_pubkey"));
    assert_eq!(remote.funding, public(v, "remote_funding_pubkey"));
    assert_eq!(
        local.payment_basepoint,
        public(v, "local_payment_basepoint")
    );
    assert_eq!(
        remote.payment_basepoint,
        public(v, "remote_payment_basepoint")
    );
    assert_eq!(local.htlc_basepoint, public(v, "local_htlc_basepoint"));
    assert_eq!(remote.htlc_basepoint, public(v, "remote_htlc_basepoint"));
    assert_eq!(
        remote.revocation_basepoint,
        public(v, "remote_revocation_basepoint")
    );
    assert_eq!(
        local.delayed_payment_basepoint,
        public(v, "local_delayed_payment_basepoint")
    );
}

/// The HTLC of this number, with its preimage.
fn spec_htlc(htlcs: &[Value], n: u64) -> (CommitmentHtlc, PaymentPreimage) {
    let v = &htlcs[usize::try_from(n).unwrap()];
    let preimage = PaymentPreimage(bytes32(v, "payment_preimage"));
    let htlc = CommitmentHtlc {
        offered_by_broadcaster: text(v, "direction") == "local->remote",
        id: HtlcId(n),
        amount: Msat::new(number(v, "amount_msat")),
        payment_hash: preimage.payment_hash(),
        cltv_expiry: u32::try_from(number(v, "cltv_expiry")).unwrap(),
    };
    (htlc, preimage)
}

fn check_commitments(format: CommitmentFormat, vectors: &Value) {
    let c = load("bolt3-commitment-static-remotekey.json");
    let channel = &c["channel"];
    let mut world = spec_channel(channel, format);
    let dust_limit = number(channel, "local_dust_limit_satoshis");
    let point = public(channel, "local_per_commitment_point");
    let commitment_number = number(channel, "commitment_number");
    for v in list(vectors, "vectors") {
        let dust_limit = v["dust_limit_satoshis"].as_u64().unwrap_or(dust_limit);
        world.params.holder.dust_limit = Amount::from_sat(dust_limit);
        let used = list(v, "htlcs").iter().map(|n| n.as_u64().unwrap());
        let spec = CommitmentSpec {
            feerate_per_kw: u32::try_from(number(v, "feerate_per_kw")).unwrap(),
            to_broadcaster: Msat::new(number(v, "to_local_msat")),
            to_countersignatory: Msat::new(number(v, "to_remote_msat")),
            htlcs: used.map(|n| spec_htlc(list(&c, "htlcs"), n).0).collect(),
        };
        let params = &world.params;
        let tx = create_commitment_tx(params, Side::Holder, commitment_number, &point, &spec)
            .unwrap_or_else(|error| panic!("{}: {error}", v["name"]));
        let keys = *tx.keys();
        assert_eq!(keys.broadcaster_htlc, public(channel, "local_htlcpubkey"));
        assert_eq!(
            keys.countersignatory_htlc,
            public(channel, "remote_htlcpubkey")
        );
        assert_eq!(
            keys.broadcaster_delayed,
            public(channel, "local_delayedpubkey")
        );
        assert_eq!(keys.revocation, public(channel, "local_revocation_pubkey"));
        assert_eq!(
            commitment_number_of(params, tx.tx()),
            Some(commitment_number)
        );

        let signatures = list(v, "htlc_txs").iter().map(signature).collect();
        let valid = validate_tx(tx, params, signature(v), signatures, &Secp)
            .unwrap_or_else(|error| panic!("{}: {error}", v["name"]));
        let own = sign(&valid.commitment().sighash(params), &world.holder.funding);
        let complete = valid.with_broadcaster_signature(params, &own);
        assert_eq!(
            serialize_hex(&complete),
            text(v, "commitment_tx"),
            "{}",
            v["name"]
        );
        check_htlc_txs(&world, &valid, v, list(&c, "htlcs"));
    }
}

fn check_htlc_txs(world: &World, valid: &ValidatedTx, v: &Value, htlcs: &[Value]) {
    let commitment = valid.commitment();
    let point = commitment.keys().per_commitment_point;
    let key = derive_private_key(&world.holder.htlc, &point);
    let txs = commitment.htlc_transactions(&world.params).unwrap();
    let expected = list(v, "htlc_txs");
    assert_eq!(txs.len(), expected.len());
    for ((htlc, expected), theirs) in txs.iter().zip(expected).zip(valid.htlc_signatures()) {
        if let Some(kind) = expected["kind"].as_str() {
            assert_eq!(kind == "timeout", htlc.htlc().offered_by_broadcaster);
            assert_eq!(htlc.htlc().id.0, number(expected, "htlc"));
        }
        let preimage = spec_htlc(htlcs, htlc.htlc().id.0).1;
        let preimage = (!htlc.htlc().offered_by_broadcaster).then_some(&preimage);
        let ours = sign(&htlc.broadcaster_sighash(htlc.tx(), 0).unwrap(), &key);
        let complete = htlc.with_signatures(theirs, &ours, preimage).unwrap();
        assert_eq!(
            serialize_hex(&complete),
            text(expected, "tx"),
            "{}",
            v["name"]
        );
        assert!(complete.weight().to_wu() <= htlc.max_weight());
    }
}

#[test]
fn appendix_c_commitment_and_htlc_txs_same_bytes() {
    let vectors = load("bolt3-commitment-static-remotekey.json");
    assert_eq!(list(&vectors, "vectors").len(), 15);
    check_commitments(CommitmentFormat::StaticRemoteKey, &vectors);
}

#[test]
fn appendix_f_commitment_and_htlc_txs_same_bytes() {
    let vectors = load("bolt3-commitment-anchors.json");
    assert_eq!(list(&vectors, "vectors").len(), 9);
    check_commitments(CommitmentFormat::Anchors, &vectors);
}
