//! ldk-node as a process of its own, which can be killed like any other: reads orders, a line of JSON each, and answers.
//!
//! It ends with its standard input, so that a test that is killed leaves no node behind.

mod events;
mod orders;

use std::io::{self, BufRead, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use ldk_node::bitcoin::Network;
use ldk_node::config::Config;
use ldk_node::logger::LogLevel;
use ldk_node::{Builder, Node};
use zarnitsa_interop::protocol::{Order, Request, Response, Settings};

use crate::events::Events;

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    let mut lines = io::stdin().lock().lines();
    let Some(first) = lines.next() else {
        return Ok(());
    };
    let node = Arc::new(start(&serde_json::from_str(&first?)?)?);
    let events = Events::follow(Arc::clone(&node));
    for line in lines {
        let request: Request = serde_json::from_str(&line?)?;
        if matches!(request.order, Order::Stop) {
            node.stop()?;
            return Ok(());
        }
        let (node, events) = (Arc::clone(&node), Arc::clone(&events));
        thread::spawn(move || {
            let result = orders::carry_out(&node, &events, request.order);
            let response = Response {
                number: request.number,
                result: result.map_err(|error| error.to_string()),
            };
            if let Err(error) = say(&response) {
                eprintln!("nobody listens: {error}");
            }
        });
    }
    Ok(())
}

/// Standard output is locked for the whole line.
fn say(response: &Response) -> Result<(), Failure> {
    let mut line = serde_json::to_vec(response)?;
    line.push(b'\n');
    let mut out = io::stdout().lock();
    out.write_all(&line)?;
    out.flush()?;
    Ok(())
}

fn start(settings: &Settings) -> Result<Node, Failure> {
    let config = Config {
        network: Network::Regtest,
        storage_dir_path: settings.folder.clone(),
        ..Config::default()
    };
    let level = if settings.verbose {
        LogLevel::Trace
    } else {
        LogLevel::Info
    };
    let listen = settings.listen.parse().map_err(|e| format!("{e:?}"))?;
    let mut builder = Builder::from_config(config);
    builder
        .set_filesystem_logger(None, Some(level))
        .set_node_alias(settings.alias.clone())?
        .set_listening_addresses(vec![listen])?
        .set_gossip_source_p2p()
        .set_chain_source_bitcoind_rpc(
            settings.rpc_host.clone(),
            settings.rpc_port,
            settings.rpc_user.clone(),
            settings.rpc_password.clone(),
        );
    // Its own default store: SQLite.
    let node = builder.build()?;
    node.start()?;
    Ok(node)
}
