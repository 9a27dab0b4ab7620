//! Death at each write of a channel's life: before it, after it, by an error, and by an fsync that fails. What was not synced is
//! taken away; what was acknowledged must be there; and the life goes on to the same end.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use exonum::crypto::{KeyPair, Seed};
use exonum::merkledb::ObjectHash;
use exonum::runtime::SnapshotExt as _;
use exonum_rust_runtime::spec::{Deploy, Spec};
use zarnitsa_ledger::faults::{Fault, FaultHook};
use zarnitsa_ledger::{Ledger, LedgerOptions, Services, Validator};
use zarnitsa_service::{LightningService, INSTANCE_ID, INSTANCE_NAME};

use crate::life::{life, End, Life};

const FOLDER: &str = "ZARNITSA_TEST_LEDGER";
const END: &str = "ZARNITSA_TEST_END";
const STRIKE: &str = "ZARNITSA_TEST_STRIKE";

/// Of so many writes one is struck; `ZARNITSA_CRASH_EVERY=1` strikes at each, and so does the long run.
const EVERY: u64 = 17;

const FAULTS: [(&str, Fault); 4] = [
    ("before", Fault::AbortBefore),
    ("after", Fault::AbortAfter),
    ("error", Fault::Fail),
    ("fsync", Fault::FailAfter),
];

fn options(life: &Life) -> LedgerOptions {
    let key = |tag: u8| KeyPair::from_seed(&Seed::new([tag; 32]));
    let genesis = life.genesis.clone();
    let services = Services::new(move |builder, runtime| {
        Spec::new(LightningService::default())
            .with_instance(INSTANCE_ID, INSTANCE_NAME, genesis.clone())
            .deploy(builder, runtime);
    });
    let validator = Validator {
        consensus: key(1),
        service: key(2),
    };
    LedgerOptions::new(validator, services)
}

fn end_of(name: &str) -> End {
    match name {
        "forced" => End::Forced,
        _ => End::Punished,
    }
}

/// Where that is written down: beside the ledger, which tolerates nothing in its folder.
fn beside(folder: &Path) -> PathBuf {
    folder.with_extension("synced")
}

/// Writes down how much of each log file is synced, whenever that changes.
fn note_syncs(faults: &FaultHook, folder: &Path) {
    let (database, noted) = (folder.join("store/db"), beside(folder));
    faults.on_sync(move |_| {
        let Ok(entries) = fs::read_dir(&database) else {
            return;
        };
        let lines: Vec<String> = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|end| end == "log"))
            .filter_map(|path| {
                let length = fs::metadata(&path).ok()?.len();
                Some(format!("{length} {}", path.display()))
            })
            .collect();
        let _ = fs::write(&noted, lines.join("\n"));
    });
}

/// A power cut: what had not been synced is gone.
fn lose_the_tail(folder: &Path) {
    let Ok(noted) = fs::read_to_string(beside(folder)) else {
        return;
    };
    for line in noted.lines() {
        let (length, path) = line.split_once(' ').unwrap();
        let Ok(file) = fs::OpenOptions::new().write(true).open(PathBuf::from(path)) else {
            continue;
        };
        let length = length.parse().unwrap();
        if file.metadata().unwrap().len() > length {
            file.set_len(length).unwrap();
        }
    }
}

/// Hands in what is not there yet, one after the other; tells of each that is durable. False where the ledger has stopped.
fn go_on(ledger: &Ledger, life: &Life, mut told: impl FnMut(usize)) -> bool {
    for (number, transaction) in life
        .transactions
        .iter()
        .enumerate()
        .skip(stored(ledger, life))
    {
        match ledger.submit(transaction.clone()).wait() {
            Ok(committed) => {
                committed.result.unwrap();
                told(number);
            }
            Err(error) => {
                println!("stopped {error}");
                return false;
            }
        }
    }
    true
}

/// How many of the life's transactions the ledger has: an unbroken row from the first.
fn stored(ledger: &Ledger, life: &Life) -> usize {
    let snapshot = ledger.snapshot();
    let locations = snapshot.for_core();
    let locations = locations.transactions_locations();
    let mut has = life
        .transactions
        .iter()
        .map(|transaction| locations.contains(&transaction.object_hash()));
    let count = has.by_ref().take_while(|has| *has).count();
    assert!(!has.any(|has| has), "a gap after {count}");
    count
}

