//! All that a hub and its users go through: channels are opened, payments go both ways and through the hub, one fails,
//! two channels are closed by force, and a user broadcasts what it had revoked. What it comes to is known to the
//! satoshi beforehand, whoever dies in it and however often.

use std::fs;

use bitcoin::Amount;
use zarnitsa_tests::answers::Channel;
use zarnitsa_tests::api::Api;
use zarnitsa_tests::node::Node;
use zarnitsa_tests::{folder, wait};

use super::orders::{self, ask, Terms};
use super::stage::{fee, signed, Gains, Stage, Times, ANCHORS, DELAYED_BLOCKS, LEFT, RIGHT};

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

/// What the two users have in their channels before they are closed, in msat.
fn due() -> (u64, u64) {
    let left = LEFT.capacity_sat - LEFT.push_sat - LEFT_TO_HUB + HUB_TO_LEFT
        - LEFT_TO_RIGHT
        - fee(LEFT_TO_RIGHT)
        + RIGHT_TO_LEFT;
    let right = RIGHT.push_sat + LEFT_TO_RIGHT - RIGHT_TO_LEFT - fee(RIGHT_TO_LEFT);
    (left * 1_000, right * 1_000)
}

/// The channels of one run.
struct Channels {
    left: String,
    right: String,
    cheat: String,
}

impl Stage {
    /// All of it.
    pub(super) fn go_through(&mut self) {
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
            self.until_opening_waits(opener, id);
        }
        self.bitcoind().mine(6);
        self.until_usable(&self.left, &channels.left);
        self.until_usable(&self.right, &channels.right);
        self.until_usable(&cheater.api(), &channels.cheat);
        channels
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
}

fn closing_of(channel: &Channel) -> &str {
    let closing = channel.closing_txid.as_deref();
    closing.unwrap_or_else(|| panic!("it is closed: {channel:?}"))
}
