//! What stays on chain to pay for closing channels, whatever the operator sends.

use bitcoin::{Amount, OutPoint};
use serde_json::Value;
use zarnitsa_tests::node::Node;
use zarnitsa_tests::wait;
use zarnitsa_tests::world::World;

use crate::fees::{htlc_output, until_at_tip};
use crate::watching::hold;

const CAPACITY_SAT: u64 = 1_000_000;
const HELD_SAT: u64 = 100_000;

/// What the node says that it keeps, in sat.
fn reserve(node: &Node) -> u64 {
    let balance: Value = node.json(&["balance"]);
    balance["onchain_reserve_sat"].as_u64().expect("a number")
}

/// What a command of the wallet's refuses with.
fn refused(node: &Node, arguments: &[&str]) -> String {
    let output = node.command(arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
    println!("{arguments:?}: {said}");
    said
}

/// A block, which both the node and its wallet see, after which this is all that it has.
fn until_left(world: &World, node: &Node, sat: u64) {
    world.bitcoind.mine(1);
    until_at_tip(world, node);
    wait::until("the wallet has what is left", || {
        (node.api().balance().ok()?.onchain_sat == sat).then_some(())
    });
    assert_eq!(world.coins_on_chain(node).to_sat(), sat);
}

#[test]
fn wallet_that_sends_all_keeps_what_closing_its_channel_takes() {
    let mut world = World::start();
    assert_eq!(reserve(&world.user), 0, "there is no channel yet");
    let pair = world.open(CAPACITY_SAT, 400_000_000);
    let (_, paying) = hold(&world.user.api(), &world.hub, HELD_SAT);
    let (kept, has) = (reserve(&world.user), world.coins_on_chain(&world.user));
    assert!(kept > 1_000, "{kept}");

    // Less than that would be left.
    let address = world.bitcoind.address().to_string();
    let most = has - Amount::from_sat(kept);
    let amount = format!("{}sat", most.to_sat());
    let said = refused(&world.user, &["wallet", "send", &address, &amount]);
    for part in [
        "reserve_missing",
        &Amount::from_sat(kept).to_string(),
        &has.to_string(),
        &most.to_string(),
        "closing the channel",
        "--spend-reserve",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let body = serde_json::json!({ "address": address, "amount": amount });
    let path = "/api/services/lightning/v1/wallet/send";
    let error = world.user.api().call(path, &[], Some(body));
    assert_eq!(error.expect_err("it is refused").code(), "reserve_missing");

    // All is all but that.
    let sent: Value = world.user.json(&["wallet", "send", &address, "all"]);
    assert_eq!(sent["kept_sat"], kept);
    until_left(&world, &world.user, kept);
    let said = refused(&world.user, &["wallet", "send", &address, "all"]);
    assert!(said.contains("reserve_missing"), "{said}");

    // And that pays for taking the HTLC back.
    let channel = pair.user.channel(&pair.id).expect("the channel");
    let expiry = channel.htlcs[0]["cltv_expiry"].as_u64().expect("a height");
    world.hub.kill_hard();
    let closed = pair.user.force_close(&pair.id).expect("it closes");
    wait::until("the commitment is in the mempool", || {
        let txid = closed.closing_txid.parse().expect("a txid");
        world.bitcoind.waiting(&txid)
    });
    world.bitcoind.mine(1);
    let taken = htlc_output(&world.transaction(&closed.closing_txid), HELD_SAT);
    let blocks = expiry - u64::from(world.bitcoind.height());
    world.bitcoind.mine(u32::try_from(blocks).expect("few"));
    let claim = wait::until("the HTLC-timeout transaction is in the mempool", || {
        world.bitcoind.waiting_spend(&taken)
    });
    let inputs = world.bitcoind.transaction(&claim.txid).input;
    let inputs: Vec<OutPoint> = inputs.iter().map(|input| input.previous_output).collect();
    println!("{claim:?} spends {inputs:?}");
    assert_eq!(inputs.len(), 2, "the HTLC and a coin that was kept");
    drop(paying);
}

#[test]
fn wallet_that_is_told_to_sends_what_is_kept_too_and_keeps_nothing_for_what_is_closed() {
    let world = World::start();
    let pair = world.open(CAPACITY_SAT, 400_000_000);
    let address = world.bitcoind.address().to_string();
    assert!(reserve(&world.hub) > 1_000);
    let order = ["wallet", "send", &address, "all", "--spend-reserve"];
    let sent: Value = world.hub.json(&order);
    assert_eq!(sent["kept_sat"], 0);
    until_left(&world, &world.hub, 0);

    // What both have closed together pays for itself.
    let closed = pair.user.close(&pair.id).expect("it closes");
    wait::until("the close is in the mempool", || {
        let txid = closed.closing_txid.parse().expect("a txid");
        world.bitcoind.waiting(&txid)
    });
    world.bitcoind.mine(1);
    wait::until("nothing is kept", || {
        (reserve(&world.user) == 0).then_some(())
    });
    let sent: Value = world.user.json(&["wallet", "send", &address, "all"]);
    assert_eq!(sent["kept_sat"], 0);
    until_left(&world, &world.user, 0);
    assert!(world.user.api().utxos().expect("the outputs").is_empty());
}

#[test]
fn wallet_keeps_more_while_more_payments_are_under_way_than_are_always_reckoned_with() {
    let world = World::start();
    world.open(CAPACITY_SAT, 400_000_000);
    let kept = reserve(&world.user);
    let user = world.user.api();
    let mut held: Vec<_> = (0..2).map(|_| hold(&user, &world.hub, HELD_SAT)).collect();
    assert_eq!(reserve(&world.user), kept);
    held.extend((0..2).map(|_| hold(&user, &world.hub, HELD_SAT)));
    assert!(reserve(&world.user) > kept);
    for (hash, paying) in held {
        let given_back = world.hub.api().cancel(&hash);
        given_back.expect("it is held");
        paying.join().expect("the payer ends");
    }
    wait::until("the payments are over", || {
        (reserve(&world.user) == kept).then_some(())
    });
}
