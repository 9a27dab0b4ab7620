//! Closing together, and comparing what bitcoind holds with what the ledgers say.

use bitcoin::{Amount, OutPoint, Txid};
use zarnitsa_tests::node::Node;
use zarnitsa_tests::wait;
use zarnitsa_tests::world::{Pair, World};

/// What a node has in closing's outputs, in sat.
fn received(node: &Node, closing: &str) -> u64 {
    let utxos = node.api().utxos().expect("the wallet's outputs");
    let own = utxos.iter().filter(|utxo| utxo.txid == closing);
    own.map(|utxo| utxo.amount_sat).sum()
}

/// The user closes the channel; every satoshi that `funded` put into the user's wallet is then where the ledgers say.
pub fn close_and_compare(world: &World, pair: &Pair, funded: Amount) {
    let (user, hub) = pair.sides();
    let closing = until_closed(world, pair);

    let opening = world.transaction(&user.opening_txid);
    let transaction = world.transaction(&closing);
    let spent = OutPoint {
        txid: user.opening_txid.parse().unwrap(),
        vout: user.opening_output,
    };
    assert_eq!(transaction.input.len(), 1);
    assert_eq!(transaction.input[0].previous_output, spent);

    // The opener pays the fee. What is less than a satoshi on either side is the miner's too (BOLT 3, closing).
    let (user_sat, hub_sat) = (user.local_msat / 1_000, hub.local_msat / 1_000);
    let lost_to_rounding = user.capacity_sat - user_sat - hub_sat;
    assert!(lost_to_rounding <= 1);
    let closing_fee = world.fee(&transaction).to_sat();
    let user_received = received(&world.user, &closing);
    let hub_received = received(&world.hub, &closing);
    assert_eq!(hub_received, hub_sat, "the hub's output");
    assert_eq!(
        user_received + closing_fee - lost_to_rounding,
        user_sat,
        "the user's output and the closing fee"
    );

    let opening_fee = world.fee(&opening).to_sat();
    let expected = funded.to_sat() - opening_fee - user.capacity_sat + user_received;
    let on_chain = world.settled_coins(&world.user).to_sat();
    assert_eq!(on_chain, expected, "all that the user has");
    let hub_expected = zarnitsa_tests::world::HUB_COINS.to_sat() + hub_received;
    assert_eq!(world.settled_coins(&world.hub).to_sat(), hub_expected);
    for node in [&world.user, &world.hub] {
        let balance = node.api().balance().expect("a balance");
        assert_eq!(balance.channels_local_msat, 0, "{}", node.name());
        assert_eq!(balance.pending_close_sat, 0, "{}", node.name());
    }
    println!("opening fee {opening_fee} sat, closing fee {closing_fee} sat");
}

/// Closes and mines until both sides say that it is closed.
pub fn until_closed(world: &World, pair: &Pair) -> String {
    let closed = pair.user.close(&pair.id);
    let closing = closed
        .unwrap_or_else(|error| panic!("it does not close: {error}"))
        .closing_txid;
    let txid: Txid = closing.parse().expect("a txid");
    wait::until("the closing transaction is in the mempool", || {
        world.bitcoind.mempool().contains(&txid).then_some(())
    });
    world.bitcoind.mine(6);
    pair.until_both("closed", |channel| channel.state == "closed");
    wait::until("both wallets have their outputs", || {
        let is_there = |node: &Node| received(node, &closing) > 0;
        (is_there(&world.user) && is_there(&world.hub)).then_some(())
    });
    closing
}
