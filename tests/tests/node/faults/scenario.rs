//! All that a hub and its users go through: channels are opened, payments go both ways and through the hub, one fails,
//! two channels are closed by force, and a user broadcasts what it had revoked. What it comes to is known to the
//! satoshi beforehand, whoever dies in it and however often.

use std::time::{Duration, Instant};
use std::{fmt, fs};

use bitcoin::Amount;
use zarnitsa_tests::answers::Channel;
use zarnitsa_tests::api::Api;
use zarnitsa_tests::bitcoind::Bitcoind;
use zarnitsa_tests::net::Net;
use zarnitsa_tests::node::Node;
use zarnitsa_tests::world::Turn;
use zarnitsa_tests::{folder, wait, world};

use super::orders::{self, ask, Terms};
use super::victim::Victim;

/// What each of the two that open channels has at first, in sat, in coins that suffice for one channel each.
const COINS: [u64; 4] = [3_000_000; 4];
/// Of each commitment; BOLT 3.
const ANCHORS: u64 = 660;
/// Of all three. The default only makes the burying longer.
const POLICY: &str = "to_self_delay = 12\n";
/// Most of what an output waits that its owner broadcast.
const DELAYED_BLOCKS: u32 = 10;

/// How often a process may go through it.
const RUNS_OF_A_PROCESS: u32 = 8;

const LEFT: Terms = Terms {
    capacity_sat: 1_000_000,
    push_sat: 400_000,
};
const RIGHT: Terms = Terms {
    capacity_sat: 600_000,
    push_sat: 200_000,
};
const CHEAT: Terms = Terms {
    capacity_sat: 1_000_000,
    push_sat: 500_000,
};

/// In sat.
const LEFT_TO_HUB: u64 = 10_000;
const HUB_TO_LEFT: u64 = 5_000;
const LEFT_TO_RIGHT: u64 = 20_000;
const RIGHT_TO_LEFT: u64 = 10_000;
/// More than the hub has on the right.
const TOO_MUCH: u64 = 450_000;
/// What the cheater pays, and would rather have back.
const CHEATED: u64 = 300_000;

/// What the hub asks for, by the defaults of its role, in sat.
fn fee(sat: u64) -> u64 {
    1 + sat * 100 / 1_000_000
}

/// What the two users have in their channels before they are closed, in msat.
fn due() -> (u64, u64) {
    let left = LEFT.capacity_sat - LEFT.push_sat - LEFT_TO_HUB + HUB_TO_LEFT
        - LEFT_TO_RIGHT
        - fee(LEFT_TO_RIGHT)
        + RIGHT_TO_LEFT;
    let right = RIGHT.push_sat + LEFT_TO_RIGHT - RIGHT_TO_LEFT - fee(RIGHT_TO_LEFT);
    (left * 1_000, right * 1_000)
}

/// What each part of a run took.
struct Times {
    since: Instant,
    parts: Vec<(&'static str, Duration)>,
}

impl Times {
    fn begin() -> Self {
        Self {
            since: Instant::now(),
            parts: Vec::new(),
        }
    }

