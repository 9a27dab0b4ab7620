//! A channel between our node and ldk-node, seen from both sides.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bitcoin::{Amount, Txid};
use zarnitsa_tests::answers;
use zarnitsa_tests::api::Api;
use zarnitsa_tests::node::Node;
use zarnitsa_tests::wait;

use crate::ldk::{Ldk, Line};
use crate::ours::Ours;
use crate::protocol::{self, Order};
use crate::world::World;

/// Coins that a wallet needs beside the channel: fees, and ldk-node's reserve for anchors.
const BESIDE_SAT: u64 = 200_000;

/// BOLT 3: the opener pays for both anchors.
const ANCHORS_SAT: u64 = 660;

/// What a channel is to be.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How much is locked in it.
    pub sat: u64,
    /// How much of it is the acceptor's.
    pub push_msat: u64,
    /// Whether the world may know it.
    pub announce: bool,
}

impl Plan {
    /// Half of it is the acceptor's, and nobody else is told.
    pub fn private(sat: u64) -> Self {
        Self {
            sat,
            push_msat: sat * 500,
            announce: false,
        }
    }

    /// Half of it is the acceptor's, and everybody is told.
    pub fn announced(sat: u64) -> Self {
        Self {
            announce: true,
            ..Self::private(sat)
        }
    }
}

/// Usable from any thread, and across restarts.
#[derive(Clone)]
pub struct Link {
    /// The channel's id.
    pub id: String,
    /// Our side.
    pub ours: Api,
    /// ldk-node's.
    pub ldk: Line,
    /// Where our node is reached.
    pub our_uri: String,
    /// Where ldk-node is.
    pub ldk_uri: String,
}

impl Link {
    /// Our node opens it, with coins of its own, and both can use it.
    ///
    /// # Panics
    /// If it does not come to that.
    pub fn opened_by_us(world: &World, ours: &Node, ldk: &Ldk, plan: Plan) -> Self {
        let link = Self::begun_by_us(world, ours, ldk, plan);
        world.mine(6, &[ours], &[ldk]);
        link.until_usable();
        link
    }

    /// As [`Self::opened_by_us`], but its opening transaction only waits in the mempool.
    ///
    /// # Panics
    /// If it does not come to that.
    pub fn begun_by_us(world: &World, ours: &Node, ldk: &Ldk, plan: Plan) -> Self {
        world.fund_ours(ours, Amount::from_sat(plan.sat + BESIDE_SAT));
        let (api, uri) = (ours.api(), ldk.uri());
        let opened = if plan.announce {
            api.open_announced(&uri, plan.sat, plan.push_msat)
        } else {
            api.open(&uri, plan.sat, plan.push_msat)
        };
        let opened = opened.unwrap_or_else(|error| panic!("the channel is not opened: {error}"));
        until_in_mempool(world, &opened.opening_txid);
        Self::between(ours, ldk, opened.channel_id)
    }

    /// ldk-node opens it, with coins of its own, and both can use it.
    ///
    /// # Panics
    /// If it does not come to that.
    pub fn opened_by_ldk(world: &World, ours: &Node, ldk: &Ldk, plan: Plan) -> Self {
        let link = Self::begun_by_ldk(world, ours, ldk, plan);
        world.mine(6, &[ours], &[ldk]);
        link.until_usable();
        link
    }

    /// As [`Self::opened_by_ldk`], but its opening transaction only waits in the mempool.
    ///
    /// # Panics
    /// If it does not come to that.
    pub fn begun_by_ldk(world: &World, ours: &Node, ldk: &Ldk, plan: Plan) -> Self {
        world.fund_ldk(ldk, Amount::from_sat(plan.sat + BESIDE_SAT));
        let info = ours.api().info().expect("our node's info");
        let known = |api: &Api| -> BTreeSet<String> {
            let channels = api.channels().expect("our channels");
            channels.into_iter().map(|one| one.channel_id).collect()
        };
        let before = known(&ours.api());
        let order = Order::Open {
            node_id: info.node_id,
            address: ours.lightning_address().to_string(),
            sat: plan.sat,
            push_msat: plan.push_msat,
            announce: plan.announce,
        };
        ldk.line()
            .ask::<()>(order)
            .unwrap_or_else(|error| panic!("ldk-node opens no channel: {error:?}"));
        let id = wait::until("our node has the channel", || {
            known(&ours.api()).difference(&before).next().cloned()
        });
        let channel = ours.api().channel(&id).expect("it has just been listed");
        until_in_mempool(world, &channel.opening_txid);
        Self::between(ours, ldk, id)
    }

