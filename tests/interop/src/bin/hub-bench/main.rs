//! User to hub to user, ours beside ldk-node's, in one run on one machine. Both write to disk as they do for their users.
//!
//! `make bench` builds both for release and runs it. It ends with one table.

// A benchmark that cannot be made ends, with the reason.
#![allow(clippy::panic)]

mod measure;
mod trio;

use std::env;
use std::io::{self, Write};

use zarnitsa_interop::world::World;

use crate::measure::{measure, Measured};
use crate::trio::{LdkTrio, OurTrio, Trio};

/// Payments under way at the same time, and how many are made in all: ours, ldk-node's.
const LOADS: [(usize, usize, usize); 3] = [(1, 300, 60), (10, 1_000, 200), (30, 1_500, 400)];
/// What the hub's users are promised: so many times ldk-node's throughput, by payments under way.
const GOALS: [(usize, f64); 2] = [(1, 7.0), (30, 5.0)];

fn main() -> io::Result<()> {
    // `hub-bench ours` and `hub-bench ldk` measure one alone.
    let only = env::args().nth(1);
    let wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    let mut ours = Vec::new();
    if wanted("ours") {
        let world = World::start().quiet();
        let trio = OurTrio::start(&world);
        ours = run(&trio, LOADS.map(|(in_flight, ours, _)| (in_flight, ours)));
    }
    let mut ldk = Vec::new();
    if wanted("ldk") {
        let world = World::start().quiet();
        let trio = LdkTrio::start(&world);
        ldk = run(&trio, LOADS.map(|(in_flight, _, ldk)| (in_flight, ldk)));
    }
    report(&ours, &ldk)
}

fn run(trio: &impl Trio, loads: [(usize, usize); LOADS.len()]) -> Vec<Measured> {
    // Caches, routes and the allocator are warm afterwards, on both sides of the comparison.
    measure(trio, 2, 10);
    loads
        .into_iter()
        .map(|(in_flight, payments)| measure(trio, in_flight, payments))
        .collect()
}

fn report(ours: &[Measured], ldk: &[Measured]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "\nuser -> hub -> user, all three nodes and bitcoind on this machine, fsync on"
    )?;
    writeln!(
        out,
        "| node | in flight | payments | per second | p50 ms | p99 ms | written bytes/payment | syncs/payment |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|---|")?;
    for (name, all) in [("zarnitsa", ours), ("ldk-node 0.7.1 (sqlite)", ldk)] {
        for one in all {
            let syncs = one
                .syncs_per_payment
                .map_or_else(|| "not counted".to_owned(), |syncs| format!("{syncs:.2}"));
            writeln!(
                out,
                "| {name} | {} | {} | {:.1} | {:.1} | {:.1} | {:.0} | {syncs} |",
                one.in_flight,
                one.payments,
                one.per_second(),
                one.percentile_ms(50),
                one.percentile_ms(99),
                one.bytes_per_payment,
            )?;
        }
    }
    for (ours, ldk) in ours.iter().zip(ldk) {
        let times = ours.per_second() / ldk.per_second();
        let goal = GOALS.iter().find(|(load, _)| *load == ours.in_flight);
        let goal = goal.map_or_else(String::new, |(_, goal)| {
            let met = if times >= *goal { "met" } else { "NOT met" };
            format!(" (goal {goal:.0}: {met})")
        });
        writeln!(
            out,
            "{} in flight: {times:.1} times ldk-node's throughput{goal}",
            ours.in_flight
        )?;
    }
    Ok(())
}
