//! Payments: orders, HTLCs and ends.

use zarnitsa_channel::action::Event;
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::command::{Command, LocalCommand};
use zarnitsa_channel::ids::PaymentPreimage;
use zarnitsa_channel::message::PeerMessage;
use zarnitsa_channel::params::Side;
use zarnitsa_service::records::{Failure, HtlcState, Payment, PaymentStatus};
use zarnitsa_service::transactions::{PaymentOrder, PaymentResult};
use zarnitsa_service::{read, Attachment, LedgerCall, PaymentError};

use crate::world::{add, config, World};

fn payment(world: &World, preimage: PaymentPreimage) -> Payment {
    read::payment(&*world.a.node.snapshot(), &preimage.payment_hash()).unwrap()
}

fn refuses_order(world: &mut World, order: PaymentOrder, code: PaymentError) {
    let key = world.a.node.operator.clone();
    let call = LedgerCall::Payment(order);
    world.a.node.refuses(&key, call, code as u8);
}

fn refuses_result(world: &mut World, preimage: PaymentPreimage, attempt: u32, code: PaymentError) {
    let key = world.a.node.node.clone();
    let call = result(preimage, attempt);
    world.a.node.refuses(&key, call, code as u8);
}

fn result(preimage: PaymentPreimage, attempt: u32) -> LedgerCall {
    LedgerCall::PaymentResult(PaymentResult {
        payment_hash: preimage.payment_hash(),
        attempt,
        failure: Failure {
            code: 0,
            culprit: None,
            reason: "no route".to_owned(),
        },
    })
}

#[test]
fn pending_payment_ordered_again_is_refused() {
    let mut world = World::normal(&config(), 1);
    let preimage = world.new_preimage();
    world.order(Side::Holder, 1_000, preimage);
    let again = world.payment_order(Side::Holder, 1_000, preimage);
    refuses_order(&mut world, again, PaymentError::AlreadyPending);
}

#[test]
fn succeeded_payment_ordered_again_is_refused() {
    let mut world = World::normal(&config(), 2);
    let preimage = world.pay(Side::Holder, 1_000_000).preimage.unwrap();
    let again = world.payment_order(Side::Holder, 1_000_000, preimage);
    refuses_order(&mut world, again, PaymentError::AlreadySucceeded);
}

#[test]
fn failed_payment_ordered_again_is_a_second_attempt_with_another_nonce() {
    let mut world = World::normal(&config(), 3);
    let preimage = world.new_preimage();
    let first = world.payment_order(Side::Holder, 1_000, preimage);
    world
        .a
        .node
        .command(LedgerCall::Payment(first.clone()))
        .unwrap();
    world.a.node.report(result(preimage, 1)).unwrap();
    assert_eq!(
        payment(&world, preimage).failure.unwrap().reason,
        "no route"
    );
    let same_nonce = PaymentOrder {
        amount_msat: Msat::new(1_001),
        ..first
    };
    refuses_order(&mut world, same_nonce, PaymentError::NonceUsed);
    world.order(Side::Holder, 1_000, preimage);
    let payment = payment(&world, preimage);
    assert_eq!(payment.attempt, 2);
    assert_eq!(payment.status, PaymentStatus::Pending);
    // A result of the first attempt says nothing of the second.
    let late = LedgerCall::PaymentResult(PaymentResult {
        payment_hash: preimage.payment_hash(),
        attempt: 1,
        failure: Failure {
            reason: "late".to_owned(),
            ..Failure::default()
        },
    });
    let key = world.a.node.node.clone();
    let code = PaymentError::NotPending as u8;
    world.a.node.refuses(&key, late, code);
}

#[test]
fn payment_of_nothing_or_of_too_much_is_refused() {
    let mut world = World::normal(&config(), 4);
    let preimage = world.new_preimage();
    let good = world.payment_order(Side::Holder, 1_000, preimage);
    let nothing = PaymentOrder {
        amount_msat: Msat::ZERO,
        ..good.clone()
    };
    let more_than_there_is = PaymentOrder {
        max_fee_msat: Msat::new(2_100_000_000_000_000_000),
        ..good
    };
    refuses_order(&mut world, nothing, PaymentError::BadAmount);
    refuses_order(&mut world, more_than_there_is, PaymentError::BadAmount);
}

#[test]
fn unknown_payment_result_is_refused() {
    let mut world = World::normal(&config(), 5);
    let preimage = world.new_preimage();
    refuses_result(&mut world, preimage, 1, PaymentError::UnknownPayment);
}

#[test]
fn htlc_without_an_order_is_refused() {
    let mut world = World::normal(&config(), 6);
    let preimage = world.new_preimage();
    let command = Command::Local(add(1_000_000, preimage));
    world.a.refuses(command, PaymentError::UnknownPayment as u8);
}

#[test]
fn htlc_of_a_payment_that_is_over_is_refused() {
    let mut world = World::normal(&config(), 7);
    let paid = world.pay(Side::Holder, 1_000_000).preimage.unwrap();
    let failed = world.new_preimage();
    world.order(Side::Holder, 1_000_000, failed);
    world.a.node.report(result(failed, 1)).unwrap();
    for preimage in [paid, failed] {
        let command = Command::Local(add(1_000_000, preimage));
        world.a.refuses(command, PaymentError::NotPending as u8);
    }
}

