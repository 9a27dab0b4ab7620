//! The power goes at every durable write, and disks fail, under a whole node that opens channels, pays, forwards and
//! closes meanwhile. The node is the built program, its peers and its bitcoind are real, and so are all of its files:
//! the ledger, the wallet, the signer's record, what is only remembered.

mod htlcs;
mod list;
mod orders;
mod scenario;
mod stage;
mod victim;

use std::env;
use std::thread;
use std::time::Instant;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use zarnitsa_tests::disk::Strike;
use zarnitsa_tests::{length, world};

use list::{once, run_with, show, Kind, List};
use stage::{Script, Stage};
use victim::{Moment, Plan};

/// Who stands on the failing disk: it forwards and punishes, or it opens and pays.
const VICTIMS: [&str; 2] = ["hub", "left"];

/// So many strikes, at the least, are a test of a victim; in so many runs they come together. One run may have few: a fault
/// that the node survives is waited out before the next, and the scenario goes on meanwhile.
const STRIKES: usize = 4;
const RUNS: usize = 5;

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

/// So much that the scenario goes on between two strikes, and so little that several find room in it.
fn between_strikes(strike: Strike) -> u64 {
    match strike {
        Strike::Full => 40,
        Strike::ReadFails => 5,
        _ => 10,
    }
}

/// A number from the environment.
fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

/// Whether a name is asked for: where none is, all are.
fn is_asked_for(variable: &str, name: &str) -> bool {
    env::var(variable).map_or(true, |asked| asked.split(',').any(|it| it == name))
}

/// Worlds side by side: most of what they do is to wait for one another's disks and sockets.
fn workers() -> usize {
    let cores = thread::available_parallelism().map_or(2, usize::from);
    number("ZARNITSA_STRIKE_WORKERS").map_or(cores + 1, |workers| {
        usize::try_from(workers).expect("a small number")
    })
}

/// The points that are struck, one in each run. `ZARNITSA_STRIKE_KINDS`, `_FROM` and `_TO` choose among them.
fn kinds(step: u64) -> Vec<Kind> {
    let all = Strike::ALL.into_iter();
    all.filter(|strike| is_asked_for("ZARNITSA_STRIKE_KINDS", &format!("{strike:?}")))
        .map(|strike| Kind {
            strike,
            from: number("ZARNITSA_STRIKE_FROM").unwrap_or(1),
            to: number("ZARNITSA_STRIKE_TO").unwrap_or(u64::MAX),
            step,
        })
        .collect()
}

/// One strike in each run. The short version takes one, the long one each there is.
fn strike_each(script: Script) {
    let mut random = length::random();
    let step = length::count("ZARNITSA_STRIKE_STEP", 0, 1);
    if step == 0 {
        let strike = Strike::ALL[random.gen_range(0..3)];
        let mut stage = Stage::with_victim("hub", script, None);
        let struck = run_with(
            &mut stage,
            strike,
            random.gen_range(1..=script.sure_syncs()),
        );
        stage.verify_ledgers();
        assert_eq!(struck.len(), 1);
        return show("hub", &struck);
    }
    let turn = world::turn();
    let mut failures = Vec::new();
    for name in VICTIMS {
        if is_asked_for("ZARNITSA_STRIKE_VICTIMS", name) {
            let list = List::of(name, script, kinds(step.into()), &turn);
            failures.extend(list.strike(workers()));
        }
    }
    assert!(
        failures.is_empty(),
        "{} failed: {failures:#?}",
        failures.len()
    );
}

#[test]
fn node_struck_at_any_write_comes_to_the_same_end() {
    strike_each(Script::Whole);
}

#[test]
fn node_struck_while_its_htlcs_end_on_chain_comes_to_the_same_end() {
    strike_each(Script::Htlcs);
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
            let (mut runs, mut strikes) = (0, 0);
            while strikes < STRIKES {
                runs += 1;
                assert!(runs <= RUNS, "too few strikes to test anything");
                let begin = Instant::now();
                let mut stage = Stage::with_victim(name, Script::Whole, None);
                stage
                    .victim
                    .follow(again_and_again(random.gen(), &Strike::ALL));
                stage.run();
                let struck = stage.victim.spare();
                stage.verify_ledgers();
                show(name, &struck);
                println!("{name}, round {round}: {:.1?}", begin.elapsed());
                strikes += struck.len();
            }
        }
    }
}

/// All that a start reads and writes. Nothing is spoken in it that could be lost, but it must end well, or with an error.
#[test]
fn node_struck_during_its_start_starts_on_the_mended_disk() {
    let mut random = length::random();
    let mut stage = Stage::with_victim("hub", Script::Whole, None);
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
