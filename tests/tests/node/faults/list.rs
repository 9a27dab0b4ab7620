//! The list of all points at which the disk may strike in a run. Workers take them one after another, each in a world of
//! its own, until a run has no such point any more.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use zarnitsa_tests::disk::{Counts, Strike};
use zarnitsa_tests::world::Turn;

use super::stage::{Script, Stage};
use super::victim::{summary, Plan, Struck};

/// A new world begins after so many runs: an old one has many channels that are still watched, and who pays in each run
/// has coins for 28.
const RUNS: u32 = 20;

/// The points of one kind that are struck.
#[derive(Clone, Debug)]
pub struct Kind {
    pub strike: Strike,
    /// The first of them, which is 1 where all are.
    pub from: u64,
    /// The last of them, where a run has as many.
    pub to: u64,
    /// One of so many.
    pub step: u64,
}

/// What is known of a kind.
struct State {
    kind: Kind,
    next: u64,
    /// As a run had it in which nothing struck; 0 until there was one.
    known: u64,
    runs: u64,
    struck: Vec<Struck>,
}

impl State {
    /// Of how many this kind is, about.
    fn of(&self) -> u64 {
        let last = self.kind.to.min(self.known);
        (last + 1)
            .saturating_sub(self.kind.from)
            .div_ceil(self.kind.step)
    }

    /// A run has more points or less with the order in which messages come, but not so few; and those that are struck
    /// before that is known are the first ones.
    fn is_in_all_runs(&self, point: u64) -> bool {
        self.known == 0 || point <= self.known * 3 / 4
    }
}

struct Progress {
    kinds: Vec<State>,
    failures: Vec<String>,
}

/// All points of one victim.
pub struct List<'turn> {
    name: &'static str,
    script: Script,
    turn: &'turn Turn,
    begin: Instant,
    progress: Mutex<Progress>,
}

/// Strikes once.
pub fn once(strike: Strike, after: u64) -> Plan {
    let mut plan = Some((strike, after));
    Box::new(move |_| plan.take())
}

/// A run with one strike in it; what was struck, if it has come to that.
pub fn run_with(stage: &mut Stage, strike: Strike, point: u64) -> Vec<Struck> {
    stage.prepare();
    stage.victim.follow(once(strike, point));
    stage.run();
    stage.victim.spare()
}

impl<'turn> List<'turn> {
    /// Of these kinds, one after another.
    pub fn of(name: &'static str, script: Script, kinds: Vec<Kind>, turn: &'turn Turn) -> Self {
        let kinds = kinds.into_iter().map(|kind| State {
            next: kind.from,
            kind,
            known: 0,
            runs: 0,
            struck: Vec::new(),
        });
        Self {
            name,
            script,
            turn,
            begin: Instant::now(),
            progress: Mutex::new(Progress {
                kinds: kinds.collect(),
                failures: Vec::new(),
            }),
        }
    }

    /// Strikes at each of them, in so many worlds side by side. What came of it is shown, and what failed.
    pub fn strike(self, workers: usize) -> Vec<String> {
        thread::scope(|scope| {
            for worker in 0..workers {
                let list = &self;
                scope.spawn(move || list.work(worker));
            }
        });
        let Progress { kinds, failures } = self
            .progress
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        for state in kinds {
            let what = format!("{}, {:?}", self.name, state.kind.strike);
            println!("{what}: one point of {} struck", state.kind.step);
            show(&what, &state.struck);
        }
        failures
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stage(&self) -> Stage {
        Stage::with_victim(self.name, self.script, Some(self.turn))
    }

    /// How many points a run has.
    fn measure(&self) -> Stage {
        let mut stage = self.stage();
        stage.prepare();
        let before = stage.victim.counts();
        stage.run();
        let after = stage.victim.counts();
        let counts = Counts {
            syncs: after.syncs - before.syncs,
            writes: after.writes - before.writes,
            reads: after.reads - before.reads,
        };
        println!("{}: a run has {counts:?}", self.name);
        for state in &mut self.lock().kinds {
            state.known = counts.of(state.kind.strike);
        }
        stage
    }

    fn work(&self, worker: usize) {
        let mut stage = (worker == 0).then(|| self.measure());
        let mut runs = 0;
        while let Some((strike, point)) = self.take() {
            let begin = Instant::now();
            let before = stage.take();
            runs += 1;
            let is_last = runs % RUNS == 0;
            let run = catch_unwind(AssertUnwindSafe(|| {
                let mut here = before.unwrap_or_else(|| self.stage());
                let struck = run_with(&mut here, strike, point);
                if is_last {
                    here.verify_ledgers();
                }
                (here, struck)
            }));
            match run {
                Ok((here, struck)) => {
                    stage = (!is_last).then_some(here);
                    self.note(worker, strike, point, struck, begin);
                }
                Err(_) => self.note_failure(strike, point),
            }
        }
        if let Some(stage) = stage {
            stage.verify_ledgers();
        }
    }

    fn take(&self) -> Option<(Strike, u64)> {
        let mut progress = self.lock();
        let state = progress
            .kinds
            .iter_mut()
            .find(|state| state.next <= state.kind.to)?;
        let point = state.next;
        state.next += state.kind.step;
        Some((state.kind.strike, point))
    }

    fn note(&self, worker: usize, strike: Strike, point: u64, struck: Vec<Struck>, begin: Instant) {
        let mut progress = self.lock();
        let kinds = &mut progress.kinds;
        let state = kinds.iter_mut().find(|state| state.kind.strike == strike);
        let state = state.expect("it was taken from there");
        state.runs += 1;
        let (name, runs, of) = (self.name, state.runs, state.of());
        let (took, all) = (begin.elapsed(), self.begin.elapsed());
        let what = match struck.as_slice() {
            [] => format!("a run has no {strike:?} there"),
            [first, ..] => first.to_string(),
        };
        println!("{name}, {strike:?} {point}: {what} (world {worker}, {took:.1?}; {runs} of about {of}, {all:.0?} in all)");
        if struck.is_empty() && state.is_in_all_runs(point) {
            let failure = format!("{name}, {strike:?} {point}: nothing struck");
            progress.failures.push(failure);
            return;
        }
        if struck.is_empty() {
            state.kind.to = state.kind.to.min(point - 1);
        }
        state.struck.extend(struck);
    }

    /// The world in which it failed is gone; the list goes on in a new one.
    fn note_failure(&self, strike: Strike, point: u64) {
        let failure = format!("{}, {strike:?} {point}", self.name);
        println!("{failure}: FAILED");
        self.lock().failures.push(failure);
    }
}

/// What was struck, by its kind and the kind of file.
pub fn show(what: &str, struck: &[Struck]) {
    for (kind, count) in summary(struck) {
        println!("{what}: {count:4} x {kind}");
    }
    let kills = struck.iter().filter(|one| one.strike.kills()).count();
    println!(
        "{what}: {kills} kill points, {} faults, each to the same end",
        struck.len() - kills
    );
}
