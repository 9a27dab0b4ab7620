//! `kill -9` at any moment takes back nothing that was said, and repeats nothing that was done.

use std::time::{Duration, Instant};

use rand::Rng;
use zarnitsa_tests::length;
use zarnitsa_tests::wait;
use zarnitsa_tests::world::World;

use crate::traffic::Traffic;

/// The short version ends the killing after this time, however many moments that were.
const SHORT: Duration = Duration::from_secs(40);
const CAPACITY_SAT: u64 = 10_000_000;

#[test]
fn killed_at_random_moments_during_payments() {
    let mut world = World::start();
    let mut random = length::random();
    let pair = world.open(CAPACITY_SAT, CAPACITY_SAT * 1_000 / 2);
    let before = pair.check_agreement();
    let traffic = Traffic::start(&pair, 2);

    let moments = length::count("ZARNITSA_KILLS", 200, 200);
    let begin = Instant::now();
    let uri = pair.hub.info().expect("the hub's info").uri;
    let (mut killed, mut hub_in_a_row) = (0, 0);
    while killed < moments && (length::is_long() || begin.elapsed() < SHORT) {
        // A moment that nobody chose: payments go on meanwhile.
        let moment = Duration::from_micros(random.gen_range(0..600_000));
        wait::moment(moment);
        assert!(!traffic.has_failed(), "a payer has ended");
        let (user, hub) = match random.gen_range(0..10) {
            0..=4 => (true, false),
            5..=8 => (false, true),
            _ => (true, true),
        };
        if user {
            world.user.kill_hard();
        }
        if hub {
            world.hub.kill_hard();
        }
        killed += 1;
        if user {
            world.user.start();
        }
        if hub {
            world.hub.start();
        }
        // The user calls the hub again by itself, but waits twice as long after each connection that did not last.
        hub_in_a_row = if user { 0 } else { hub_in_a_row + 1 };
        if hub_in_a_row > 2 {
            wait::until("the user's operator connects it", || {
                pair.user.connect(&uri).ok()
            });
        }
        // Whoever gave the channel up would never say this again.
        pair.until_usable();
    }
    let time = begin.elapsed();
    let paid = traffic.end().check(&pair, before);
    println!("killed {killed} times in {time:.1?}, {paid} payments");
    assert!(killed > 5, "too slow to test anything");
    let (user, hub) = pair.sides();
    assert_eq!((user.closing_txid, hub.closing_txid), (None, None));
    world.verify_ledgers();
}