#[test]
fn htlc_beyond_amount_and_fee_is_refused() {
    let mut world = World::normal(&config(), 8);
    let preimage = world.new_preimage();
    world.order(Side::Holder, 1_000_000, preimage);
    let code = PaymentError::TooExpensive as u8;
    // The fee may be a hundredth.
    world
        .a
        .refuses(Command::Local(add(1_010_001, preimage)), code);
    world.a.local(add(1_010_000, preimage));
    assert_eq!(payment(&world, preimage).fee_msat, Msat::new(10_000));
    // All of it is in the first one.
    world.a.refuses(Command::Local(add(1, preimage)), code);
}

#[test]
fn pending_payment_result_while_its_htlc_lives_is_refused() {
    let mut world = World::normal(&config(), 9);
    let preimage = world.new_preimage();
    world.order(Side::Holder, 1_000_000, preimage);
    world.offer(Side::Holder, 1_000_000, preimage);
    refuses_result(&mut world, preimage, 1, PaymentError::HtlcAlive);
}

#[test]
fn pending_payment_succeeds_when_the_preimage_comes_not_when_it_is_committed() {
    let mut world = World::normal(&config(), 10);
    let preimage = world.new_preimage();
    world.order(Side::Holder, 1_000_000, preimage);
    let id = world.offer(Side::Holder, 1_000_000, preimage);
    assert_eq!(payment(&world, preimage).status, PaymentStatus::Pending);
    world
        .a
        .receive(PeerMessage::UpdateFulfillHtlc { id, preimage });
    let payment = payment(&world, preimage);
    assert_eq!(payment.status, PaymentStatus::Succeeded);
    assert_eq!(payment.preimage, Some(preimage));
    let htlc = read::htlc(&*world.a.node.snapshot(), &payment.htlcs[0].key()).unwrap();
    assert_eq!(htlc.state, HtlcState::Fulfilled);
    assert!(!htlc.removed);
}

#[test]
fn pending_payment_whose_htlc_failed_knows_why_and_fails_when_the_node_gives_it_up() {
    let mut world = World::normal(&config(), 11);
    let preimage = world.new_preimage();
    world.order(Side::Holder, 1_000_000, preimage);
    let id = world.offer(Side::Holder, 1_000_000, preimage);
    let reason = vec![7; 292];
    let from_b = world.b.local(LocalCommand::FailHtlc {
        id,
        reason: reason.clone(),
    });
    assert!(world.b.party.wires(&from_b).is_empty());
    let from_b = world.b.local(LocalCommand::Commit);
    let mut wires = world.b.party.wires(&from_b).into_iter();
    let fail = wires.next().unwrap().message();
    let command = world.a.party.peer_command(fail);
    let told = Failure {
        code: 0x400f,
        culprit: Some(world.b.party.keys.public().funding),
        reason: "incorrect_or_unknown_payment_details".to_owned(),
    };
    let call = LedgerCall::Command {
        channel_id: world.a.id(),
        step: world.a.next_step(),
        command: Box::new(command.clone()),
        attachment: Attachment {
            failure: Some(told.clone()),
            ..Attachment::default()
        },
    };
    world.a.step_with(command, call);
    assert_eq!(payment(&world, preimage).status, PaymentStatus::Pending);
    let from_a = world.a.receive(wires.next().unwrap().message());
    let (told_a, _) = {
        let mut from_a = from_a;
        if world.a.party.channel.commitment_due() {
            from_a.extend(world.a.local(LocalCommand::Commit));
        }
        world.exchange(from_a, Vec::new())
    };
    assert!(told_a
        .iter()
        .any(|event| matches!(event, Event::HtlcFailed { .. })));
    // Another way may be tried: whether one is, the node says.
    let waiting = payment(&world, preimage);
    assert_eq!(waiting.status, PaymentStatus::Pending);
    assert_eq!(waiting.failure, Some(told));
    assert_eq!(waiting.fee_msat, Msat::ZERO);
    world.a.node.report(result(preimage, 1)).unwrap();
    assert_eq!(payment(&world, preimage).status, PaymentStatus::Failed);
}

#[test]
fn pending_payment_whose_htlc_is_withdrawn_can_fail_and_the_id_is_free_again() {
    let mut world = World::normal(&config(), 12);
    let preimage = world.new_preimage();
    world.order(Side::Holder, 1_000_000, preimage);
    world.a.local(add(1_000_000, preimage));
    let htlc = payment(&world, preimage).htlcs[0];
    world.a.local(LocalCommand::ForceClose {
        reason: "the peer is gone".to_owned(),
    });
    assert!(payment(&world, preimage).htlcs.is_empty());
    world.a.node.report(result(preimage, 1)).unwrap();
    assert_eq!(payment(&world, preimage).status, PaymentStatus::Failed);
    assert!(read::htlc(&*world.a.node.snapshot(), &htlc.key()).is_none());
    assert!(read::onion(&*world.a.node.snapshot(), &htlc.key()).is_none());
}

#[test]
fn payments_are_listed_from_the_newest() {
    let mut world = World::normal(&config(), 13);
    let preimages: Vec<_> = (0..5).map(|_| world.new_preimage()).collect();
    for preimage in &preimages {
        world.order(Side::Holder, 1_000, *preimage);
    }
    let listed = read::payments(&*world.a.node.snapshot(), 1, 2);
    let hashes: Vec<_> = listed.iter().map(|payment| payment.payment_hash).collect();
    assert_eq!(
        hashes,
        [preimages[3].payment_hash(), preimages[2].payment_hash()]
    );
}
