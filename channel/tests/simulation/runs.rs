//! Many runs, and one run again.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::tally::Tally;
use crate::world::World;

/// Enough for CI: about a minute on two cores.
const RUNS: u64 = 10_000;

/// Runs whose seeds are new every time.
const NEW_RUNS: u64 = 1_000;

/// Where the seeds of an unattended test begin. Any number will do; this one keeps failures repeatable.
const FIRST_SEED: u64 = 1_000_000;

fn from_env(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap())
}

fn run(seed: u64, verbose: bool) -> Result<Tally, String> {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let mut world = World::new(seed, verbose);
        world.run();
        world.finish();
        world.tally
    }));
    outcome.map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_default()
    })
}

/// All seeds from `first` on, on all cores.
fn run_all(first: u64, runs: u64) -> Tally {
    let next = AtomicU64::new(0);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| work(first, runs, &next)))
            .collect();
        let mut total = Tally::default();
        for worker in workers {
            match worker.join() {
                Ok(tally) => total.add(&tally),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        total
    })
}

fn work(first: u64, runs: u64, next: &AtomicU64) -> Tally {
    let mut total = Tally::default();
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        if index >= runs {
            return total;
        }
        let seed = first.wrapping_add(index);
        match run(seed, false) {
            Ok(tally) => total.add(&tally),
            Err(why) => panic!("ZARNITSA_SIM_SEED={seed} fails: {why}"),
        }
    }
}

#[test]
fn simulation_random_runs_keep_every_invariant() {
    if let Some(seed) = from_env("ZARNITSA_SIM_SEED") {
        let tally = run(seed, true).unwrap();
        println!("{tally:?}");
        return;
    }
    let runs = from_env("ZARNITSA_SIM_RUNS").unwrap_or(RUNS);
    let totals = run_all(FIRST_SEED, runs);
    println!("{runs} runs: {totals:?}");
    // A simulation in which nothing happens proves nothing.
    totals.check_variety(runs);
}

#[test]
fn simulation_runs_of_new_seeds_keep_every_invariant() {
    let first = from_env("ZARNITSA_SEED").unwrap_or_else(rand::random);
    println!("ZARNITSA_SEED={first}");
    let totals = run_all(first, NEW_RUNS);
    println!("{NEW_RUNS} runs: {totals:?}");
    totals.check_variety(NEW_RUNS);
}
