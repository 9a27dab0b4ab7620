//! validate_tx and validate_closing_tx: what they accept, and each refusal.

use std::cell::Cell;

use bitcoin::hashes::Hash;
use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::{Message, PublicKey, SecretKey};
use bitcoin::{Amount, ScriptBuf, WPubkeyHash};
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::HtlcId;
use zarnitsa_channel::params::{CommitmentFormat, Side};
use zarnitsa_channel::tx::closing::{closing_weight, create_closing_tx, ClosingTx};
use zarnitsa_channel::tx::commitment::CommitmentTx;
use zarnitsa_channel::validate::{
    is_low_s, validate_closing_tx, validate_tx, Secp, SignatureOf, SignatureVerifier, ValidateError,
};

use crate::world::{sign, World};

const FORMATS: [CommitmentFormat; 2] =
    [CommitmentFormat::StaticRemoteKey, CommitmentFormat::Anchors];

const HTLCS: [(bool, u64); 4] = [
    (true, 10_000),
    (false, 20_000),
    (true, 30_000),
    (false, 100),
];

fn signed(
    format: CommitmentFormat,
    broadcaster: Side,
) -> (World, CommitmentTx, Signature, Vec<Signature>) {
    let world = World::new(format, 3);
    let commitment = world.commitment(broadcaster, 7, &world.spec(&HTLCS));
    let (signature, htlcs) = world.countersign(&commitment);
    (world, commitment, signature, htlcs)
}

/// The same signature with the other S: valid by the curve, refused by relay policy.
fn high_s(signature: &Signature) -> Signature {
    let mut bytes = signature.serialize_compact();
    let s = SecretKey::from_slice(&bytes[32..]).unwrap().negate();
    bytes[32..].copy_from_slice(&s.secret_bytes());
    Signature::from_compact(&bytes).unwrap()
}

#[test]
fn validate_tx_valid_signatures_kept() {
    for format in FORMATS {
        for broadcaster in [Side::Holder, Side::Counterparty] {
            let (world, commitment, signature, htlcs) = signed(format, broadcaster);
            let expected = commitment.clone();
            let valid =
                validate_tx(commitment, &world.params, signature, htlcs.clone(), &Secp).unwrap();
            assert_eq!(valid.htlc_signatures().len(), 3);
            assert_eq!(valid.into_parts(), (expected, signature, htlcs));
        }
    }
}

#[test]
fn validate_tx_wrong_count_of_htlc_signatures_refused() {
    let (world, commitment, signature, htlcs) = signed(CommitmentFormat::Anchors, Side::Holder);
    let mut more = htlcs.clone();
    more.push(htlcs[0]);
    for (list, got) in [(htlcs[..2].to_vec(), 2), (vec![], 0), (more, 4)] {
        let result = validate_tx(commitment.clone(), &world.params, signature, list, &Secp);
        let expected = 3;
        let error = ValidateError::HtlcSignatureCount { expected, got };
        assert_eq!(result, Err(error));
    }
}

#[test]
fn validate_tx_htlc_signatures_swapped_refused() {
    let (world, commitment, signature, mut htlcs) = signed(CommitmentFormat::Anchors, Side::Holder);
    htlcs.swap(0, 1);
    let error = validate_tx(commitment, &world.params, signature, htlcs, &Secp).unwrap_err();
    let of = SignatureOf::Htlc {
        position: 0,
        id: HtlcId(0),
    };
    assert!(matches!(error, ValidateError::BadSignature { of: found, .. } if found == of));
}

#[test]
fn validate_tx_signature_of_another_number_or_side_refused() {
    let (world, commitment, signature, htlcs) = signed(CommitmentFormat::Anchors, Side::Holder);
    let other_number = world.commitment(Side::Holder, 8, commitment.spec());
    let other_side = world.commitment(Side::Counterparty, 7, commitment.spec());
    for other in [other_number, other_side] {
        let result = validate_tx(other, &world.params, signature, htlcs.clone(), &Secp);
        let of = SignatureOf::Commitment;
        assert!(
            matches!(result, Err(ValidateError::BadSignature { of: found, .. }) if found == of)
        );
    }
}

