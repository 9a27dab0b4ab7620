//! The power goes at every durable write, and disks fail, under a whole node that opens channels, pays, forwards and
//! closes meanwhile. The node is the built program, its peers and its bitcoind are real, and so are all of its files:
//! the ledger, the wallet, the signer's record, what is only remembered.

mod orders;
mod scenario;
mod victim;

use std::time::Instant;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use zarnitsa_tests::disk::Strike;
use zarnitsa_tests::length;

use scenario::Stage;
use victim::{summary, Moment, Plan, Struck};

/// Who stands on the failing disk: it forwards and punishes, or it opens and pays.
const VICTIMS: [&str; 2] = ["hub", "left"];
/// A new world begins after so many runs: an old one has many channels that are still watched.
const RUNS: u32 = 40;
/// Writes are many, and most of them go into one block: of so many one is struck in the long version.
const WRITES: u64 = 10;

/// Strikes once.
fn once(strike: Strike, after: u64) -> Plan {
    let mut plan = Some((strike, after));
    Box::new(move |_| plan.take())
}

/// Strikes again and again: in one start of three, and else when the node is up.
fn again_and_again(seed: u64, strikes: &[Strike]) -> Plan {
    let (mut random, strikes) = (StdRng::seed_from_u64(seed), strikes.to_vec());
    Box::new(move |moment| {
        let strike = strikes[random.gen_range(0..strikes.len())];
        let most = match moment {
            Moment::Starting if random.gen_ratio(2, 3) => return None,
            Moment::Starting => in_a_start(strike),
            Moment::Up => between_strikes(strike),
        };
        Some((strike, random.gen_range(1..=most)))
    })
}

/// About how much of it there is in a start.
fn in_a_start(strike: Strike) -> u64 {
    match strike {
        Strike::Full => 700,
        Strike::ReadFails => 500,
        _ => 45,
    }
}

/// So much that the scenario goes on between two strikes.
fn between_strikes(strike: Strike) -> u64 {
    match strike {
        Strike::Full => 80,
        Strike::ReadFails => 10,
        _ => 20,
    }
}

fn show(what: &str, struck: &[Struck]) {
    for (kind, count) in summary(struck) {
        println!("{what}: {count:4} x {kind}");
    }
    let kills = struck.iter().filter(|one| one.strike.kills()).count();
    println!(
        "{what}: {kills} kill points, {} faults, each to the same end",
        struck.len() - kills
    );
}

/// A run of the scenario for each of these points, with one strike in it, until a run has no such point any more.
fn strike_at_each(name: &str, strike: Strike, points: impl Iterator<Item = u64>) -> Vec<Struck> {
    let mut all = Vec::new();
    let mut stage = Stage::with_victim(name);
    for (run, point) in (0..).zip(points) {
        if run > 0 && run % RUNS == 0 {
            stage.verify_ledgers();
            drop(stage);
            stage = Stage::with_victim(name);
        }
        let begin = Instant::now();
        stage.victim.follow(once(strike, point));
        stage.run();
        let struck = stage.victim.spare();
        for one in &struck {
            println!("{name}, {point}: {one} ({:.1?})", begin.elapsed());
        }
        if struck.is_empty() {
            break;
        }
        all.extend(struck);
    }
    stage.verify_ledgers();
    all
}

/// One strike in each run. The short version takes one, the long one each; for the second victim one of four.
#[test]
fn node_struck_at_any_write_comes_to_the_same_end() {
    let mut random = length::random();
    let step = length::count("ZARNITSA_STRIKE_STEP", 0, 1);
    if step == 0 {
        let strike = Strike::ALL[random.gen_range(0..2)];
        let point = random.gen_range(1..=100);
        let struck = strike_at_each("hub", strike, [point].into_iter());
        assert_eq!(struck.len(), 1);
        return show("hub", &struck);
    }
    for (name, of) in VICTIMS.into_iter().zip([1, 4]) {
        for strike in Strike::ALL {
            let writes = if strike == Strike::Full { WRITES } else { 1 };
            let step = usize::try_from(u64::from(step) * of * writes).expect("a small number");
            let struck = strike_at_each(name, strike, (1..).step_by(step));
            show(&format!("{name}, {strike:?}"), &struck);
        }
    }
}

/// Many strikes in one run: the node is hardly up again when the next one comes.
#[test]
fn node_struck_again_and_again_comes_to_the_same_end() {
    let mut random = length::random();
    for round in 0..length::count("ZARNITSA_STRIKE_ROUNDS", 1, 10) {
        let first = random.gen_range(0..VICTIMS.len());
        let victims = if length::is_long() {
            &VICTIMS[..]
        } else {
            &VICTIMS[first..=first]
        };
        for name in victims {
            let begin = Instant::now();
            let mut stage = Stage::with_victim(name);
            let plan = again_and_again(random.gen(), &Strike::ALL);
            stage.victim.follow(plan);
            stage.run();
            let struck = stage.victim.spare();
            stage.verify_ledgers();
            show(name, &struck);
            println!("{name}, round {round}: {:.1?}", begin.elapsed());
            assert!(struck.len() > 3, "too few to test anything");
        }
    }
}

/// All that a start reads and writes. Nothing is spoken in it that could be lost, but it must end well, or with an error.
#[test]
fn node_struck_during_its_start_starts_on_the_mended_disk() {
    let mut random = length::random();
    let mut stage = Stage::with_victim("hub");
    stage.run();
    let starts = length::count("ZARNITSA_STARTS", 2, 60);
    let mut all = Vec::new();
    for strike in Strike::ALL {
        for _ in 0..starts {
            let point = random.gen_range(1..=in_a_start(strike));
            all.extend(stage.victim.start_again(once(strike, point)));
        }
    }
    stage.run();
    stage.verify_ledgers();
    show("hub, starting", &all);
    assert!(!all.is_empty());
}
