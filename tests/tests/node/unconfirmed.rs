//! Channels whose opening transactions never come: they cost their openers nothing, and must not fill the hub.

use zarnitsa_tests::wait;
use zarnitsa_tests::world::{self, World};

/// What one peer may have unconfirmed.
const MOST: usize = 4;
const CAPACITY_SAT: u64 = 100_000;
/// BOLT 2: an acceptor forgets an unconfirmed channel after so many blocks.
const FORGOTTEN_AFTER: u32 = 2_016;
/// The chain's own clock may be ahead of the node's by about as many blocks as came before the opening.
const EARLY: u32 = 300;

fn mine_empty(world: &World, blocks: u32) {
    for _ in 0..blocks {
        world.bitcoind.mine_empty();
    }
    let height = world.bitcoind.height();
    let hub = world.hub.api();
    wait::within(wait::DEADLINE * 3, "the hub has seen every block", || {
        (hub.info().ok()?.block_height == height).then_some(())
    });
}

fn states(world: &World) -> Vec<String> {
    let channels = world.hub.api().channels().expect("the hub's channels");
    channels.into_iter().map(|channel| channel.state).collect()
}

#[test]
fn opener_whose_transactions_are_never_mined_fills_no_hub() {
    let mut world = World::start();
    world.fund(&world.user, bitcoin::Amount::from_sat(2_000_000));
    let coins = bitcoin::Amount::from_sat(1_000_000);
    world.fund(&world.hub, coins);
    let uri = world.hub.api().info().expect("the hub's info").uri;
    let user = world.user.api();
    let open = |_| {
        let opened = user.open(&uri, CAPACITY_SAT, 1_000_000).expect("room");
        wait::until("the wallet knows its change", || {
            let coins = user.utxos().ok()?;
            let change = coins.iter().any(|coin| coin.txid == opened.opening_txid);
            change.then_some(())
        });
        opened
    };
    let opened: Vec<_> = (0..MOST).map(open).collect();
    let refusal = user.open(&uri, CAPACITY_SAT, 0).unwrap_err().to_string();
    assert!(
        refusal.contains("4 of your channels wait for their opening transactions"),
        "{refusal}"
    );

    // One is closed by force, although nothing can spend what is not there; one by both sides.
    let hub = world.hub.api();
    hub.force_close(&opened[0].channel_id).expect("it closes");
    user.close(&opened[1].channel_id).expect("it closes");
    wait::until("one channel closes by agreement", || {
        let state = hub.channel(&opened[1].channel_id).ok()?.state;
        (state == "closing").then_some(())
    });

    mine_empty(&world, FORGOTTEN_AFTER - EARLY);
    assert!(
        !states(&world).contains(&"failed".to_owned()),
        "forgotten too early"
    );
    // A commitment that spends nothing is no reason to spend a coin.
    let mut kept = world.hub.api().utxos().expect("the hub's coins");
    kept.retain(|coin| coin.confirmations > 0);
    let kept = world::coins_on_chain(&world.bitcoind, &kept);
    assert_eq!(kept, coins + world::HUB_COINS);
    // How long they have waited is not in memory.
    world.hub.stop();
    world.hub.start();
    mine_empty(&world, EARLY);
    // A node that catches up forgets nothing yet: these come one by one.
    for _ in 0..10 {
        mine_empty(&world, 1);
    }
    wait::until("the hub has forgotten them", || {
        let states = states(&world);
        let failed = states.iter().filter(|state| *state == "failed");
        (failed.count() == MOST && states.len() == MOST).then_some(())
    });

    wait::until("the user is connected again", || {
        let peers = user.peers().ok()?;
        peers.iter().any(|peer| peer.connected).then_some(())
    });
    let again = user.open(&uri, CAPACITY_SAT, 0).expect("there is room");
    let channel = world.hub.api().channel(&again.channel_id);
    assert_eq!(
        channel.expect("the channel").state,
        "awaiting_confirmations"
    );
    world.verify_ledgers();
}
