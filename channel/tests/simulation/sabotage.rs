//! The invariants can fail: each of these breaks something on purpose and must be caught.

use std::panic::{catch_unwind, AssertUnwindSafe};

use serde_json::Value;
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::command::{Command, LocalCommand};
use zarnitsa_channel::ids::PaymentPreimage;
use zarnitsa_channel::message::PeerMessage;
use zarnitsa_channel::state::Channel;

use crate::relay::Quality;
use crate::support::party::Wire;
use crate::world::World;

/// A world at rest after two payments that stay in flight, one in each direction.
fn world_with_htlcs(seed: u64) -> World {
    let mut world = World::new(seed, false);
    world.connect();
    for index in [0, 1] {
        pay(&mut world, index);
    }
    settle(&mut world);
    assert_eq!(world.nodes[0].memory.htlcs().count(), 2);
    world
}

fn pay(world: &mut World, index: usize) {
    let preimage = PaymentPreimage(world.rng.bytes32());
    let command = LocalCommand::AddHtlc {
        amount: Msat::new(3_000_000),
        payment_hash: preimage.payment_hash(),
        cltv_expiry: 600,
    };
    world.preimages.insert(preimage.payment_hash(), preimage);
    world.command(index, Command::Local(command));
    world
        .amounts
        .insert((index, world.nodes[index].offered()[0]), 3_000_000);
}

/// Everything arrives, nothing is decided.
fn settle(world: &mut World) {
    for _ in 0..50 {
        for index in [0, 1] {
            while world.nodes[index].has_pending() {
                world.persist(index);
            }
            while !world.nodes[index].outbox.is_empty() {
                world.act(index);
            }
            world.deliver(index);
            if world.nodes[index].memory.commitment_due() {
                world.commit(index);
            }
        }
    }
}

/// The first seed whose channel can carry the payments of these tests.
fn suitable() -> u64 {
    let fits = |seed: &u64| {
        let world = World::new(*seed, false);
        world
            .nodes
            .iter()
            .all(|node| node.memory.spendable_msat(&node.party.limits).to_msat() > 20_000_000)
    };
    (7_000..8_000).find(fits).unwrap()
}

/// Changes the state of the second node behind the machine's back.
fn tamper(world: &mut World, change: impl FnOnce(&mut Value)) {
    let node = &mut world.nodes[1];
    let mut value = serde_json::to_value(&node.memory).unwrap();
    change(&mut value["Normal"]["common"]["commitments"]);
    let channel: Channel = serde_json::from_value(value).unwrap();
    assert_ne!(channel, node.memory, "the sabotage changed nothing");
    node.memory = channel.clone();
    node.party.channel = channel;
}

fn ends_badly(mut world: World) -> bool {
    panics(|| world.finish())
}

fn panics(act: impl FnOnce()) -> bool {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let outcome = catch_unwind(AssertUnwindSafe(act));
    std::panic::set_hook(hook);
    outcome.is_err()
}

#[test]
fn sabotage_untouched_world_ends_well() {
    assert!(!ends_badly(world_with_htlcs(suitable())));
}

#[test]
fn sabotage_shifted_balance_is_caught() {
    let mut world = world_with_htlcs(suitable());
    tamper(&mut world, |commitments| {
        let settled = &mut commitments["settled"];
        let (holder, counterparty) = (&settled["holder"], &settled["counterparty"]);
        let (holder, counterparty) = (holder.as_u64().unwrap(), counterparty.as_u64().unwrap());
        settled["holder"] = (holder + 1_000_000).into();
        settled["counterparty"] = (counterparty - 1_000_000).into();
    });
    assert!(ends_badly(world));
}

#[test]
fn sabotage_forgotten_htlc_is_caught() {
    let mut world = world_with_htlcs(suitable());
    tamper(&mut world, |commitments| {
        commitments["htlcs"].as_array_mut().unwrap().pop();
    });
    assert!(ends_badly(world));
}

#[test]
fn sabotage_changed_payment_hash_is_caught() {
    let mut world = world_with_htlcs(suitable());
    tamper(&mut world, |commitments| {
        commitments["htlcs"][0]["payment_hash"][0] = 0.into();
        commitments["htlcs"][0]["payment_hash"][1] = 0.into();
    });
    assert!(ends_badly(world));
}

#[test]
fn sabotage_disk_that_goes_back_is_caught() {
    let seed = suitable();
    let mut world = World::new(seed, false);
    world.connect();
    let old = world.nodes[1].party.channel.clone();
    pay(&mut world, 0);
    settle(&mut world);
    world.nodes[1].party.channel = old;
    world.crash(1);
    assert!(ends_badly(world));
}

#[test]
fn sabotage_money_from_nowhere_is_no_channel() {
    let world = world_with_htlcs(suitable());
    let mut value = serde_json::to_value(&world.nodes[1].memory).unwrap();
    let settled = &mut value["Normal"]["common"]["commitments"]["settled"];
    settled["holder"] = (settled["holder"].as_u64().unwrap() + 1).into();
    let channel: Channel = serde_json::from_value(value).unwrap();
    assert!(Channel::decode(&channel.encode()).is_err());
}

/// A world at open_channel.
fn opening_world() -> World {
    let mut worlds = (7_000..8_000).map(|seed| World::new(seed, false));
    worlds.find(World::is_opening).unwrap()
}

#[test]
fn sabotage_opening_that_is_forgotten_begins_anew() {
    let mut world = opening_world();
    assert!(!panics(|| world.crash(0)));
    assert!(!ends_badly(world));
}

#[test]
fn sabotage_coins_of_a_forgotten_opening_are_caught() {
    let mut world = opening_world();
    world.chain.is_broadcast = true;
    assert!(panics(|| world.crash(0)));
}

#[test]
fn sabotage_message_out_of_order_on_a_good_wire_is_caught() {
    let mut world = world_with_htlcs(suitable());
    world.wire = Quality::Good;
    world.disconnect();
    world.connect();
    let fee = PeerMessage::UpdateFee {
        feerate_per_kw: 1_000,
    };
    world.wires[1].push_back(Wire::Message(fee));
    assert!(panics(|| world.deliver(1)));
}
