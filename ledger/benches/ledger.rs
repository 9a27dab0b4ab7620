//! How fast the ledger is, and what it writes, by the number of transactions kept in flight; every block is fsynced.
//!
//! Run by `make bench`. Prints one table.

// The service of the tests; a benchmark uses a part of it, and may panic.
#[allow(dead_code, clippy::unwrap_used, clippy::panic)]
#[path = "../tests/ledger/tally.rs"]
mod tally;

use std::{
    collections::VecDeque,
    fs,
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use exonum::messages::{AnyTx, Verified};
use zarnitsa_ledger::{verify, Ledger, Receipt};

/// Bytes of a transaction's argument: about those of a commitment.
const BYTES: usize = 400;

/// One row of the table.
struct Row {
    in_flight: usize,
    transactions: usize,
    blocks: u64,
    syncs: u64,
    elapsed: Duration,
    latencies: Vec<Duration>,
    /// Bytes handed to the kernel by all writes of this process.
    written: u64,
    /// Growth of the ledger's folder.
    grown: u64,
}

fn main() {
    // `cargo test --all-targets` runs this too: then it only shows that it works.
    let in_earnest = std::env::args().any(|argument| argument == "--bench");
    let rows = if in_earnest {
        vec![(1, 3_000), (8, 8_000), (64, 16_000), (512, 25_000)]
    } else {
        vec![(1, 10), (8, 20)]
    };
    print_disk();
    println!(
        "{:>9} {:>9} {:>9} {:>10} {:>10} {:>9} {:>11} {:>11} {:>11}",
        "in flight",
        "tx/s",
        "tx/block",
        "p50 ms",
        "p99 ms",
        "fsync/tx",
        "written/tx",
        "on disk/tx",
        "replay tx/s"
    );
    for (in_flight, transactions) in rows {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let row = measure(folder.path(), in_flight, transactions);
        let start = Instant::now();
        let report =
            verify(folder.path(), &tally::services(0), &mut |_| {}).expect("an honest ledger");
        print_row(&row, report.transactions, start.elapsed());
    }
    if in_earnest {
        print_opening();
    }
}

fn measure(folder: &Path, in_flight: usize, transactions: usize) -> Row {
    let ledger = Ledger::open(folder, tally::options()).expect("a new ledger");
    let messages: Vec<_> = (0..transactions).map(message).collect();
    for n in 0..50 {
        let warming = message(transactions + n);
        ledger.submit(warming).wait().expect("a running ledger");
    }
    let (height, counts) = (ledger.head().height, ledger.stats().written);
    let (written, size) = (bytes_written(), folder_size(folder));
    let start = Instant::now();
    let latencies = run(&ledger, messages, in_flight);
    let elapsed = start.elapsed();
    let row = Row {
        in_flight,
        transactions,
        blocks: ledger.head().height - height,
        syncs: ledger.stats().written.syncs - counts.syncs,
        elapsed,
        latencies,
        written: bytes_written() - written,
        grown: folder_size(folder).saturating_sub(size),
    };
    ledger.shutdown().expect("nobody else holds it");
    row
}

/// Keeps the given number of transactions in flight; the time from submission to receipt of each.
fn run(ledger: &Ledger, messages: Vec<Verified<AnyTx>>, in_flight: usize) -> Vec<Duration> {
    let mut waiting: VecDeque<(Instant, Receipt)> = VecDeque::new();
    let mut latencies = Vec::with_capacity(messages.len());
    let mut finish = |(start, receipt): (Instant, Receipt)| {
        receipt
            .wait()
            .expect("a running ledger")
            .result
            .expect("a good note");
        latencies.push(start.elapsed());
    };
    for message in messages {
        if waiting.len() == in_flight {
            finish(waiting.pop_front().expect("it is full"));
        }
        waiting.push_back((Instant::now(), ledger.submit(message)));
    }
    waiting.into_iter().for_each(finish);
    latencies
}

fn message(number: usize) -> Verified<AnyTx> {
    let mut text = vec![0; BYTES];
    text[..8].copy_from_slice(&number.to_be_bytes());
    tally::note(text)
}

// Counts of a benchmark are far below what a float holds exactly.
#[allow(clippy::cast_precision_loss)]
fn print_row(row: &Row, replayed: u64, replay: Duration) {
    let mut latencies = row.latencies.clone();
    latencies.sort();
    let percentile = |part: usize| {
        let place = (latencies.len() * part / 100).min(latencies.len() - 1);
        latencies[place].as_secs_f64() * 1e3
    };
    let count = row.transactions as f64;
    println!(
        "{:>9} {:>9.0} {:>9.1} {:>10.2} {:>10.2} {:>9.4} {:>11.0} {:>11.0} {:>11.0}",
        row.in_flight,
        count / row.elapsed.as_secs_f64(),
        count / row.blocks as f64,
        percentile(50),
        percentile(99),
        row.syncs as f64 / count,
        row.written as f64 / count,
        row.grown as f64 / count,
        replayed as f64 / replay.as_secs_f64(),
    );
}

/// The disk's own time for 500 bytes and an fdatasync: no block can be faster.
fn print_disk() {
    let mut file = tempfile::tempfile().expect("a temporary file");
    let mut times: Vec<Duration> = (0..200)
        .map(|_| {
            let start = Instant::now();
            file.write_all(&[1; 500])
                .and_then(|()| file.sync_data())
                .expect("a working disk");
            start.elapsed()
        })
        .collect();
    times.sort();
    println!(
        "fdatasync of this disk: {:.2} ms (median)",
        times[100].as_secs_f64() * 1e3
    );
}

/// What a start costs: a new ledger, and one with 20,000 transactions, checks included.
fn print_opening() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let start = Instant::now();
    let ledger = Ledger::open(folder.path(), tally::options()).expect("a new ledger");
    println!("new ledger: {:.0} ms", start.elapsed().as_secs_f64() * 1e3);
    run(&ledger, (0..20_000).map(message).collect(), 512);
    ledger.shutdown().expect("nobody else holds it");
    let size = folder_size(folder.path());
    let start = Instant::now();
    let ledger = Ledger::open(folder.path(), tally::options()).expect("a good ledger");
    println!(
        "start with {} MB in {} blocks: {:.0} ms",
        size >> 20,
        ledger.head().height,
        start.elapsed().as_secs_f64() * 1e3
    );
    ledger.shutdown().expect("nobody else holds it");
}

/// `wchar` of /proc/self/io: bytes of all write calls. 0 where there is no such file.
fn bytes_written() -> u64 {
    let text = fs::read_to_string("/proc/self/io").unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix("wchar: ")?.parse().ok())
        .unwrap_or(0)
}

fn folder_size(path: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(path) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => folder_size(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}
