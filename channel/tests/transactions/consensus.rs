//! Every completed transaction before Bitcoin Core's script interpreter: each path that must spend does, and those
//! that must wait do not spend before.

use bitcoin::absolute::LockTime;
use bitcoin::consensus::serialize;
use bitcoin::hashes::Hash;
use bitcoin::{Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, WPubkeyHash};
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::PaymentPreimage;
use zarnitsa_channel::keys::derive_private_key;
use zarnitsa_channel::params::{CommitmentFormat, Side};
use zarnitsa_channel::script::funding_script_pubkey;
use zarnitsa_channel::tx::after_timelock::{
    create_after_timelock_transaction, find_to_remote_output, own_second_stage_outputs,
    to_local_output, to_remote_output,
};
use zarnitsa_channel::tx::claim::{by_preimage, by_timeout, create_claim_transaction};
use zarnitsa_channel::tx::closing::create_closing_tx;
use zarnitsa_channel::tx::commitment::CommitmentTx;
use zarnitsa_channel::tx::htlc::HtlcTx;
use zarnitsa_channel::tx::penalty::{create_penalty_transaction, RevokedCommitment};
use zarnitsa_channel::tx::spend::{anchor_output, SpendTx, SpendableOutput};
use zarnitsa_channel::tx::TxError;

use crate::world::{preimage, sign, World};

const FORMATS: [CommitmentFormat; 2] =
    [CommitmentFormat::StaticRemoteKey, CommitmentFormat::Anchors];

const HTLCS: [(bool, u64); 4] = [
    (true, 10_000),
    (false, 20_000),
    (true, 30_000),
    (false, 40_000),
];

const NUMBER: u64 = 7;

fn destination() -> ScriptBuf {
    ScriptBuf::new_p2wpkh(&WPubkeyHash::from_byte_array([9; 20]))
}

/// Whether the scripts of all inputs, which spend `outputs` in this order, are satisfied.
fn satisfied(tx: &Transaction, outputs: &[TxOut]) -> bool {
    assert_eq!(tx.input.len(), outputs.len());
    let bytes = serialize(tx);
    outputs.iter().enumerate().all(|(index, output)| {
        let script = output.script_pubkey.as_bytes();
        let sat = output.value.to_sat();
        bitcoinconsensus::verify(script, sat, &bytes, None, index).is_ok()
    })
}

fn funding_output(world: &World) -> TxOut {
    let (one, other) = (&world.params.holder.keys, &world.params.counterparty.keys);
    TxOut {
        value: world.params.capacity,
        script_pubkey: funding_script_pubkey(&one.funding, &other.funding),
    }
}

fn output(tx: &Transaction, vout: u32) -> TxOut {
    tx.output[usize::try_from(vout).unwrap()].clone()
}

/// The transactions that an input of `spend` really spends.
fn spent(spend: &SpendTx, from: &[&Transaction]) -> Vec<TxOut> {
    let find = |input: &SpendableOutput| {
        let outpoint = input.outpoint();
        let tx = from.iter().find(|tx| tx.compute_txid() == outpoint.txid);
        output(tx.unwrap(), outpoint.vout)
    };
    let spent: Vec<_> = spend.inputs().iter().map(find).collect();
    for (input, output) in spend.inputs().iter().zip(&spent) {
        assert_eq!(input.output(), output);
    }
    spent
}

/// A complete spend: its scripts hold, its weight is what its fee was for.
fn check_spend(world: &World, spend: &SpendTx, from: &[&Transaction], feerate: u64) -> Transaction {
    let tx = world.complete(spend);
    let spent = spent(spend, from);
    assert!(satisfied(&tx, &spent));
    let weight = tx.weight().to_wu();
    let fee = spend.fee().to_sat();
    let inputs: Amount = spent.iter().map(|o| o.value).sum();
    assert_eq!(inputs - tx.output[0].value, spend.fee());
    assert!(fee * 1_000 >= feerate * weight, "{fee} sat for {weight}");
    // A signature may be up to two bytes below the greatest size, seldom more.
    let inputs = u64::try_from(tx.input.len()).unwrap();
    assert!(fee * 1_000 <= feerate * (weight + 5 * inputs) + 1_000);
    tx
}

