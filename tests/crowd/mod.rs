//! Simulated peers, many in one process: each has a node key and a connection of its own, accepts channels by this
//! project's machine and signs for them, and never pays. A hub under test cannot tell them from users who are there and
//! do nothing.

// Each program uses its part of this.
#![allow(dead_code)]

mod member;
#[path = "../../channel/tests/support/mod.rs"]
mod support;

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bitcoin::constants::ChainHash;
use bitcoin::secp256k1::PublicKey;
use bitcoin::{Block, BlockHash, Network, TxOut, Txid};
use lightning::sign::KeysManager;
use serde_json::{json, Value};
use tokio::runtime::{self, Runtime};
use tokio::sync::{broadcast, mpsc};
use zarnitsa_peer::{Backoff, PeerAddress, PeerConfig, PeerNetwork};
use zarnitsa_tests::api::Api;
use zarnitsa_tests::bitcoind::Bitcoind;
use zarnitsa_tests::wait;

use member::Member;

/// Confirmations that the members ask for, and that are shown to them.
pub const DEPTH: u32 = 6;

/// The hub may be away for a moment only: whoever lost it is back within this.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(200),
    most: Duration::from_secs(1),
};

/// What a member does when a channel is opened to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// What it should.
    Honest,
    /// Answers open_channel with an error.
    Refuses,
    /// Hangs up in the place of funding_signed, and stays away.
    Leaves,
    /// Signs something else.
    SignsWrongly,
    /// Answers funding_created with an error.
    RefusesToSign,
    /// Never answers funding_created.
    Silent,
    /// Offers neither option_anchors nor option_shutdown_anysegwit, and does what it should.
    Old,
    /// Does not offer option_shutdown_anysegwit, and promises a script that needs it.
    WrongScript,
}

/// What one member is to do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    /// To open a channel to the hub, half of which is the hub's.
    Open { sat: u64, feerate_per_kw: u32 },
    /// update_fee in all of its channels.
    Fee { feerate_per_kw: u32 },
}

/// Pays for openings of members.
pub(crate) type Purse = Arc<bitcoincore_rpc::Client>;

/// A block that has opening transactions.
pub(crate) struct Shown {
    hash: BlockHash,
    height: u32,
    /// Place in the block, and outputs.
    transactions: HashMap<Txid, (u32, Vec<TxOut>)>,
}

/// What all members tell.
#[derive(Default)]
pub(crate) struct Common {
    /// What cannot be right, for people.
    faults: Mutex<Vec<String>>,
    /// Channels that the members have, signed or more.
    channels: AtomicUsize,
    /// How often a member was to sign.
    to_sign: AtomicUsize,
}

/// The peers, connected to one hub until this is dropped.
pub struct Crowd {
    members: Vec<(PeerNetwork, mpsc::UnboundedSender<Order>)>,
    purse: Purse,
    blocks: broadcast::Sender<Arc<Shown>>,
    common: Arc<Common>,
    hub: (PublicKey, PeerAddress),
    runtime: Runtime,
}

impl Crowd {
    /// Nobody yet.
    pub fn of(hub: &Api, address: SocketAddr, bitcoind: &Bitcoind) -> Self {
        let info = hub.info().expect("the hub's info");
        let node_id = info.node_id.parse().expect("a node id");
        let address = address.to_string().parse().expect("an address");
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        Self {
            members: Vec::new(),
            purse: Arc::new(bitcoind.rpc()),
            blocks: broadcast::channel(64).0,
            common: Arc::default(),
            hub: (node_id, address),
            runtime,
        }
    }

    /// So many more, who call the hub. Waits until all are connected.
    pub fn join(&mut self, hub: &Api, count: usize, manner: Manner) -> Vec<PublicKey> {
        let first = self.members.len();
        for number in first..first + count {
            let member = self.spawn(u64::try_from(number).expect("not so many"), manner);
            self.members.push(member);
        }
        let ids: Vec<PublicKey> = self.members[first..]
            .iter()
            .map(|(member, _)| member.node_id())
            .collect();
        wait::within(Duration::from_secs(120), "the crowd is connected", || {
            let peers = hub.peers().ok()?.into_iter();
            let here = peers.filter(|peer| peer.connected).map(|peer| peer.node_id);
            let here: HashSet<String> = here.collect();
            let all = ids.iter().all(|id| here.contains(&id.to_string()));
            all.then_some(())
        });
        ids
    }

