//! Which asks are opened when.

use bitcoin::secp256k1::{Secp256k1, SecretKey};

use super::*;

const START: u64 = 1_700_000_000;

fn peer(tag: u8) -> PublicKey {
    let key = SecretKey::from_slice(&[tag; 32]).unwrap();
    PublicKey::from_secret_key(&Secp256k1::new(), &key)
}

fn policy() -> AskPolicy {
    AskPolicy {
        wait_seconds: 100,
        max_batch: 3,
        expiry_seconds: 1_000,
        ..AskPolicy::hub()
    }
}

/// Approved, and received so many seconds after the start.
fn ask(tag: u8, after: u64) -> Ask {
    Ask {
        peer: peer(tag),
        id: [tag; 32],
        amount_sat: Amount::from_sat(100_000),
        status: AskStatus::Approved,
        reason: String::new(),
        received_at: START + after,
        attempts: 0,
        batch: None,
        channel_id: None,
        created_height: 1,
        updated_height: 1,
    }
}

fn gathered(now: u64, asks: Vec<Ask>) -> Gathered {
    let rich = |_| Amount::from_sat(100_000_000);
    gather(&policy(), START + now, asks, |_| true, rich)
}

fn tags(asks: &[Ask]) -> Vec<u8> {
    asks.iter().map(|ask| ask.id[0]).collect()
}

#[test]
fn asks_wait_for_others_until_the_first_has_waited_long_enough() {
    let asks = vec![ask(2, 60), ask(1, 0)];
    assert_eq!(gathered(99, asks.clone()), Gathered::default());
    assert_eq!(tags(&gathered(100, asks).open), [1, 2]);
}

#[test]
fn full_batch_is_opened_at_once_and_the_last_to_come_waits() {
    let asks = vec![ask(4, 3), ask(3, 2), ask(1, 0), ask(2, 1)];
    assert_eq!(tags(&gathered(4, asks).open), [1, 2, 3]);
}

#[test]
fn ask_that_is_not_approved_is_not_opened() {
    let mut asked = ask(1, 0);
    asked.status = AskStatus::Asked;
    assert_eq!(tags(&gathered(500, vec![asked, ask(2, 0)]).open), [2]);
}

#[test]
fn peer_that_is_away_holds_nobody_up() {
    let rich = |_| Amount::from_sat(100_000_000);
    let asks = vec![ask(1, 0), ask(2, 0)];
    let here = |who: &PublicKey| *who == peer(2);
    let gathered = gather(&policy(), START + 500, asks, here, rich);
    assert_eq!(tags(&gathered.open), [2]);
    assert!(gathered.refuse.is_empty());
}

#[test]
fn ask_that_the_coins_do_not_suffice_for_is_passed_over() {
    let mut large = ask(1, 0);
    large.amount_sat = Amount::from_sat(900_000);
    let asks = vec![large, ask(2, 1), ask(3, 2)];
    // Each more channel leaves less to spend.
    let coins = |count: usize| Amount::from_sat(210_000 - 10_000 * u64::try_from(count).unwrap());
    let gathered = gather(&policy(), START + 500, asks, |_| true, coins);
    assert_eq!(tags(&gathered.open), [2]);
}

#[test]
fn nothing_is_opened_while_a_batch_is_under_way() {
    let mut opening = ask(1, 0);
    opening.status = AskStatus::Opening;
    assert!(gathered(500, vec![opening, ask(2, 0)]).open.is_empty());
}

#[test]
fn ask_waits_longer_after_each_failed_opening_and_is_refused_in_the_end() {
    let mut failed = ask(1, 0);
    failed.attempts = 1;
    assert!(gathered(199, vec![failed.clone()]).open.is_empty());
    assert_eq!(tags(&gathered(200, vec![failed.clone()]).open), [1]);
    failed.attempts = MAX_ATTEMPTS;
    failed.reason = "no coins".to_owned();
    let gathered = gathered(200, vec![failed]);
    assert!(gathered.open.is_empty());
    assert!(gathered.refuse[0].1.contains("no coins"), "{gathered:?}");
}

#[test]
fn ask_that_is_too_old_is_refused_and_not_opened() {
    let mut asked = ask(2, 0);
    asked.status = AskStatus::Asked;
    let asks = vec![ask(1, 0), asked, ask(3, 1)];
    let gathered = gathered(1_000, asks);
    let refused: Vec<u8> = gathered.refuse.iter().map(|(ask, _)| ask.id[0]).collect();
    assert_eq!((tags(&gathered.open), refused.len()), (vec![3], 2));
    assert!(gathered
        .refuse
        .iter()
        .any(|(_, why)| why.contains("nobody approved")));
}
