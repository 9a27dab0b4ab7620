//! The built program as a child process with a folder and ports of its own.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use rustix::process::{kill_process, Pid, Signal};
use serde::de::DeserializeOwned;

use crate::api::Api;
use crate::bitcoind::Bitcoind;
use crate::disk::Disk;
use crate::lag::SlowDisk;
use crate::port::free_port;
use crate::wait;

/// Lines of its log that a failure shows.
const TAIL: usize = 60;

/// The built program: `ZARNITSA_BIN`, or what lies beside this test's own folder.
///
/// # Panics
/// If it was not built.
pub fn program() -> PathBuf {
    let program = env::var_os("ZARNITSA_BIN").map_or_else(
        || {
            let test = env::current_exe().expect("a test has a path");
            test.ancestors()
                .nth(2)
                .expect("a test lies in deps/ of the build's folder")
                .join("zarnitsa")
        },
        PathBuf::from,
    );
    assert!(
        program.is_file(),
        "there is no {}: run `cargo build -p zarnitsa-node` first, or set ZARNITSA_BIN",
        program.display()
    );
    program
}

/// What a process has used since its start.
#[derive(Clone, Copy, Debug)]
pub struct Used {
    /// Time of processors.
    pub cpu: Duration,
    /// Handed to the kernel by all writes, to files and sockets.
    pub written_bytes: u64,
}

/// A node of a test. It is killed when this is dropped.
#[derive(Debug)]
pub struct Node {
    name: String,
    folder: PathBuf,
    http: SocketAddr,
    lightning: SocketAddr,
    words: String,
    environment: Vec<(&'static str, PathBuf)>,
    process: Option<Child>,
}

impl Node {
    /// Makes its folder, its settings and its seed. It does not run yet.
    ///
    /// # Panics
    /// If the program refuses.
    pub fn create(parent: &Path, name: &str, role: &str, bitcoind: &Bitcoind) -> Self {
        let folder = parent.join(name);
        fs::create_dir(&folder).expect("a new folder in a temporary one");
        let mut node = Self {
            name: name.to_owned(),
            folder,
            http: free_port(),
            lightning: free_port(),
            words: String::new(),
            environment: Vec::new(),
            process: None,
        };
        fs::write(node.settings(), node.settings_text(role, bitcoind))
            .expect("a file in a temporary folder");
        let made = node.command(&["init", "--json"]);
        assert!(
            made.status.success(),
            "init: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        let made: serde_json::Value =
            serde_json::from_slice(&made.stdout).expect("init prints JSON");
        node.words = made["mnemonic"].as_str().expect("new words").to_owned();
        node
    }

    fn settings_text(&self, role: &str, bitcoind: &Bitcoind) -> String {
        format!(
            "network = \"regtest\"\nrole = \"{role}\"\nalias = \"{}\"\ndata_dir = {:?}\n\
             [http]\nlisten = \"{}\"\n\
             [lightning]\nlisten = \"{}\"\n\
             [bitcoind]\nrpc_url = \"http://{}\"\ncookie_file = {:?}\npoll_ms = 100\n\
             [policy]\naccept_channels = true\nminimum_depth = 1\n",
            self.name,
            self.folder,
            self.http,
            self.lightning,
            bitcoind.rpc_address(),
            bitcoind.cookie_file(),
        )
    }

    /// From its next start on it listens elsewhere, where nobody knows it.
    ///
    /// # Panics
    /// If its settings cannot be written.
    pub fn move_away(&mut self) {
        let before = fs::read_to_string(self.settings()).expect("it was written");
        let (old, new) = (self.lightning.to_string(), free_port());
        self.lightning = new;
        let after = before.replace(&old, &new.to_string());
        fs::write(self.settings(), after).expect("a file in a temporary folder");
    }

    /// Adds lines to its settings, for its next start.
    ///
    /// # Panics
    /// If they cannot be written.
    pub fn add_settings(&self, lines: &str) {
        let before = fs::read_to_string(self.settings()).expect("it was written");
        fs::write(self.settings(), before + lines).expect("a file in a temporary folder");
    }

    fn settings(&self) -> PathBuf {
        self.folder.join("settings.toml")
    }

    /// The folder of its network, which holds ledger, seed and tokens.
    pub fn folder(&self) -> PathBuf {
        self.folder.join("regtest")
    }

    /// The seed's words, as `init` showed them once.
    pub fn words(&self) -> &str {
        &self.words
    }

    /// What the test calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it listens for peers.
    pub fn lightning_address(&self) -> SocketAddr {
        self.lightning
    }

    /// Where it serves HTTP.
    pub fn http_address(&self) -> SocketAddr {
        self.http
    }

    /// A client with the full token.
    pub fn api(&self) -> Api {
        self.api_with(Some(self.token("full.token")))
    }

    /// A client with this token, or none.
    pub fn api_with(&self, token: Option<String>) -> Api {
        Api::new(self.http, token)
    }

    /// A token's file, `full.token` or `read.token`.
    ///
    /// # Panics
    /// If the node was never made.
    pub fn token(&self, file: &str) -> String {
        let path = self.folder().join(file);
        let text = fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
        text.trim().to_owned()
    }

    /// From its next start on it runs on this disk, which is under its folder.
    pub fn put_on(&mut self, disk: &Disk) {
        self.environment = disk.environment().into();
    }

    /// From its next start on its fsyncs are those of this disk, which is under its folder or a part of it.
    pub fn put_on_slow(&mut self, disk: &SlowDisk) {
        self.environment = disk.environment().into();
    }

    /// Starts it and waits until it says that it is up.
    ///
    /// # Panics
    /// If it ends instead, or runs already.
    pub fn start(&mut self) {
        self.launch();
        let api = self.api_with(None);
        let what = format!("{} is up", self.name);
        // Commands find it by this file, which comes last.
        let address = self.folder().join("http.address");
        wait::until(&what, || {
            self.check_alive();
            (api.is_healthy() && address.exists()).then_some(())
        });
    }

    /// Starts it and does not wait.
    ///
    /// # Panics
    /// If it runs already.
    pub fn launch(&mut self) {
        assert!(self.process.is_none(), "{} runs already", self.name);
        let said = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.said())
            .expect("a file in a temporary folder");
        // It ends with its standard input too: a test that is killed leaves no node behind.
        let process = self
            .program()
            .arg("node")
            .arg("--config")
            .arg(self.settings())
            .arg("--stop-with-stdin")
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(said)
            .spawn()
            .expect("the program can be started");
        self.process = Some(process);
    }