    fn between(ours: &Node, ldk: &Ldk, id: String) -> Self {
        let our_id = ours.api().info().expect("our node's info").node_id;
        Self {
            id,
            ours: ours.api(),
            ldk: ldk.line(),
            our_uri: format!("{our_id}@{}", ours.lightning_address()),
            ldk_uri: ldk.uri(),
        }
    }

    /// Our side of it.
    ///
    /// # Panics
    /// If our node does not know it.
    pub fn our_side(&self) -> answers::Channel {
        self.ours
            .channel(&self.id)
            .unwrap_or_else(|error| panic!("{}: {error}", self.id))
    }

    /// ldk-node's side of it.
    ///
    /// # Panics
    /// If ldk-node has it no more.
    pub fn ldk_side(&self) -> protocol::Channel {
        self.ldk
            .channel(&self.id)
            .unwrap_or_else(|| panic!("ldk-node has no channel {}", self.id))
    }

    /// Waits until both sides call it usable.
    ///
    /// # Panics
    /// If one never does.
    pub fn until_usable(&self) {
        wait::until("the channel is usable for ldk-node", || {
            self.ldk
                .channel(&self.id)
                .filter(|channel| channel.usable)
                .map(|_| ())
        });
        self.until_ours("normal");
    }

    /// As [`Self::until_usable`], and one side dials the other if both wait for it too long.
    pub fn until_connected(&self) {
        wait::until("the channel is usable again for ldk-node", || {
            self.dial();
            self.ldk
                .channel(&self.id)
                .filter(|channel| channel.usable)
                .map(|_| ())
        });
        self.until_ours("normal");
    }

    /// ldk-node dials our node, if they are not connected.
    pub fn dial(&self) {
        let Some((node_id, address)) = self.our_uri.split_once('@') else {
            return;
        };
        let order = Order::Connect {
            node_id: node_id.to_owned(),
            address: address.to_owned(),
        };
        // It may fail while one of them is starting: whoever waits asks again.
        let _ = self.ldk.ask::<()>(order);
    }

    /// Waits until our side of it stands there.
    ///
    /// # Panics
    /// If it never does.
    pub fn until_ours(&self, state: &str) {
        self.until_ours_within(wait::DEADLINE, state);
    }

    /// As [`Self::until_ours`], for what may take longer.
    ///
    /// # Panics
    /// If it never does.
    pub fn until_ours_within(&self, time: Duration, state: &str) {
        let mut seen = String::new();
        let deadline = Instant::now() + time;
        wait::within(time * 2, state, || {
            if let Ok(channel) = self.ours.channel(&self.id) {
                seen = channel.state;
            }
            let late = Instant::now() > deadline;
            assert!(!late, "our side is {seen}, never {state}");
            (seen == state).then_some(())
        });
    }

    /// Waits until no payment is under way on our side.
    ///
    /// # Panics
    /// If one is stuck.
    pub fn until_quiet(&self) {
        wait::until("no payment is under way", || {
            let channel = self.ours.channel(&self.id).ok()?;
            channel.htlcs.is_empty().then_some(())
        });
    }

    /// Both sides say the same of who has what, and nothing is lost. Answers what is ours, in msat.
    ///
    /// # Panics
    /// If they never do.
    pub fn check_agreement(&self) -> u64 {
        let mut seen = None;
        let late = Instant::now() + wait::DEADLINE;
        wait::within(wait::DEADLINE * 2, "both sides agree", || {
            let (ours, ldk) = (
                self.ours.channel(&self.id).ok()?,
                self.ldk.channel(&self.id)?,
            );
            let agree = agree(&ours, &ldk);
            seen = Some((ours, ldk));
            assert!(agree || Instant::now() < late, "they differ: {seen:?}");
            agree.then_some(())
        });
        let (ours, _) = seen.expect("they have been looked at");
        ours.local_msat
    }
}

/// Whether both sides say the same of who has what, with nothing under way and nothing lost.
pub fn agree(ours: &answers::Channel, ldk: &protocol::Channel) -> bool {
    // ldk-node says what it can send above its reserve and its anchors; while it has less it says nothing.
    let anchors_sat = if ldk.outbound { ANCHORS_SAT } else { 0 };
    let ldk_msat = ldk.outbound_msat + (ldk.reserve_sat + anchors_sat) * 1_000;
    ours.htlcs.is_empty()
        && ours.local_msat + ours.remote_msat == ours.capacity_sat * 1_000
        && (ldk.outbound_msat == 0 || ldk_msat == ours.remote_msat)
}

/// Waits until a transaction waits for a block.
///
/// # Panics
/// If it never comes.
pub fn until_in_mempool(world: &World, txid: &str) {
    let txid: Txid = txid.parse().expect("a txid");
    wait::until("the transaction is in the mempool", || {
        world.bitcoind.mempool().contains(&txid).then_some(())
    });
}
