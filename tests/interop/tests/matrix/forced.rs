//! One side closes without the other, and every coin comes home.

use zarnitsa_interop::ldk::Ldk;
use zarnitsa_interop::link::{until_in_mempool, Link, Plan};
use zarnitsa_interop::protocol::Order;
use zarnitsa_interop::world::World;
use zarnitsa_tests::node::Node;
use zarnitsa_tests::wait;

use crate::closing::Held;
use crate::holding::Accepted;

/// Blocks until the slowest output may be claimed, and some for the claims themselves.
const MOST_BLOCKS: u32 = 220;
/// What all transactions of a close may cost its sides, in sat.
const FEES_SAT: u64 = 20_000;

fn force(world: &World, link: &Link, by_us: bool) {
    if by_us {
        let closing = link.ours.force_close(&link.id).expect("it closes");
        until_in_mempool(world, &closing.closing_txid);
    } else {
        let (channel_id, force) = (link.id.clone(), true);
        link.ldk
            .ask::<()>(Order::Close { channel_id, force })
            .expect("ldk-node closes it");
        wait::until("a commitment waits for its block", || {
            (!world.bitcoind.mempool().is_empty()).then_some(())
        });
    }
}

/// BOLT 3: with anchors a commitment has an output of this much for each side.
const ANCHOR_SAT: u64 = 330;

/// The commitment that waits for its block has an anchor for each side.
fn check_anchors(world: &World, link: &Link) {
    let opening = link.our_side().opening_txid;
    let waiting = world.bitcoind.mempool().into_iter();
    let commitment = waiting
        .map(|txid| world.bitcoind.transaction(&txid))
        .find(|tx| tx.input[0].previous_output.txid.to_string() == opening)
        .expect("the commitment waits for its block");
    let anchors = commitment.output.iter();
    let anchors = anchors.filter(|output| output.value.to_sat() == ANCHOR_SAT);
    assert_eq!(anchors.count(), 2, "{commitment:?}");
}

/// So many at a time: far fewer than any HTLC has left.
const STEP: u32 = 4;

/// Mines a few blocks at a time, each time seen by both, until our side has claimed all that is its own.
fn mine_until_closed(world: &World, ours: &Node, ldk: &Ldk, link: &Link) {
    for _ in 0..MOST_BLOCKS / STEP {
        world.mine(STEP, &[ours], &[ldk]);
        if link.our_side().state == "closed" {
            return;
        }
    }
    panic!("still {:?}", link.our_side());
}

fn onchain(link: &Link) -> u64 {
    let balance = link.ours.balance().expect("a balance");
    balance.onchain_sat + balance.onchain_unconfirmed_sat
}

/// What we had in the channel is in our wallet, less fees.
fn check_coins(link: &Link, before_sat: u64, due_msat: u64) {
    let due = due_msat / 1_000;
    wait::until("our coins are home", || {
        let got = onchain(link).saturating_sub(before_sat);
        (got <= due && due - got < FEES_SAT).then_some(())
    });
    let balance = link.ours.balance().expect("a balance");
    assert_eq!(
        (balance.channels_local_msat, balance.pending_close_sat),
        (0, 0)
    );
}

fn closed_by_force(by_us: bool) {
    let world = World::start();
    let (ours, ldk) = (world.ours("ours", "hub"), world.ldk("ldk"));
    let link = Link::opened_by_us(&world, &ours, &ldk, Plan::private(1_000_000));
    let (due, before) = (link.check_agreement(), onchain(&link));
    force(&world, &link, by_us);
    check_anchors(&world, &link);
    mine_until_closed(&world, &ours, &ldk, &link);
    check_coins(&link, before, due);
    world.verify_ledgers(&[&ours]);
}

#[test]
fn force_closed_by_ldk_is_noticed_and_our_coins_come_back() {
    closed_by_force(false);
}

#[test]
fn force_closed_by_us_our_coins_come_back() {
    closed_by_force(true);
}

/// ldk-node claims on the chain what it held: its preimage is our proof of payment.
#[test]
fn force_closed_by_ldk_while_it_holds_our_payment_that_it_claims_on_chain() {
    let world = World::start();
    let (ours, ldk) = (world.ours("ours", "hub"), world.ldk("ldk"));
    let link = Link::opened_by_us(&world, &ours, &ldk, Plan::private(1_000_000));
    let (due, before) = (link.check_agreement(), onchain(&link));
    let held = Held::begin(&link, 50_000_000);
    force(&world, &link, false);
    held.claim(&link);
    mine_until_closed(&world, &ours, &ldk, &link);
    held.until_status(&link, "succeeded");
    check_coins(&link, before, due - 50_000_000);
    world.verify_ledgers(&[&ours]);
}

/// We settle what we held after ldk-node has closed: the chain pays us.
#[test]
fn force_closed_by_ldk_while_we_hold_its_payment_that_we_settle() {
    let world = World::start();
    let (ours, ldk) = (world.ours("ours", "hub"), world.ldk("ldk"));
    let link = Link::opened_by_us(&world, &ours, &ldk, Plan::private(1_000_000));
    let (due, before) = (link.check_agreement(), onchain(&link));
    let accepted = Accepted::begin(&ours, &link, 50_000_000);
    force(&world, &link, false);
    world.mine(1, &[&ours], &[&ldk]);
    ours.json::<serde_json::Value>(&["invoice", "settle", &accepted.hash]);
    mine_until_closed(&world, &ours, &ldk, &link);
    accepted.until_status(&link, "paid");
    check_coins(&link, before, due + 50_000_000);
    world.verify_ledgers(&[&ours]);
}

/// ldk-node closes while we are not there to see it: we find it at our next start.
#[test]
fn force_closed_by_ldk_while_we_are_killed() {
    let world = World::start();
    let (mut ours, ldk) = (world.ours("ours", "hub"), world.ldk("ldk"));
    let link = Link::opened_by_us(&world, &ours, &ldk, Plan::private(1_000_000));
    let (due, before) = (link.check_agreement(), onchain(&link));
    let held = Held::begin(&link, 40_000_000);
    ours.kill_hard();
    force(&world, &link, false);
    held.claim(&link);
    world.mine(2, &[], &[&ldk]);
    ours.start();
    mine_until_closed(&world, &ours, &ldk, &link);
    held.until_status(&link, "succeeded");
    check_coins(&link, before, due - 40_000_000);
    world.verify_ledgers(&[&ours]);
}

/// Killed between our commitment and the claims that follow from it, we go on where we were.
#[test]
fn force_closed_by_us_who_are_killed_then_while_ldk_is_away() {
    let world = World::start();
    let (mut ours, mut ldk) = (world.ours("ours", "hub"), world.ldk("ldk"));
    let link = Link::opened_by_us(&world, &ours, &ldk, Plan::private(1_000_000));
    let (due, before) = (link.check_agreement(), onchain(&link));
    ldk.stop();
    force(&world, &link, true);
    ours.kill_hard();
    world.bitcoind.mine(2);
    ours.start();
    world.mine(2, &[&ours], &[]);
    ldk.start();
    mine_until_closed(&world, &ours, &ldk, &link);
    check_coins(&link, before, due);
    link.ldk.until_event("ChannelClosed", &link.id);
    world.verify_ledgers(&[&ours]);
}
