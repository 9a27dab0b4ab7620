//! What a hub costs by the number of its channels: a real hub with simulated peers, each connected and with a channel, and
//! two real users who pay through it.
//!
//! Run by `make bench`. Prints one table.

// A benchmark may panic: that is its report.
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_precision_loss)]

#[path = "../../crowd/mod.rs"]
mod crowd;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use bitcoin::Amount;
use zarnitsa_tests::api::Api;
use zarnitsa_tests::net::{Net, Terms};
use zarnitsa_tests::{wait, world};

use crowd::{count, order_batch, Crowd, Manner, DEPTH};

/// Channels with simulated peers.
const SIZES: [usize; 2] = [10, 1_000];
const CHANNEL_SAT: u64 = 100_000;
/// By one opening transaction.
const BATCH: usize = 100;
/// Coins for the channels, and to close them.
const COINS: Amount = Amount::from_sat(4_000_000_000);
const PAYMENTS: usize = 400;
const BLOCKS: u32 = 20;
const MSAT: u64 = 600_000;
/// For a thousand of anything on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(240);

fn main() {
    // `cargo test --all-targets` runs this too: then it only shows that it works.
    let in_earnest = std::env::args().any(|argument| argument == "--bench");
    let (sizes, payments, blocks) = if in_earnest {
        (SIZES.to_vec(), PAYMENTS, BLOCKS)
    } else {
        (vec![2, 4], 3, 2)
    };
    let rows: Vec<Row> = sizes
        .iter()
        .map(|size| measure(*size, payments, blocks))
        .collect();
    table(&rows);
}

/// What was measured at one size.
struct Row {
    channels: usize,
    opened: Duration,
    memory: u64,
    memory_after: u64,
    idle: f64,
    block: Duration,
    answers: Duration,
    forwards: Duration,
    in_step: Duration,
    latencies: Vec<Duration>,
    forward: Duration,
    ledger: u64,
}

fn measure(channels: usize, payments: usize, blocks: u32) -> Row {
    let mut net = Net::start(&[("hub", "hub"), ("payer", "user"), ("payee", "user")]);
    let hub = net.api("hub");
    allow(&net, channels);
    world::fund(&net.bitcoind, net.node("hub"), COINS);
    let mut crowd = Crowd::of(&hub, net.node("hub").lightning_address(), &net.bitcoind);
    let peers = crowd.join(&hub, channels, Manner::Honest);
    let start = Instant::now();
    for batch in peers.chunks(BATCH) {
        let opened = order_batch(&hub, batch, CHANNEL_SAT).unwrap();
        assert_eq!(opened, batch.len());
        crowd.confirm(&net.bitcoind);
        until_height(&net, "hub");
    }
    net.bitcoind.mine(DEPTH);
    until_normal(&hub, channels);
    let opened = start.elapsed();

    let terms = Terms::even(10_000_000, false);
    net.open("payer", "hub", terms);
    net.open("payee", "hub", terms);
    let latencies = pay(&net, payments / 4);
    drop(latencies); // the first payments fill caches
    let (cpu, latencies) = {
        let before = net.node("hub").used().cpu;
        let latencies = pay(&net, payments);
        (net.node("hub").used().cpu - before, latencies)
    };
    let memory = net.node("hub").resident_memory();
    let idle = idle(&net);
    let block = block(&net, blocks);
    let ledger = size(&net.node("hub").folder().join("ledger"));

    let (answers, forwards, in_step) = restart(&mut net, channels);
    crowd.check();
    Row {
        channels,
        opened,
        memory,
        memory_after: net.node("hub").resident_memory(),
        idle,
        block,
        answers,
        forwards,
        in_step,
        latencies,
        forward: cpu / u32::try_from(payments).unwrap(),
        ledger,
    }
}

/// The hub wants as many channels, and those of the users.
fn allow(net: &Net, channels: usize) {
    let most = (channels + 2).max(1_000).to_string();
    let set = ["policy", "set", "--max-channels", &most];
    let _: serde_json::Value = net.node("hub").json(&set);
}

fn until_height(net: &Net, name: &str) {
    let height = net.bitcoind.height();
    wait::within(PATIENCE, "the hub has seen the block", || {
        (net.api(name).info().ok()?.block_height >= height).then_some(())
    });
}

fn until_normal(hub: &Api, channels: usize) {
    wait::within(PATIENCE, "all channels are usable", || {
        (count(hub, "normal")? >= channels).then_some(())
    });
}

