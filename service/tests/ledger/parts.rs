//! Payments of several HTLCs: their ways, their sums, and that nothing is paid twice.

use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::command::{Command, LocalCommand};
use zarnitsa_channel::ids::{HtlcId, PaymentPreimage};
use zarnitsa_channel::message::PeerMessage;
use zarnitsa_channel::params::Side;
use zarnitsa_service::records::{Failure, Payment, PaymentStatus, Route, RouteHop};
use zarnitsa_service::transactions::{PaymentOrder, PaymentResult};
use zarnitsa_service::{read, Attachment, LedgerCall, PaymentError};

use crate::support::rng::Rng;
use crate::world::{add, config, onion, World};

/// As in `world::add`.
const CLTV: u32 = 500;

fn payment(world: &World, preimage: PaymentPreimage) -> Payment {
    read::payment(&*world.a.node.snapshot(), &preimage.payment_hash()).unwrap()
}

/// By way of a node between, which keeps what is not delivered.
fn route(world: &World, amount: u64, delivered: u64, nonce: u8) -> Route {
    let between = world.a.party.keys.public().revocation_basepoint;
    let payee = world.b.party.keys.public().funding;
    Route {
        hops: vec![
            RouteHop {
                node_id: between,
                short_channel_id: 1,
                amount_msat: Msat::new(amount),
                cltv_expiry: CLTV,
            },
            RouteHop {
                node_id: payee,
                short_channel_id: 2,
                amount_msat: Msat::new(delivered),
                cltv_expiry: CLTV - 40,
            },
        ],
        session_nonce: [nonce; 32],
    }
}

fn part(world: &World, amount: u64, preimage: PaymentPreimage, route: Route) -> LedgerCall {
    LedgerCall::Command {
        channel_id: world.a.id(),
        step: world.a.next_step(),
        command: Box::new(Command::Local(add(amount, preimage))),
        attachment: Attachment {
            onion: onion(),
            route: Some(route),
            ..Attachment::default()
        },
    }
}

fn offer_part(world: &mut World, amount: u64, preimage: PaymentPreimage, route: Route) -> HtlcId {
    let call = part(world, amount, preimage, route);
    let command = Command::Local(add(amount, preimage));
    world.a.step_with(command, call);
    let newest = world.a.party.channel.htlcs();
    let id = newest
        .filter(|htlc| htlc.offered_by == Side::Holder)
        .map(|htlc| htlc.id)
        .max()
        .unwrap();
    world.settle();
    id
}

fn refuses_part(world: &mut World, call: LedgerCall, code: PaymentError) {
    let key = world.a.node.node.clone();
    world.a.node.refuses(&key, call, code as u8);
    world.a.check();
}

fn give_up(preimage: PaymentPreimage) -> LedgerCall {
    LedgerCall::PaymentResult(PaymentResult {
        payment_hash: preimage.payment_hash(),
        attempt: 1,
        failure: Failure {
            reason: "no other way".to_owned(),
            ..Failure::default()
        },
    })
}

fn ordered(seed: u64, amount: u64) -> (World, PaymentPreimage) {
    let mut world = World::normal(&config(), seed);
    let preimage = world.new_preimage();
    world.order(Side::Holder, amount, preimage);
    (world, preimage)
}

#[test]
fn htlc_record_holds_its_way_and_the_sums_are_those_of_all_parts() {
    let (mut world, preimage) = ordered(101, 3_000_000);
    let first = route(&world, 1_010_000, 1_000_000, 1);
    offer_part(&mut world, 1_010_000, preimage, first.clone());
    assert_eq!(payment(&world, preimage).fee_msat, Msat::ZERO);
    let second = route(&world, 2_015_000, 2_000_000, 2);
    offer_part(&mut world, 2_015_000, preimage, second.clone());
    let both = payment(&world, preimage);
    assert_eq!(both.fee_msat, Msat::new(25_000));
    let stored: Vec<_> = both
        .htlcs
        .iter()
        .map(|htlc| read::htlc(&*world.a.node.snapshot(), &htlc.key()).unwrap())
        .map(|record| record.route.unwrap())
        .collect();
    assert_eq!(stored, [first, second]);
}

#[test]
fn payment_of_two_parts_succeeds_with_the_second_preimage_and_takes_no_third() {
    let (mut world, preimage) = ordered(102, 2_000_000);
    let first = route(&world, 1_000_000, 1_000_000, 1);
    let first = offer_part(&mut world, 1_000_000, preimage, first);
    let second = route(&world, 1_000_500, 1_000_000, 2);
    let second = offer_part(&mut world, 1_000_500, preimage, second);
    world.a.receive(PeerMessage::UpdateFulfillHtlc {
        id: first,
        preimage,
    });
    let half = payment(&world, preimage);
    assert_eq!(half.status, PaymentStatus::Pending);
    assert_eq!(half.preimage, Some(preimage));
    // The proof is here: it is not called failed, and no more is paid.
    refuses_part(&mut world, give_up(preimage), PaymentError::HtlcAlive);
    let third = route(&world, 1_000, 1_000, 3);
    let third = part(&world, 1_000, preimage, third);
    refuses_part(&mut world, third, PaymentError::NotPending);
    world.a.receive(PeerMessage::UpdateFulfillHtlc {
        id: second,
        preimage,
    });
    let whole = payment(&world, preimage);
    assert_eq!(whole.status, PaymentStatus::Succeeded);
    assert_eq!(whole.fee_msat, Msat::new(500));
    let again = world.payment_order(Side::Holder, 2_000_000, preimage);
    let key = world.a.node.operator.clone();
    let code = PaymentError::AlreadySucceeded as u8;
    world.a.node.refuses(&key, LedgerCall::Payment(again), code);
}

