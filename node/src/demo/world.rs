//! All of it: started together, stopped in order.

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use bitcoin::Amount;
use serde_json::json;

use super::bitcoind::Bitcoind;
use super::node::{Node, NodePorts};
use super::patience::{until, Interrupt};
use super::Shown;
use crate::api::{Balance, NodeInfo, PeerNamed, Role, WalletAddress};

/// What each wallet begins with.
pub const ENDOWMENT: Amount = Amount::ONE_BTC;
/// Blocks on top of a transaction that everybody calls settled here.
pub const SETTLED: u32 = 6;
const PATIENCE: Duration = Duration::from_secs(60);

/// Every port of the world.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    rpc: u16,
    zmq: u16,
    nodes: [NodePorts; 3],
}

impl Ports {
    /// Those of the standing world, so that links stay good.
    pub fn fixed() -> Self {
        let node = |index: u16| NodePorts {
            http: 9780 + index,
            lightning: 9735 + index,
        };
        Self {
            rpc: 18443,
            zmq: 28332,
            nodes: [node(0), node(1), node(2)],
        }
    }

    /// Some that nobody uses now.
    pub fn free() -> anyhow::Result<Self> {
        // All at once, so that no two are the same.
        let listeners = (0..8)
            .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
            .collect::<Result<Vec<_>, _>>()
            .context("no free ports")?;
        let ports = listeners
            .iter()
            .map(|listener| Ok(listener.local_addr()?.port()))
            .collect::<Result<Vec<_>, std::io::Error>>()?;
        let [rpc, zmq, a, b, c, d, e, f] = <[u16; 8]>::try_from(ports)
            .map_err(|ports| anyhow::anyhow!("{} ports instead of 8", ports.len()))?;
        let node = |http, lightning| NodePorts { http, lightning };
        Ok(Self {
            rpc,
            zmq,
            nodes: [node(a, b), node(c, d), node(e, f)],
        })
    }
}

/// The running world. Dropped, it ends.
pub struct World {
    // Fields are dropped in this order: nodes before the chain that they follow.
    /// Opens channels to the hub.
    pub users: Vec<Node>,
    /// Accepts them.
    pub hub: Node,
    /// The chain.
    pub bitcoind: Bitcoind,
    interrupt: Interrupt,
}

impl World {
    /// Starts everything in `folder` and waits until all answer.
    pub fn start(folder: PathBuf, ports: Ports, interrupt: &Interrupt) -> anyhow::Result<Self> {
        eprintln!("starting bitcoind");
        let bitcoind = Bitcoind::start(&folder.join("bitcoind"), ports.rpc, ports.zmq, interrupt)?;
        eprintln!("starting hub, alice and bob");
        let [hub, alice, bob] = ports.nodes;
        let start = |name, role, ports| Node::start(name, role, &folder, ports, &bitcoind);
        let mut world = Self {
            hub: start("hub", Role::Hub, hub)?,
            users: vec![
                start("alice", Role::User, alice)?,
                start("bob", Role::User, bob)?,
            ],
            bitcoind,
            interrupt: interrupt.clone(),
        };
        world.hub.wait_until_ready(interrupt)?;
        for user in &mut world.users {
            user.wait_until_ready(interrupt)?;
        }
        Ok(world)
    }

    /// Gives coins to each wallet that has none and no channel, and connects the users to the hub.
    pub fn endow(&self) -> anyhow::Result<()> {
        let mut endowed = false;
        for node in self.nodes() {
            let balance: Balance = node.client()?.get("balance")?;
            let channels: Vec<serde_json::Value> = node.client()?.get("channels")?;
            if balance.onchain_sat == 0
                && balance.onchain_unconfirmed_sat == 0
                && channels.is_empty()
            {
                eprintln!("giving {ENDOWMENT} to {}", node.name);
                let address: WalletAddress = node.client()?.post("wallet/address", json!({}))?;
                self.bitcoind.send(&address.address, ENDOWMENT)?;
                endowed = true;
            }
        }
        if endowed {
            self.bitcoind.mine(SETTLED)?;
            for node in self.nodes() {
                self.wait(&format!("{} sees its coins", node.name), || {
                    let balance: Balance = node.client()?.get("balance")?;
                    Ok((balance.onchain_sat > 0).then_some(()))
                })?;
            }
        }
        let hub: NodeInfo = self.hub.client()?.get("info")?;
        for user in &self.users {
            user.client()?
                .post::<PeerNamed>("peers/connect", json!({ "peer": hub.uri }))?;
        }
        Ok(())
    }

    /// The hub and the users.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        std::iter::once(&self.hub).chain(&self.users)
    }

    /// Waits for something to come true.
    pub fn wait<T>(
        &self,
        what: &str,
        look: impl FnMut() -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<T> {
        until(what, PATIENCE, &self.interrupt, look)
    }

    /// Mines a block if a transaction waits for one.
    pub fn mine_what_waits(&self) -> anyhow::Result<()> {
        if self.bitcoind.waiting()? > 0 {
            self.bitcoind.mine(1)?;
        }
        Ok(())
    }

    /// An error if the person wants to end.
    pub fn interrupted(&self) -> anyhow::Result<()> {
        if self.interrupt.wait(Duration::ZERO) {
            anyhow::bail!("interrupted");
        }
        Ok(())
    }

    /// An error if anything has ended by itself.
    pub fn check(&mut self) -> anyhow::Result<()> {
        self.bitcoind.check()?;
        self.hub.check()?;
        self.users.iter_mut().try_for_each(Node::check)
    }

    /// What a person wants to know of each node.
    pub fn shown(&self) -> anyhow::Result<Vec<Shown>> {
        self.nodes().map(Node::shown).collect()
    }

    /// Says what the nodes said last.
    pub fn tell_logs(&self) {
        for node in self.nodes() {
            eprintln!("--- {}\n{}", node.name, node.last_words());
        }
    }

    /// Ends everything: the nodes together, then the chain.
    pub fn stop(&mut self) {
        self.nodes().for_each(Node::ask_to_end);
        self.users.iter_mut().for_each(Node::end);
        self.hub.end();
        self.bitcoind.end();
    }
}
