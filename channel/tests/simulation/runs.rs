//! Many runs, and one run again.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::world::{Tally, World};

/// Enough for CI: about a minute on two cores.
const RUNS: u64 = 10_000;

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

#[test]
fn simulation_random_runs_keep_every_invariant() {
    if let Some(seed) = from_env("ZARNITSA_SIM_SEED") {
        let tally = run(seed, true).unwrap();
        println!("{tally:?}");
        return;
    }
    let runs = from_env("ZARNITSA_SIM_RUNS").unwrap_or(RUNS);
    let next = AtomicU64::new(0);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let totals = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut total = Tally::default();
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        if index >= runs {
                            return total;
                        }
                        let seed = FIRST_SEED + index;
                        match run(seed, false) {
                            Ok(tally) => total.add(&tally),
                            Err(why) => panic!("ZARNITSA_SIM_SEED={seed} fails: {why}"),
                        }
                    }
                })
            })
            .collect();
        let mut total = Tally::default();
        for worker in workers {
            match worker.join() {
                Ok(tally) => total.add(&tally),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        total
    });
    println!("{runs} runs: {totals:?}");
    // A simulation in which nothing happens proves nothing.
    totals.check_variety(runs);
}
