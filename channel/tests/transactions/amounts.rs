//! Fees, trimming and the edges of amounts.

use bitcoin::Amount;
use proptest::prelude::*;
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::fees::{
    anchors_cost, commitment_amounts, commitment_fee, htlc_success_fee, htlc_timeout_fee,
    is_trimmed, opener_cost,
};
use zarnitsa_channel::ids::{HtlcId, PaymentHash};
use zarnitsa_channel::params::{CommitmentFormat, Side};
use zarnitsa_channel::secrets::MAX_COMMITMENT_NUMBER;
use zarnitsa_channel::tx::commitment::{create_commitment_tx, CommitmentHtlc, CommitmentSpec};
use zarnitsa_channel::tx::{TxError, MAX_HTLCS};

use crate::seeded;
use crate::world::World;

use CommitmentFormat::{Anchors, StaticRemoteKey};

/// BOLT 3, the example under "Fee Calculation".
#[test]
fn fees_example_of_the_specification_same_numbers() {
    let rate = 5_000;
    let dust = Amount::from_sat(546);
    assert_eq!(htlc_timeout_fee(StaticRemoteKey, rate).to_sat(), 3_315);
    assert_eq!(htlc_success_fee(StaticRemoteKey, rate).to_sat(), 3_515);
    let trimmed = |offered, msat| is_trimmed(StaticRemoteKey, rate, dust, offered, Msat::new(msat));
    assert!(!trimmed(true, 5_000_000));
    assert!(trimmed(true, 1_000_000));
    assert!(!trimmed(false, 7_000_000));
    assert!(trimmed(false, 800_000));
    assert_eq!(commitment_fee(StaticRemoteKey, rate, 2).to_sat(), 5_340);
}

#[test]
fn is_trimmed_one_msat_around_the_limit_decides_by_whole_satoshis() {
    let dust = Amount::from_sat(354);
    assert!(is_trimmed(Anchors, 0, Amount::ZERO, true, Msat::new(999)));
    for (format, least) in [(StaticRemoteKey, 354 + 663), (Anchors, 354)] {
        let trimmed = |msat| is_trimmed(format, 1_000, dust, true, Msat::new(msat));
        assert!(trimmed(least * 1_000 - 1));
        assert!(!trimmed(least * 1_000));
        assert!(!trimmed(least * 1_000 + 1));
    }
}

#[test]
fn anchors_cost_by_format_two_outputs_or_none() {
    assert_eq!(anchors_cost(StaticRemoteKey), Amount::ZERO);
    assert_eq!(anchors_cost(Anchors).to_sat(), 660);
    assert_eq!(
        opener_cost(Anchors, 1_000, 1),
        Msat::new((1_296 + 660) * 1_000)
    );
}

#[test]
fn fees_greatest_arguments_do_not_overflow() {
    for format in [StaticRemoteKey, Anchors] {
        assert!(opener_cost(format, u32::MAX, MAX_HTLCS) > Msat::ZERO);
        let dust = Amount::from_sat(u64::MAX);
        assert!(is_trimmed(
            StaticRemoteKey,
            u32::MAX,
            dust,
            true,
            Msat::new(u64::MAX)
        ));
        commitment_fee(format, u32::MAX, usize::MAX);
    }
}

fn create(world: &World, number: u64, spec: &CommitmentSpec) -> Result<(), TxError> {
    let point = world.holder.point(0);
    create_commitment_tx(&world.params, Side::Holder, number, &point, spec).map(drop)
}

#[test]
fn commitment_tx_sum_off_by_one_msat_refused() {
    let world = World::new(Anchors, 1);
    for (add, remove) in [(1, 0), (0, 1)] {
        let mut spec = world.spec(&[(true, 10_000)]);
        spec.to_broadcaster = Msat::new(spec.to_broadcaster.to_msat() + add - remove);
        let error = create(&world, 0, &spec).unwrap_err();
        assert!(matches!(error, TxError::NotConserved { .. }), "{error}");
    }
}

