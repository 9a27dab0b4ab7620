//! Invoices that hold what is paid, and channels that are opened together.

use std::fs;
use std::thread;

use bitcoin::hashes::{sha256, Hash};
use bitcoin::Amount;
use serde_json::Value;
use zarnitsa_tests::answers::{Channel, Payment};
use zarnitsa_tests::api::CallError;
use zarnitsa_tests::node::Node;
use zarnitsa_tests::wait;
use zarnitsa_tests::world::World;

const CAPACITY_SAT: u64 = 2_000_000;

fn status(node: &Node, hash: &str) -> String {
    node.api().invoice_of(hash).expect("the invoice").status
}

/// Pays in a thread of its own: a held payment has no outcome for a while.
fn pay_meanwhile(world: &World, invoice: &Value) -> thread::JoinHandle<Result<Payment, CallError>> {
    let (payer, text) = (world.user.api(), invoice["invoice"].as_str().expect("text"));
    let text = text.to_owned();
    thread::spawn(move || payer.pay(&text))
}

fn until_accepted(world: &World, hash: &str) {
    wait::until("the payment is held", || {
        (status(&world.hub, hash) == "accepted").then_some(())
    });
}

#[test]
fn held_payment_is_settled_or_given_back_as_the_operator_says_and_survives_a_kill() {
    let mut world = World::start();
    let pair = world.open(CAPACITY_SAT, 0);
    let before = pair.check_agreement();

    // The node's own preimage.
    let invoice: Value = world.hub.json(&["invoice", "create", "30000sat", "--hold"]);
    let hash = invoice["payment_hash"].as_str().expect("a hash").to_owned();
    let payer = pay_meanwhile(&world, &invoice);
    until_accepted(&world, &hash);
    world.hub.kill_hard();
    world.hub.start();
    pair.until_both("in step, and holding", |channel| {
        channel.state == "normal" && channel.htlcs.len() == 1
    });
    assert_eq!(status(&world.hub, &hash), "accepted");
    let settled: Value = world.hub.json(&["invoice", "settle", &hash]);
    assert_eq!(settled["status"], "paid", "{settled}");
    let paid = payer.join().expect("the payer ends").expect("an outcome");
    assert_eq!(paid.status, "succeeded", "{paid:?}");
    pair.until_quiet();
    assert_eq!(pair.check_agreement(), before - 30_000_000);

    // Somebody else's preimage.
    let preimage = "07".repeat(32);
    let other = sha256::Hash::hash(&[7; 32]).to_string();
    let invoice: Value = world
        .hub
        .json(&["invoice", "create", "20000sat", "--hold", &other]);
    assert_eq!(invoice["payment_hash"], other.as_str());
    let payer = pay_meanwhile(&world, &invoice);
    until_accepted(&world, &other);
    // The hash alone is not enough where the node lacks the preimage.
    assert!(!world
        .hub
        .command(&["invoice", "settle", &other])
        .status
        .success());
    let settled: Value = world.hub.json(&["invoice", "settle", &preimage]);
    assert_eq!(settled["received_msat"], "20000000", "{settled}");
    let paid = payer.join().expect("the payer ends").expect("an outcome");
    assert_eq!(paid.preimage, Some(preimage));
    pair.until_quiet();

    // Given back.
    let invoice: Value = world.hub.json(&["invoice", "create", "10000sat", "--hold"]);
    let hash = invoice["payment_hash"].as_str().expect("a hash").to_owned();
    let payer = pay_meanwhile(&world, &invoice);
    until_accepted(&world, &hash);
    let cancelled: Value = world.hub.json(&["invoice", "cancel", &hash]);
    assert_eq!(cancelled["status"], "cancelled", "{cancelled}");
    let failed = payer.join().expect("the payer ends").expect("an outcome");
    assert_eq!(failed.status, "failed", "{failed:?}");
    pair.until_quiet();
    assert_eq!(pair.check_agreement(), before - 50_000_000);
    world.verify_ledgers();
}

#[test]
fn held_payment_is_given_back_before_its_channel_would_have_to_close() {
    let world = World::start();
    let pair = world.open(CAPACITY_SAT, 0);
    let before = pair.check_agreement();
    let invoice: Value = world.hub.json(&["invoice", "create", "30000sat", "--hold"]);
    let hash = invoice["payment_hash"].as_str().expect("a hash").to_owned();
    let payer = pay_meanwhile(&world, &invoice);
    until_accepted(&world, &hash);
    // The payer may give more blocks than the invoice asks for. 24 of them are kept back.
    let htlc = &pair.hub.channel(&pair.id).expect("the channel").htlcs[0];
    let expiry = htlc["cltv_expiry"].as_u64().expect("a height");
    let left = expiry - u64::from(world.bitcoind.height());
    world
        .bitcoind
        .mine(u32::try_from(left - 24).expect("a week at most"));
    wait::until("it is given back", || {
        (status(&world.hub, &hash) == "cancelled").then_some(())
    });
    let failed = payer.join().expect("the payer ends").expect("an outcome");
    assert_eq!(failed.status, "failed", "{failed:?}");
    pair.until_quiet();
    assert_eq!(pair.check_agreement(), before);
}

fn channels(node: &Node) -> Vec<Channel> {
    node.api().channels().expect("channels")
}

#[test]
fn batch_opens_every_channel_by_one_transaction_or_none() {
    let world = World::start();
    let mut other = Node::create(world.folder(), "other", "user", &world.bitcoind);
    other.start();
    world.fund(&world.hub, Amount::from_sat(10_000_000));
    let uri = |node: &Node| node.api().info().expect("info").uri;
    let file = world.folder().join("batch");
    let lines = format!(
        "# two users\n{} 500000sat\n{} 700000sat\n",
        uri(&world.user),
        uri(&other)
    );
    fs::write(&file, lines).expect("a file in a temporary folder");
    let name = file.to_str().expect("a plain name").to_owned();
    let opened: Vec<Value> = world.hub.json(&["channel", "open-batch", &name]);
    assert_eq!(opened.len(), 2, "{opened:?}");
    assert_eq!(opened[0]["opening_txid"], opened[1]["opening_txid"]);
    let txid = opened[0]["opening_txid"]
        .as_str()
        .expect("a txid")
        .to_owned();
    wait::until("the one opening transaction is in the mempool", || {
        world
            .bitcoind
            .mempool()
            .contains(&txid.parse().ok()?)
            .then_some(())
    });
    world.bitcoind.mine(6);
    for (node, count) in [(&world.user, 1), (&other, 1), (&world.hub, 2)] {
        wait::until("every channel is usable", || {
            let all = node.api().channels().ok()?;
            let usable = all.iter().filter(|one| one.state == "normal");
            (all.len() == count && usable.count() == count).then_some(())
        });
    }

    // One peer is not there: nothing is opened with the other either.
    other.kill_hard();
    let failed = world.hub.command(&["channel", "open-batch", &name]);
    assert!(!failed.status.success());
    assert!(channels(&world.hub)
        .iter()
        .all(|one| one.opening_txid == txid || one.state == "failed"));
    world.verify_ledgers();
}
