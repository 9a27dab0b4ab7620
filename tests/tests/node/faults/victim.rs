//! A node whose disk fails, and somebody who looks after it: mends the disk and starts the node again, whenever it ends.

use std::collections::BTreeMap;
use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use zarnitsa_tests::api::Api;
use zarnitsa_tests::disk::{Counts, Disk, Strike};
use zarnitsa_tests::node::Node;
use zarnitsa_tests::wait;

/// How far from its log's end the error of a node stands.
const LAST_LINES: usize = 5;
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(5);
/// A node that goes on so long after a fault that happens once does not mind it.
const SURVIVED: Duration = Duration::from_secs(5);

/// What the node is about when it is asked where the disk strikes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// It is about to start.
    Starting,
    /// It is up, and nothing has struck since it started; or it has survived a fault.
    Up,
}

/// How the disk strikes next, and after how many more of its kind.
pub type Plan = Box<dyn FnMut(Moment) -> Option<(Strike, u64)> + Send>;

/// A strike, and what came of it.
#[derive(Clone, Debug)]
pub struct Struck {
    pub strike: Strike,
    /// The file.
    pub place: String,
    /// What the node said as it ended; none where it went on.
    pub said: Option<String>,
}

impl fmt::Display for Struck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = self.said.as_deref().unwrap_or("went on");
        write!(f, "{:?} at {}: {said}", self.strike, self.place)
    }
}

struct Shared {
    node: Mutex<Node>,
    disk: Disk,
    plan: Mutex<Plan>,
    /// What the disk is about to do.
    armed: Mutex<Option<Strike>>,
    struck: Mutex<Vec<Struck>>,
    /// Where the log of this start of the node begins.
    log_from: Mutex<usize>,
    /// Whether the node is being started again.
    reviving: AtomicBool,
    /// Who is to call whom when the node is back: a caller waits longer after each connection that did not last.
    calls: Vec<(Api, String)>,
    stop: AtomicBool,
}

/// A node on a [`Disk`], looked after by a thread of its own.
pub struct Victim {
    shared: Arc<Shared>,
    api: Api,
    keeper: Option<JoinHandle<()>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Victim {
    /// Stops the node, puts it on a disk, and starts it again. Nothing strikes yet.
    pub fn of(mut node: Node, calls: Vec<(Api, String)>) -> Self {
        let disk = Disk::under(&node.folder());
        node.put_on(&disk);
        node.stop();
        node.start();
        let api = node.api();
        let shared = Arc::new(Shared {
            node: Mutex::new(node),
            disk,
            plan: Mutex::new(Box::new(|_| None)),
            armed: Mutex::new(None),
            struck: Mutex::new(Vec::new()),
            log_from: Mutex::new(0),
            reviving: AtomicBool::new(false),
            calls,
            stop: AtomicBool::new(false),
        });
        let of_keeper = shared.clone();
        let keeper = thread::spawn(move || of_keeper.keep());
        shared.call();
        Self {
            shared,
            api,
            keeper: Some(keeper),
        }
    }

    /// From now on the disk strikes by this plan.
    pub fn follow(&self, plan: Plan) {
        *lock(&self.shared.plan) = plan;
        self.shared.arm(Moment::Up);
    }

    /// Nothing strikes from now on. All that did since the last time.
    pub fn spare(&self) -> Vec<Struck> {
        *lock(&self.shared.plan) = Box::new(|_| None);
        self.shared.disk.hold();
        // A node that was struck last of all may still look alive.
        if self.shared.disk.struck().is_some() {
            wait::until("what the strike came to is noted", || {
                let armed = *lock(&self.shared.armed);
                if armed == Some(Strike::Full) {
                    // An order that would have to be written down: a full disk is not noticed otherwise.
                    let _ = self.api.invoice(1_000, "on a full disk");
                }
                armed.is_none().then_some(())
            });
        }
        self.shared.disk.mend();
        *lock(&self.shared.armed) = None;
        self.until_up();
        std::mem::take(&mut lock(&self.shared.struck))
    }

    /// What it has done with its disk so far.
    pub fn counts(&self) -> Counts {
        self.shared.disk.counts()
    }

    /// Whether whoever looks after it has given up.
    fn is_given_up(&self) -> bool {
        self.keeper.as_ref().is_none_or(JoinHandle::is_finished)
    }

    fn until_up(&self) {
        wait::until("the node is up", || {
            assert!(!self.is_given_up(), "nobody looks after the node");
            // Whoever revives it arms the disk once more when it is up.
            let is_up = self.api.is_healthy() && !self.shared.reviving.load(Ordering::SeqCst);
            is_up.then_some(())
        });
    }

    /// Its connections are made again.
    pub fn call(&self) {
        self.shared.call();
    }

    /// Ends it and starts it again. Whether the disk struck meanwhile.
    pub fn start_again(&self, plan: Plan) -> Vec<Struck> {
        {
            let mut node = lock(&self.shared.node);
            node.stop();
            *lock(&self.shared.plan) = plan;
            self.shared.arm(Moment::Starting);
            self.shared.launch(&mut node);
        }
        self.until_up();
        self.spare()
    }

    /// `zarnitsa ledger verify`
    pub fn verify_ledger(&self) {
        zarnitsa_tests::world::verify_ledger(&lock(&self.shared.node));
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        let given_up = self.keeper.take().is_some_and(|it| it.join().is_err());
        let mut node = lock(&self.shared.node);
        if thread::panicking() || given_up {
            node.show_tail();
            for struck in lock(&self.shared.struck).iter() {
                eprintln!("{struck}");
            }
        }
        node.kill_hard();
    }
}

impl Shared {
    fn keep(&self) {
        let mut struck_since = None;
        while !self.stop.load(Ordering::SeqCst) {
            let ended = lock(&self.node).ended();
            if let Some(status) = ended {
                self.note_end(status);
                self.revive();
                struck_since = None;
            } else if let Some(place) = self.disk.struck() {
                let since = *struck_since.get_or_insert_with(Instant::now);
                self.look_at_survivor(since, place);
            } else {
                struck_since = None;
            }
            wait::moment(PAUSE);
        }
    }

