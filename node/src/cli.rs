//! The command line. Results go to standard output, errors to standard error with exit code 1, wrong usage is 2.

mod ask;
mod backup;
mod balance;
mod channel;
mod client;
mod completions;
mod demo;
mod info;
mod init;
mod invoice;
mod keysend;
mod ledger;
mod node;
mod offer;
mod output;
mod passphrase;
mod pay;
mod payment;
mod peer;
mod place;
mod policy;
mod wallet;
mod watch;
mod work;

use std::io::{self, Write};

use clap::{Parser, Subcommand};

pub(crate) use client::Client;
use output::Output;
pub(crate) use passphrase::passphrase;
use place::Place;

/// Zarnitsa: a Lightning node whose only database is a local Exonum ledger.
#[derive(Debug, Parser)]
#[command(name = "zarnitsa", version, propagate_version = true)]
pub struct Cli {
    #[command(flatten)]
    place: Place,
    /// Print stable JSON instead of a table.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the data folder and the seed; prints the mnemonic once
    Init(init::Init),
    /// Run the node in the foreground; SIGTERM ends it gracefully
    Node(Box<node::NodeArgs>),
    /// Who the node is and how far it has come
    Info,
    /// The node's money, on chain and in channels
    Balance,
    /// The on-chain wallet
    #[command(subcommand)]
    Wallet(wallet::Wallet),
    /// The nodes that this one talks to
    #[command(subcommand)]
    Peer(peer::Peer),
    /// Payment channels
    #[command(subcommand)]
    Channel(channel::Channel),
    /// Invoices of this node
    #[command(subcommand)]
    Invoice(invoice::Invoice),
    /// Offers of this node, which can be paid again and again
    #[command(subcommand)]
    Offer(offer::Offer),
    /// Pay an invoice or an offer and wait for the outcome
    Pay(pay::Pay),
    /// Pay a node without an invoice and wait for the outcome
    Keysend(keysend::Keysend),
    /// Payments that this node has sent
    #[command(subcommand)]
    Payment(payment::Payment),
    /// Payments that this node has forwarded
    #[command(subcommand)]
    Forward(payment::Forward),
    /// What the node charges and demands
    #[command(subcommand)]
    Policy(policy::Policy),
    /// The ledger
    #[command(subcommand)]
    Ledger(ledger::Ledger),
    /// Encrypted backups, and nodes out of them
    #[command(subcommand)]
    Backup(backup::Backup),
    /// Run a watchtower: punishes what nodes gave it to watch, without a key of any channel
    Watch(watch::WatchArgs),
    /// What the node's watchtower has, compared with the ledger
    Watchtower,
    /// Run the regtest world: bitcoind, one hub, two users
    Demo(demo::Demo),
    /// Print a completion script for a shell
    Completions(completions::Completions),
    /// Run a program and end it when standard input ends
    #[command(hide = true)]
    Guard(demo::Guard),
}

/// Runs the program and ends it.
pub fn main() -> ! {
    let cli = Cli::parse(); // wrong usage ends here, with exit code 2
    let code = match run(cli) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("error: {error:#}");
            1
        }
    };
    end(code)
}

/// Ends the process without the destructors of C++ libraries. A database that a full disk struck is left open, with
/// threads of RocksDB that start others; when these meet the destructor of their pool, the process aborts.
fn end(code: i32) -> ! {
    // What cannot be said now has nobody who would hear of it.
    let _ = io::stdout().flush();
    signal_hook::low_level::exit(code)
}

fn run(cli: Cli) -> anyhow::Result<()> {
    let out = Output::new(cli.json);
    let place = &cli.place;
    let client = || Client::new(&place.existing()?);
    match cli.command {
        Command::Init(init) => init.run(place, out),
        Command::Node(node) => node.run(place),
        Command::Info => info::run(&client()?, out),
        Command::Balance => balance::run(&client()?, out),
        Command::Wallet(wallet) => wallet.run(&client()?, out),
        Command::Peer(peer) => peer.run(&client()?, out),
        Command::Channel(channel) => channel.run(&client()?, out),
        Command::Invoice(invoice) => invoice.run(&client()?, out),
        Command::Offer(offer) => offer.run(&client()?, out),
        Command::Pay(pay) => pay.run(&client()?, out),
        Command::Keysend(keysend) => keysend.run(&client()?, out),
        Command::Payment(payment) => payment.run(&client()?, out),
        Command::Forward(forward) => forward.run(&client()?, out),
        Command::Policy(policy) => policy.run(&client()?, out),
        Command::Ledger(ledger) => ledger.run(place, out),
        Command::Watch(watch) => watch.run(place),
        Command::Watchtower => watch::status(&client()?, out),
        Command::Backup(backup) => backup.run(place, out),
        Command::Demo(demo) => demo.run(out),
        Command::Completions(completions) => completions.run(),
        Command::Guard(guard) => guard.run(),
    }
}

#[cfg(test)]
mod tests;