    fn program(&self) -> Command {
        let mut command = Command::new(program());
        command
            .env_remove("ZARNITSA_NETWORK")
            .env_remove("ZARNITSA_CONFIG")
            .env("ZARNITSA_DATA_DIR", &self.folder);
        command
    }

    /// Runs one command of the command line on its folder.
    ///
    /// # Panics
    /// If the program cannot be started.
    pub fn command(&self, arguments: &[&str]) -> Output {
        self.command_with(&[], arguments)
    }

    /// The same with more variables.
    ///
    /// # Panics
    /// If the program cannot be started.
    pub fn command_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Output {
        self.program()
            .envs(variables.iter().copied())
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .expect("the program can be started")
    }

    /// Runs one command and reads the JSON that it prints.
    ///
    /// # Panics
    /// If it fails or prints something else.
    pub fn json<T: DeserializeOwned>(&self, arguments: &[&str]) -> T {
        let output = self.command(&[arguments, &["--json"]].concat());
        assert!(
            output.status.success(),
            "{} {arguments:?}: {}",
            self.name,
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            let said = String::from_utf8_lossy(&output.stdout);
            panic!("{} {arguments:?} prints {said}: {error}", self.name)
        })
    }

    /// # Panics
    /// If it has ended by itself.
    pub fn check_alive(&mut self) {
        let ended = self
            .process
            .as_mut()
            .and_then(|process| process.try_wait().ok().flatten());
        if let Some(status) = ended {
            self.process = None;
            panic!("{} ended by itself: {status}", self.name);
        }
    }

