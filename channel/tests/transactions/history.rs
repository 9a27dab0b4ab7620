//! check_all_prev_tx.

use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::params::CommitmentFormat;
use zarnitsa_channel::secrets::{SecretError, SecretStore};
use zarnitsa_channel::validate::{check_all_prev_tx, HistoryError, PastState};

use crate::world::World;

/// `states` commitments of the counterparty, of which `revoked` are revoked.
fn history(states: u64, revoked: u64) -> (World, Vec<PastState>, SecretStore) {
    let world = World::new(CommitmentFormat::Anchors, 5);
    let state = |number| PastState {
        number,
        per_commitment_point: world.counterparty.point(number),
        to_broadcaster: Msat::new(400_000_000 + number),
        to_countersignatory: Msat::new(500_000_000),
        htlcs: Msat::new(100_000_000 - number),
    };
    let list = (0..states).map(state).collect();
    let mut secrets = SecretStore::new();
    for number in 0..revoked {
        let secret = world.counterparty.secret(number).secret_bytes();
        let point = world.counterparty.point(number);
        secrets.insert_checked(number, secret, &point).unwrap();
    }
    (world, list, secrets)
}

#[test]
fn check_all_prev_tx_whole_history_accepted() {
    for (states, revoked) in [(1, 0), (2, 0), (2, 1), (50, 49), (50, 48)] {
        let (world, list, secrets) = history(states, revoked);
        let checked = check_all_prev_tx(&world.params, list, &secrets).unwrap();
        assert_eq!((checked.states(), checked.revoked()), (states, revoked));
    }
}

#[test]
fn check_all_prev_tx_missing_repeated_or_swapped_state_refused() {
    let (world, list, secrets) = history(10, 9);
    let mut missing = list.clone();
    missing.remove(4);
    let mut repeated = list.clone();
    repeated.insert(4, list[3]);
    let mut swapped = list.clone();
    swapped.swap(4, 5);
    for (list, got) in [(missing, 5), (repeated, 3), (swapped, 5)] {
        let error = check_all_prev_tx(&world.params, list, &secrets).unwrap_err();
        let expected = 4;
        assert_eq!(error, HistoryError::WrongNumber { expected, got });
    }
}

#[test]
fn check_all_prev_tx_balance_off_by_one_refused() {
    let (world, mut list, secrets) = history(10, 9);
    list[6].htlcs = Msat::new(list[6].htlcs.to_msat() + 1);
    let error = check_all_prev_tx(&world.params, list.clone(), &secrets).unwrap_err();
    assert!(matches!(
        error,
        HistoryError::NotConserved { number: 6, .. }
    ));
    list[6].htlcs = Msat::new(u64::MAX);
    let error = check_all_prev_tx(&world.params, list, &secrets).unwrap_err();
    let HistoryError::NotConserved { number, total, .. } = error else {
        panic!("{error}");
    };
    assert_eq!((number, total), (6, None));
}

#[test]
fn check_all_prev_tx_point_of_another_secret_refused() {
    let (world, mut list, secrets) = history(10, 9);
    list[2].per_commitment_point = world.counterparty.point(3);
    let error = check_all_prev_tx(&world.params, list, &secrets).unwrap_err();
    assert_eq!(error, HistoryError::WrongSecret { number: 2 });
}

#[test]
fn check_all_prev_tx_too_few_or_too_many_revoked_refused() {
    let (world, list, secrets) = history(10, 7);
    let error = check_all_prev_tx(&world.params, list, &secrets).unwrap_err();
    let (revoked, states) = (7, 10);
    assert_eq!(error, HistoryError::NotRevoked { revoked, states });
    let (world, list, secrets) = history(10, 10);
    let error = check_all_prev_tx(&world.params, list, &secrets).unwrap_err();
    let revoked = 10;
    assert_eq!(error, HistoryError::TooManyRevoked { revoked, states });
    let error = check_all_prev_tx(&world.params, [], &SecretStore::new()).unwrap_err();
    assert_eq!(error, HistoryError::Empty);
}

#[test]
fn secret_store_wrong_secret_of_point_refused_and_unchanged() {
    let (world, _, mut secrets) = history(10, 8);
    let before = secrets.clone();
    let secret = world.counterparty.secret(9).secret_bytes();
    let point = world.counterparty.point(8);
    let error = secrets.insert_checked(8, secret, &point).unwrap_err();
    assert_eq!(error, SecretError::NotOfPoint { number: 8 });
    let zero = secrets.insert_checked(8, [0; 32], &point).unwrap_err();
    assert_eq!(zero, SecretError::NotOfPoint { number: 8 });
    assert_eq!(secrets, before);
}

#[test]
fn secret_store_number_out_of_order_refused() {
    let (world, _, mut secrets) = history(10, 8);
    for got in [0, 7, 9, u64::MAX] {
        let error = secrets.insert(got, world.counterparty.secret(8).secret_bytes());
        assert_eq!(error, Err(SecretError::OutOfOrder { expected: 8, got }));
    }
    assert_eq!(secrets.get(u64::MAX), None);
}

#[test]
fn secret_store_debug_prints_no_secret() {
    let (_, _, secrets) = history(10, 8);
    assert_eq!(format!("{secrets:?}"), "SecretStore(8 secrets)");
}
