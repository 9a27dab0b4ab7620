//! ldk-node, driven from here as the process `ldk-peer`.

use std::collections::HashMap;
use std::env;
use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use zarnitsa_tests::bitcoind::Bitcoind;
use zarnitsa_tests::wait;

use crate::protocol::{
    Balances, Channel, Happened, Order, Outcome, Payment, Request, Response, Settings,
};
use crate::world::{free_port, RPC_PASSWORD, RPC_USER};

/// Longer than anything takes that ldk-node is asked to do at once.
const PATIENCE: Duration = Duration::from_secs(120);
/// As long as the program itself waits for a payment, and a little more.
const PAYMENT_PATIENCE: Duration = Duration::from_secs(310);
/// Lines of its log that a failure shows.
const TAIL: usize = 40;

/// Why there is no answer: ldk-node's error, or that it is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LdkError {
    /// In ldk-node's words.
    Refused(String),
    /// It does not run, or was killed before it answered.
    Gone,
}

/// Who waits for which answer; `None` once none comes any more.
type Waiting = Arc<Mutex<Option<HashMap<u64, Sender<Result<Value, String>>>>>>;

/// The built program `ldk-peer`, beside this one or in the folder above it.
fn program() -> PathBuf {
    let own = env::current_exe().expect("a program has a path");
    let folders = own.ancestors().skip(1).take(2);
    folders
        .map(|folder| folder.join("ldk-peer"))
        .find(|program| program.is_file())
        .unwrap_or_else(|| panic!("there is no ldk-peer beside {}", own.display()))
}

/// An ldk-node of a test. It is killed when this is dropped.
pub struct Ldk {
    name: String,
    folder: PathBuf,
    listen: SocketAddr,
    settings: Settings,
    node_id: String,
    process: Option<Child>,
    line: Line,
}

/// How its orders get to it, from any thread and across restarts.
#[derive(Clone, Default)]
pub struct Line {
    wire: Arc<Mutex<Option<Wire>>>,
    numbers: Arc<AtomicU64>,
}

/// The pipes of one process. Its successor has others, and other waiters: the end of the one process's output, which
/// may be seen only after its successor was started, concerns nobody who asks the other.
struct Wire {
    input: ChildStdin,
    waiting: Waiting,
}

impl Ldk {
    /// Makes its folder and starts it.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start_new(parent: &Path, name: &str, bitcoind: &Bitcoind, verbose: bool) -> Self {
        let folder = parent.join(name);
        fs::create_dir(&folder).expect("a new folder in a temporary one");
        let listen = free_port();
        let rpc = bitcoind.rpc_address();
        let settings = Settings {
            folder: folder.display().to_string(),
            alias: name.to_owned(),
            listen: listen.to_string(),
            rpc_host: rpc.ip().to_string(),
            rpc_port: rpc.port(),
            rpc_user: RPC_USER.to_owned(),
            rpc_password: RPC_PASSWORD.to_owned(),
            verbose,
        };
        let mut node = Self {
            name: name.to_owned(),
            folder,
            listen,
            settings,
            node_id: String::new(),
            process: None,
            line: Line::default(),
        };
        node.start();
        node
    }

    /// Starts it and waits until it is up.
    ///
    /// # Panics
    /// If it does not start, or runs already.
    pub fn start(&mut self) {
        assert!(self.process.is_none(), "{} runs already", self.name);
        let said = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.join("stderr"))
            .expect("a file in a temporary folder");
        let mut process = Command::new(program())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(said)
            .spawn()
            .expect("ldk-peer can be started");
        let mut input = process.stdin.take().expect("it is piped");
        let output = process.stdout.take().expect("it is piped");
        let settings = serde_json::to_string(&self.settings).expect("plain data");
        writeln!(input, "{settings}").expect("it has just been started");
        self.process = Some(process);
        self.line.attach(input, output);
        let node_id = self.line.ask(Order::NodeId);
        self.node_id = node_id.unwrap_or_else(|error| {
            self.show_tail();
            panic!("{} does not start: {error:?}", self.name)
        });
    }

    /// `kill -9`
    pub fn kill_hard(&mut self) {
        if let Some(mut process) = self.process.take() {
            self.line.detach();
            // It may have ended already: then there is nobody to kill.
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Stops it in an orderly way.
    ///
    /// # Panics
    /// If it goes on running, or does not end in good order.
    pub fn stop(&mut self) {
        let mut process = self.process.take().expect("it runs");
        self.line.say(&Request {
            number: 0,
            order: Order::Stop,
        });
        let status = wait::until(&format!("{} ends", self.name), || {
            process.try_wait().ok().flatten()
        });
        self.line.detach();
        assert!(status.success(), "{} stopped with {status}", self.name);
    }

    /// What the test calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its identity.
    pub fn node_id(&self) -> &str {
        &self.node_id
    }

    /// Where it listens for peers.
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// `node_id@host:port`
    pub fn uri(&self) -> String {
        format!("{}@{}", self.node_id, self.listen)
    }

    /// Its orders' way, for other threads.
    pub fn line(&self) -> Line {
        self.line.clone()
    }

    /// Its process's number.
    ///
    /// # Panics
    /// If it does not run.
    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("it runs").id()
    }

    /// All that it logged, over all its starts.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("ldk_node.log")).unwrap_or_default()
    }

    /// Whether it came back without a channel: its books on disk were older than the channel's commitment, as it says.
    pub fn has_lost_channels(&self) -> bool {
        self.log()
            .contains("stale compared to the current ChannelMonitor")
    }

    /// Shows the end of its log on standard error.
    pub fn show_tail(&self) {
        let said = fs::read_to_string(self.folder.join("stderr")).unwrap_or_default();
        let log = self.log();
        // A young regtest chain has no estimates, as ldk-node complains ten times a minute.
        let lines = log.lines().chain(said.lines());
        let lines: Vec<&str> = lines
            .filter(|line| !line.contains("fee rate estimates"))
            .collect();
        eprintln!("---- the end of {}'s log:", self.name);
        for line in &lines[lines.len().saturating_sub(TAIL)..] {
            eprintln!("{line}");
        }
    }
}

