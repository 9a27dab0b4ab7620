//! The fee rate of commitments follows the network's, and whoever opened the channel says so.

use std::time::{Duration, Instant};

use bitcoin::Amount;
use zarnitsa_interop::ldk::Ldk;
use zarnitsa_interop::link::{Link, Plan};
use zarnitsa_interop::world::World;
use zarnitsa_tests::node::Node;
use zarnitsa_tests::wait;

use crate::paying::pay_both_ways;

/// Either node looks at the fees about once a minute.
const MINUTES: Duration = Duration::from_secs(240);
/// Between two blocks, so that not too many are mined meanwhile.
const BETWEEN_BLOCKS: Duration = Duration::from_secs(5);

/// What everybody pays from now on, in sat/vB.
const FEE_RATE: u32 = 40;
/// So many blocks of so many transactions are enough for bitcoind to estimate from.
const BLOCKS: u32 = 8;
const TRANSACTIONS: u32 = 10;

/// Others pay far more than before, block after block.
fn raise_fees(world: &World) {
    // Each transaction takes coins of its own: bitcoind learns nothing from one that spends what is not confirmed.
    world.bitcoind.mine(BLOCKS * TRANSACTIONS);
    for _ in 0..BLOCKS {
        for _ in 0..TRANSACTIONS {
            let address = world.bitcoind.address();
            let amount = Amount::from_sat(1_000_000);
            world.bitcoind.send_at(&address, amount, Some(FEE_RATE));
        }
        world.bitcoind.mine(1);
    }
}

/// Mines on until the channel's opener has raised its fee rate, and pays at the new one.
fn check_update(world: &World, ours: &Node, ldk: &Ldk, link: &Link) {
    let before = link.ldk_side().feerate_per_kw;
    raise_fees(world);
    let mut mined = Instant::now();
    let after = wait::within(MINUTES, "the opener pays more", || {
        if mined.elapsed() > BETWEEN_BLOCKS {
            world.bitcoind.mine(1);
            mined = Instant::now();
        }
        let now = link.ldk.channel(&link.id)?.feerate_per_kw;
        (now > before * 2).then_some(now)
    });
    println!("fee rate {before} -> {after} sat/kw");
    // Whoever pays counts the blocks of a deadline from the tip that it knows: far behind the payee's it has passed there.
    world.until_seen(&[ours], &[ldk]);
    link.until_usable();
    pay_both_ways(link);
    assert_eq!(link.ldk_side().feerate_per_kw, after);
}

#[test]
fn fee_update_by_ldk_is_followed() {
    let world = World::start();
    let (ours, ldk) = (world.ours("ours", "hub"), world.ldk("ldk"));
    let link = Link::opened_by_ldk(&world, &ours, &ldk, Plan::private(1_000_000));
    check_update(&world, &ours, &ldk, &link);
}

#[test]
fn fee_update_by_us_is_followed() {
    let world = World::start();
    let (ours, ldk) = (world.ours("ours", "hub"), world.ldk("ldk"));
    let link = Link::opened_by_us(&world, &ours, &ldk, Plan::private(1_000_000));
    check_update(&world, &ours, &ldk, &link);
}
