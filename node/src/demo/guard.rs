//! Runs a program that does not watch its standard input, and ends it when ours ends: whoever started us is gone.

use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{bail, Context};
use rustix::process::{kill_process, Pid, Signal};

const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Runs `command` until it ends. A SIGTERM to our group reaches it without us; we only wait for it then.
pub fn run(command: &[String]) -> anyhow::Result<ExitStatus> {
    let Some((program, arguments)) = command.split_first() else {
        bail!("no program to run");
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {program}"))?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    ignore_terminate()?;
    let (sender, stdin_ended) = mpsc::channel();
    thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _ = sender.send(());
    });
    let mut told = false;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        match stdin_ended.recv_timeout(LOOK_EVERY) {
            Ok(()) if !told => {
                told = true;
                if let Some(pid) = pid {
                    kill_process(pid, Signal::TERM).context("cannot end the program")?;
                }
            }
            Ok(()) | Err(RecvTimeoutError::Timeout) => {}
            // The reader is done and has told us.
            Err(RecvTimeoutError::Disconnected) => thread::sleep(LOOK_EVERY),
        }
    }
}

/// The group's SIGTERM is for the program; we end when it has ended.
fn ignore_terminate() -> anyhow::Result<()> {
    let (sender, ready) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let kind = tokio::signal::unix::SignalKind::terminate();
            let mut terminate = tokio::signal::unix::signal(kind)?;
            let _ = sender.send(());
            while terminate.recv().await.is_some() {}
            Ok::<_, std::io::Error>(())
        })
    });
    ready.recv().context("cannot watch for signals")
}
