//! Outputs of closes that two are after, and closes that a rival holds down.

use std::fs;
use std::path::PathBuf;
use std::thread;

use bitcoin::{Amount, OutPoint, Transaction, Txid};
use serde_json::{json, Value};
use zarnitsa_tests::folder;
use zarnitsa_tests::mempool::Waiting;
use zarnitsa_tests::node::Node;
use zarnitsa_tests::wait;
use zarnitsa_tests::world::{Pair, World};

use crate::fees::{htlc_output, until_at_tip};
use crate::watching::hold;

const CAPACITY_SAT: u64 = 1_000_000;
const PUSHED_SAT: u64 = 400_000;
const ANCHOR_SAT: u64 = 330;
const HELD_SAT: [u64; 3] = [30_000, 25_000, 20_000];

fn until_waiting(world: &World, txid: &str) -> Txid {
    let txid: Txid = txid.parse().expect("a txid");
    wait::until("it is in the mempool", || world.bitcoind.waiting(&txid));
    txid
}

/// The user gives up a state in which three payments of the hub's are held by it. Its folder of that time, and their hashes.
fn give_up_a_state(world: &mut World, pair: &Pair) -> (PathBuf, Vec<String>) {
    let held = HELD_SAT.map(|sat| hold(&pair.hub, &world.user, sat));
    pair.until_both("in step, with three HTLCs", |channel| {
        channel.state == "normal" && channel.htlcs.len() == 3
    });
    world.user.stop();
    let kept = world.folder().join("kept");
    folder::copy(&world.user.folder(), &kept);
    world.user.start();
    pair.until_both("in step again", |channel| {
        channel.state == "normal" && channel.htlcs.len() == 3
    });
    let mut hashes = Vec::new();
    for (hash, paying) in held {
        let _: Value = world.user.json(&["invoice", "cancel", &hash]);
        paying.join().expect("the payer ends");
        hashes.push(hash);
    }
    pair.until_quiet();
    (kept, hashes)
}

/// The cheater's commitment is in a block, and its second stage of the first HTLC was in the mempool: both transactions. Hub and
/// cheater are away then, and the mempool is empty.
fn cheat(world: &mut World, pair: &Pair) -> (Transaction, Transaction) {
    let (kept, hashes) = give_up_a_state(world, pair);
    world.hub.stop();
    world.user.stop();
    folder::put_back(&kept, &world.user.folder());
    world.user.start();
    let closed = pair.user.force_close(&pair.id).expect("it closes");
    let txid = until_waiting(world, &closed.closing_txid);
    let commitment = world.bitcoind.transaction(&txid);
    world.bitcoind.mine(1);
    let _: Value = world.user.json(&["invoice", "settle", &hashes[0]]);
    let first = htlc_output(&commitment, HELD_SAT[0]);
    let moving = wait::until("the second stage is in the mempool", || {
        world.bitcoind.waiting_spend(&first)
    });
    let moving = world.bitcoind.transaction(&moving.txid);
    world.user.kill_hard();
    world.bitcoind.restart_with(&["-persistmempool=0"]);
    assert!(world.bitcoind.mempool().is_empty());
    (commitment, moving)
}

/// Mines block after block until the hub calls the channel closed.
fn mine_until_closed(world: &World, id: &str) {
    for _ in 0..30 {
        world.bitcoind.mine(1);
        until_at_tip(world, &world.hub);
        if world.hub.api().channel(id).expect("the channel").state == "closed" {
            return;
        }
    }
    panic!("never closed: {:?}", world.hub.api().channel(id));
}