    /// This one hangs up and comes no more.
    pub fn leave(&self, id: PublicKey) {
        let _entered = self.runtime.enter();
        let mut all = self.members.iter();
        if let Some((member, _)) = all.find(|(member, _)| member.node_id() == id) {
            member.shutdown();
        }
    }

    /// # Panics
    /// If that is no member.
    pub(crate) fn order(&self, id: PublicKey, order: Order) {
        let mut all = self.members.iter();
        let (_, orders) = all
            .find(|(member, _)| member.node_id() == id)
            .expect("a member");
        orders.send(order).expect("it lives");
    }

    fn spawn(&self, number: u64, manner: Manner) -> (PeerNetwork, mpsc::UnboundedSender<Order>) {
        let mut seed = [0xc0; 32];
        seed[..8].copy_from_slice(&number.to_be_bytes());
        let signer = Arc::new(KeysManager::new(&seed, number, 0, true));
        let chain = ChainHash::using_genesis_block(Network::Regtest);
        let mut config = PeerConfig::new(chain);
        config.backoff = BACKOFF;
        if matches!(manner, Manner::Old | Manner::WrongScript) {
            config.features.clear_anchors_zero_fee_htlc_tx();
            config.features.clear_shutdown_anysegwit();
        }
        // A thousand that ping at one moment would measure themselves.
        config.ping_interval = Duration::from_millis(20_000 + number % 1_000 * 10);
        let (hub, address) = self.hub.clone();
        let (blocks, common) = (self.blocks.subscribe(), self.common.clone());
        let purse = self.purse.clone();
        let (orders, received) = mpsc::unbounded_channel();
        self.runtime.block_on(async move {
            let (network, events) = PeerNetwork::start(config, signer).expect("a peer");
            network.keep_connected(hub, vec![address]);
            let member = Member::new(network.clone(), number, chain, manner, purse);
            tokio::spawn(member.live(events, blocks, received, common));
            (network, orders)
        })
    }

    /// Mines the opening transactions that wait, which must come, and shows them to the members.
    ///
    /// # Panics
    /// If none comes.
    pub fn confirm(&self, bitcoind: &Bitcoind) {
        wait::until("an opening transaction is in the mempool", || {
            (!bitcoind.mempool().is_empty()).then_some(())
        });
        bitcoind.mine(1);
        self.show(bitcoind, 1);
    }

    /// Shows the members what stands in the newest blocks, as deep as they want it.
    fn show(&self, bitcoind: &Bitcoind, blocks: u32) {
        let top = bitcoind.height();
        for height in top - blocks + 1..=top {
            let hash = bitcoind.hash_at(height);
            let shown = shown(bitcoind.block(&hash), height);
            // Nobody listens where nobody has joined.
            let _ = self.blocks.send(Arc::new(shown));
        }
    }

    /// How many channels the members have, signed or more.
    pub fn channels(&self) -> usize {
        self.common.channels.load(Ordering::SeqCst)
    }

    /// How often a member was to sign, whether it did or not.
    pub fn asked_to_sign(&self) -> usize {
        self.common.to_sign.load(Ordering::SeqCst)
    }

    /// # Panics
    /// If the hub said something to a member that its machine refuses.
    pub fn check(&self) {
        let faults = self.common.faults.lock().expect("no member panics");
        assert!(faults.is_empty(), "{faults:?}");
    }
}

fn shown(block: Block, height: u32) -> Shown {
    let numbered = (0..).zip(&block.txdata);
    Shown {
        hash: block.block_hash(),
        height,
        transactions: numbered
            .map(|(index, tx)| (tx.compute_txid(), (index, tx.output.clone())))
            .collect(),
    }
}

/// The hub's order to open a channel with each, by one opening transaction.
pub fn order_batch(hub: &Api, peers: &[PublicKey], sat: u64) -> Result<usize, String> {
    let channels = peers
        .iter()
        .map(|peer| json!({ "peer": peer.to_string(), "amount_sat": sat }));
    let body = json!({ "channels": channels.collect::<Vec<_>>() });
    let path = "/api/services/lightning/v1/channels/batch";
    let opened = hub.call(path, &[], Some(body));
    match opened {
        Ok(Value::Array(opened)) => Ok(opened.len()),
        Ok(other) => Err(other.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

/// How many channels are in this state, as the hub says.
pub fn count(hub: &Api, state: &str) -> Option<usize> {
    let channels = hub.channels().ok()?;
    Some(channels.iter().filter(|one| one.state == state).count())
}
