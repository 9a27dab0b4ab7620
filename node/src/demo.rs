//! The regtest world: bitcoind, one hub, two users, each a process of its own, on this machine and nowhere else.
//!
//! `zarnitsa demo` goes on where it stopped and ends with Ctrl-C; `zarnitsa demo --once` makes a fresh world, plays one
//! story in it and compares what bitcoind holds with what the ledgers say.

mod bitcoind;
mod guard;
mod node;
mod once;
mod patience;
mod process;
mod report;
mod world;

use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{signal, SignalKind};

pub use guard::run as guard;
pub use report::Report;

use patience::Interrupt;
use world::{Ports, World};

/// How often the standing world looks for transactions to mine.
const MINE_EVERY: Duration = Duration::from_secs(2);

/// What there is to know of a running node of the world.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Shown {
    /// `hub`, `alice`, `bob`.
    pub name: &'static str,
    /// The UI's link, with the full token.
    pub ui: String,
    /// `node_id@host:port`.
    pub uri: String,
    /// The data folder.
    pub data_dir: PathBuf,
}

/// Runs the standing world in `folder` until Ctrl-C or SIGTERM, on its usual ports or on free ones. `show` is called
/// once all nodes are up.
pub fn stand(
    folder: PathBuf,
    free_ports: bool,
    show: impl FnOnce(&[Shown]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let interrupt = watch_signals()?;
    let ports = if free_ports {
        Ports::free()?
    } else {
        Ports::fixed()
    };
    let mut world = World::start(folder, ports, &interrupt)?;
    world.endow()?;
    show(&world.shown()?)?;
    while !interrupt.wait(MINE_EVERY) {
        world.check()?;
        world.mine_what_waits()?;
    }
    eprintln!("stopping");
    world.stop();
    Ok(())
}

/// Plays the story in a fresh world, and removes the world. The report may hold differences.
pub fn once() -> anyhow::Result<Report> {
    let interrupt = watch_signals()?;
    let folder = tempfile::Builder::new()
        .prefix("zarnitsa-demo-")
        .tempdir()
        .context("cannot make a temporary folder")?;
    let mut world = World::start(folder.path().into(), Ports::free()?, &interrupt)?;
    let report = once::play(&mut world);
    if report.is_err() {
        world.tell_logs();
    }
    world.stop();
    report
}

/// Ctrl-C and SIGTERM. The children are in groups of their own, so that they end when and in the order they are told to.
fn watch_signals() -> anyhow::Result<Interrupt> {
    let interrupt = Interrupt::default();
    let told = interrupt.clone();
    let (sender, ready) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let mut terminate = signal(SignalKind::terminate())?;
            let mut interrupt = signal(SignalKind::interrupt())?;
            // Before anything is started: a signal from now on is not lost.
            let _ = sender.send(());
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            told.set();
            Ok::<_, std::io::Error>(())
        })
    });
    ready.recv().context("cannot watch for signals")?;
    Ok(interrupt)
}