fn each(test: impl Fn(World)) {
    for format in FORMATS {
        for tag in 0..4 {
            test(World::new(format, tag));
        }
    }
}

fn commitment_of(world: &World, broadcaster: Side) -> CommitmentTx {
    world.commitment(broadcaster, NUMBER, &world.spec(&HTLCS))
}

/// `side`'s second stage of `htlc`, complete.
fn second_stage(world: &World, commitment: &CommitmentTx, htlc: &HtlcTx) -> Transaction {
    let point = commitment.keys().per_commitment_point;
    let secrets = world.secrets(commitment.broadcaster());
    let key = derive_private_key(&secrets.htlc, &point);
    let other = world.secrets(commitment.broadcaster().other());
    let other_key = derive_private_key(&other.htlc, &point);
    let ours = sign(&htlc.broadcaster_sighash(htlc.tx(), 0).unwrap(), &key);
    let theirs = sign(&htlc.sighash(), &other_key);
    let preimage = (!htlc.htlc().offered_by_broadcaster).then(|| preimage(htlc.htlc().id.0));
    htlc.with_signatures(&theirs, &ours, preimage.as_ref())
        .unwrap()
}

#[test]
fn commitment_tx_both_signatures_spends_funding() {
    each(|world| {
        for broadcaster in [Side::Holder, Side::Counterparty] {
            let commitment = commitment_of(&world, broadcaster);
            let message = commitment.sighash(&world.params);
            let holder = sign(&message, &world.holder.funding);
            let counterparty = sign(&message, &world.counterparty.funding);
            let tx = commitment.with_signatures(&world.params, &holder, &counterparty);
            assert!(satisfied(&tx, &[funding_output(&world)]));
            let tx = commitment.with_signatures(&world.params, &holder, &holder);
            assert!(!satisfied(&tx, &[funding_output(&world)]));
        }
    });
}

#[test]
fn closing_tx_both_signatures_spends_funding() {
    each(|world| {
        let (a, b) = (Msat::new(600_000_500), Msat::new(399_999_500));
        let fee = Amount::from_sat(1_000);
        let closing =
            create_closing_tx(&world.params, a, b, destination(), destination(), fee).unwrap();
        let message = closing.sighash(&world.params);
        let holder = sign(&message, &world.holder.funding);
        let counterparty = sign(&message, &world.counterparty.funding);
        let tx = closing.with_signatures(&world.params, &holder, &counterparty);
        assert!(satisfied(&tx, &[funding_output(&world)]));
        assert_eq!(closing.fee(&world.params), Amount::from_sat(1_001));
    });
}

#[test]
fn htlc_txs_both_signatures_spend_their_outputs() {
    each(|world| {
        for broadcaster in [Side::Holder, Side::Counterparty] {
            let commitment = commitment_of(&world, broadcaster);
            let htlcs = commitment.htlc_transactions(&world.params).unwrap();
            assert_eq!(htlcs.len(), 4);
            for htlc in &htlcs {
                let tx = second_stage(&world, &commitment, htlc);
                let spent = output(commitment.tx(), htlc.spends().vout);
                assert!(satisfied(&tx, &[spent]));
                assert!(tx.weight().to_wu() <= htlc.max_weight());
                assert!(tx.weight().to_wu() + 4 >= htlc.max_weight());
            }
        }
    });
}

#[test]
fn htlc_tx_wrong_missing_or_needless_preimage_refused() {
    let world = World::new(CommitmentFormat::Anchors, 1);
    let commitment = commitment_of(&world, Side::Holder);
    let signature = sign(&commitment.sighash(&world.params), &world.holder.funding);
    for htlc in commitment.htlc_transactions(&world.params).unwrap() {
        let id = htlc.htlc().id;
        let wrong = PaymentPreimage([1; 32]);
        let own = preimage(id.0);
        let unfit = if htlc.htlc().offered_by_broadcaster {
            [Some(&wrong), Some(&own)]
        } else {
            [Some(&wrong), None]
        };
        for preimage in unfit {
            let error = htlc.with_signatures(&signature, &signature, preimage);
            assert_eq!(error, Err(TxError::WrongPreimage { id }));
        }
    }
}

