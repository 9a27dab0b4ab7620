//! Deaths of the process at any moment, and cuts of the power.

use std::{
    collections::VecDeque,
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
};

use rand::{rngs::StdRng, Rng, RngCore, SeedableRng};
use zarnitsa_ledger::{
    faults::{Fault, FaultHook},
    verify, Ledger, LedgerError, LedgerOptions, Limits,
};

use crate::tally::{self, note, notes, refused_note, services};

const FOLDER: &str = "ZARNITSA_TEST_LEDGER";
const FROM: &str = "ZARNITSA_TEST_FROM";
const STRIKE: &str = "ZARNITSA_TEST_STRIKE";
/// Transactions that the child keeps in flight.
const IN_FLIGHT: usize = 24;

/// Rounds of the test of random kills; `make soak` asks for more.
fn rounds(default: u32) -> u32 {
    std::env::var("ZARNITSA_KILL_ROUNDS")
        .ok()
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(default)
}

fn seed() -> u64 {
    let seed = std::env::var("ZARNITSA_TEST_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| rand::thread_rng().gen());
    println!("seed {seed} (set ZARNITSA_TEST_SEED to repeat)");
    seed
}

/// Small bounds, so that flushes and checkpoints happen within a few rounds.
fn options() -> LedgerOptions {
    let mut options = tally::options();
    options.limits = Limits {
        log_bytes: 64 << 10,
        log_check_blocks: 4,
        ..Limits::default()
    };
    options
}

/// Not a test of its own, and nothing by itself: the process that the others start and kill. Prints each acknowledged
/// number.
#[test]
fn writing_process() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let from: u64 = std::env::var(FROM).unwrap().parse().unwrap();
    let options = options();
    if let Ok(strike) = std::env::var(STRIKE) {
        let (kind, write) = strike.split_once(' ').unwrap();
        let fault = match kind {
            "before" => Fault::AbortBefore,
            _ => Fault::AbortAfter,
        };
        options.faults.strike_at(write.parse().unwrap(), fault);
    }
    let mut out = std::io::stdout();
    writeln!(out, "\nopening").unwrap();
    let ledger = Ledger::open(folder, options).unwrap();
    writeln!(out, "open").unwrap();
    let mut in_flight = VecDeque::new();
    for number in from..from + 100_000 {
        if in_flight.len() == IN_FLIGHT && !acknowledge(&mut out, in_flight.pop_front().unwrap()) {
            return;
        }
        // Each number is a note; every tenth is followed by one that the service refuses.
        in_flight.push_back((number, ledger.submit(note(number.to_be_bytes()))));
        if number % 10 == 0 {
            drop(ledger.submit(refused_note(number.to_be_bytes())));
        }
    }
}

/// False when the storage has failed: the process ends.
fn acknowledge(out: &mut impl Write, (number, receipt): (u64, zarnitsa_ledger::Receipt)) -> bool {
    match receipt.wait() {
        Ok(committed) => {
            committed.result.unwrap();
            writeln!(out, "ack {number}").unwrap();
            true
        }
        Err(error @ LedgerError::Storage { .. }) => {
            writeln!(out, "failed {error}").unwrap();
            false
        }
        Err(error) => panic!("{error}"),
    }
}

fn start_child(folder: &Path, from: u64, strike: Option<String>) -> Child {
    let program = Command::new(std::env::current_exe().unwrap());
    start_child_by(program, folder, from, strike)
}

