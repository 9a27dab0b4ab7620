//! `zarnitsa demo`: the story that checks itself, and the world of `make run`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{kill_process, Pid, Signal};
use serde_json::Value;
use zarnitsa_tests::node::program;
use zarnitsa_tests::world::turn;

fn demo(arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    command
        .arg("demo")
        .arg("--json")
        .args(arguments)
        .stdin(Stdio::null());
    command
}

fn sat(of: &Value, name: &str) -> u64 {
    of[name]
        .as_u64()
        .unwrap_or_else(|| panic!("{name} in {of}"))
}

#[test]
fn demo_once_balances_equal_bitcoind_s_minus_the_fees_it_names() {
    let _turn = turn();
    let output = demo(&["--once"]).output().expect("it can be started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["differences"], Value::Array(Vec::new()));
    for (name, least) in [
        ("opening_txids", 2),
        ("closing_txids", 2),
        ("payments", 4),
        ("balances", 3),
        ("ledger", 3),
    ] {
        let found = report[name].as_array().map_or(0, Vec::len);
        assert!(found >= least, "{name}: {found}");
    }
    for balance in report["balances"].as_array().expect("a list") {
        let spent = sat(balance, "opening_fee_sat")
            + sat(balance, "closing_fee_sat")
            + sat(balance, "paid_sat");
        let due = sat(balance, "before_sat") + sat(balance, "received_sat") - spent;
        assert_eq!(sat(balance, "after_sat"), due, "{balance}");
        assert_eq!(sat(balance, "node_says_sat"), due, "{balance}");
    }
    let ledgers = report["ledger"].as_array().expect("a list");
    assert!(ledgers.iter().all(|one| one["ok"] == true), "{ledgers:?}");
}

/// The world of `make run` in a folder; ended when it is dropped.
struct Standing {
    process: Child,
    nodes: Vec<Value>,
}

impl Standing {
    fn start(folder: &Path) -> Self {
        let folder = folder.to_str().expect("a path in UTF-8");
        let mut process = demo(&["--free-ports", "--folder", folder])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it can be started");
        let lines = BufReader::new(process.stdout.take().expect("it is piped")).lines();
        let mut text = String::new();
        // One list, pretty: its last line is the bracket alone.
        for line in lines.map_while(Result::ok) {
            text.push_str(&line);
            if line == "]" {
                break;
            }
        }
        let nodes = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        Self { process, nodes }
    }

    fn ask(&self, node: usize, arguments: &[&str]) -> Value {
        let output = Command::new(program())
            .args(arguments)
            .arg("--json")
            .env(
                "ZARNITSA_DATA_DIR",
                self.nodes[node]["data_dir"].as_str().expect("a folder"),
            )
            .output()
            .expect("it can be started");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// Ctrl-C.
    fn interrupt(mut self) {
        kill_process(Pid::from_child(&self.process), Signal::INT).expect("it runs");
        let status = self.process.wait().expect("it is ours");
        assert_eq!(status.code(), Some(0));
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        // Its children end with it: it holds their standard input.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Processes that have the folder in their command line.
fn left_in(folder: &Path) -> Vec<String> {
    let name = folder.to_str().expect("a path in UTF-8");
    let processes = fs::read_dir("/proc").expect("Linux").flatten();
    processes
        .filter_map(|process| fs::read(process.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(name))
        .collect()
}

#[test]
fn demo_that_is_interrupted_leaves_no_process_and_goes_on_at_the_next_start() {
    let _turn = turn();
    let folder = tempfile::TempDir::with_prefix("zarnitsa-standing-").expect("a folder");
    let world = Standing::start(folder.path());
    assert_eq!(world.nodes.len(), 3);
    for node in &world.nodes {
        for field in ["name", "ui", "uri", "data_dir"] {
            assert!(node[field].is_string(), "{field} in {node}");
        }
    }
    let invoice = world.ask(1, &["invoice", "create", "5sat", "--description", "kept"]);
    let balance = world.ask(1, &["balance"]);
    assert!(sat(&balance, "onchain_sat") > 0, "{balance}");
    world.interrupt();
    assert_eq!(left_in(folder.path()), Vec::<String>::new());

    let world = Standing::start(folder.path());
    let hash = invoice["payment_hash"].as_str().expect("a hash");
    assert_eq!(world.ask(1, &["invoice", "show", hash])["status"], "open");
    assert_eq!(world.ask(1, &["balance"]), balance);
    world.interrupt();
    assert_eq!(left_in(folder.path()), Vec::<String>::new());
}