/// With anchors an input for the fee joins after the counterparty has signed.
#[test]
fn htlc_tx_anchors_with_added_input_spends_its_output() {
    let world = World::new(CommitmentFormat::Anchors, 1);
    let commitment = commitment_of(&world, Side::Holder);
    let point = commitment.keys().per_commitment_point;
    let key = derive_private_key(&world.holder.htlc, &point);
    let other_key = derive_private_key(&world.counterparty.htlc, &point);
    // A coin that anybody can spend stands for the wallet's.
    let coin = TxOut {
        value: Amount::from_sat(5_000),
        script_pubkey: ScriptBuf::from_bytes(vec![0x51]),
    };
    let input = TxIn {
        previous_output: OutPoint::new(Txid::from_byte_array([3; 32]), 0),
        ..TxIn::default()
    };
    let change = TxOut {
        value: Amount::from_sat(3_000),
        script_pubkey: destination(),
    };
    for htlc in commitment.htlc_transactions(&world.params).unwrap() {
        let theirs = sign(&htlc.sighash(), &other_key);
        let mut tx = htlc.with_added(vec![input.clone()], vec![change.clone()]);
        let ours = sign(&htlc.broadcaster_sighash(&tx, 0).unwrap(), &key);
        assert!(htlc.broadcaster_sighash(&tx, 1).is_err());
        assert!(htlc.broadcaster_sighash(&tx, 2).is_err());
        let preimage = (!htlc.htlc().offered_by_broadcaster).then(|| preimage(htlc.htlc().id.0));
        tx.input[0].witness = htlc.witness(&theirs, &ours, preimage.as_ref()).unwrap();
        let spent = output(commitment.tx(), htlc.spends().vout);
        assert!(satisfied(&tx, &[spent, coin.clone()]));
        let found = own_second_stage_outputs(&world.params, &commitment, &tx).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].output().value, htlc.output_value());
    }
}

#[test]
fn after_timelock_own_commitment_spends_after_the_delay_only() {
    each(|world| {
        let commitment = commitment_of(&world, Side::Holder);
        let mut outputs = vec![to_local_output(&world.params, &commitment)
            .unwrap()
            .unwrap()];
        let mut from = vec![commitment.tx().clone()];
        for htlc in commitment.htlc_transactions(&world.params).unwrap() {
            let tx = second_stage(&world, &commitment, &htlc);
            let found = own_second_stage_outputs(&world.params, &commitment, &tx).unwrap();
            assert_eq!(found.len(), 1);
            outputs.extend(found);
            from.push(tx);
        }
        assert!(outputs.iter().all(|o| o.spendable_at(1_000) == 1_720));
        let spend = create_after_timelock_transaction(outputs, destination(), 2_500).unwrap();
        let from: Vec<_> = from.iter().collect();
        let mut tx = check_spend(&world, &spend, &from, 2_500);
        assert!(tx
            .input
            .iter()
            .all(|i| i.sequence == Sequence::from_height(720)));

        tx.input[0].sequence = Sequence::from_height(719);
        let first = &spend.inputs()[0];
        let signature = sign(
            &first.sighash(&tx, 0).unwrap(),
            &world.spend_key(first.key()),
        );
        tx.input[0].witness = first.witness(&signature);
        assert!(!satisfied(&tx, &spent(&spend, &from)));
    });
}

#[test]
fn after_timelock_counterparty_commitment_to_remote_spends() {
    each(|world| {
        let commitment = commitment_of(&world, Side::Counterparty);
        let own = to_remote_output(&world.params, &commitment)
            .unwrap()
            .unwrap();
        let anchors = world.params.channel_type.format == CommitmentFormat::Anchors;
        assert_eq!(own.spendable_at(1_000), if anchors { 1_001 } else { 1_000 });
        let found = find_to_remote_output(&world.params, commitment.tx());
        assert_eq!(found.as_ref(), Some(&own));
        let own_tx = commitment_of(&world, Side::Holder);
        assert_eq!(find_to_remote_output(&world.params, own_tx.tx()), None);
        let spend = create_after_timelock_transaction(vec![own], destination(), 1_000).unwrap();
        check_spend(&world, &spend, &[commitment.tx()], 1_000);
    });
}

