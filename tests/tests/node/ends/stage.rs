//! Two nodes with a wire between them, and coins for whatever they must claim.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bitcoin::{Amount, Txid};
use serde_json::json;
use zarnitsa_tests::api::Api;
use zarnitsa_tests::folder;
use zarnitsa_tests::node::Node;
use zarnitsa_tests::wait;
use zarnitsa_tests::wire::{Way, Wire};
use zarnitsa_tests::world::{Pair, World};

use super::By;

pub const CAPACITY_SAT: u64 = 1_000_000;
const PUSHED_SAT: u64 = 450_000;
/// Each second stage takes one of the wallet's coins to pay its fee (BOLT 3, zero-fee HTLC transactions).
const COINS: usize = 6;
const COIN_SAT: u64 = 50_000;
/// Looks at a connection after which it is there to stay.
const LASTING: u32 = 5;

pub struct Stage {
    pub world: World,
    pub wire: Wire,
}

impl Stage {
    pub fn start() -> Self {
        let world = World::start();
        let wire = Wire::to(world.hub.lightning_address());
        Self { world, wire }
    }

    /// Enough coins for both wallets to claim whatever a channel has, once the chain has them.
    fn give_coins(&self) {
        let before = self.coins();
        let addresses = By::BOTH.map(|by| [(); COINS].map(|()| self.api(by).address()));
        let btc = Amount::from_sat(COIN_SAT).to_btc();
        let payments = addresses.into_iter().flatten();
        let payments: BTreeMap<String, f64> = payments
            .map(|address| (address.expect("an address"), btc))
            .collect();
        let each = u64::try_from(payments.len()).expect("few") / 2 * COIN_SAT;
        let bitcoind = &self.world.bitcoind;
        let _: String = bitcoind.call("sendmany", &[json!(""), json!(payments)]);
        bitcoind.mine(1);
        assert_eq!(self.coins(), before.map(|coins| coins + each));
    }

    pub fn node(&self, by: By) -> &Node {
        match by {
            By::User => &self.world.user,
            By::Hub => &self.world.hub,
        }
    }

    pub fn node_mut(&mut self, by: By) -> &mut Node {
        match by {
            By::User => &mut self.world.user,
            By::Hub => &mut self.world.hub,
        }
    }

    pub fn api(&self, by: By) -> Api {
        self.node(by).api()
    }

    /// The hub, by the wire.
    fn uri(&self) -> String {
        let id = self.world.hub.api().info().expect("the hub's info").node_id;
        format!("{id}@{}", self.wire.address())
    }

    /// Nothing that this node says arrives.
    pub fn silence(&self, by: By) {
        self.wire.cut(match by {
            By::User => Way::There,
            By::Hub => Way::Back,
        });
    }

    /// Nobody hears of the other but by the chain.
    pub fn silence_both(&self) {
        self.silence(By::User);
        self.silence(By::Hub);
    }

    /// They hear one another again.
    pub fn reconnect(&self) {
        self.wire.mend();
        let mut lasts = 0;
        wait::until("the nodes are connected", || {
            self.call_again();
            // One that has not noticed that the old connection is gone says that it is connected; and two calls that cross may end
            // each other.
            let connected =
                self.wire.was_called() && By::BOTH.iter().all(|by| self.is_connected(*by));
            lasts = if connected { lasts + 1 } else { 0 };
            (lasts == LASTING).then_some(())
        });
    }

    /// The user calls the hub where it has no connection.
    pub fn call_again(&self) {
        if !self.is_connected(By::User) {
            let _ = self.api(By::User).connect(&self.uri());
        }
    }

    fn is_connected(&self, by: By) -> bool {
        let peers = self.api(by).peers().unwrap_or_default();
        peers.iter().any(|peer| peer.connected)
    }

    /// The user's channel to the hub, usable.
    pub fn open(&self) -> Pair {
        self.reconnect();
        let world = &self.world;
        world.fund(&world.user, Amount::from_sat(CAPACITY_SAT + 50_000));
        let body = json!({
            "peer": self.uri(),
            "amount": format!("{CAPACITY_SAT}sat"),
            "push_msat": (PUSHED_SAT * 1_000).to_string(),
        });
        let opened = world
            .user
            .api()
            .open_with(body)
            .unwrap_or_else(|error| panic!("the channel is not opened: {error}"));
        let txid: Txid = opened.opening_txid.parse().expect("a txid");
        wait::until("the opening transaction is in the mempool", || {
            world.bitcoind.mempool().contains(&txid).then_some(())
        });
        world.bitcoind.mine(6);
        let pair = world.pair(&opened.channel_id);
        pair.until_usable();
        self.give_coins();
        pair
    }

    /// Both wallets, once they know of every block.
    pub fn coins(&self) -> [u64; 2] {
        By::BOTH.map(|by| self.coins_of(by))
    }

    pub fn coins_of(&self, by: By) -> u64 {
        self.world.settled_coins(self.node(by)).to_sat()
    }

    /// Those nodes have seen the chain's last block.
    pub fn until_seen(&self, sides: &[By]) {
        let height = self.world.bitcoind.height();
        for by in sides {
            let api = self.api(*by);
            wait::until("the node sees the block", || {
                (api.info().ok()?.block_height >= height).then_some(())
            });
        }
    }

    /// The one transaction that `txid` names gets into a block, which `sides` see.
    pub fn confirm(&self, txid: &str, sides: &[By]) {
        let parsed: Txid = txid.parse().expect("a txid");
        wait::until("it is in the mempool", || {
            self.world
                .bitcoind
                .mempool()
                .contains(&parsed)
                .then_some(())
        });
        self.world.bitcoind.mine(1);
        self.until_seen(sides);
    }

    /// A copy of the node's folder as it is now.
    pub fn keep(&mut self, by: By, name: &str) -> PathBuf {
        let kept = self.world.folder().join(name);
        let node = self.node_mut(by);
        node.stop();
        folder::copy(&node.folder(), &kept);
        node.start();
        kept
    }

    /// The node goes back to such a copy.
    pub fn go_back(&mut self, by: By, kept: &Path) {
        let node = self.node_mut(by);
        node.stop();
        folder::put_back(kept, &node.folder());
        node.start();
    }
}