#[test]
fn justice_that_shares_a_transaction_is_split_when_the_cheater_moves_a_part_of_it() {
    let mut world = World::start();
    let pair = world.open(CAPACITY_SAT, PUSHED_SAT * 1_000);
    let before = world.settled_coins(&world.hub).to_sat();
    let (commitment, moving) = cheat(&mut world, &pair);
    let outputs = HELD_SAT.map(|sat| htlc_output(&commitment, sat));
    let claims = || outputs.map(|output| world.bitcoind.waiting_spend(&output));

    // Nobody contests them yet: one transaction takes all three.
    world.hub.start();
    let together = wait::until("one transaction takes all HTLCs", || {
        let [Some(one), Some(two), Some(three)] = claims() else {
            return None;
        };
        (one == two && two == three).then_some(one)
    });
    println!("together: {} pays {} sat", together.txid, together.fee_sat);

    // The cheater's second stage is in a block first: it voids that transaction.
    world.bitcoind.mine_only(std::slice::from_ref(&moving));
    let moved = moved_to(&moving, &outputs[0]);
    let (second, third, stage) =
        wait::until("the rest is taken by transactions of their own", || {
            let [None, Some(second), Some(third)] = claims() else {
                return None;
            };
            let stage = world.bitcoind.waiting_spend(&moved)?;
            (second != third).then_some((second, third, stage))
        });
    for (what, claim) in [("HTLC", second), ("HTLC", third), ("second stage", stage)] {
        println!("{what} alone: {} pays {} sat", claim.txid, claim.fee_sat);
        assert!(
            claim.package_feerate >= together.package_feerate * 0.98,
            "never a lower feerate, but for a byte of a signature"
        );
    }
    mine_until_closed(&world, &pair.id);
    check_all_is_the_hubs(&world, &pair, (&commitment, &moving), before);
}

#[test]
fn justice_outbids_a_second_stage_that_waits_in_the_mempool() {
    let mut world = World::start();
    let pair = world.open(CAPACITY_SAT, PUSHED_SAT * 1_000);
    let before = world.settled_coins(&world.hub).to_sat();
    let (commitment, moving) = cheat(&mut world, &pair);
    let sent: String = world.bitcoind.call(
        "sendrawtransaction",
        &[json!(bitcoin::consensus::encode::serialize_hex(&moving))],
    );
    let rival = world
        .bitcoind
        .waiting(&sent.parse().expect("a txid"))
        .expect("it waits");
    world.hub.start();
    let outputs = HELD_SAT.map(|sat| htlc_output(&commitment, sat));
    let taken = wait::until("the HTLC is the hub's in the mempool", || {
        let taken = world.bitcoind.waiting_spend(&outputs[0])?;
        (taken.txid != rival.txid).then_some(taken)
    });
    println!("{rival:?} is replaced by {taken:?}");
    assert!(taken.fee_sat > rival.fee_sat);
    wait::until("the others are taken too", || {
        let others = outputs[1..].iter();
        others
            .map(|output| world.bitcoind.waiting_spend(output))
            .collect::<Option<Vec<_>>>()
    });
    mine_until_closed(&world, &pair.id);
    let unspent = |output: &OutPoint| world.bitcoind.unspent(output).is_some();
    assert!(!outputs.iter().any(unspent));
    let got = world.settled_coins(&world.hub).to_sat() - before;
    let all: u64 = commitment
        .output
        .iter()
        .map(|output| output.value.to_sat())
        .sum();
    println!("the hub has {got} of {all} sat");
    assert!(got > all - 10_000, "all but anchors and fees");
}

/// Where a second stage has moved an HTLC.
fn moved_to(moving: &Transaction, htlc: &OutPoint) -> OutPoint {
    let mut inputs = (0..).zip(&moving.input);
    let (vout, _) = inputs
        .find(|(_, input)| input.previous_output == *htlc)
        .expect("it spends the HTLC");
    OutPoint {
        txid: moving.compute_txid(),
        vout,
    }
}

/// The hub has all that the commitment held, less anchors and fees of its own, to the satoshi.
fn check_all_is_the_hubs(
    world: &World,
    pair: &Pair,
    (commitment, moving): (&Transaction, &Transaction),
    before: u64,
) {
    let history = pair.hub.history(&pair.id).expect("the history");
    let mut claims: Vec<String> = history.into_iter().filter_map(|step| step.txid).collect();
    let foreign = [commitment, moving].map(|tx| tx.compute_txid().to_string());
    claims.retain(|claim| !foreign.contains(claim));
    claims.sort();
    claims.dedup();
    let fee = |claim: &String| world.fee(&world.transaction(claim)).to_sat();
    let fees: u64 = claims.iter().map(fee).sum();
    let outputs = commitment.output.iter().map(|output| output.value.to_sat());
    let due = outputs.sum::<u64>() - 2 * ANCHOR_SAT;
    let got = world.settled_coins(&world.hub).to_sat() - before;
    println!("the hub has {got} sat by {claims:?}, {fees} sat of fees, of {due}");
    assert_eq!(got + fees, due);
}