#[test]
fn claims_of_counterparty_commitment_spend() {
    each(|world| {
        let commitment = commitment_of(&world, Side::Counterparty);
        let claim = |o: &_, offered: bool| {
            if offered {
                let htlc: &zarnitsa_channel::tx::commitment::HtlcOutput = o;
                by_preimage(&world.params, &commitment, o, &preimage(htlc.htlc.id.0)).unwrap()
            } else {
                by_timeout(&world.params, &commitment, o).unwrap()
            }
        };
        let outputs: Vec<_> = commitment
            .htlc_outputs()
            .iter()
            .map(|o| claim(o, o.htlc.offered_by_broadcaster))
            .collect();
        let spend = create_claim_transaction(outputs, destination(), 3_000).unwrap();
        // The later of both expiries: HTLC 3's.
        assert_eq!(spend.tx().lock_time, LockTime::from_height(503).unwrap());
        let mut tx = check_spend(&world, &spend, &[commitment.tx()], 3_000);

        tx.lock_time = LockTime::from_height(502).unwrap();
        for (index, input) in spend.inputs().iter().enumerate() {
            let key = world.spend_key(input.key());
            let signature = sign(&input.sighash(&tx, index).unwrap(), &key);
            tx.input[index].witness = input.witness(&signature);
        }
        assert!(!satisfied(&tx, &spent(&spend, &[commitment.tx()])));
    });
}

#[test]
fn spendable_output_debug_prints_no_preimage() {
    let world = World::new(CommitmentFormat::Anchors, 1);
    let theirs = commitment_of(&world, Side::Counterparty);
    let output = theirs.htlc_outputs()[0];
    let preimage = preimage(output.htlc.id.0);
    let claim = by_preimage(&world.params, &theirs, &output, &preimage).unwrap();
    let text = format!("{claim:?}");
    assert!(!text.contains(&format!("{:?}", preimage.0)), "{text}");
    assert!(!text.contains(&hex::encode(preimage.0)), "{text}");
}

#[test]
fn claims_by_the_wrong_path_refused() {
    let world = World::new(CommitmentFormat::Anchors, 1);
    let theirs = commitment_of(&world, Side::Counterparty);
    let own = commitment_of(&world, Side::Holder);
    for output in theirs.htlc_outputs() {
        let id = output.htlc.id;
        let refused = Err(TxError::WrongPreimage { id });
        let preimage = if output.htlc.offered_by_broadcaster {
            assert_eq!(by_timeout(&world.params, &theirs, output), refused);
            PaymentPreimage([1; 32])
        } else {
            preimage(id.0)
        };
        assert_eq!(
            by_preimage(&world.params, &theirs, output, &preimage),
            refused
        );
    }
    let (expected, got) = (Side::Counterparty, Side::Holder);
    let refused = TxError::WrongBroadcaster { expected, got };
    let output = &own.htlc_outputs()[0];
    assert_eq!(
        by_timeout(&world.params, &own, output),
        Err(refused.clone())
    );
    assert_eq!(to_remote_output(&world.params, &own), Err(refused));
    assert!(to_local_output(&world.params, &theirs).is_err());
    assert!(own_second_stage_outputs(&world.params, &theirs, theirs.tx()).is_err());
}

fn revoked(world: &World) -> RevokedCommitment {
    let secret = world.counterparty.secret(NUMBER).secret_bytes();
    RevokedCommitment::new(commitment_of(world, Side::Counterparty), &secret).unwrap()
}

