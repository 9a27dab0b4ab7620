//! How fast two real nodes pay over one channel, by the number of payments kept in flight, and where the time goes.
//! Every block of both ledgers is fsynced.
//!
//! Run by `make bench`. Prints one table a way.

// A benchmark may panic: that is its report.
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_precision_loss)]

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use zarnitsa_tests::api::Api;
use zarnitsa_tests::world::{Pair, World};

const CAPACITY_SAT: u64 = 10_000_000;
/// Not dust, so that each HTLC is an output with a signature of its own; all of one way fit into half of the channel.
const MSAT: u64 = 600_000;

/// Payments kept in flight, and how many are made.
const ROWS: [(usize, usize); 3] = [(1, 500), (10, 2_000), (30, 3_000)];

fn main() {
    // `cargo test --all-targets` runs this too: then it only shows that it works.
    let in_earnest = std::env::args().any(|argument| argument == "--bench");
    let rows = if in_earnest {
        ROWS.to_vec()
    } else {
        vec![(1, 3), (4, 8)]
    };
    let world = World::start();
    let pair = world.open(CAPACITY_SAT, CAPACITY_SAT * 1_000 / 2);
    for (name, payer, payee) in [
        ("user to hub", &pair.user, &pair.hub),
        ("hub to user", &pair.hub, &pair.user),
    ] {
        println!("\ndirect payments, {name}");
        head();
        for (in_flight, payments) in &rows {
            let invoices = invoices(payee, *payments);
            let before = Costs::of(&world);
            let start = Instant::now();
            let latencies = pay_all(payer, invoices, *in_flight);
            let elapsed = start.elapsed();
            pair.until_quiet();
            let costs = Costs::of(&world).since(&before);
            row(*in_flight, elapsed, latencies, &costs);
        }
    }
    quiet_end(&world, &pair);
}

/// Nothing was lost on the way.
fn quiet_end(world: &World, pair: &Pair) {
    pair.check_agreement();
    world.verify_ledgers();
}

fn invoices(payee: &Api, count: usize) -> Vec<String> {
    let made = Mutex::new(Vec::with_capacity(count));
    thread::scope(|scope| {
        for part in 0..8 {
            let made = &made;
            scope.spawn(move || {
                for _ in (part..count).step_by(8) {
                    let invoice = payee.invoice(MSAT, "benchmark").unwrap().invoice;
                    made.lock().unwrap().push(invoice);
                }
            });
        }
    });
    made.into_inner().unwrap()
}

/// Pays each, so many at once; how long each took, from the order to the preimage.
fn pay_all(payer: &Api, invoices: Vec<String>, in_flight: usize) -> Vec<Duration> {
    let waiting = Mutex::new(invoices);
    let times = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..in_flight {
            scope.spawn(|| loop {
                let next = waiting.lock().unwrap().pop();
                let Some(invoice) = next else { return };
                let start = Instant::now();
                let payment = payer.pay(&invoice).unwrap();
                assert_eq!(payment.status, "succeeded", "{payment:?}");
                times.lock().unwrap().push(start.elapsed());
            });
        }
    });
    times.into_inner().unwrap()
}

/// What both nodes together have used since their starts.
#[derive(Default)]
struct Costs(BTreeMap<&'static str, f64>);

impl Costs {
    fn of(world: &World) -> Self {
        let mut sums = BTreeMap::new();
        for node in [&world.user, &world.hub] {
            let used = node.used();
            *sums.entry("written").or_default() += used.written_bytes as f64;
            *sums.entry("cpu").or_default() += used.cpu.as_secs_f64();
            let metrics = node.api().metrics().unwrap();
            for (name, line) in [
                ("syncs", "zarnitsa_ledger_syncs"),
                (
                    "executing",
                    "zarnitsa_ledger_block_seconds{phase=\"executing\"}",
                ),
                (
                    "writing",
                    "zarnitsa_ledger_block_seconds{phase=\"writing\"}",
                ),
                (
                    "syncing",
                    "zarnitsa_ledger_block_seconds{phase=\"syncing\"}",
                ),
            ] {
                *sums.entry(name).or_default() += metrics[line];
            }
        }
        Self(sums)
    }

    fn since(&self, before: &Self) -> Self {
        let spent = self
            .0
            .iter()
            .map(|(name, now)| (*name, now - before.0[name]));
        Self(spent.collect())
    }
}

fn head() {
    println!(
        "{:>9} {:>10} {:>8} {:>8} {:>9} {:>9} | ms a payment, both nodes: {:>6} {:>9} {:>8} {:>8}",
        "in flight",
        "payments/s",
        "p50 ms",
        "p99 ms",
        "fsync/p",
        "kB/p",
        "CPU",
        "executing",
        "writing",
        "syncing"
    );
}

fn row(in_flight: usize, elapsed: Duration, mut latencies: Vec<Duration>, costs: &Costs) {
    latencies.sort();
    let percentile = |part: usize| {
        let place = (latencies.len() * part / 100).min(latencies.len() - 1);
        latencies[place].as_secs_f64() * 1e3
    };
    let count = latencies.len() as f64;
    let each = |name: &str| costs.0[name] / count;
    println!(
        "{:>9} {:>10.1} {:>8.1} {:>8.1} {:>9.2} {:>9.1} | {:>32.2} {:>9.2} {:>8.2} {:>8.2}",
        in_flight,
        count / elapsed.as_secs_f64(),
        percentile(50),
        percentile(99),
        each("syncs"),
        each("written") / 1e3,
        each("cpu") * 1e3,
        each("executing") * 1e3,
        each("writing") * 1e3,
        each("syncing") * 1e3,
    );
}
