//! A Lightning network of several nodes on one bitcoind, and channels between any two of them.

use std::path::Path;
use std::thread;

use bitcoin::{Amount, Txid};
use serde_json::json;
use tempfile::TempDir;

use crate::answers::Opened;
use crate::api::Api;
use crate::bitcoind::{Bitcoind, Options};
use crate::node::Node;
use crate::wait;
use crate::world::{self, Pair, Turn};

/// bitcoind and nodes that run.
#[derive(Debug)]
pub struct Net {
    /// In the order in which they were named.
    pub nodes: Vec<Node>,
    /// Their chain.
    pub bitcoind: Bitcoind,
    folder: TempDir,
    // Given back last.
    _turn: Option<Turn>,
}

/// What a channel is to be.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// What it holds.
    pub capacity_sat: u64,
    /// What the acceptor begins with.
    pub push_msat: u64,
    /// Whether it is public.
    pub announce: bool,
}

impl Terms {
    /// Half for each side.
    pub fn even(capacity_sat: u64, announce: bool) -> Self {
        Self {
            capacity_sat,
            push_msat: capacity_sat * 1_000 / 2,
            announce,
        }
    }
}

impl Net {
    /// Waits for its turn, and starts nodes with these names and roles.
    ///
    /// # Panics
    /// If a part does not start.
    pub fn start(nodes: &[(&str, &str)]) -> Self {
        Self::start_with_policy(nodes, "")
    }

    /// The same with these lines in the `[policy]` of each.
    ///
    /// # Panics
    /// If a part does not start.
    pub fn start_with_policy(nodes: &[(&str, &str)], policy: &str) -> Self {
        let turn = world::turn();
        let options = Options {
            txindex: true,
            ..Options::default()
        };
        Self::start_with(nodes, policy, options, Some(turn))
    }

    /// The same beside other worlds of one turn. Nodes hear of blocks and transactions when they come.
    ///
    /// # Panics
    /// If a part does not start.
    pub fn start_beside(nodes: &[(&str, &str)], policy: &str, _: &Turn) -> Self {
        let options = Options {
            txindex: true,
            zmq: true,
            ..Options::default()
        };
        Self::start_with(nodes, policy, options, None)
    }

    fn start_with(
        nodes: &[(&str, &str)],
        policy: &str,
        options: Options,
        turn: Option<Turn>,
    ) -> Self {
        let bitcoind = Bitcoind::start_with_coins(options);
        let folder = TempDir::with_prefix("zarnitsa-net-").expect("a temporary folder");
        let are_hubs = nodes.iter().filter(|(_, role)| *role == "hub");
        let hubs: Vec<String> = are_hubs.map(|(name, _)| (*name).to_owned()).collect();
        let mut nodes: Vec<Node> = nodes
            .iter()
            .map(|(name, role)| Node::create(folder.path(), name, role, &bitcoind))
            .collect();
        for node in &mut nodes {
            // `[policy]` is the last part of them.
            node.add_settings(policy);
            node.start();
        }
        let net = Self {
            nodes,
            bitcoind,
            folder,
            _turn: turn,
        };
        for hub in hubs {
            world::fund(&net.bitcoind, net.node(&hub), world::HUB_COINS);
        }
        net
    }

    /// The temporary folder of all nodes.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A node by its name.
    ///
    /// # Panics
    /// If there is none.
    pub fn node(&self, name: &str) -> &Node {
        let found = self.nodes.iter().find(|node| node.name() == name);
        found.unwrap_or_else(|| panic!("no node is called {name}"))
    }

    /// The same, to start and stop it.
    ///
    /// # Panics
    /// If there is none.
    pub fn node_mut(&mut self, name: &str) -> &mut Node {
        let found = self.nodes.iter_mut().find(|node| node.name() == name);
        found.unwrap_or_else(|| panic!("no node is called {name}"))
    }

    /// A node's client.
    pub fn api(&self, name: &str) -> Api {
        self.node(name).api()
    }

    /// Opens a channel, with six blocks on it, and waits until both sides can use it.
    ///
    /// # Panics
    /// If it does not come to that.
    pub fn open(&self, opener: &str, acceptor: &str, terms: Terms) -> Pair {
        let uri = self.api(acceptor).info().expect("the acceptor's info").uri;
        self.open_to(opener, acceptor, &uri, terms)
    }

    /// The same, where the acceptor is called at another address than its own.
    ///
    /// # Panics
    /// If it does not come to that.
    pub fn open_to(&self, opener: &str, acceptor: &str, uri: &str, terms: Terms) -> Pair {
        world::fund(
            &self.bitcoind,
            self.node(opener),
            Amount::from_sat(terms.capacity_sat + 100_000),
        );
        let body = json!({
            "peer": uri,
            "amount": format!("{}sat", terms.capacity_sat),
            "push_msat": (terms.push_msat > 0).then(|| terms.push_msat.to_string()),
            "announce": terms.announce,
        });
        let opened: Opened = self
            .api(opener)
            .command("channels", body)
            .unwrap_or_else(|error| panic!("{opener} opens no channel to {acceptor}: {error}"));
        let txid: Txid = opened.opening_txid.parse().expect("a txid");
        wait::until("the opening transaction is in the mempool", || {
            self.bitcoind.mempool().contains(&txid).then_some(())
        });
        self.bitcoind.mine(6);
        let pair = Pair {
            id: opened.channel_id,
            user: self.api(opener),
            hub: self.api(acceptor),
        };
        pair.until_usable();
        pair
    }

    /// Waits until a node's graph has so many public channels, each with the terms of both its ends.
    ///
    /// # Panics
    /// If it never has.
    pub fn until_graph(&self, name: &str, channels: usize) {
        let api = self.api(name);
        wait::until(&format!("{name} knows {channels} public channels"), || {
            let graph = api.network().ok()?;
            let known = graph["channels"].as_array()?;
            let whole = known
                .iter()
                .filter(|it| it["from_1"].is_object() && it["from_2"].is_object());
            (whole.count() == channels).then_some(())
        });
    }

    /// `zarnitsa ledger verify` on all nodes, while they run.
    ///
    /// # Panics
    /// If a ledger does not hold.
    pub fn verify_ledgers(&self) {
        for node in &self.nodes {
            world::verify_ledger(node);
        }
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            if thread::panicking() {
                node.show_tail();
            }
            node.kill_hard();
        }
        let left = world::processes_that_name(self.folder.path());
        if !left.is_empty() && !thread::panicking() {
            panic!("processes are left: {left:?}");
        }
        if std::env::var_os("ZARNITSA_KEEP").is_some() {
            self.folder.disable_cleanup(true);
            eprintln!("kept: {}", self.folder.path().display());
        }
    }
}
