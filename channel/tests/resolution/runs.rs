//! Many seeds, and one seed again.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::ending::Tally;
use crate::world::World;

const RUNS: u64 = 1_000;
const LONG_RUNS: u64 = 20_000;

/// Where the seeds of an unattended test begin.
const FIRST_SEED: u64 = 5_000_000;

fn from_env(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap())
}

fn run(seed: u64, verbose: bool) -> Result<Tally, String> {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let mut world = World::new(seed, verbose);
        world.run();
        world.check_end()
    }));
    outcome.map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_default()
    })
}

#[test]
fn resolution_random_closes_on_a_chain_with_reorgs_lose_nothing() {
    if let Some(seed) = from_env("ZARNITSA_CHAIN_SEED") {
        println!("{:?}", run(seed, true).unwrap());
        return;
    }
    let is_long = std::env::var_os("ZARNITSA_SOAK").is_some_and(|value| value == "1");
    let usual = if is_long { LONG_RUNS } else { RUNS };
    let runs = from_env("ZARNITSA_CHAIN_RUNS").unwrap_or(usual);
    let next = AtomicU64::new(0);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let total = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| work(&next, runs)))
            .collect();
        let mut total = Tally::default();
        for worker in workers {
            total.add(&worker.join().expect("a seed fails; see above"));
        }
        total
    });
    println!("seeds {FIRST_SEED} to {}: {total:?}", FIRST_SEED + runs - 1);
    assert_eq!(total.runs, runs);
    // Each kind of close has been there, and each way to end.
    for (what, count) in [
        ("reorgs", total.reorgs),
        ("holder", total.holder),
        ("counterparty", total.counterparty),
        ("revoked", total.revoked),
        ("mutual", total.mutual),
        ("ahead", total.ahead),
        ("previous", total.previous),
        ("replaced", total.replaced),
        ("fulfilled", total.fulfilled),
        ("failed", total.failed),
        ("second stages", total.second_stages),
        ("penalties", total.penalties),
    ] {
        assert!(count > 0, "no {what} in {runs} runs");
    }
}

fn work(next: &AtomicU64, runs: u64) -> Tally {
    let mut total = Tally::default();
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        if index >= runs {
            return total;
        }
        let seed = FIRST_SEED + index;
        match run(seed, false) {
            Ok(tally) => total.add(&tally),
            Err(why) => panic!("ZARNITSA_CHAIN_SEED={seed} fails: {why}"),
        }
    }
}
