//! Who opens a channel, and whether the world is told. All have anchors.

use zarnitsa_interop::link::{Link, Plan};
use zarnitsa_interop::world::World;

use crate::closing::close_together;
use crate::paying::pay_both_ways;

const SAT: u64 = 1_000_000;

fn check(link: &Link, plan: Plan, opened_by_us: bool) {
    let (ours, ldk) = (link.our_side(), link.ldk_side());
    assert_eq!(ours.opener, if opened_by_us { "local" } else { "remote" });
    assert_eq!(ldk.outbound, !opened_by_us);
    assert_eq!(ldk.announced, plan.announce);
    let pushed = plan.push_msat;
    let expected = if opened_by_us {
        plan.sat * 1_000 - pushed
    } else {
        pushed
    };
    assert_eq!(link.check_agreement(), expected);
}

#[test]
fn private_channel_opened_by_us() {
    let world = World::start();
    let (ours, ldk) = (world.ours("ours", "user"), world.ldk("ldk"));
    let plan = Plan::private(SAT);
    let link = Link::opened_by_us(&world, &ours, &ldk, plan);
    check(&link, plan, true);
    pay_both_ways(&link);
    close_together(&world, &ours, &ldk, &link, true);
}

#[test]
fn announced_channel_opened_by_us() {
    let world = World::start();
    let (ours, ldk) = (world.ours("ours", "hub"), world.ldk("ldk"));
    let plan = Plan::announced(SAT);
    let link = Link::opened_by_us(&world, &ours, &ldk, plan);
    check(&link, plan, true);
    pay_both_ways(&link);
    close_together(&world, &ours, &ldk, &link, false);
}

#[test]
fn private_channel_opened_by_ldk() {
    let world = World::start();
    let (ours, ldk) = (world.ours("ours", "hub"), world.ldk("ldk"));
    let plan = Plan::private(SAT);
    let link = Link::opened_by_ldk(&world, &ours, &ldk, plan);
    check(&link, plan, false);
    pay_both_ways(&link);
    close_together(&world, &ours, &ldk, &link, true);
}

#[test]
fn announced_channel_opened_by_ldk() {
    let world = World::start();
    let (ours, ldk) = (world.ours("ours", "hub"), world.ldk("ldk"));
    let plan = Plan::announced(SAT);
    let link = Link::opened_by_ldk(&world, &ours, &ldk, plan);
    check(&link, plan, false);
    pay_both_ways(&link);
    close_together(&world, &ours, &ldk, &link, false);
}

#[test]
fn two_channels_between_the_same_two_are_both_usable() {
    let world = World::start();
    let (ours, ldk) = (world.ours("ours", "hub"), world.ldk("ldk"));
    let first = Link::opened_by_us(&world, &ours, &ldk, Plan::private(SAT));
    let second = Link::opened_by_ldk(&world, &ours, &ldk, Plan::private(SAT));
    assert_ne!(first.id, second.id);
    let sum = || first.check_agreement() + second.check_agreement();
    let before = sum();
    crate::paying::pay_ldk(&first, 3_000_000);
    crate::paying::pay_us(&first, 1_000_000);
    assert_eq!(sum(), before - 2_000_000);
}