    /// The part that has just ended.
    fn mark(&mut self, part: &'static str) {
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

/// The world in which it happens, again and again.
pub struct Stage {
    // Before the world: it must be gone when that looks for what is left.
    pub victim: Victim,
    left: Api,
    hub: Api,
    right: Api,
    hub_uri: String,
    right_uri: String,
    net: Net,
    runs: u32,
}

/// The channels of one run.
struct Channels {
    left: String,
    right: String,
    cheat: String,
}

/// Who came to what in one run, in sat; negative where more was spent than came back.
#[derive(Debug, PartialEq, Eq)]
struct Gains {
    left: i64,
    hub: i64,
    right: i64,
}

fn signed(sat: u64) -> i64 {
    i64::try_from(sat).expect("far less than all coins")
}

impl Stage {
    /// One of `left` and `hub` is the victim. Other worlds may run beside it in a turn that is had already.
    pub fn with_victim(name: &str, turn: Option<&Turn>) -> Self {
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
        }
    }

    fn bitcoind(&self) -> &Bitcoind {
        &self.net.bitcoind
    }

    /// All of it, once; it comes to what it must.
    pub fn run(&mut self) {
        if self.runs % RUNS_OF_A_PROCESS == RUNS_OF_A_PROCESS - 1 {
            self.start_others_again();
        }
        self.runs += 1;
        let mut times = Times::begin();
        let before = self.coins();
        let mut cheater = self.cheater();
        times.mark("beginning");
        let channels = self.open(&cheater);
        times.mark("opening");
        self.pay();
        times.mark("paying");
        self.cheat(&mut cheater, &channels.cheat);
        times.mark("cheating");
        let (left, right) = due();
        self.check_balances(&channels.left, &self.left, left);
        self.check_balances(&channels.right, &self.right, right);
        orders::force_close(&self.left, &channels.left);
        orders::force_close(&self.hub, &channels.right);
        times.mark("closing");
        self.bury(&channels);
        times.mark("burying");
        let expected = self.expected(&channels);
        let after = self.coins();
        let gains = Gains {
            left: after.left - before.left,
            hub: after.hub - before.hub,
            right: after.right - before.right,
        };
        assert_eq!(gains, expected);
        cheater.kill_hard();
        times.mark("counting");
        println!("{times}");
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
    fn coins(&self) -> Gains {
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

    fn cheater(&self) -> Node {
        let name = format!("cheater-{}", self.runs);
        let mut cheater = Node::create(self.net.folder(), &name, "user", self.bitcoind());
        cheater.start();
        cheater
    }

    fn open(&self, cheater: &Node) -> Channels {
        let cheater_uri = cheater.api().info().expect("its info").uri;
        let channels = Channels {
            left: orders::open(&self.left, &self.hub_uri, LEFT),
            right: orders::open(&self.hub, &self.right_uri, RIGHT),
            cheat: orders::open(&self.hub, &cheater_uri, CHEAT),
        };
        for (opener, id) in [
            (&self.left, &channels.left),
            (&self.hub, &channels.right),
            (&self.hub, &channels.cheat),
        ] {
            let channel = ask("the channel", || opener.channel(id));
            let opening = orders::opening_of(&channel);
            wait::until("the opening transaction is in the mempool", || {
                let known = self.bitcoind().mempool();
                known.contains(&opening.txid).then_some(())
            });
        }
        self.bitcoind().mine(6);
        self.until_usable(&self.left, &channels.left);
        self.until_usable(&self.right, &channels.right);
        self.until_usable(&cheater.api(), &channels.cheat);
        channels
    }

    fn until_usable(&self, user: &Api, id: &str) {
        orders::until_usable(user, &self.hub_uri, [user, &self.hub], id);
    }

    fn pay(&self) {
        let (left, hub, right) = (&self.left, &self.hub, &self.right);
        assert_eq!(orders::pay(left, hub, LEFT_TO_HUB * 1_000), 0);
        assert_eq!(orders::pay(hub, left, HUB_TO_LEFT * 1_000), 0);
        let cost = orders::pay(left, right, LEFT_TO_RIGHT * 1_000);
        assert_eq!(cost, fee(LEFT_TO_RIGHT) * 1_000);
        orders::pay_in_vain(left, right, TOO_MUCH * 1_000);
        let cost = orders::pay(right, left, RIGHT_TO_LEFT * 1_000);
        assert_eq!(cost, fee(RIGHT_TO_LEFT) * 1_000);
    }

    /// The cheater keeps its folder as it is, pays, and takes the kept one again where nobody can tell it that it is old.
    fn cheat(&self, cheater: &mut Node, id: &str) {
        let kept = self.net.folder().join(format!("{}-kept", cheater.name()));
        // What a node wrote before it stands still is enough to go on, as after a power cut.
        cheater.pause();
        folder::copy(&cheater.folder(), &kept);
        cheater.go_on();
        // From here on it calls the hub itself, whenever that is back.
        let called = cheater.api().connect(&self.hub_uri);
        if let Err(error) = called {
            println!("not called at once: {error}");
        }
        self.until_usable(&cheater.api(), id);
        orders::pay(&cheater.api(), &self.hub, CHEATED * 1_000);
        self.until_quiet(&cheater.api(), id);
        cheater.kill_hard();
        folder::put_back(&kept, &cheater.folder());
        // It knows nobody there, if it ever called somebody.
        let _ = fs::remove_file(cheater.folder().join("peers.json"));
        cheater.move_away();
        cheater.start();
        orders::force_close(&cheater.api(), id);
    }

    fn until_quiet(&self, user: &Api, id: &str) {
        self.until_usable(user, id);
        for side in [user, &self.hub] {
            wait::until("nothing is under way", || {
                let channel = side.channel(id).ok()?;
                channel.htlcs.is_empty().then_some(())
            });
        }
    }

    /// Both sides say that the user has so much.
    fn check_balances(&self, id: &str, user: &Api, msat: u64) {
        self.until_quiet(user, id);
        let side = |api: &Api| ask("the channel", || api.channel(id));
        let (user, hub) = (side(user), side(&self.hub));
        assert_eq!((user.local_msat, hub.remote_msat), (msat, msat));
        assert_eq!((user.remote_msat, hub.remote_msat), (hub.local_msat, msat));
        assert_eq!(
            user.local_msat + user.remote_msat,
            user.capacity_sat * 1_000
        );
        assert_eq!(user.commitment_number, hub.peer_commitment_number);
        assert_eq!(user.peer_commitment_number, hub.commitment_number);
    }

    /// Mines until all that is anybody's is paid out.
    fn bury(&self, channels: &Channels) {
        for id in [&channels.left, &channels.right, &channels.cheat] {
            let opening = orders::opening_of(&ask("the channel", || self.hub.channel(id)));
            wait::until("a commitment is in the mempool", || {
                self.bitcoind().spender(&opening)
            });
        }
        self.mine(1);
        wait::until("the hub knows the commitment for what it is", || {
            let closing = self.hub.channel(&channels.cheat).ok()?.closing?;
            (closing.spent_by.as_deref() == Some("revoked_commitment")).then_some(())
        });
        wait::until("the penalty is in the mempool", || {
            (!self.bitcoind().mempool().is_empty()).then_some(())
        });
        self.mine_until_closed(&[&self.hub], &channels.cheat);
        self.mine(DELAYED_BLOCKS);
        self.mine_until_closed(&[&self.left, &self.hub], &channels.left);
        self.mine_until_closed(&[&self.hub, &self.right], &channels.right);
    }

    fn mine(&self, blocks: u32) {
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

    fn mine_until_closed(&self, sides: &[&Api], id: &str) {
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
    fn expected(&self, channels: &Channels) -> Gains {
        let (left_msat, right_msat) = due();
        let (left, right) = (left_msat / 1_000, right_msat / 1_000);
        let of = |api: &Api, id: &str| ask("the channel", || api.channel(id));
        let on_left = of(&self.hub, &channels.left);
        let on_right = of(&self.hub, &channels.right);
        let on_cheat = of(&self.hub, &channels.cheat);
        let opener_pays = |channel: &Channel| {
            let opening = self.fee_of(&channel.opening_txid);
            opening + self.fee_of(closing_of(channel))
        };
        let revoked = self.bitcoind().indexed(closing_of(&on_cheat));
        let taken: Amount = revoked.output.iter().map(|output| output.value).sum();
        let hub_paid = opener_pays(&on_right) + ANCHORS + self.fee_of(&on_cheat.opening_txid);
        let all = [&channels.left, &channels.right, &channels.cheat];
        let hub_claims = self.claims(&self.hub, &all);
        Gains {
            left: signed(left)
                - signed(LEFT.capacity_sat + opener_pays(&on_left) + ANCHORS)
                - signed(self.claims(&self.left, &[&channels.left])),
            hub: signed(LEFT.capacity_sat - left) + signed(RIGHT.capacity_sat - right)
                - signed(RIGHT.capacity_sat)
                - signed(CHEAT.capacity_sat)
                + signed(taken.to_sat() - ANCHORS)
                - signed(hub_paid)
                - signed(hub_claims),
            right: signed(right) - signed(self.claims(&self.right, &[&channels.right])),
        }
    }

    fn fee_of(&self, txid: &str) -> u64 {
        let transaction = self.bitcoind().indexed(txid);
        self.bitcoind().fee(&transaction).to_sat()
    }

    /// What a node paid for claiming what is its own of these channels.
    fn claims(&self, api: &Api, channels: &[&String]) -> u64 {
        let mut claims = Vec::new();
        for id in channels {
            let channel = ask("the channel", || api.channel(id));
            let history = ask("the history", || api.history(id));
            let txids = history.into_iter().filter_map(|step| step.txid);
            claims.extend(
                txids.filter(|txid| txid != closing_of(&channel) && *txid != channel.opening_txid),
            );
        }
        claims.sort();
        claims.dedup();
        claims.iter().map(|txid| self.fee_of(txid)).sum()
    }

    /// `zarnitsa ledger verify` on all.
    pub fn verify_ledgers(&self) {
        self.net.verify_ledgers();
        self.victim.verify_ledger();
    }
}

fn closing_of(channel: &Channel) -> &str {
    let closing = channel.closing_txid.as_deref();
    closing.unwrap_or_else(|| panic!("it is closed: {channel:?}"))
}