impl Drop for Ldk {
    fn drop(&mut self) {
        if thread::panicking() {
            self.show_tail();
        }
        self.kill_hard();
    }
}

/// A thread that panicked while it held one of these locks has left nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Wire {
    fn say(&mut self, request: &Request) -> bool {
        let text = serde_json::to_string(request).expect("plain data");
        writeln!(self.input, "{text}").is_ok()
    }

    /// Where nothing can be asked any more the sender goes, and with it the wait.
    fn post(&mut self, request: &Request, sender: Sender<Result<Value, String>>) {
        let number = request.number;
        if let Some(waiting) = lock(&self.waiting).as_mut() {
            waiting.insert(number, sender);
        }
        if !self.say(request) {
            if let Some(waiting) = lock(&self.waiting).as_mut() {
                waiting.remove(&number);
            }
        }
    }
}

impl Line {
    fn attach(&self, input: ChildStdin, output: ChildStdout) {
        let waiting: Waiting = Arc::new(Mutex::new(Some(HashMap::new())));
        let wire = Wire {
            input,
            waiting: Arc::clone(&waiting),
        };
        *lock(&self.wire) = Some(wire);
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let Ok(response) = serde_json::from_str::<Response>(&line) else {
                    eprintln!("ldk-peer says {line}");
                    continue;
                };
                let asker = lock(&waiting)
                    .as_mut()
                    .and_then(|waiting| waiting.remove(&response.number));
                if let Some(asker) = asker {
                    let _ = asker.send(response.result); // the asker may have given up
                }
            }
            // Its end: whoever still waits is told so by the sender's going.
            *lock(&waiting) = None;
        });
    }

    fn detach(&self) {
        *lock(&self.wire) = None;
    }

    /// Says something that has no answer.
    fn say(&self, request: &Request) {
        if let Some(wire) = lock(&self.wire).as_mut() {
            wire.say(request);
        }
    }

    fn post(&self, order: Order) -> Receiver<Result<Value, String>> {
        let number = 1 + self.numbers.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = mpsc::channel();
        if let Some(wire) = lock(&self.wire).as_mut() {
            wire.post(&Request { number, order }, sender);
        }
        receiver
    }

    fn call<T: DeserializeOwned>(&self, order: Order, patience: Duration) -> Result<T, LdkError> {
        let what = format!("{order:?}");
        match self.post(order).recv_timeout(patience) {
            Ok(Ok(value)) => Ok(serde_json::from_value(value)
                .unwrap_or_else(|error| panic!("{what}: not the answer expected: {error}"))),
            Ok(Err(error)) => Err(LdkError::Refused(error)),
            Err(RecvTimeoutError::Disconnected) => Err(LdkError::Gone),
            Err(RecvTimeoutError::Timeout) => panic!("{what}: no answer within {patience:?}"),
        }
    }

    /// Carries out an order.
    ///
    /// # Errors
    /// If ldk-node refuses it, or is gone.
    pub fn ask<T: DeserializeOwned>(&self, order: Order) -> Result<T, LdkError> {
        self.call(order, PATIENCE)
    }

    fn must<T: DeserializeOwned>(&self, order: Order) -> T {
        let what = format!("{order:?}");
        self.ask(order)
            .unwrap_or_else(|error| panic!("{what}: {error:?}"))
    }

    /// Pays and waits for the outcome.
    ///
    /// # Errors
    /// If it was not begun, or ldk-node went away meanwhile.
    pub fn pay(&self, invoice: &str) -> Result<Outcome, LdkError> {
        let invoice = invoice.to_owned();
        let msat = None;
        self.call(Order::Pay { invoice, msat }, PAYMENT_PATIENCE)
    }

    /// Pays an invoice that leaves the amount open.
    ///
    /// # Errors
    /// As [`Self::pay`].
    pub fn pay_amount(&self, invoice: &str, msat: u64) -> Result<Outcome, LdkError> {
        let (invoice, msat) = (invoice.to_owned(), Some(msat));
        self.call(Order::Pay { invoice, msat }, PAYMENT_PATIENCE)
    }

    /// A BOLT 12 offer. It has none to give before it knows a way by which its payer could reach it.
    ///
    /// # Errors
    /// If ldk-node refuses.
    pub fn offer(&self, msat: Option<u64>) -> Result<String, LdkError> {
        self.ask(Order::Offer { msat })
    }

    /// Asks the offer's maker for an invoice, and pays it.
    ///
    /// # Errors
    /// As [`Self::pay`].
    pub fn pay_offer(&self, offer: &str, msat: Option<u64>) -> Result<Outcome, LdkError> {
        let offer = offer.to_owned();
        self.call(Order::PayOffer { offer, msat }, PAYMENT_PATIENCE)
    }

    /// Pays without an invoice.
    ///
    /// # Errors
    /// As [`Self::pay`].
    pub fn keysend(&self, node_id: &str, msat: u64) -> Result<Outcome, LdkError> {
        let node_id = node_id.to_owned();
        self.call(Order::Keysend { node_id, msat }, PAYMENT_PATIENCE)
    }

    /// An invoice.
    pub fn invoice(&self, msat: u64) -> String {
        self.must(Order::Invoice { msat: Some(msat) })
    }

    /// Looks at the chain until it has the block of this height. One look may not do: an order to look joins a look that
    /// is under way, and that may have asked for the tip before the block came.
    ///
    /// # Panics
    /// If it does not get there, again and again.
    pub fn sync_to(&self, height: u32) {
        wait::until(&format!("ldk-node sees block {height}"), || {
            let seen: u32 = self.ask(Order::Sync).ok()?;
            (seen >= height).then_some(())
        });
    }

    /// Its channels.
    pub fn channels(&self) -> Vec<Channel> {
        self.must(Order::Channels)
    }

    /// One channel; `None` once it is closed.
    pub fn channel(&self, id: &str) -> Option<Channel> {
        let channels = self.ask::<Vec<Channel>>(Order::Channels).ok()?;
        channels.into_iter().find(|one| one.channel_id == id)
    }

    /// Its payments.
    pub fn payments(&self) -> Vec<Payment> {
        self.must(Order::Payments)
    }

    /// What happened since it started.
    pub fn events(&self) -> Vec<Happened> {
        self.must(Order::Events)
    }

    /// Its coins.
    pub fn balances(&self) -> Balances {
        self.must(Order::Balances)
    }

    /// Waits for an event of this kind about this payment or channel.
    ///
    /// # Panics
    /// If it does not happen.
    pub fn until_event(&self, kind: &str, subject: &str) -> Happened {
        wait::until(&format!("ldk-node has {kind} of {subject}"), || {
            let events = self.ask::<Vec<Happened>>(Order::Events).ok()?;
            events
                .into_iter()
                .find(|event| event.kind == kind && event.subject == subject)
        })
    }
}
