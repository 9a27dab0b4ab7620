//! create_opening_tx beyond the vector of appendix B.

use bitcoin::absolute::LockTime;
use bitcoin::hashes::Hash;
use bitcoin::{Amount, OutPoint, ScriptBuf, Sequence, Txid, WPubkeyHash};
use zarnitsa_channel::script::funding_script_pubkey;
use zarnitsa_channel::tx::opening::{
    create_opening_tx, find_funding_output, OpeningInput, OpeningRequest,
};
use zarnitsa_channel::tx::TxError;

use crate::world::Secrets;

/// Weight of a P2WPKH input's witness with a signature of 72 bytes.
const P2WPKH: u64 = 1 + 73 + 34;

fn request(coins: &[u64]) -> OpeningRequest {
    let input = |(n, sat): (u8, &u64)| OpeningInput {
        outpoint: OutPoint::new(Txid::from_byte_array([n; 32]), 0),
        value: Amount::from_sat(*sat),
        satisfaction_weight: P2WPKH,
        segwit: true,
        sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
    };
    OpeningRequest {
        capacity: Amount::from_sat(1_000_000),
        funding_keys: [Secrets::new(1), Secrets::new(2)].map(|s| s.public().funding),
        inputs: (0..).zip(coins).map(input).collect(),
        change_script: ScriptBuf::new_p2wpkh(&WPubkeyHash::from_byte_array([5; 20])),
        feerate_per_kw: 1_000,
        lock_time: LockTime::from_height(700).unwrap(),
    }
}

#[test]
fn opening_tx_two_coins_pays_capacity_change_and_fee() {
    let request = request(&[600_000, 700_000]);
    let opening = create_opening_tx(&request).unwrap();
    let [one, other] = request.funding_keys;
    let vout = usize::try_from(opening.funding.vout).unwrap();
    let funding = &opening.tx.output[vout];
    assert_eq!(funding.value, request.capacity);
    assert_eq!(funding.script_pubkey, funding_script_pubkey(&other, &one));
    assert_eq!(opening.funding.txid, opening.tx.compute_txid());
    let paid: Amount = opening.tx.output.iter().map(|o| o.value).sum();
    assert_eq!(paid + opening.fee, Amount::from_sat(1_300_000));
    // The real weight, with witnesses as large as announced.
    let mut signed = opening.tx.clone();
    for input in &mut signed.input {
        input.witness.push([0; 72]);
        input.witness.push([0; 33]);
    }
    assert_eq!(opening.fee.to_sat(), signed.weight().to_wu());
    assert_eq!(signed.lock_time, request.lock_time);
}

#[test]
fn opening_tx_change_that_would_be_dust_goes_to_the_fee() {
    let exact = create_opening_tx(&request(&[2_000_000])).unwrap();
    let fee = exact.fee.to_sat();
    let with_change = create_opening_tx(&request(&[1_000_000 + fee + 294])).unwrap();
    assert_eq!(with_change.tx.output.len(), 2);
    let without = create_opening_tx(&request(&[1_000_000 + fee + 293])).unwrap();
    assert_eq!(without.tx.output.len(), 1);
    assert_eq!(without.fee.to_sat(), fee + 293);
}

#[test]
fn opening_tx_coins_too_small_refused() {
    // One output less: 31 bytes of change.
    let fee = create_opening_tx(&request(&[2_000_000]))
        .unwrap()
        .fee
        .to_sat()
        - 31 * 4;
    assert!(create_opening_tx(&request(&[1_000_000 + fee])).is_ok());
    for sat in [1_000_000 + fee - 1, 1_000_000, 999_999, 0] {
        let error = create_opening_tx(&request(&[sat])).unwrap_err();
        assert!(matches!(error, TxError::FeeExceedsInputs { .. }));
    }
}

#[test]
fn opening_tx_no_coin_or_one_coin_twice_refused() {
    assert_eq!(create_opening_tx(&request(&[])), Err(TxError::NoInputs));
    let mut twice = request(&[600_000, 700_000]);
    twice.inputs[1].outpoint = twice.inputs[0].outpoint;
    let outpoint = twice.inputs[0].outpoint;
    let expected = Err(TxError::DuplicateInput { outpoint });
    assert_eq!(create_opening_tx(&twice), expected);
    let huge = create_opening_tx(&request(&[u64::MAX, u64::MAX]));
    assert_eq!(huge, Err(TxError::AmountOverflow));
}

#[test]
fn find_funding_output_none_or_several_refused() {
    let request = request(&[1_300_000]);
    let mut tx = create_opening_tx(&request).unwrap().tx;
    let keys = &request.funding_keys;
    let value = request.capacity;
    let more = value + Amount::from_sat(1);
    let error = find_funding_output(&tx, keys, more).unwrap_err();
    assert_eq!(
        error,
        TxError::FundingOutput {
            found: 0,
            value: more
        }
    );
    let first = find_funding_output(&tx, keys, value).unwrap();
    let copy = tx.output[usize::try_from(first.vout).unwrap()].clone();
    tx.output.push(copy);
    let error = find_funding_output(&tx, keys, value).unwrap_err();
    assert_eq!(error, TxError::FundingOutput { found: 2, value });
}