#[test]
fn penalty_all_outputs_of_revoked_commitment_spend() {
    each(|world| {
        let revoked = revoked(&world);
        let commitment = revoked.commitment();
        let mut outputs = revoked.htlcs(&world.params);
        assert_eq!(outputs.len(), 4);
        outputs.extend(revoked.to_local(&world.params));
        assert!(outputs.iter().all(|o| o.spendable_at(1_000) == 1_000));
        outputs.extend(to_remote_output(&world.params, commitment).unwrap());
        assert_eq!(outputs.len(), 6);
        let spend = create_penalty_transaction(outputs, destination(), 10_000).unwrap();
        check_spend(&world, &spend, &[commitment.tx()], 10_000);
    });
}

#[test]
fn penalty_second_stage_of_revoked_commitment_spends() {
    each(|world| {
        let revoked = revoked(&world);
        let commitment = revoked.commitment();
        for htlc in commitment.htlc_transactions(&world.params).unwrap() {
            let tx = second_stage(&world, commitment, &htlc);
            let outputs = revoked.second_stage(&world.params, &tx);
            assert_eq!(outputs.len(), 1);
            let spend = create_penalty_transaction(outputs, destination(), 5_000).unwrap();
            check_spend(&world, &spend, &[&tx], 5_000);
        }
        // A transaction that settles none of its HTLCs has no such output.
        assert_eq!(revoked.second_stage(&world.params, commitment.tx()), []);
    });
}

/// With anchors the cheater may settle several HTLCs at once, beside inputs and outputs of its own.
#[test]
fn penalty_aggregated_second_stage_finds_every_output() {
    let world = World::new(CommitmentFormat::Anchors, 1);
    let revoked = revoked(&world);
    let htlcs = revoked
        .commitment()
        .htlc_transactions(&world.params)
        .unwrap();
    let foreign = TxIn {
        previous_output: OutPoint::new(Txid::from_byte_array([3; 32]), 0),
        ..TxIn::default()
    };
    let change = TxOut {
        value: Amount::from_sat(3_000),
        script_pubkey: destination(),
    };
    let mut tx = htlcs[0].with_added(vec![foreign], vec![change]);
    for htlc in &htlcs[1..3] {
        tx.input.push(htlc.tx().input[0].clone());
        tx.output.push(htlc.tx().output[0].clone());
    }
    let outputs = revoked.second_stage(&world.params, &tx);
    let vouts: Vec<_> = outputs.iter().map(|o| o.outpoint().vout).collect();
    assert_eq!(vouts, [0, 2, 3]);
    let spend = create_penalty_transaction(outputs, destination(), 5_000).unwrap();
    check_spend(&world, &spend, &[&tx], 5_000);
}

#[test]
fn penalty_secret_of_another_number_or_own_commitment_refused() {
    let world = World::new(CommitmentFormat::Anchors, 1);
    let commitment = commitment_of(&world, Side::Counterparty);
    let number = NUMBER;
    for secret in [world.counterparty.secret(8).secret_bytes(), [0; 32]] {
        let error = RevokedCommitment::new(commitment.clone(), &secret);
        assert_eq!(error, Err(TxError::WrongSecret { number }));
    }
    let own = commitment_of(&world, Side::Holder);
    let secret = world.holder.secret(NUMBER).secret_bytes();
    let error = RevokedCommitment::new(own, &secret).unwrap_err();
    assert!(matches!(error, TxError::WrongBroadcaster { .. }));
}

#[test]
fn penalty_of_the_greatest_commitment_relays_in_one_transaction() {
    let mut world = World::new(CommitmentFormat::Anchors, 1);
    world.params.capacity = Amount::from_sat(20_000_000);
    let htlcs: Vec<_> = (0..966).map(|n| (n % 2 == 0, 2_000 + n)).collect();
    let spec = world.spec(&htlcs);
    let commitment = world.commitment(Side::Counterparty, NUMBER, &spec);
    let secret = world.counterparty.secret(NUMBER).secret_bytes();
    let revoked = RevokedCommitment::new(commitment, &secret).unwrap();
    let mut outputs = revoked.htlcs(&world.params);
    assert_eq!(outputs.len(), 966);
    outputs.extend(revoked.to_local(&world.params));
    let spend = create_penalty_transaction(outputs, destination(), 253).unwrap();
    let tx = check_spend(&world, &spend, &[revoked.commitment().tx()], 253);
    assert!(tx.weight().to_wu() < 400_000);
}

