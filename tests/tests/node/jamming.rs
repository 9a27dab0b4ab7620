//! One peer's payments that never end fill a channel of the hub's: others still pass.

use std::thread;

use bitcoin::Amount;
use zarnitsa_tests::node::Node;
use zarnitsa_tests::wait;
use zarnitsa_tests::world::{Pair, World};

const CAPACITY_SAT: u64 = 10_000_000;
const HELD_SAT: u64 = 1_000;
/// Of 483 places in a channel (BOLT 2, `max_accepted_htlcs`) a quarter is for others.
const PLACES: usize = 363;

/// One more user with a channel to the hub.
fn join(world: &World, name: &str) -> (Node, Pair) {
    let mut node = Node::create(world.folder(), name, "user", &world.bitcoind);
    node.start();
    world.fund(&node, Amount::from_sat(CAPACITY_SAT * 2));
    let uri = world.hub.api().info().expect("the hub's info").uri;
    let opened = node.api().open(&uri, CAPACITY_SAT, CAPACITY_SAT * 500);
    let opened = opened.unwrap_or_else(|error| panic!("the channel is not opened: {error}"));
    let txid = opened.opening_txid.parse().expect("a txid");
    wait::until("the opening transaction is in the mempool", || {
        world.bitcoind.waiting(&txid)
    });
    world.bitcoind.mine(6);
    let pair = Pair {
        id: opened.channel_id,
        user: node.api(),
        hub: world.hub.api(),
    };
    pair.until_usable();
    (node, pair)
}

#[test]
fn peer_whose_payments_never_end_leaves_a_quarter_of_a_channels_places_to_others() {
    let world = World::start();
    let jammer = world.open(CAPACITY_SAT, CAPACITY_SAT * 500);
    let (mut payee_node, payee) = join(&world, "payee");
    let (mut other_node, other) = join(&world, "other");
    let mut paying = Vec::new();
    for _ in 0..PLACES {
        let invoice = payee.user.hold_invoice(HELD_SAT).expect("an invoice");
        let payer = jammer.user.clone();
        paying.push(thread::spawn(move || {
            // It is answered when the payment has ended.
            let _ = payer.pay(&invoice.invoice);
        }));
    }
    let held = || {
        let channel = payee.user.channel(&payee.id).ok()?;
        Some(channel.htlcs.len())
    };
    wait::within(
        wait::DEADLINE * 4,
        "all places for one peer are taken",
        || (held()? == PLACES).then_some(()),
    );

    let invoice = payee
        .user
        .invoice(1_000_000, "one more")
        .expect("an invoice");
    let refused = jammer.user.pay(&invoice.invoice);
    println!("one more of the same peer: {refused:?}");
    assert_ne!(
        refused.map(|it| it.status).ok().as_deref(),
        Some("succeeded")
    );
    let log = world.hub.log();
    assert!(log.contains("not forwarded"), "the hub refuses it");
    assert_eq!(held(), Some(PLACES));

    let paid = other.user.pay(&invoice.invoice).expect("an outcome");
    assert_eq!(paid.status, "succeeded", "{paid:?}");
    for node in [&mut other_node, &mut payee_node] {
        node.kill_hard();
    }
    drop(paying);
}