/// An HTLC of the user's waits for the hub to claim it, and the user's commitment waits for a block. The hub is away. The user has
/// one coin more of this size on chain.
pub fn commitment_waits(more: Amount) -> (World, Pair, Transaction) {
    let mut world = World::start();
    let pair = world.open(CAPACITY_SAT, PUSHED_SAT * 1_000);
    if more > Amount::ZERO {
        world.fund(&world.user, more);
    }
    let (hash, paying) = hold(&pair.user, &world.hub, 100_000);
    world.hub.stop();
    let closed = pair.user.force_close(&pair.id).expect("it closes");
    let txid = until_waiting(&world, &closed.closing_txid);
    let commitment = world.bitcoind.transaction(&txid);
    fs::write(world.folder().join("held"), hash).unwrap();
    drop(paying);
    (world, pair, commitment)
}

pub fn settle(world: &World) {
    let hash = fs::read_to_string(world.folder().join("held")).unwrap();
    let _: Value = world.hub.json(&["invoice", "settle", &hash]);
}

/// Who spends the anchors, in the mempool.
pub fn children(world: &World, commitment: &Transaction) -> Vec<Waiting> {
    let txid = commitment.compute_txid();
    let outputs = (0..).zip(&commitment.output);
    let anchors = outputs.filter(|(_, output)| output.value.to_sat() == ANCHOR_SAT);
    let anchors = anchors.map(|(vout, _)| OutPoint { txid, vout });
    anchors
        .filter_map(|anchor| world.bitcoind.waiting_spend(&anchor))
        .collect()
}

pub fn pass_until<T>(world: &World, node: &Node, what: &str, look: impl Fn() -> Option<T>) -> T {
    for _ in 0..12 {
        if let Some(found) = look() {
            return found;
        }
        world.bitcoind.mine_empty();
        until_at_tip(world, node);
        // What the node does about the block takes a moment.
        let soon = std::time::Instant::now() + std::time::Duration::from_secs(1);
        while std::time::Instant::now() < soon {
            if let Some(found) = look() {
                return found;
            }
            thread::yield_now();
        }
    }
    panic!("never: {what}");
}

#[test]
fn commitment_pinned_by_as_many_descendants_as_relay_gets_a_child_of_ours_all_the_same() {
    let (mut world, pair, commitment) = commitment_waits(Amount::ZERO);
    let txid = commitment.compute_txid();
    let theirs = pass_until(
        &world,
        &world.user,
        "the user pays for its commitment",
        || children(&world, &commitment).first().copied(),
    );
    // The user spends the change of that, and the change of that, as far as bitcoind lets it.
    let address = world.bitcoind.address().to_string();
    let mut chained = 0;
    while world
        .user
        .command(&[
            "wallet",
            "send",
            &address,
            "1000sat",
            "--fee-rate",
            "1",
            "--json",
        ])
        .status
        .success()
    {
        chained += 1;
        assert!(chained < 30, "there is no limit");
    }
    world.user.kill_hard();
    let entry: Value = world.bitcoind.call("getmempoolentry", &[json!(txid)]);
    println!("{chained} sends after {}: {entry}", theirs.txid);
    assert_eq!(entry["descendantcount"], 25, "no more is relayed");

    world.hub.start();
    settle(&world);
    let ours = pass_until(&world, &world.hub, "the hub's child is in", || {
        let mut all = children(&world, &commitment).into_iter();
        all.find(|child| child.txid != theirs.txid)
    });
    println!("theirs {theirs:?}, ours {ours:?}");
    let raised = pass_until(&world, &world.hub, "the hub's child is raised", || {
        let mut all = children(&world, &commitment).into_iter();
        all.find(|child| child.txid != theirs.txid && child.fee_sat > ours.fee_sat)
    });
    println!("raised {raised:?}");
    world.bitcoind.mine(1);
    wait::until("the user's commitment is in a block", || {
        let closing = pair.hub.channel(&pair.id).ok()?.closing?;
        (closing.spent_by.as_deref() == Some("remote_commitment")).then_some(())
    });
}