fn start_child_by(mut command: Command, folder: &Path, from: u64, strike: Option<String>) -> Child {
    command
        .args(["--exact", "crashes::writing_process", "--nocapture"])
        .env(FOLDER, folder)
        .env(FROM, from.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    if let Some(strike) = strike {
        command.env(STRIKE, strike);
    }
    command.spawn().unwrap()
}

/// Reads the child's lines until it dies or `enough` says so, kills it, and gives the number acknowledged last.
fn run_child(mut child: Child, mut enough: impl FnMut(&str) -> bool) -> Option<u64> {
    let out = BufReader::new(child.stdout.take().unwrap());
    let mut last = None;
    let mut killed = false;
    for line in out.lines() {
        let line = line.unwrap();
        if let Some(number) = line.strip_prefix("ack ") {
            last = Some(number.parse().unwrap());
        }
        // What was acknowledged before the kill, but read after it, counts too.
        if !killed && enough(&line) {
            child.kill().unwrap();
            killed = true;
        }
    }
    child.wait().unwrap();
    last
}

/// Opens the ledger that a dead process left, and checks that it holds an unbroken row of numbers that is at least as
/// long as what was acknowledged; and that it goes on. The number that comes next.
fn check_survivor(folder: &Path, acknowledged: Option<u64>, context: &str) -> u64 {
    let ledger =
        Ledger::open(folder, options()).unwrap_or_else(|error| panic!("{context}: {error}"));
    let stored = notes(&*ledger.snapshot());
    let numbers: Vec<u64> = stored
        .iter()
        .map(|note| u64::from_be_bytes(note.as_slice().try_into().unwrap()))
        .collect();
    assert!(
        numbers.iter().copied().eq(0..numbers.len() as u64),
        "{context}: {numbers:?}"
    );
    let next = numbers.len() as u64;
    if let Some(acknowledged) = acknowledged {
        assert!(
            next > acknowledged,
            "{context}: {acknowledged} was acknowledged, {next} are there"
        );
    }
    // And it goes on, the same way.
    let receipt = ledger.submit(note(next.to_be_bytes()));
    receipt.wait().unwrap().result.unwrap();
    ledger.shutdown().unwrap();
    next + 1
}

#[test]
fn process_killed_at_random_moments_loses_nothing_acknowledged() {
    let mut random = StdRng::seed_from_u64(seed());
    let folder = tempfile::tempdir().unwrap();
    let mut next = 0;
    for round in 0..rounds(25) {
        let child = start_child(folder.path(), next, None);
        // Some die while they open or make the ledger, most at work.
        let lines_to_live = random.gen_range(0..60);
        let mut lines = 0;
        let acknowledged = run_child(child, |line| {
            lines += u32::from(line.starts_with("open") || line.starts_with("ack"));
            lines > lines_to_live
        });
        next = check_survivor(folder.path(), acknowledged, &format!("round {round}"));
    }
    assert!(next > 0);
    let report = verify(folder.path(), &services(0), &mut |_| {}).unwrap();
    // Every tenth number has a refused twin, the newest ones perhaps not yet.
    assert!(report.transactions >= next, "{report:?}");
}

#[test]
fn process_dying_at_any_write_leaves_a_ledger_that_goes_on() {
    // The making of a ledger and its first blocks: every write, before and after.
    let made = tempfile::tempdir().unwrap();
    let counted = options();
    let faults = Arc::clone(&counted.faults);
    Ledger::open(made.path(), counted)
        .unwrap()
        .shutdown()
        .unwrap();
    let last = faults.writes() + 3;
    for write in 1..=last {
        for moment in ["before", "after"] {
            let folder = tempfile::tempdir().unwrap();
            let strike = format!("{moment} {write}");
            let child = start_child(folder.path(), 0, Some(strike.clone()));
            let acknowledged = run_child(child, |_| false);
            check_survivor(folder.path(), acknowledged, &strike);
            let report = verify(folder.path(), &services(0), &mut |_| {});
            report.unwrap_or_else(|error| panic!("{strike}: {error}"));
        }
    }
}

#[test]
fn full_disk_stops_the_ledger_and_loses_nothing_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    tally::open(folder.path()).shutdown().unwrap();
    // No file may grow beyond half a megabyte; writing more fails, as on a full disk.
    let mut shell = Command::new("sh");
    let script = "trap '' XFSZ; ulimit -f 1024; exec \"$0\" \"$@\"";
    shell
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap());
    let child = start_child_by(shell, folder.path(), 0, None);
    let mut failure = None;
    let acknowledged = run_child(child, |line| {
        failure = failure
            .take()
            .or(line.strip_prefix("failed ").map(str::to_owned));
        false
    });
    let failure = failure.expect("the storage failed");
    assert!(failure.contains("storage failed"), "{failure}");
    assert!(acknowledged.is_some());
    check_survivor(folder.path(), acknowledged, "full disk");
}

/// What is sure to be on disk: the log files and how much of each had been synced.
type Synced = Arc<Mutex<Vec<(PathBuf, u64)>>>;

fn watch_syncs(faults: &FaultHook, folder: &Path) -> Synced {
    let synced = Synced::default();
    let (database, seen) = (folder.join("store/db"), Arc::clone(&synced));
    faults.on_sync(move |_| {
        let Ok(entries) = fs::read_dir(&database) else {
            return;
        };
        *seen.lock().unwrap() = entries
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|end| end == "log"))
            .map(|path| (path.clone(), fs::metadata(path).unwrap().len()))
            .collect();
    });
    synced
}

/// Does to the log what a power cut may do: behind the synced part, anything.
fn cut_power(random: &mut StdRng, synced: &Synced) {
    for (path, length) in synced.lock().unwrap().iter() {
        let Ok(mut bytes) = fs::read(path) else {
            continue;
        };
        let sure = usize::try_from(*length).unwrap();
        assert!(bytes.len() >= sure);
        let unsure = bytes.len() - sure;
        match random.gen_range(0..4) {
            0 => bytes.truncate(sure),
            1 => bytes.truncate(sure + random.gen_range(0..=unsure)),
            2 => bytes[sure..].fill(0),
            _ => random.fill_bytes(&mut bytes[sure..]),
        }
        fs::write(path, bytes).unwrap();
    }
}

#[test]
fn power_cut_between_write_and_sync_loses_only_the_unsynced_block() {
    let mut random = StdRng::seed_from_u64(seed());
    let folder = tempfile::tempdir().unwrap();
    let mut next: u64 = 0;
    tally::open(folder.path()).shutdown().unwrap();
    for round in 0..12 {
        let options = options();
        let faults = Arc::clone(&options.faults);
        let synced = watch_syncs(&faults, folder.path());
        let ledger = Ledger::open(folder.path(), options).unwrap();
        let witness = fs::read(folder.path().join("store/head")).unwrap();
        for _ in 0..random.gen_range(0..5) {
            ledger.submit(note(next.to_be_bytes())).wait().unwrap();
            next += 1;
        }
        // The next block is written, in part or whole, but its sync never comes.
        faults.strike_at(faults.writes() + random.gen_range(1..=3), Fault::Fail);
        ledger.submit(note(next.to_be_bytes())).wait().unwrap_err();
        ledger.shutdown().unwrap_err();
        cut_power(&mut random, &synced);
        if random.gen() {
            // The witness is not synced: an older one may be what is left.
            fs::write(folder.path().join("store/head"), witness).unwrap();
        }
        let acknowledged = next.checked_sub(1);
        next = check_survivor(folder.path(), acknowledged, &format!("round {round}"));
    }
    let report = verify(folder.path(), &services(0), &mut |_| {}).unwrap();
    assert_eq!(report.transactions, next);
}