#[test]
fn payment_with_its_preimage_and_an_undecided_part_waits_for_it() {
    let (mut world, preimage) = ordered(103, 2_000_000);
    let first = route(&world, 1_000_000, 1_000_000, 1);
    let taken = offer_part(&mut world, 1_000_000, preimage, first);
    let second = route(&world, 1_000_000, 1_000_000, 2);
    let failed = offer_part(&mut world, 1_000_000, preimage, second);
    world.b.local(LocalCommand::FailHtlc {
        id: failed,
        reason: vec![7; 292],
    });
    world.a.receive(PeerMessage::UpdateFailHtlc {
        id: failed,
        reason: vec![7; 292],
    });
    world.a.receive(PeerMessage::UpdateFulfillHtlc {
        id: taken,
        preimage,
    });
    assert_eq!(payment(&world, preimage).status, PaymentStatus::Pending);
    world.a.local(LocalCommand::ForceClose {
        reason: "enough".to_owned(),
    });
    // The other HTLC is on chain now: the payment waits for it.
    assert_eq!(payment(&world, preimage).status, PaymentStatus::Pending);
    assert_eq!(payment(&world, preimage).preimage, Some(preimage));
}

#[test]
fn failed_part_makes_room_for_another_and_its_nonce_is_never_used_again() {
    let (mut world, preimage) = ordered(104, 1_000_000);
    let first = route(&world, 1_010_000, 1_000_000, 1);
    let id = offer_part(&mut world, 1_010_000, preimage, first.clone());
    let more = route(&world, 1_000, 1_000, 2);
    let more = part(&world, 1_000, preimage, more);
    refuses_part(&mut world, more, PaymentError::TooExpensive);
    let fail = world.b.local(LocalCommand::FailHtlc {
        id,
        reason: vec![7; 292],
    });
    assert!(world.b.party.wires(&fail).is_empty());
    let from_b = world.b.local(LocalCommand::Commit);
    world.exchange(Vec::new(), from_b);
    let settled = payment(&world, preimage);
    assert_eq!(settled.status, PaymentStatus::Pending);
    assert_eq!(settled.fee_msat, Msat::ZERO);
    let same = part(&world, 1_010_000, preimage, first);
    refuses_part(&mut world, same, PaymentError::NonceUsed);
    let other = route(&world, 1_005_000, 1_000_000, 2);
    offer_part(&mut world, 1_005_000, preimage, other);
    let retried = payment(&world, preimage);
    assert_eq!(retried.fee_msat, Msat::new(5_000));
    assert_eq!(retried.htlcs.len(), 2);
}

#[test]
fn way_that_does_not_fit_its_htlc_is_refused() {
    let (mut world, preimage) = ordered(105, 1_000_000);
    let good = route(&world, 1_000_000, 1_000_000, 1);
    let elsewhere = Route {
        hops: good.hops[..1].to_vec(),
        ..good.clone()
    };
    let gains = route(&world, 1_000_000, 1_000_001, 1);
    let other_amount = route(&world, 1_000_001, 1_000_000, 1);
    let mut later = good.clone();
    later.hops[1].cltv_expiry = CLTV + 1;
    for bad in [elsewhere, gains, other_amount, later] {
        let call = part(&world, 1_000_000, preimage, bad);
        refuses_part(&mut world, call, PaymentError::BadRoute);
    }
    offer_part(&mut world, 1_000_000, preimage, good);
}

#[test]
fn random_parts_never_carry_more_than_amount_and_fee() {
    for seed in 0..20 {
        let mut rng = Rng::new(seed);
        let amount = 2_000_000 + rng.below(3_000_000);
        let (mut world, preimage) = ordered(200 + seed, amount);
        let order: PaymentOrder = world.payment_order(Side::Holder, amount, preimage);
        let most = amount + order.max_fee_msat.to_msat();
        let mut carried = 0;
        for nonce in 1..8 {
            let size = 400_000 + rng.below(1_500_000);
            let way = route(&world, size, size, nonce);
            if carried + size > most {
                let call = part(&world, size, preimage, way);
                refuses_part(&mut world, call, PaymentError::TooExpensive);
            } else {
                offer_part(&mut world, size, preimage, way);
                carried += size;
            }
            let fee = payment(&world, preimage).fee_msat.to_msat();
            assert_eq!(fee, carried.saturating_sub(amount), "seed {seed}");
        }
    }
}