#[test]
fn validate_tx_own_signature_refused() {
    let (world, commitment, _, htlcs) = signed(CommitmentFormat::Anchors, Side::Holder);
    let own = sign(&commitment.sighash(&world.params), &world.holder.funding);
    let result = validate_tx(commitment, &world.params, own, htlcs, &Secp);
    assert!(matches!(result, Err(ValidateError::BadSignature { .. })));
}

/// With anchors the counterparty signs HTLC transactions for one input and output only; a signature over everything
/// would forbid the fee, and without anchors it is the other way round.
#[test]
fn validate_tx_htlc_signature_of_the_other_sighash_type_refused() {
    for format in FORMATS {
        let (world, commitment, signature, htlcs) = signed(format, Side::Holder);
        let other_format = match format {
            CommitmentFormat::StaticRemoteKey => CommitmentFormat::Anchors,
            CommitmentFormat::Anchors => CommitmentFormat::StaticRemoteKey,
        };
        let key = zarnitsa_channel::keys::derive_private_key(
            &world.counterparty.htlc,
            &commitment.keys().per_commitment_point,
        );
        let txs = commitment.htlc_transactions(&world.params).unwrap();
        // The digest under the other format's type, of this very transaction.
        let kind = match other_format {
            CommitmentFormat::StaticRemoteKey => bitcoin::EcdsaSighashType::All,
            CommitmentFormat::Anchors => bitcoin::EcdsaSighashType::SinglePlusAnyoneCanPay,
        };
        let value = txs[0].htlc().amount.to_sat_floor();
        let digest = bitcoin::sighash::SighashCache::new(txs[0].tx())
            .p2wsh_signature_hash(0, txs[0].redeemscript(), value, kind)
            .unwrap();
        let mut wrong = htlcs.clone();
        wrong[0] = sign(&Message::from_digest(digest.to_byte_array()), &key);
        let result = validate_tx(commitment, &world.params, signature, wrong, &Secp);
        assert!(matches!(result, Err(ValidateError::BadSignature { .. })));
    }
}

#[test]
fn validate_tx_high_s_refused_before_verification() {
    struct Yes(Cell<u32>);
    impl SignatureVerifier for Yes {
        fn verify(&self, _: &Message, _: &Signature, _: &PublicKey) -> bool {
            self.0.set(self.0.get() + 1);
            true
        }
    }
    let (world, commitment, signature, htlcs) = signed(CommitmentFormat::Anchors, Side::Holder);
    assert!(is_low_s(&signature));
    assert!(!is_low_s(&high_s(&signature)));
    assert_eq!(high_s(&high_s(&signature)), signature);
    let verifier = Yes(Cell::new(0));
    let (params, bad) = (&world.params, high_s(&signature));
    let result = validate_tx(commitment.clone(), params, bad, htlcs.clone(), &verifier);
    let of = SignatureOf::Commitment;
    assert_eq!(result, Err(ValidateError::HighS { of }));
    assert_eq!(verifier.0.get(), 0);

    let mut bad = htlcs;
    bad[2] = high_s(&bad[2]);
    let result = validate_tx(commitment, params, signature, bad, &verifier);
    let of = SignatureOf::Htlc {
        position: 2,
        id: HtlcId(2),
    };
    assert_eq!(result, Err(ValidateError::HighS { of }));
    assert_eq!(verifier.0.get(), 3);
}

fn scripts() -> [ScriptBuf; 2] {
    let script = |n| ScriptBuf::new_p2wpkh(&WPubkeyHash::from_byte_array([n; 20]));
    [script(1), script(2)]
}

