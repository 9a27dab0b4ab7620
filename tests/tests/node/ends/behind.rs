//! A node that learns from its peer that it has lost states never broadcasts, and gets what is its own from the peer's close.

use std::fs;

use bitcoin::Txid;
use zarnitsa_tests::wait;
use zarnitsa_tests::world::Pair;

use super::report::taken;
use super::stage::Stage;
use super::By;

/// A payment by which both sides' states go on.
fn pay(stage: &Stage, pair: &Pair, payer: By, sat: u64) {
    let invoice = stage.api(payer.other()).invoice(sat * 1_000, "a test");
    let paid = stage.api(payer).pay(&invoice.expect("it").invoice);
    assert_eq!(paid.expect("a payment").status, "succeeded");
    pair.until_quiet();
}

/// `by` is put back to an older folder whose age only the peer's channel_reestablish tells: nothing else of the peer's does.
fn learn_of_loss(by: By) {
    let mut stage = Stage::start();
    let pair = stage.open();
    pay(&stage, &pair, By::User, 10_000);
    let kept = stage.keep(by, "kept");
    stage.reconnect();
    pair.until_usable();
    pay(&stage, &pair, By::User, 20_000);
    pay(&stage, &pair, By::Hub, 5_000);
    let due = channel_sat(&stage, by, &pair);
    let before = stage.coins_of(by);

    let other = by.other();
    let told = stage.node(other).folder().join("peer-storage");
    wait::until("the peer keeps how far this node has come", || {
        told.exists().then_some(())
    });
    stage.node_mut(by).stop();
    stage.node_mut(other).stop();
    fs::remove_dir_all(told).expect("what it kept for its peer");
    stage.node_mut(other).start();
    stage.wire.mend();
    let node = stage.node_mut(by);
    zarnitsa_tests::folder::put_back(&kept, &node.folder());
    node.start();
    stage.reconnect();
    wait::until("it knows that it is behind", || {
        let closing = stage.api(by).channel(&pair.id).ok()?.closing?;
        (closing.cause == "data_lost").then_some(())
    });
    let refusal = stage
        .api(by)
        .force_close(&pair.id)
        .expect_err("it must not");
    println!("{by:?}: {refusal}");
    let closing = wait::until("the peer's commitment is in the mempool", || {
        stage.call_again();
        let txid = stage.api(other).channel(&pair.id).ok()?.closing_txid?;
        let parsed: Txid = txid.parse().ok()?;
        stage
            .world
            .bitcoind
            .mempool()
            .contains(&parsed)
            .then_some(txid)
    });
    // Its own start again changes nothing of that.
    stage.node_mut(by).kill_hard();
    stage.node_mut(by).start();
    let again = stage.api(by).force_close(&pair.id);
    assert!(again.is_err(), "{again:?}");
    stage.confirm(&closing, &By::BOTH);
    wait::until("the close is known", || {
        let closing = stage.api(by).channel(&pair.id).ok()?.closing?;
        closing.spent_by.is_some().then_some(())
    });
    let known = stage.resolve(&pair, &[by]).remove(0);
    assert_eq!(known.closing_txid.as_ref(), Some(&closing));
    let world = &stage.world;
    let fee_of = |txid: &String| world.fee(&world.transaction(txid)).to_sat();
    let fees: u64 = taken(&known).iter().map(fee_of).sum();
    let opener = match by {
        By::User => fee_of(&closing) + super::report::ANCHORS_SAT,
        By::Hub => 0,
    };
    let got = stage.coins_of(by) - before;
    println!("{by:?} has {got} sat of {closing}, {fees} sat of fees; due {due}");
    assert_eq!(got + fees + opener, due);
    world.verify_ledgers();
}

fn channel_sat(stage: &Stage, by: By, pair: &Pair) -> u64 {
    let channel = stage.api(by).channel(&pair.id).expect("the channel");
    channel.local_msat / 1_000
}

#[test]
fn user_that_hears_of_states_it_has_lost_never_broadcasts_and_is_paid_out() {
    learn_of_loss(By::User);
}

#[test]
fn hub_that_hears_of_states_it_has_lost_never_broadcasts_and_is_paid_out() {
    learn_of_loss(By::Hub);
}