/// Not a test of its own, and nothing by itself: the process that the other starts.
#[test]
fn living_process() {
    let (Some(folder), Ok(end)) = (env::var_os(FOLDER), env::var(END)) else {
        return;
    };
    let folder = PathBuf::from(folder);
    let life = life(end_of(&end));
    let options = options(&life);
    note_syncs(&options.faults, &folder);
    if let Ok(strike) = env::var(STRIKE) {
        let (name, write) = strike.split_once(' ').unwrap();
        let (_, fault) = FAULTS.iter().find(|(kind, _)| *kind == name).unwrap();
        options.faults.strike_at(write.parse().unwrap(), *fault);
    }
    let faults = Arc::clone(&options.faults);
    let mut out = std::io::stdout();
    let Ok(ledger) = Ledger::open(&folder, options) else {
        writeln!(out, "\nstopped at its start").unwrap();
        return;
    };
    let done = go_on(&ledger, &life, |number| println!("\nack {number}"));
    if done {
        let hash = ledger.head().state_hash.to_hex();
        writeln!(out, "\nend {} {hash}", faults.writes()).unwrap();
    }
    // One that has stopped over an error says so again.
    let _ = ledger.shutdown();
}

struct Seen {
    acknowledged: Option<usize>,
    stopped: bool,
    /// How many writes it took, and the ledger's last state hash.
    end: Option<(u64, String)>,
}

fn live(folder: &Path, end: &str, strike: Option<String>) -> Seen {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", "kills::living_process", "--nocapture"])
        .env(FOLDER, folder)
        .env(END, end)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    if let Some(strike) = strike {
        command.env(STRIKE, strike);
    }
    let mut child = command.spawn().unwrap();
    let mut seen = Seen {
        acknowledged: None,
        stopped: false,
        end: None,
    };
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if let Some(number) = line.strip_prefix("ack ") {
            // Nothing is said on a ledger that has stopped.
            assert!(!seen.stopped, "{line}");
            seen.acknowledged = Some(number.parse().unwrap());
        } else if line.starts_with("stopped") {
            seen.stopped = true;
        } else if let Some(rest) = line.strip_prefix("end ") {
            let (writes, hash) = rest.split_once(' ').unwrap();
            seen.end = Some((writes.parse().unwrap(), hash.to_owned()));
        }
    }
    child.wait().unwrap();
    seen
}

#[test]
fn channel_life_killed_at_any_write_comes_to_the_same_end() {
    let every: u64 = env::var("ZARNITSA_CRASH_EVERY")
        .ok()
        .and_then(|every| every.parse().ok())
        .unwrap_or_else(|| match env::var_os("ZARNITSA_SOAK") {
            Some(_) => 1,
            None => EVERY,
        });
    for end in ["forced", "punished"] {
        let life = life(end_of(end));
        let whole = tempfile::tempdir().unwrap();
        let seen = live(&whole.path().join("ledger"), end, None);
        let (writes, expected) = seen.end.expect("a whole life");
        let mut kills = 0;
        for write in (1..=writes).step_by(usize::try_from(every).unwrap()) {
            let kind = usize::try_from(write / every).unwrap() % FAULTS.len();
            let kinds = match every {
                1 => &FAULTS[..],
                _ => &FAULTS[kind..=kind],
            };
            for (name, _) in kinds {
                let strike = format!("{name} {write}");
                strike_and_go_on(&life, end, &strike, &expected);
                kills += 1;
            }
        }
        println!(
            "{end}: {} transactions, {writes} writes, {kills} kill points, each to the same end",
            life.transactions.len()
        );
    }
}

fn strike_and_go_on(life: &Life, end: &str, strike: &str, expected: &str) {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("ledger");
    let seen = live(&folder, end, Some(strike.to_owned()));
    assert!(seen.end.is_none(), "{strike}: it lived on");
    let is_error = strike.starts_with("error") || strike.starts_with("fsync");
    assert_eq!(seen.stopped, is_error, "{strike}: how it ended");
    lose_the_tail(&folder);
    let ledger =
        Ledger::open(&folder, options(life)).unwrap_or_else(|error| panic!("{strike}: {error}"));
    if let Some(acknowledged) = seen.acknowledged {
        let stored = stored(&ledger, life);
        assert!(
            stored > acknowledged,
            "{strike}: {acknowledged} was acknowledged, {stored} are there"
        );
    }
    assert!(go_on(&ledger, life, |_| {}), "{strike}: it goes on");
    assert_eq!(ledger.head().state_hash.to_hex(), expected, "{strike}");
    ledger.shutdown().unwrap();
}