    /// How it has ended by itself, if it has.
    ///
    /// # Panics
    /// If it was not started.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        let process = self.process.as_mut().expect("it was started");
        let status = process.try_wait().ok().flatten();
        if status.is_some() {
            self.process = None;
        }
        status
    }

    /// Waits for the end that it comes to by itself.
    ///
    /// # Panics
    /// If it does not run, or goes on running.
    pub fn wait_for_end(&mut self) -> ExitStatus {
        let mut process = self.process.take().expect("it was started");
        wait::until(&format!("{} ends", self.name), || {
            process.try_wait().ok().flatten()
        })
    }

    /// `kill -9`
    pub fn kill_hard(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It may have ended already: then there is nobody to kill.
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// It stands still, as where its machine sleeps or its disk does not answer.
    ///
    /// # Panics
    /// If it does not run.
    pub fn pause(&self) {
        kill_process(self.process_id(), Signal::STOP).expect("a child of ours may be signalled");
        let status = format!("/proc/{}/status", self.pid());
        wait::until("it stands still", || {
            let status = fs::read_to_string(&status).ok()?;
            status.contains("State:\tT").then_some(())
        });
    }

    /// It goes on where it was.
    ///
    /// # Panics
    /// If it does not run.
    pub fn go_on(&self) {
        kill_process(self.process_id(), Signal::CONT).expect("a child of ours may be signalled");
    }

    /// `kill -TERM`, and waits for the orderly end.
    ///
    /// # Panics
    /// If it does not run, or does not end in good order.
    pub fn stop(&mut self) {
        let pid = self.process_id();
        kill_process(pid, Signal::TERM).expect("a child of ours may be signalled");
        let status = self.wait_for_end();
        assert!(
            status.success() && status.signal().is_none(),
            "{} stopped with {status}",
            self.name
        );
    }

    /// Number of its process.
    ///
    /// # Panics
    /// If it does not run.
    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("it runs").id()
    }

    fn process_id(&self) -> Pid {
        let process = self.process.as_ref().expect("it runs");
        Pid::from_child(process)
    }

    /// Memory that it holds now, in bytes.
    ///
    /// # Panics
    /// If it does not run.
    pub fn resident_memory(&self) -> u64 {
        let path = format!("/proc/{}/status", self.pid());
        let status = fs::read_to_string(&path).expect("it runs");
        let kilobytes = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
        kilobytes.expect("the kernel names it in kB") * 1_024
    }

    /// What it has used since its start.
    ///
    /// # Panics
    /// If it does not run.
    pub fn used(&self) -> Used {
        let of = |file: &str| {
            let path = format!("/proc/{}/{file}", self.pid());
            fs::read_to_string(&path).expect("it runs")
        };
        let written = of("io")
            .lines()
            .find_map(|line| line.strip_prefix("wchar: ")?.parse().ok());
        // proc(5): after the name in parentheses, the 12th and 13th fields are the user's and the system's ticks.
        let stat = of("stat");
        let fields = stat.rsplit(')').next().unwrap_or_default();
        let ticks: u64 = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|field| field.parse::<u64>().ok())
            .sum();
        let hertz = rustix::param::clock_ticks_per_second();
        Used {
            cpu: Duration::from_secs(ticks) / u32::try_from(hertz).expect("a hundred or so"),
            written_bytes: written.expect("the kernel counts it"),
        }
    }

    fn said(&self) -> PathBuf {
        self.folder.join("stderr")
    }

    /// What it wrote to standard error, over all its starts.
    pub fn log(&self) -> String {
        fs::read_to_string(self.said()).unwrap_or_default()
    }

    /// Shows the end of its log on standard error.
    pub fn show_tail(&self) {
        let Ok(file) = File::open(self.said()) else {
            return;
        };
        let lines: Vec<String> = BufReader::new(file).lines().map_while(Result::ok).collect();
        eprintln!("---- the end of {}'s log:", self.name);
        for line in &lines[lines.len().saturating_sub(TAIL)..] {
            eprintln!("{line}");
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill_hard();
    }
}