#[test]
fn commitment_tx_sum_that_overflows_refused() {
    let world = World::new(Anchors, 1);
    let mut spec = world.spec(&[(true, 10_000)]);
    // Wraps to the right sum in 64 bits.
    spec.to_broadcaster = Msat::new(u64::MAX);
    spec.to_countersignatory = Msat::new(1_000_000_000 - 10_000_000 + 1);
    let error = create(&world, 0, &spec).unwrap_err();
    assert!(matches!(error, TxError::NotConserved { total: None, .. }));
}

#[test]
fn commitment_tx_number_beyond_the_last_refused() {
    let world = World::new(Anchors, 1);
    let spec = world.spec(&[]);
    assert_eq!(create(&world, MAX_COMMITMENT_NUMBER, &spec), Ok(()));
    for number in [MAX_COMMITMENT_NUMBER + 1, u64::MAX] {
        let limit = MAX_COMMITMENT_NUMBER;
        let expected = Err(TxError::NumberTooLarge { number, limit });
        assert_eq!(create(&world, number, &spec), expected);
    }
}

#[test]
fn commitment_tx_expiry_that_is_a_time_refused() {
    let world = World::new(Anchors, 1);
    let mut spec = world.spec(&[(true, 10_000)]);
    spec.htlcs[0].cltv_expiry = 499_999_999;
    assert_eq!(create(&world, 0, &spec), Ok(()));
    spec.htlcs[0].cltv_expiry = 500_000_000;
    let (id, cltv_expiry) = (HtlcId(0), 500_000_000);
    let expected = Err(TxError::ExpiryNotAHeight { id, cltv_expiry });
    assert_eq!(create(&world, 0, &spec), expected);
}

#[test]
fn commitment_tx_one_htlc_too_many_refused() {
    let world = World::new(Anchors, 1);
    assert_eq!(
        create(&world, 0, &world.spec(&[(true, 1); MAX_HTLCS])),
        Ok(())
    );
    let (limit, got) = (MAX_HTLCS, MAX_HTLCS + 1);
    let error = create(&world, 0, &world.spec(&[(true, 1); MAX_HTLCS + 1]));
    assert_eq!(error, Err(TxError::TooManyHtlcs { limit, got }));
}

#[test]
fn commitment_tx_all_dust_refused() {
    let mut world = World::new(StaticRemoteKey, 1);
    world.params.capacity = Amount::from_sat(600);
    let spec = world.spec(&[(true, 200)]);
    assert_eq!(create(&world, 0, &spec), Err(TxError::NoOutputs));
}

#[test]
fn commitment_tx_anchors_that_the_opener_cannot_pay_refused() {
    let world = World::new(Anchors, 1);
    let mut spec = world.spec(&[(false, 999_999)]);
    spec.to_countersignatory = Msat::ZERO;
    spec.to_broadcaster = Msat::new(1_000);
    let amounts = commitment_amounts(&world.params, Side::Holder, &spec);
    assert_eq!(
        amounts.opener_shortfall,
        Msat::new((1_296 + 660 - 1) * 1_000)
    );
    let error = create(&world, 0, &spec).unwrap_err();
    assert!(matches!(error, TxError::OutputsExceedCapacity { .. }));
}

#[test]
fn commitment_amounts_fee_beyond_the_opener_takes_all_it_has() {
    let world = World::new(StaticRemoteKey, 1);
    let mut spec = world.spec(&[]);
    spec.to_broadcaster = Msat::new(500_999);
    spec.to_countersignatory = Msat::new(1_000_000_000 - 500_999);
    let amounts = commitment_amounts(&world.params, Side::Holder, &spec);
    assert_eq!(amounts.to_broadcaster, Amount::ZERO);
    assert_eq!(amounts.opener_shortfall, Msat::new(724_000 - 500_999));
    let tx = world.commitment(Side::Holder, 0, &spec);
    // What was the opener's, and the fraction of a satoshi that the rest leaves.
    assert_eq!(tx.fee(&world.params), Amount::from_sat(501));
    assert_eq!(tx.tx().output.len(), 1);
}

