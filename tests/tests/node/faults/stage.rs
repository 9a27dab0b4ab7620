//! The world in which a script is played again and again: a user, a hub and a user behind it, of which one stands on a failing
//! disk.

use std::fmt;
use std::time::{Duration, Instant};

use bitcoin::Amount;
use zarnitsa_tests::api::Api;
use zarnitsa_tests::bitcoind::Bitcoind;
use zarnitsa_tests::net::Net;
use zarnitsa_tests::wait;
use zarnitsa_tests::world::{self, Turn};

use super::htlcs::Held;
use super::orders::{self, ask, Terms};
use super::victim::Victim;

/// What each of the two that open channels has at first, in sat, in coins that suffice for one channel each.
const COINS: [u64; 4] = [3_000_000; 4];
/// Enough to pay for claims.
const RIGHTS_COIN: Amount = Amount::from_sat(100_000);
/// Of each commitment; BOLT 3.
pub const ANCHORS: u64 = 660;
/// Of all three. The default only makes the burying longer.
const POLICY: &str = "to_self_delay = 12\n";
/// Most of what an output waits that its owner broadcast.
pub const DELAYED_BLOCKS: u32 = 10;

/// What left opens with the hub, and the hub with right.
pub const LEFT: Terms = Terms {
    capacity_sat: 1_000_000,
    push_sat: 400_000,
};
pub const RIGHT: Terms = Terms {
    capacity_sat: 600_000,
    push_sat: 200_000,
};

/// How often a process may go through it.
const RUNS_OF_A_PROCESS: u32 = 8;

/// What is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// All of `scenario`.
    Whole,
    /// Only how channels end whose commitments have HTLCs, as in `htlcs`; that they come to have them is before it.
    Htlcs,
}

impl Script {
    /// So many syncs the hub has in any run.
    pub fn sure_syncs(self) -> u64 {
        match self {
            Self::Whole => 100,
            Self::Htlcs => 30,
        }
    }
}

/// What the hub asks for, by the defaults of its role, in sat.
pub fn fee(sat: u64) -> u64 {
    1 + sat * 100 / 1_000_000
}

/// What each part of a run took.
pub struct Times {
    since: Instant,
    parts: Vec<(&'static str, Duration)>,
}

impl Times {
    pub fn begin() -> Self {
        Self {
            since: Instant::now(),
            parts: Vec::new(),
        }
    }

    /// The part that has just ended.
    pub fn mark(&mut self, part: &'static str) {
        let before = std::mem::replace(&mut self.since, Instant::now());
        self.parts.push((part, before.elapsed()));
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self
            .parts
            .iter()
            .map(|(part, took)| format!("{part} {took:.1?}"))
            .collect();
        f.write_str(&parts.join(", "))
    }
}

/// The world.
pub struct Stage {
    // Before the world: it must be gone when that looks for what is left.
    pub victim: Victim,
    pub left: Api,
    pub hub: Api,
    pub right: Api,
    pub hub_uri: String,
    pub right_uri: String,
    pub net: Net,
    pub runs: u32,
    script: Script,
    /// What a run of `htlcs` begins with.
    held: Option<Held>,
}

/// Who came to what in one run, in sat; negative where more was spent than came back.
#[derive(Debug, PartialEq, Eq)]
pub struct Gains {
    pub left: i64,
    pub hub: i64,
    pub right: i64,
}

pub fn signed(sat: u64) -> i64 {
    i64::try_from(sat).expect("far less than all coins")
}

impl Stage {
    /// One of `left` and `hub` is the victim. Other worlds may run beside it in a turn that is had already.
    pub fn with_victim(name: &str, script: Script, turn: Option<&Turn>) -> Self {
        let nodes = [("left", "user"), ("hub", "hub"), ("right", "user")];
        let mut net = match turn {
            Some(turn) => Net::start_beside(&nodes, POLICY, turn),
            None => Net::start_with_policy(&nodes, POLICY),
        };
        for node in ["left", "hub"] {
            for sat in COINS {
                world::fund(&net.bitcoind, net.node(node), Amount::from_sat(sat));
            }
        }
        if script == Script::Htlcs {
            // Where its own commitment comes first, a second stage of its own takes what it was paid.
            world::fund(&net.bitcoind, net.node("right"), RIGHTS_COIN);
        }
        let [left, hub, right] = ["left", "hub", "right"].map(|name| net.api(name));
        let uri = |api: &Api| api.info().expect("its info").uri;
        let (hub_uri, right_uri) = (uri(&hub), uri(&right));
        let mut calls = vec![(left.clone(), hub_uri.clone())];
        if name == "hub" {
            calls.push((right.clone(), hub_uri.clone()));
        }
        let place = net.nodes.iter().position(|node| node.name() == name);
        let node = net.nodes.remove(place.expect("one of them"));
        Self {
            victim: Victim::of(node, calls),
            left,
            hub,
            right,
            hub_uri,
            right_uri,
            net,
            runs: 0,
            script,
            held: None,
        }
    }

