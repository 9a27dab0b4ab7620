//! Channels that end without agreement: closed by force, by a state that was given up, and by a close that the chain takes back.

use bitcoin::Txid;
use zarnitsa_tests::folder;
use zarnitsa_tests::node::Node;
use zarnitsa_tests::wait;
use zarnitsa_tests::world::{Pair, World};

/// The opener's balance, the acceptor's, in sat.
const CAPACITY_SAT: u64 = 1_000_000;
const PUSHED_SAT: u64 = 400_000;
/// Most of what an output waits that its owner broadcast, our policy's to_self_delay.
const DELAYED_BLOCKS: u32 = 140;

fn world_with_channel() -> (World, Pair) {
    let world = World::start();
    let pair = world.open(CAPACITY_SAT, PUSHED_SAT * 1_000);
    (world, pair)
}

fn in_mempool(world: &World, txid: &str) {
    let txid: Txid = txid.parse().expect("a txid");
    wait::until("the commitment is in the mempool", || {
        world.bitcoind.mempool().contains(&txid).then_some(())
    });
}

/// Mines block after block until the node calls the channel closed; each node claims what is its own meanwhile.
fn mine_until_closed(world: &World, node: &Node, id: &str, most: u32) {
    let api = node.api();
    let mut state = String::new();
    for _ in 0..most {
        let before = world.bitcoind.height();
        world.bitcoind.mine(1);
        wait::until("the node sees the block", || {
            (api.info().ok()?.block_height > before).then_some(())
        });
        state = api.channel(id).expect("the channel").state;
        if state == "closed" {
            return;
        }
    }
    let channel = api.channel(id);
    panic!("{}: still {state}: {channel:?}", node.name());
}

fn onchain(world: &World, node: &Node) -> u64 {
    world.settled_coins(node).to_sat()
}

fn claimed(node: &Node, id: &str) -> Vec<String> {
    let history = node.api().history(id).expect("the history");
    let mut txids: Vec<String> = history.into_iter().filter_map(|step| step.txid).collect();
    txids.dedup();
    txids
}

#[test]
fn forced_close_of_either_side_pays_both_what_the_ledgers_say() {
    for by_user in [true, false] {
        let (world, pair) = world_with_channel();
        let (user, hub) = pair.sides();
        let before = [onchain(&world, &world.user), onchain(&world, &world.hub)];
        let closer = if by_user { &pair.user } else { &pair.hub };
        closer.force_close(&pair.id).expect("it closes");
        // The other side hears of it and may be first with its own.
        wait::until("a commitment is in the mempool", || {
            (!world.bitcoind.mempool().is_empty()).then_some(())
        });
        world.bitcoind.mine(1);
        let closing = wait::until("the commitment is seen", || {
            let channel = closer.channel(&pair.id).ok()?;
            channel.closing?.spent_by?;
            channel.closing_txid
        });
        world.bitcoind.mine(DELAYED_BLOCKS);
        mine_until_closed(&world, &world.user, &pair.id, 40);
        mine_until_closed(&world, &world.hub, &pair.id, 40);

        let commitment = world.transaction(&closing);
        let anchors = 660;
        let fee = world.fee(&commitment).to_sat();
        let due = [
            user.local_msat / 1_000 - fee - anchors,
            hub.local_msat / 1_000,
        ];
        for (index, node) in [&world.user, &world.hub].into_iter().enumerate() {
            let claims = claimed(node, &pair.id);
            let fees: u64 = claims
                .iter()
                .filter(|txid| **txid != closing)
                .map(|txid| world.fee(&world.transaction(txid)).to_sat())
                .sum();
            let got = onchain(&world, node) - before[index];
            println!("{}: {claims:?}: {got} sat, {fees} sat of fees", node.name());
            assert_eq!(got + fees, due[index], "{}", node.name());
            let balance = node.api().balance().expect("a balance");
            assert_eq!(balance.pending_close_sat, 0);
        }
        let history = closer.history(&pair.id).expect("the history");
        let reason = history.iter().filter_map(|step| step.note.as_deref());
        assert!(
            reason
                .into_iter()
                .any(|note| note == "the operator ordered it"),
            "{history:?}"
        );
        world.verify_ledgers();
    }
}

/// The hub pays the user, which so has a newer state that it would rather not have.
fn pay(pair: &Pair, msat: u64) {
    let invoice = pair.hub.invoice(msat, "a test").expect("an invoice");
    let payment = pair.user.pay(&invoice.invoice).expect("a payment");
    assert_eq!(payment.status, "succeeded");
    pair.until_quiet();
}

#[test]
fn revoked_commitment_on_the_chain_costs_its_broadcaster_everything() {
    let (mut world, pair) = world_with_channel();
    pay(&pair, 1_000_000);
    // The user keeps a copy of everything, witness included, and goes on.
    world.user.stop();
    let kept = world.folder().join("kept");
    folder::copy(&world.user.folder(), &kept);
    world.user.start();
    pair.until_usable();
    pay(&pair, 300_000_000);
    let hub_before = onchain(&world, &world.hub);

    // It goes back while the hub is away, and closes with what it has given up.
    world.hub.stop();
    world.user.stop();
    folder::put_back(&kept, &world.user.folder());
    world.user.start();
    let closing = pair
        .user
        .force_close(&pair.id)
        .expect("it closes")
        .closing_txid;
    in_mempool(&world, &closing);
    world.bitcoind.mine(1);

    // The hub comes back and takes all of it.
    world.hub.start();
    wait::until("the hub knows the commitment for what it is", || {
        let closing = pair.hub.channel(&pair.id).ok()?.closing?;
        (closing.spent_by.as_deref() == Some("revoked_commitment")).then_some(())
    });
    wait::until("the penalty is in the mempool", || {
        (!world.bitcoind.mempool().is_empty()).then_some(())
    });
    mine_until_closed(&world, &world.hub, &pair.id, 30);
    let commitment = world.transaction(&closing);
    let outputs: u64 = commitment.output.iter().map(|o| o.value.to_sat()).sum();
    let claims = claimed(&world.hub, &pair.id);
    let fees: u64 = claims
        .iter()
        .filter(|txid| **txid != closing)
        .map(|txid| world.fee(&world.transaction(txid)).to_sat())
        .sum();
    let got = onchain(&world, &world.hub) - hub_before;
    println!("revoked {closing}: the hub has {got} sat of it by {claims:?}");
    assert_eq!(got + fees, outputs - 660, "all but the anchors");
}

#[test]
fn close_that_a_reorg_undoes_is_closed_again() {
    let (world, pair) = world_with_channel();
    let closing = pair.user.close(&pair.id).expect("it closes").closing_txid;
    in_mempool(&world, &closing);
    for depth in [1, 3, 6] {
        world.bitcoind.mine(depth);
        pair.until_both("seen to be spent", |channel| {
            let closing = channel.closing.as_ref();
            closing.is_some_and(|closing| closing.spent_by.is_some())
        });
        world.bitcoind.reorg(depth);
        pair.until_both("closing again", |channel| {
            let closing = channel.closing.as_ref();
            channel.state == "closing" && closing.is_some_and(|it| it.spent_by.is_none())
        });
        in_mempool(&world, &closing);
    }
    // This time the user's commitment would do as well, but the closing transaction comes back by itself.
    world.bitcoind.mine(6);
    pair.until_both("closed", |channel| channel.state == "closed");
    world.verify_ledgers();
}