    /// A fault that happens once, and did not end the node.
    fn look_at_survivor(&self, since: Instant, place: String) {
        let armed = *lock(&self.armed);
        let Some(strike) = armed.filter(|strike| *strike != Strike::Full && !strike.kills()) else {
            return;
        };
        if since.elapsed() > SURVIVED {
            let said = None;
            lock(&self.struck).push(Struck {
                strike,
                place,
                said,
            });
            self.arm(Moment::Up);
        }
    }

    /// The node has ended: by the disk, and as it should.
    fn note_end(&self, status: ExitStatus) {
        let said = self.last_words();
        let place = self.disk.struck();
        let place = place.unwrap_or_else(|| panic!("it ended without a fault, {status}: {said}"));
        let strike = lock(&self.armed).take().expect("the disk was told to");
        let said = if strike.kills() {
            assert_eq!(status.signal(), Some(9), "{strike:?} at {place}: {status}");
            "killed".to_owned()
        } else {
            // An error for people, and the exit code of one.
            assert_eq!(status.code(), Some(1), "{strike:?} at {place}: {status}");
            assert!(said.starts_with("error: "), "{strike:?} at {place}: {said}");
            said
        };
        let struck = Struck {
            strike,
            place,
            said: Some(said),
        };
        println!("{struck}");
        lock(&self.struck).push(struck);
    }

    /// The error that it ended with; other threads may have written into the log behind it.
    fn last_words(&self) -> String {
        let log = lock(&self.node).log();
        let of_this_start = log.get(*lock(&self.log_from)..);
        let mut last = of_this_start
            .unwrap_or_default()
            .lines()
            .rev()
            .filter(|line| !line.trim().is_empty())
            .take(LAST_LINES);
        let newest = last.clone().next();
        let error = last.find(|line| line.starts_with("error: "));
        error.or(newest).unwrap_or_default().to_owned()
    }

    fn launch(&self, node: &mut Node) {
        *lock(&self.log_from) = node.log().len();
        node.launch();
    }

    /// Starts it again, and again where the disk strikes during the start.
    fn revive(&self) {
        self.reviving.store(true, Ordering::SeqCst);
        self.arm(Moment::Starting);
        self.launch(&mut lock(&self.node));
        let api = lock(&self.node).api();
        loop {
            let ended = lock(&self.node).ended();
            if let Some(status) = ended {
                self.note_end(status);
                self.arm(Moment::Starting);
                self.launch(&mut lock(&self.node));
            }
            if api.is_healthy() {
                break;
            }
            wait::moment(PAUSE);
        }
        if self.disk.struck().is_none() {
            self.arm(Moment::Up);
        }
        self.call();
        self.reviving.store(false, Ordering::SeqCst);
    }

    fn arm(&self, moment: Moment) {
        self.disk.mend();
        let next = lock(&self.plan)(moment);
        if let Some((strike, after)) = next {
            self.disk.strike_after(strike, after);
        }
        *lock(&self.armed) = next.map(|(strike, _)| strike);
    }

    fn call(&self) {
        for (caller, uri) in &self.calls {
            // It may have died again.
            let _ = caller.connect(uri);
        }
    }
}

/// Strikes by their kind and the kind of file.
pub fn summary(struck: &[Struck]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for one in struck {
        let end = match &one.said {
            Some(_) if one.strike.kills() => "killed",
            Some(_) => "stopped",
            None => "went on",
        };
        let what = format!("{:?} {}: {end}", one.strike, kind_of(&one.place));
        *counts.entry(what).or_insert(0) += 1;
    }
    counts
}

/// `ledger/store/db/000123.log` is one of many logs.
fn kind_of(place: &str) -> String {
    place.replace(|letter: char| letter.is_ascii_digit(), "")
}