#[test]
fn child_of_a_commitment_that_lost_gives_its_coin_back() {
    let (mut world, pair, commitment) = commitment_waits(Amount::ZERO);
    pass_until(
        &world,
        &world.user,
        "the user pays for its commitment",
        || children(&world, &commitment).first().copied(),
    );
    let child = children(&world, &commitment)[0];
    let coins = |world: &World| world.user.api().balance().expect("a balance").onchain_sat;
    // The hub's commitment is in a block instead.
    world.user.kill_hard();
    world.bitcoind.restart_with(&["-persistmempool=0"]);
    world.hub.start();
    let closed = pair.hub.force_close(&pair.id).expect("it closes");
    let rival = until_waiting(&world, &closed.closing_txid);
    world.bitcoind.mine(1);
    assert_ne!(rival, commitment.compute_txid());
    world.user.start();
    until_at_tip(&world, &world.user);
    for _ in 0..13 {
        world.bitcoind.mine(1);
        until_at_tip(&world, &world.user);
    }
    let coin = world.transaction(&rival.to_string());
    println!(
        "{child:?} can never confirm; {} outputs of the other",
        coin.output.len()
    );
    let utxos = |world: &World| world.user.api().utxos().expect("the wallet's outputs");
    wait::until(
        "no coin of the wallet is held by what can never confirm",
        || {
            utxos(&world)
                .iter()
                .all(|utxo| utxo.txid != child.txid.to_string())
                .then_some(())
        },
    );
    wait::until("all coins are confirmed ones", || {
        (coins(&world) == world.coins_on_chain(&world.user).to_sat()).then_some(())
    });
    let address = world.bitcoind.address().to_string();
    let sent: Value = world.user.json(&["wallet", "send", &address, "all"]);
    until_waiting(&world, sent["txid"].as_str().expect("a txid"));
}

/// Everything that is in the node's wallet goes elsewhere.
fn empty_wallet(world: &World, node: &Node) {
    let address = world.bitcoind.address().to_string();
    let _: Value = node.json(&["wallet", "send", &address, "all"]);
    world.bitcoind.mine(1);
    until_at_tip(world, node);
}

#[test]
fn channel_whose_close_could_not_be_paid_for_is_neither_opened_nor_accepted() {
    let mut world = World::start();
    world.fund(&world.user, Amount::from_sat(2 * CAPACITY_SAT));
    let hub_uri = pair_uri(&world.hub);

    // A hub without coins accepts none, and both sides hear why.
    empty_wallet(&world, &world.hub);
    let refused = world
        .user
        .api()
        .open(&hub_uri, CAPACITY_SAT, 0)
        .unwrap_err()
        .to_string();
    println!("the user hears: {refused}");
    assert!(refused.contains("too few coins on chain"), "{refused}");
    let log = world.hub.log();
    let said = log.lines().find(|line| line.contains("reserve_missing"));
    println!("the hub says: {}", said.expect("the operator hears of it"));

    // Whoever opens keeps some back.
    world.fund(&world.hub, Amount::from_sat(600_000));
    let refused = world
        .user
        .api()
        .open(&hub_uri, 2 * CAPACITY_SAT - 500, 0)
        .unwrap_err()
        .to_string();
    println!("the user is told: {refused}");
    assert!(refused.contains("reserve_missing"), "{refused}");
    let opened = world
        .user
        .api()
        .open(&hub_uri, CAPACITY_SAT, 0)
        .expect("both have enough");
    until_waiting(&world, &opened.opening_txid);
    world.bitcoind.mine(6);
    world.pair(&opened.channel_id).until_usable();

    // Somebody who begins without coins may accept what a hub opens, and is paid by it.
    let mut fresh = Node::create(world.folder(), "fresh", "user", &world.bitcoind);
    fresh.start();
    assert_eq!(fresh.api().balance().expect("a balance").onchain_sat, 0);
    let opened = world
        .hub
        .api()
        .open(&pair_uri(&fresh), 300_000, 0)
        .expect("it accepts");
    until_waiting(&world, &opened.opening_txid);
    world.bitcoind.mine(6);
    for api in [world.hub.api(), fresh.api()] {
        wait::until("the channel is usable", || {
            (api.channel(&opened.channel_id).ok()?.state == "normal").then_some(())
        });
    }
    let invoice = fresh
        .api()
        .invoice(50_000_000, "a first coin")
        .expect("an invoice");
    let paid = world.hub.api().pay(&invoice.invoice).expect("an outcome");
    assert_eq!(paid.status, "succeeded", "{paid:?}");
    fresh.kill_hard();
    world.hub.kill_hard();
}

fn pair_uri(node: &Node) -> String {
    node.api().info().expect("info").uri
}
