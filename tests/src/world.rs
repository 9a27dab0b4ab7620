//! A small Lightning world: bitcoind, a user and a hub, and what the tests do with them again and again.

use std::fs;
use std::path::Path;
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use bitcoin::{Address, Amount, OutPoint, Transaction, Txid};
use tempfile::TempDir;

use crate::answers::{Channel, Report, Utxo};
use crate::api::Api;
use crate::bitcoind::{Bitcoind, Options};
use crate::node::Node;
use crate::wait;

/// What a hub has on chain to begin with: enough to pay for closing some channels.
pub const HUB_COINS: Amount = Amount::from_sat(100_000);

/// One world at a time: two would only slow one another down.
static TURN: Mutex<()> = Mutex::new(());

/// The right to run a world, given back when it is dropped.
pub type Turn = MutexGuard<'static, ()>;

/// Waits until no other world runs.
pub fn turn() -> Turn {
    // A test that failed has nothing half-done behind this lock.
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// bitcoind and two nodes that run.
#[derive(Debug)]
pub struct World {
    /// Opens channels.
    pub user: Node,
    /// Accepts them.
    pub hub: Node,
    /// Their chain.
    pub bitcoind: Bitcoind,
    folder: TempDir,
    // Given back last.
    _turn: Turn,
}

impl World {
    /// Waits for its turn, and starts all of it.
    ///
    /// # Panics
    /// If a part does not start.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with a bitcoind of these arguments.
    ///
    /// # Panics
    /// If a part does not start.
    pub fn start_with(arguments: &[&str]) -> Self {
        let turn = turn();
        let options = Options {
            txindex: true,
            arguments: arguments.iter().copied().map(str::to_owned).collect(),
            ..Options::default()
        };
        let bitcoind = Bitcoind::start_with_coins(options);
        let folder = TempDir::with_prefix("zarnitsa-world-").expect("a temporary folder");
        let user = Node::create(folder.path(), "user", "user", &bitcoind);
        let hub = Node::create(folder.path(), "hub", "hub", &bitcoind);
        let mut world = Self {
            user,
            hub,
            bitcoind,
            folder,
            _turn: turn,
        };
        world.user.start();
        world.hub.start();
        // A hub that could not pay for a close accepts no channels.
        world.fund(&world.hub, HUB_COINS);
        world
    }

    /// The temporary folder of all nodes.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Sends coins to a node's wallet and waits until it has them.
    ///
    /// # Panics
    /// If it never sees them.
    pub fn fund(&self, node: &Node, amount: Amount) -> OutPoint {
        fund(&self.bitcoind, node, amount)
    }

    /// The user opens a channel to the hub with coins of its own, and both can use it.
    ///
    /// # Panics
    /// If it does not come to that.
    pub fn open(&self, capacity_sat: u64, push_msat: u64) -> Pair {
        self.fund(&self.user, Amount::from_sat(capacity_sat * 2));
        let uri = self.hub.api().info().expect("the hub's info").uri;
        let opened = self
            .user
            .api()
            .open(&uri, capacity_sat, push_msat)
            .unwrap_or_else(|error| panic!("the channel is not opened: {error}"));
        let txid: Txid = opened.opening_txid.parse().expect("a txid");
        wait::until("the opening transaction is in the mempool", || {
            self.bitcoind.mempool().contains(&txid).then_some(())
        });
        self.bitcoind.mine(6);
        let pair = self.pair(&opened.channel_id);
        pair.until_usable();
        pair
    }

    /// Both sides of a channel.
    pub fn pair(&self, channel_id: &str) -> Pair {
        Pair {
            id: channel_id.to_owned(),
            user: self.user.api(),
            hub: self.hub.api(),
        }
    }

    /// A transaction of the chain or the mempool.
    ///
    /// # Panics
    /// If bitcoind does not know it.
    pub fn transaction(&self, txid: &str) -> Transaction {
        self.bitcoind.indexed(txid)
    }

    /// What a transaction pays the miner.
    pub fn fee(&self, transaction: &Transaction) -> Amount {
        self.bitcoind.fee(transaction)
    }

    /// The node's coins once it knows of every block: its balance and bitcoind agree then.
    ///
    /// # Panics
    /// If they disagree.
    pub fn settled_coins(&self, node: &Node) -> Amount {
        let height = self.bitcoind.height();
        wait::until("the node knows of every block", || {
            (node.api().info().ok()?.block_height >= height).then_some(())
        });
        let balance = node.api().balance().expect("a balance");
        let coins = self.coins_on_chain(node);
        assert_eq!(
            balance.onchain_sat,
            coins.to_sat(),
            "{}: {balance:?}",
            node.name()
        );
        coins
    }

    /// What bitcoind says of the outputs that the node calls its own: each exists, and holds what the node says.
    ///
    /// # Panics
    /// If they disagree.
    pub fn coins_on_chain(&self, node: &Node) -> Amount {
        let utxos = node.api().utxos().expect("the wallet's outputs");
        coins_on_chain(&self.bitcoind, &utxos)
    }

    /// `zarnitsa ledger verify` on both nodes, while they run.
    ///
    /// # Panics
    /// If a ledger does not hold.
    pub fn verify_ledgers(&self) {
        for node in [&self.user, &self.hub] {
            verify_ledger(node);
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if thread::panicking() {
            self.user.show_tail();
            self.hub.show_tail();
        }
        self.user.kill_hard();
        self.hub.kill_hard();
        let left = processes_that_name(self.folder.path());
        if !left.is_empty() && !thread::panicking() {
            panic!("processes are left: {left:?}");
        }
        if std::env::var_os("ZARNITSA_KEEP").is_some() {
            self.folder.disable_cleanup(true);
            eprintln!("kept: {}", self.folder.path().display());
        }
    }
}

/// Sends coins to a node's wallet and waits until it has them.
///
/// # Panics
/// If it never sees them.
pub fn fund(bitcoind: &Bitcoind, node: &Node, amount: Amount) -> OutPoint {
    let api = node.api();
    let before = api.balance().expect("a balance").onchain_sat;
    let address = api.address().expect("an address");
    let address = Address::from_str(&address)
        .expect("an address of bitcoin's")
        .assume_checked();
    let outpoint = bitcoind.fund(&address, amount);
    let mut seen = None;
    wait::until(&format!("{} has its coins", node.name()), || {
        let now = api.balance().ok()?.onchain_sat;
        let known = (now, api.info().ok()?.block_height, bitcoind.height());
        // Shown where it was in vain: whose fault it is, the wallet's or the chain's.
        if seen.replace(known) != Some(known) {
            let unspent = bitcoind.unspent(&outpoint);
            println!("{} knows {known:?}, the chain {unspent:?}", node.name());
        }
        // More where change of an earlier transaction came in meanwhile.
        (now >= before + amount.to_sat()).then_some(())
    });
    outpoint
}

/// Whether a block holds the output, and nothing spends it.
pub fn is_on_chain(bitcoind: &Bitcoind, utxo: &Utxo) -> bool {
    bitcoind.unspent(&outpoint_of(utxo)).is_some()
}

fn outpoint_of(utxo: &Utxo) -> OutPoint {
    OutPoint {
        txid: utxo.txid.parse().expect("a txid"),
        vout: utxo.vout,
    }
}

/// What bitcoind says of outputs that a node calls its own: each exists, and holds what the node says.
///
/// # Panics
/// If they disagree.
pub fn coins_on_chain(bitcoind: &Bitcoind, utxos: &[Utxo]) -> Amount {
    utxos
        .iter()
        .map(|utxo| {
            let outpoint = outpoint_of(utxo);
            let known = bitcoind
                .unspent(&outpoint)
                .unwrap_or_else(|| panic!("bitcoind knows no unspent {outpoint}"));
            let btc = known["value"].as_f64().expect("a value");
            let amount = Amount::from_btc(btc).expect("an amount");
            assert_eq!(amount.to_sat(), utxo.amount_sat, "{outpoint}");
            amount
        })
        .sum()
}

/// `zarnitsa ledger verify` on a node that runs.
///
/// # Panics
/// If its ledger does not hold.
pub fn verify_ledger(node: &Node) {
    let report: Report = node.json(&["ledger", "verify"]);
    assert!(report.ok, "{}: {report:?}", node.name());
    println!(
        "{}: {} blocks, {} transactions verified",
        node.name(),
        report.blocks,
        report.transactions
    );
}

/// Command lines of running processes that name this folder.
pub(crate) fn processes_that_name(folder: &Path) -> Vec<String> {
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

/// One channel, seen from both sides. Usable from any thread, and across restarts.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The channel's id.
    pub id: String,
    /// The opener.
    pub user: Api,
    /// The acceptor.
    pub hub: Api,
}

impl Pair {
    /// Waits until both sides call it usable.
    ///
    /// # Panics
    /// If a side gives it up, or it takes too long.
    pub fn until_usable(&self) {
        self.until_both("usable", |channel| channel.state == "normal");
    }

    /// Waits until both sides have no payment under way.
    ///
    /// # Panics
    /// If one is stuck.
    pub fn until_quiet(&self) {
        self.until_both("without payments under way", |channel| {
            channel.state == "normal" && channel.htlcs.is_empty()
        });
    }

    /// Waits until it is so on both sides.
    ///
    /// # Panics
    /// If it does not come to that; the message says where the sides stand.
    pub fn until_both(&self, what: &str, is_so: impl Fn(&Channel) -> bool) {
        let side = |name: &str, api: &Api| {
            let mut seen = None;
            let deadline = std::time::Instant::now() + wait::DEADLINE;
            wait::within(wait::DEADLINE * 2, what, || {
                seen = api.channel(&self.id).ok().or(seen.take());
                let found = seen.as_ref().is_some_and(&is_so);
                assert!(
                    found || std::time::Instant::now() < deadline,
                    "the channel is never {what} for the {name}: {seen:?}"
                );
                found.then_some(())
            });
        };
        side("user", &self.user);
        side("hub", &self.hub);
    }

    /// Both sides as they are now.
    ///
    /// # Panics
    /// If a node does not know the channel.
    pub fn sides(&self) -> (Channel, Channel) {
        let side = |api: &Api| {
            api.channel(&self.id)
                .unwrap_or_else(|error| panic!("{}: {error}", self.id))
        };
        (side(&self.user), side(&self.hub))
    }

    /// Both sides say the same, nothing is under way, and nothing is lost. Answers what the user has, in msat.
    ///
    /// # Panics
    /// If they do not.
    pub fn check_agreement(&self) -> u64 {
        let (user, hub) = self.sides();
        assert_eq!(user.local_msat, hub.remote_msat, "the user's side");
        assert_eq!(user.remote_msat, hub.local_msat, "the hub's side");
        assert_eq!(
            user.local_msat + user.remote_msat,
            user.capacity_sat * 1_000
        );
        assert_eq!(user.commitment_number, hub.peer_commitment_number);
        assert_eq!(user.peer_commitment_number, hub.commitment_number);
        assert!(user.htlcs.is_empty() && hub.htlcs.is_empty());
        user.local_msat
    }
}