/// One after another, from the order to the preimage.
fn pay(net: &Net, payments: usize) -> Vec<Duration> {
    let (payer, payee) = (net.api("payer"), net.api("payee"));
    let mut times = Vec::with_capacity(payments);
    for _ in 0..payments {
        let invoice = payee.invoice(MSAT, "benchmark").unwrap().invoice;
        let start = Instant::now();
        let payment = payer.pay(&invoice).unwrap();
        assert_eq!(payment.status, "succeeded", "{payment:?}");
        times.push(start.elapsed());
    }
    times.sort();
    times
}

/// Part of one processor that the hub takes while nothing happens.
fn idle(net: &Net) -> f64 {
    let (start, before) = (Instant::now(), net.node("hub").used().cpu);
    wait::moment(Duration::from_secs(5));
    let used = net.node("hub").used().cpu - before;
    used.as_secs_f64() / start.elapsed().as_secs_f64()
}

/// The hub's processor time for an empty block of the chain.
fn block(net: &Net, blocks: u32) -> Duration {
    let before = net.node("hub").used().cpu;
    for _ in 0..blocks {
        net.bitcoind.mine(1);
        until_height(net, "hub");
    }
    (net.node("hub").used().cpu - before) / blocks
}

/// After an orderly stop: until the API answers, until a payment goes through, and until every peer is back.
fn restart(net: &mut Net, channels: usize) -> (Duration, Duration, Duration) {
    net.node_mut("hub").stop();
    let start = Instant::now();
    net.node_mut("hub").start();
    let answers = start.elapsed();
    let hub = net.api("hub");
    let uri = hub.info().unwrap().uri;
    for name in ["payer", "payee"] {
        net.api(name).connect(&uri).unwrap();
    }
    for name in ["payer", "payee"] {
        let api = net.api(name);
        wait::within(PATIENCE, "the user is in step with the hub", || {
            (count(&api, "normal")? == 1).then_some(())
        });
    }
    let invoice = net.api("payee").invoice(MSAT, "again").unwrap().invoice;
    let payment = wait::within(PATIENCE, "the hub forwards", || {
        let payment = net.api("payer").pay(&invoice).ok()?;
        (payment.status == "succeeded").then_some(payment)
    });
    let forwards = start.elapsed();
    drop(payment);
    until_normal(&hub, channels + 2);
    (answers, forwards, start.elapsed())
}

/// Of a folder, in bytes.
fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(data) if data.is_dir() => size(&entry.path()),
        Ok(data) => data.len(),
        Err(_) => 0, // RocksDB has removed it meanwhile
    });
    sizes.sum()
}

fn table(rows: &[Row]) {
    println!("\na hub by the number of its channels, each with a peer that is connected; payments one at a time, user to hub to user");
    line("", rows, |row| format!("{} channels", row.channels));
    line("resident memory, MiB", rows, |row| mib(row.memory));
    line("the same after a restart, MiB", rows, |row| {
        mib(row.memory_after)
    });
    line("start until the API answers, ms", rows, |row| {
        ms(row.answers)
    });
    line("start until a payment is forwarded, ms", rows, |row| {
        ms(row.forwards)
    });
    line("start until every peer is in step, ms", rows, |row| {
        ms(row.in_step)
    });
    line("payment through the hub, p50 ms", rows, |row| {
        ms(percentile(&row.latencies, 50))
    });
    line("payment through the hub, p99 ms", rows, |row| {
        ms(percentile(&row.latencies, 99))
    });
    line("hub's CPU for a forward, ms", rows, |row| ms(row.forward));
    line("hub's CPU for a block of the chain, ms", rows, |row| {
        ms(row.block)
    });
    line("hub's CPU while idle, percent", rows, |row| {
        format!("{:.1}", row.idle * 100.0)
    });
    line("ledger on disk, MB", rows, |row| {
        format!("{:.1}", row.ledger as f64 / 1e6)
    });
    line("opening the channels took, s", rows, |row| {
        format!("{:.1}", row.opened.as_secs_f64())
    });
}

fn line(what: &str, rows: &[Row], shown: impl Fn(&Row) -> String) {
    let cells = rows.iter().map(|row| format!("{:>16}", shown(row)));
    println!("{what:<40}{}", cells.collect::<String>());
}

fn mib(bytes: u64) -> String {
    format!("{}", bytes >> 20)
}

fn ms(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1e3)
}

fn percentile(sorted: &[Duration], part: usize) -> Duration {
    sorted[(sorted.len() * part / 100).min(sorted.len() - 1)]
}
