//! A small Lightning world: bitcoind, and nodes of both kinds as a test asks for them.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::str::FromStr;

use bitcoin::{Address, Amount};
use tempfile::TempDir;
use zarnitsa_tests::answers::Report;
use zarnitsa_tests::bitcoind::{Bitcoind, Options};
use zarnitsa_tests::node::Node;
use zarnitsa_tests::wait;

use crate::ldk::Ldk;
use crate::protocol::Order;

/// bitcoind's user for ldk-node, which cannot read a cookie again after bitcoind's restart.
pub const RPC_USER: &str = "interop";
/// Its password.
pub const RPC_PASSWORD: &str = "interop";
/// Both as bitcoind takes them: the password's HMAC-SHA256 under a salt.
const RPC_AUTH: &str = "-rpcauth=interop:7a61726e69747361$\
    08bc5916f3f60b128125349a440f5e6ab41d222804c989b58c3129395d7fa03d";

/// bitcoind, and the folder of all nodes. Declare it before its nodes: they end first.
pub struct World {
    /// Their chain.
    pub bitcoind: Bitcoind,
    folder: TempDir,
    verbose: bool,
}

impl World {
    /// Starts bitcoind.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// As [`Self::start`], with more arguments for bitcoind.
    pub fn start_with(arguments: &[&str]) -> Self {
        let more = arguments.iter().map(|argument| (*argument).to_owned());
        let options = Options {
            txindex: true,
            arguments: std::iter::once(RPC_AUTH.to_owned()).chain(more).collect(),
            ..Options::default()
        };
        Self {
            bitcoind: Bitcoind::start_with_coins(options),
            folder: TempDir::with_prefix("zarnitsa-interop-").expect("a temporary folder"),
            verbose: true,
        }
    }

    /// What ldk-node logs costs it time: a benchmark does without.
    pub fn quiet(mut self) -> Self {
        self.verbose = false;
        self
    }

    /// The temporary folder of all nodes.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// One of our nodes, which runs. A hub has a few coins: without them it accepts no channel.
    pub fn ours(&self, name: &str, role: &str) -> Ours {
        let mut node = Node::create(self.folder(), name, role, &self.bitcoind);
        node.start();
        if role == "hub" {
            self.fund_ours(&node, Amount::from_sat(1_000_000));
        }
        Ours(node)
    }

    /// An ldk-node, which runs and has a few coins: without them it accepts no channel with anchors.
    pub fn ldk(&self, name: &str) -> Ldk {
        let ldk = Ldk::start_new(self.folder(), name, &self.bitcoind, self.verbose);
        self.fund_ldk(&ldk, Amount::from_sat(1_000_000));
        ldk
    }

    /// Sends coins to ldk-node's wallet and waits until it has them in a block: with less it accepts no channel with anchors.
    ///
    /// # Panics
    /// If it never sees them.
    pub fn fund_ldk(&self, ldk: &Ldk, amount: Amount) {
        let line = ldk.line();
        let before = line.balances().onchain;
        let address: String = line.ask(Order::Address).expect("an address");
        self.bitcoind.fund(&checked(&address), amount);
        line.sync_to(self.bitcoind.height());
        wait::until(&format!("{} has its coins", ldk.name()), || {
            (line.balances().onchain >= before + amount.to_sat()).then_some(())
        });
    }

    /// Sends coins to our node's wallet and waits until it has them.
    ///
    /// # Panics
    /// If it never sees them.
    pub fn fund_ours(&self, node: &Node, amount: Amount) {
        let api = node.api();
        let before = api.balance().expect("a balance").onchain_sat;
        let address = api.address().expect("an address");
        self.bitcoind.fund(&checked(&address), amount);
        wait::until(&format!("{} has its coins", node.name()), || {
            let now = api.balance().ok()?.onchain_sat;
            (now >= before + amount.to_sat()).then_some(())
        });
    }

    /// Mines blocks, and waits until these nodes have seen them.
    ///
    /// # Panics
    /// If one of ours does not.
    pub fn mine(&self, blocks: u32, ours: &[&Node], ldks: &[&Ldk]) {
        self.bitcoind.mine(blocks);
        self.until_seen(ours, ldks);
    }

    /// Waits until these nodes have seen the whole chain.
    ///
    /// # Panics
    /// If one of ours does not.
    pub fn until_seen(&self, ours: &[&Node], ldks: &[&Ldk]) {
        let height = self.bitcoind.height();
        for ldk in ldks {
            ldk.line().sync_to(height);
        }
        for node in ours {
            let api = node.api();
            wait::until(&format!("{} sees block {height}", node.name()), || {
                (api.info().ok()?.block_height >= height).then_some(())
            });
        }
    }

    /// `zarnitsa ledger verify`, while they run.
    ///
    /// # Panics
    /// If a ledger does not hold.
    pub fn verify_ledgers(&self, nodes: &[&Node]) {
        for node in nodes {
            let report: Report = node.json(&["ledger", "verify"]);
            assert!(report.ok, "{}: {report:?}", node.name());
        }
    }
}

/// One of our nodes; a failure shows the end of its log.
pub struct Ours(Node);

impl Deref for Ours {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.0
    }
}

impl DerefMut for Ours {
    fn deref_mut(&mut self) -> &mut Node {
        &mut self.0
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.show_tail();
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::env::var_os("ZARNITSA_KEEP").is_some() {
            self.folder.disable_cleanup(true);
            eprintln!("kept: {}", self.folder.path().display());
        }
        if std::thread::panicking() {
            return;
        }
        let left = processes_that_name(self.folder.path());
        assert!(left.is_empty(), "processes are left: {left:?}");
    }
}

/// Command lines of running processes that name this folder.
fn processes_that_name(folder: &Path) -> Vec<String> {
    let name = folder.to_string_lossy().into_owned();
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(&name))
        .collect()
}

fn checked(address: &str) -> Address {
    let address = Address::from_str(address).expect("an address of bitcoin's");
    address.assume_checked()
}

/// A port on which nothing listens.
pub(crate) fn free_port() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("its address")
}