#[test]
fn validate_closing_tx_signature_and_variants() {
    let world = World::new(CommitmentFormat::Anchors, 3);
    let [holder, counterparty] = scripts();
    let (a, b) = (Msat::new(600_000_000), Msat::new(400_000_000));
    let fee = Amount::from_sat(500);
    let both = create_closing_tx(&world.params, a, b, holder, counterparty, fee).unwrap();
    let theirs = both
        .without_output(&world.params, Side::Counterparty)
        .unwrap();
    assert_eq!(theirs.output(Side::Counterparty), None);
    assert_eq!(both.output(Side::Holder), theirs.output(Side::Holder));
    assert_eq!(both.fee(&world.params), fee);
    let key = &world.counterparty.funding;
    for tx in [&both, &theirs] {
        let signature = sign(&tx.sighash(&world.params), key);
        let valid = validate_closing_tx(tx.clone(), &world.params, signature, &Secp).unwrap();
        let own = sign(
            &valid.closing().sighash(&world.params),
            &world.holder.funding,
        );
        let complete = valid.with_holder_signature(&world.params, &own);
        let scripts: Vec<_> = complete
            .output
            .iter()
            .map(|o| o.script_pubkey.as_script())
            .collect();
        assert!(complete.weight().to_wu() <= closing_weight(scripts));
    }
    let signature = sign(&theirs.sighash(&world.params), key);
    let error = validate_closing_tx(both.clone(), &world.params, signature, &Secp).unwrap_err();
    let of = SignatureOf::Closing;
    let txid = both.txid();
    assert_eq!(error, ValidateError::BadSignature { of, txid });
    let bad = high_s(&sign(&both.sighash(&world.params), key));
    let error = validate_closing_tx(both, &world.params, bad, &Secp).unwrap_err();
    assert_eq!(error, ValidateError::HighS { of });
}

#[test]
fn closing_tx_last_output_cannot_be_given_up() {
    let world = World::new(CommitmentFormat::Anchors, 3);
    let [holder, counterparty] = scripts();
    let all = Msat::from_sat(world.params.capacity).unwrap();
    let fee = Amount::from_sat(500);
    let tx = create_closing_tx(&world.params, all, Msat::ZERO, holder, counterparty, fee).unwrap();
    assert_eq!(tx.tx().output.len(), 1);
    assert!(tx.without_output(&world.params, Side::Holder).is_err());
    assert_eq!(tx.without_output(&world.params, Side::Counterparty), Ok(tx));
}

#[test]
fn closing_tx_variants_by_what_the_counterparty_may_leave_out() {
    let mut world = World::new(CommitmentFormat::Anchors, 3);
    world.params.counterparty.dust_limit = Amount::from_sat(1_000);
    let fee = Amount::from_sat(500);
    let variants = |to_holder: u64| {
        let [holder, counterparty] = scripts();
        let (a, b) = (Msat::new(to_holder), Msat::new(1_000_000_000 - to_holder));
        let tx = create_closing_tx(&world.params, a, b, holder, counterparty, fee).unwrap();
        let variants = tx.variants(&world.params);
        assert_eq!(variants[0], tx);
        let sides = |tx: &ClosingTx| {
            let has = |side| tx.output(side).is_some();
            (has(Side::Holder), has(Side::Counterparty))
        };
        variants.iter().map(sides).collect::<Vec<_>>()
    };
    assert_eq!(variants(600_000_000), [(true, true), (true, false)]);
    assert_eq!(
        variants(1_499_000),
        [(true, true), (true, false), (false, true)]
    );
    // Below this node's own dust limit, the one output that is left cannot be given up.
    assert_eq!(variants(600_000), [(false, true)]);
}

#[test]
fn closing_tx_pending_htlc_refused() {
    let world = World::new(CommitmentFormat::Anchors, 3);
    let [holder, counterparty] = scripts();
    let fee = Amount::from_sat(500);
    let half = Msat::new(500_000_000);
    let less = Msat::new(499_999_999);
    let error = create_closing_tx(&world.params, half, less, holder, counterparty, fee);
    assert!(matches!(
        error,
        Err(zarnitsa_channel::tx::TxError::NotConserved { .. })
    ));
}
