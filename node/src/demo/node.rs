//! A node of the world.

use std::env;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::bitcoind::Bitcoind;
use super::patience::{until, Interrupt};
use super::process::Process;
use super::Shown;
use crate::api::{Network, NodeInfo, Role};
use crate::cli::Client;
use crate::data_dir::DataDir;

const START_PATIENCE: Duration = Duration::from_secs(120);

/// Where a node listens.
#[derive(Clone, Copy, Debug)]
pub struct NodePorts {
    /// API and UI.
    pub http: u16,
    /// Peers.
    pub lightning: u16,
}

/// A running node.
pub struct Node {
    /// `hub`, `alice`, `bob`.
    pub name: &'static str,
    process: Process,
    data_dir: PathBuf,
    folder: DataDir,
    ports: NodePorts,
}

impl Node {
    /// Starts it; it may not answer yet.
    pub fn start(
        name: &'static str,
        role: Role,
        parent: &Path,
        ports: NodePorts,
        bitcoind: &Bitcoind,
    ) -> anyhow::Result<Self> {
        let data_dir = parent.join(name);
        fs::create_dir_all(&data_dir)?;
        let folder = DataDir::new(data_dir.join(Network::Regtest.name()));
        // One of the last run would send us to a port where nobody is yet.
        folder.remove_address();
        let local = |port| format!("{}:{port}", Ipv4Addr::LOCALHOST);
        let mut command = Command::new(env::current_exe()?);
        command.args(["node", "--stop-with-stdin", "--network", "regtest"]);
        command.arg("--data-dir").arg(&data_dir);
        command.args(["--role", &role.to_string(), "--alias", name]);
        command.args([
            "--http",
            &local(ports.http),
            "--listen",
            &local(ports.lightning),
        ]);
        command.args(["--bitcoind-rpc-url", &bitcoind.rpc_url()]);
        command.args(["--bitcoind-zmq", &bitcoind.zmq()]);
        command
            .arg("--bitcoind-cookie-file")
            .arg(bitcoind.cookie_file());
        let process = Process::start(name, command, &data_dir.join("stderr"))?;
        Ok(Self {
            name,
            process,
            data_dir,
            folder,
            ports,
        })
    }

    /// Waits until it answers.
    pub fn wait_until_ready(&mut self, interrupt: &Interrupt) -> anyhow::Result<()> {
        until("the node answers", START_PATIENCE, interrupt, || {
            self.process.check()?;
            let info = self
                .client()
                .and_then(|client| client.get::<NodeInfo>("info"));
            Ok(info.ok())
        })?;
        Ok(())
    }

    /// Commands it.
    pub fn client(&self) -> anyhow::Result<Client> {
        Client::new(&self.folder)
    }

    /// An error if it has ended.
    pub fn check(&mut self) -> anyhow::Result<()> {
        self.process.check()
    }

    /// Asks it to end, but does not wait.
    pub fn ask_to_end(&self) {
        self.process.ask_to_end();
    }

    /// Ends it.
    pub fn end(&mut self) {
        self.process.end();
    }

    /// The end of its log.
    pub fn last_words(&self) -> String {
        self.process.last_words()
    }

    /// What a person wants to know of it.
    pub fn shown(&self) -> anyhow::Result<Shown> {
        let info: NodeInfo = self.client()?.get("info")?;
        let token = self.folder.full_token()?;
        Ok(Shown {
            name: self.name,
            ui: format!(
                // The page takes the key that it checks everything by from here, not from the node that it checks.
                "http://{}:{}/?token={}#key={}",
                Ipv4Addr::LOCALHOST,
                self.ports.http,
                token.reveal(),
                info.validator_key.to_hex(),
            ),
            uri: info.uri,
            data_dir: self.data_dir.clone(),
        })
    }
}