#[test]
fn anchor_of_either_commitment_spends() {
    for tag in 0..4 {
        let world = World::new(CommitmentFormat::Anchors, tag);
        for broadcaster in [Side::Holder, Side::Counterparty] {
            let commitment = commitment_of(&world, broadcaster);
            let anchor = anchor_output(&world.params, &commitment).unwrap();
            let outpoint = anchor.outpoint();
            let mut tx = Transaction {
                version: bitcoin::transaction::Version::TWO,
                lock_time: LockTime::ZERO,
                input: vec![TxIn {
                    previous_output: outpoint,
                    sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
                    ..TxIn::default()
                }],
                output: vec![],
            };
            let key = world.spend_key(anchor.key());
            let signature = sign(&anchor.sighash(&tx, 0).unwrap(), &key);
            tx.input[0].witness = anchor.witness(&signature);
            assert!(satisfied(&tx, &[output(commitment.tx(), outpoint.vout)]));
            let size = u64::try_from(tx.input[0].witness.size()).unwrap();
            assert!(size <= anchor.witness_weight());
        }
    }
    let world = World::new(CommitmentFormat::StaticRemoteKey, 1);
    let commitment = commitment_of(&world, Side::Holder);
    assert_eq!(anchor_output(&world.params, &commitment), None);
}

#[test]
fn spend_fee_that_leaves_dust_or_nothing_refused() {
    let world = World::new(CommitmentFormat::Anchors, 1);
    let commitment = world.commitment(Side::Holder, NUMBER, &{
        let mut spec = world.spec(&[]);
        spec.to_broadcaster = Msat::new(5_000_000);
        spec.to_countersignatory = Msat::new(995_000_000);
        spec
    });
    let local = to_local_output(&world.params, &commitment)
        .unwrap()
        .unwrap();
    let value = local.output().value;
    let spend =
        |feerate| create_after_timelock_transaction(vec![local.clone()], destination(), feerate);
    // Greatest feerate that leaves 294 sat, the dust limit of P2WPKH.
    let weight = spend(1_000).unwrap().fee().to_sat();
    let feerate = u32::try_from((value.to_sat() - 294) * 1_000 / weight).unwrap();
    assert!(spend(feerate).is_ok());
    let error = spend(feerate + 2).unwrap_err();
    let minimum = Amount::from_sat(294);
    assert!(matches!(error, TxError::Dust { minimum: least, .. } if least == minimum));
    for feerate in [100_000, u32::MAX] {
        let error = spend(feerate).unwrap_err();
        assert!(matches!(error, TxError::FeeExceedsInputs { .. }));
    }
}

#[test]
fn spend_nothing_or_twice_refused() {
    let world = World::new(CommitmentFormat::Anchors, 1);
    let commitment = commitment_of(&world, Side::Holder);
    let local = to_local_output(&world.params, &commitment)
        .unwrap()
        .unwrap();
    let none = create_after_timelock_transaction(vec![], destination(), 253);
    assert_eq!(none, Err(TxError::NoInputs));
    let outpoint = local.outpoint();
    let twice = vec![local.clone(), local.clone()];
    let twice = create_after_timelock_transaction(twice, destination(), 253);
    assert_eq!(twice, Err(TxError::DuplicateInput { outpoint }));

    let spend = create_after_timelock_transaction(vec![local], destination(), 253).unwrap();
    let signature = sign(&spend.sighash(0).unwrap(), &world.holder.funding);
    for got in [0, 2] {
        let expected = 1;
        let error = spend.with_signatures(&vec![signature; got]);
        assert_eq!(error, Err(TxError::SignatureCount { expected, got }));
    }
    let (index, inputs) = (1, 1);
    assert_eq!(
        spend.sighash(1),
        Err(TxError::NoSuchInput { index, inputs })
    );
}