    /// What a run begins with, while nothing strikes.
    pub fn prepare(&mut self) {
        if self.script == Script::Htlcs {
            self.begin();
            self.held = Some(self.hold());
        }
    }

    /// The script, once; it comes to what it must.
    ///
    /// # Panics
    /// If it does not.
    pub fn run(&mut self) {
        match (self.script, self.held.take()) {
            (Script::Htlcs, Some(held)) => self.end(&held),
            (Script::Htlcs, None) => panic!("nothing was prepared"),
            (Script::Whole, _) => {
                self.begin();
                self.go_through();
            }
        }
    }

    pub fn bitcoind(&self) -> &Bitcoind {
        &self.net.bitcoind
    }

    fn begin(&mut self) {
        if self.runs % RUNS_OF_A_PROCESS == RUNS_OF_A_PROCESS - 1 {
            self.start_others_again();
        }
        self.runs += 1;
    }

    /// They have let one another open as many channels as they do in ten minutes, and a start gives a new beginning.
    fn start_others_again(&mut self) {
        for node in &mut self.net.nodes {
            node.stop();
            node.start();
        }
        self.victim.call();
    }

    /// A child of a commitment that another one came before, of the same channel, never confirms. The wallet gives its coins
    /// up when the missing input has been missing for six blocks.
    fn give_up_lost(&self) {
        let is_known = |api: &Api| {
            let utxos = ask("the wallet's outputs", || api.utxos());
            utxos
                .iter()
                .all(|utxo| world::is_on_chain(self.bitcoind(), utxo))
        };
        for _ in 0..10 {
            if [&self.left, &self.hub, &self.right]
                .into_iter()
                .all(is_known)
            {
                return;
            }
            self.mine(1);
        }
    }

    /// What they have on chain.
    pub fn coins(&self) -> Gains {
        self.until_all_see(self.bitcoind().height());
        self.give_up_lost();
        let of = |api: &Api| {
            let balance = ask("the balance", || api.balance()).onchain_sat;
            let utxos = ask("the wallet's outputs", || api.utxos());
            let coins = world::coins_on_chain(self.bitcoind(), &utxos).to_sat();
            assert_eq!(balance, coins);
            signed(coins)
        };
        Gains {
            left: of(&self.left),
            hub: of(&self.hub),
            right: of(&self.right),
        }
    }

    pub fn until_opening_waits(&self, opener: &Api, id: &str) {
        let opening = orders::opening_of(&ask("the channel", || opener.channel(id)));
        wait::until("the opening transaction is in the mempool", || {
            let known = self.bitcoind().mempool();
            known.contains(&opening.txid).then_some(())
        });
    }

    pub fn until_usable(&self, user: &Api, id: &str) {
        orders::until_usable(user, &self.hub_uri, [user, &self.hub], id);
    }

    pub fn until_quiet(&self, user: &Api, id: &str) {
        self.until_usable(user, id);
        for side in [user, &self.hub] {
            wait::until("nothing is under way", || {
                let channel = side.channel(id).ok()?;
                channel.htlcs.is_empty().then_some(())
            });
        }
    }

    /// Both sides say that the user has so much.
    pub fn mine(&self, blocks: u32) {
        self.bitcoind().pass(blocks);
        self.until_all_see(self.bitcoind().height());
    }

    fn until_all_see(&self, height: u32) {
        for api in [&self.left, &self.hub, &self.right] {
            wait::until("the node sees the block", || {
                (api.info().ok()?.block_height >= height).then_some(())
            });
        }
    }

    pub fn mine_until_closed(&self, sides: &[&Api], id: &str) {
        let mut states = Vec::new();
        for _ in 0..40 {
            states = sides
                .iter()
                .map(|side| ask("the channel", || side.channel(id)).state)
                .collect();
            if states.iter().all(|state| state == "closed") {
                return;
            }
            self.mine(1);
        }
        panic!("{id} is {states:?}");
    }

    /// What each must have come to, by what it owned and what it paid the miners.
    pub fn fee_of(&self, txid: &str) -> u64 {
        let transaction = self.bitcoind().indexed(txid);
        self.bitcoind().fee(&transaction).to_sat()
    }

    /// `zarnitsa ledger verify` on all.
    pub fn verify_ledgers(&self) {
        self.net.verify_ledgers();
        self.victim.verify_ledger();
    }
}