#[test]
fn commitment_tx_single_sided_anchors_has_one_anchor() {
    let world = World::new(Anchors, 1);
    let mut spec = world.spec(&[]);
    spec.to_broadcaster = Msat::new(1_000_000_000);
    spec.to_countersignatory = Msat::ZERO;
    let tx = world.commitment(Side::Holder, 0, &spec);
    assert!(tx.anchor_vout(Side::Holder).is_some());
    assert_eq!(tx.anchor_vout(Side::Counterparty), None);
    // An HTLC gives both sides something to wait for.
    let mut spec = world.spec(&[(true, 400_000)]);
    spec.to_broadcaster = Msat::new(600_000_000);
    spec.to_countersignatory = Msat::ZERO;
    let tx = world.commitment(Side::Holder, 0, &spec);
    assert!(tx.anchor_vout(Side::Counterparty).is_some());
    assert_eq!(tx.to_countersignatory_vout(), None);
}

#[test]
fn htlc_outputs_alike_but_for_expiry_ordered_by_expiry() {
    let world = World::new(Anchors, 1);
    let mut spec = world.spec(&[(true, 5_000), (true, 5_000), (true, 5_000)]);
    for (htlc, expiry) in spec.htlcs.iter_mut().zip([700, 600, 650]) {
        htlc.payment_hash = PaymentHash([1; 32]);
        htlc.cltv_expiry = expiry;
    }
    let tx = world.commitment(Side::Holder, 0, &spec);
    let expiries: Vec<_> = tx
        .htlc_outputs()
        .iter()
        .map(|o| o.htlc.cltv_expiry)
        .collect();
    assert_eq!(expiries, [600, 650, 700]);
}

/// Anything at all in a specification: an answer, and never a transaction that pays more than the channel holds.
#[test]
fn commitment_tx_arbitrary_numbers_no_panic() {
    let amount = || prop_oneof![any::<u64>(), 0..2_000_000u64, Just(0), Just(u64::MAX)];
    let htlc = (any::<bool>(), amount(), any::<u32>());
    let amounts = (amount(), amount(), any::<u64>(), any::<u32>());
    let strategy = (
        amounts,
        proptest::collection::vec(htlc, 0..6),
        any::<bool>(),
    );
    seeded::check(3_000, strategy, |(amounts, htlcs, anchors)| {
        let (to_broadcaster, to_countersignatory, dust_limit, feerate_per_kw) = amounts;
        let mut world = World::new(if anchors { Anchors } else { StaticRemoteKey }, 1);
        let htlc = |(id, htlc): (u64, &(bool, u64, u32))| CommitmentHtlc {
            offered_by_broadcaster: htlc.0,
            id: HtlcId(id),
            amount: Msat::new(htlc.1),
            payment_hash: PaymentHash([0; 32]),
            cltv_expiry: htlc.2,
        };
        let mut spec = CommitmentSpec {
            feerate_per_kw,
            to_broadcaster: Msat::new(to_broadcaster),
            to_countersignatory: Msat::new(to_countersignatory),
            htlcs: (0..).zip(&htlcs).map(htlc).collect(),
        };
        world.params.holder.dust_limit = Amount::from_sat(dust_limit);
        if let Some(total) = spec.total() {
            let whole = |msat: u64| msat - total.to_msat() % 1_000;
            if to_broadcaster >= 1_000 {
                spec.to_broadcaster = Msat::new(whole(to_broadcaster));
            }
            world.params.capacity = total.to_sat_floor();
        }
        commitment_amounts(&world.params, Side::Holder, &spec);
        let point = world.holder.point(0);
        let tx = create_commitment_tx(&world.params, Side::Holder, 0, &point, &spec);
        if let Ok(tx) = tx {
            let outputs: u64 = tx.tx().output.iter().map(|o| o.value.to_sat()).sum();
            assert!(outputs <= world.params.capacity.to_sat());
            tx.htlc_transactions(&world.params).unwrap();
        }
    });
}
