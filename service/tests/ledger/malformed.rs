//! Arguments that cannot be read. The generated types make bytes that the service's own types cannot make.

use exonum::merkledb::BinaryValue as _;
use exonum::messages::{AnyTx, Verified};
use exonum::runtime::{CallInfo, MethodId};
use protobuf::Message;
use zarnitsa_channel::command::{Command, LocalCommand};
use zarnitsa_channel::ids::HtlcId;
use zarnitsa_channel::params::Side;
use zarnitsa_service::proto::{self, AcceptFrom};
use zarnitsa_service::transactions::MAX_STEPS;
use zarnitsa_service::{Attachment, LedgerCall, INSTANCE_ID};

use crate::node::{Node, MALFORMED};
use crate::support::pair::preimage;
use crate::world::{add, config, opening_call, World};

/// Calls a method with any bytes, by the key that may call it.
fn raw(node: &Node, method: MethodId, bytes: Vec<u8>) -> Verified<AnyTx> {
    let signer = match method {
        11 | 13 | 14 | 15 => &node.operator,
        _ => &node.node,
    };
    AnyTx::new(CallInfo::new(INSTANCE_ID, method), bytes).sign_with_keypair(signer)
}

fn refuses(node: &mut Node, method: MethodId, message: &impl Message) {
    let transaction = raw(node, method, message.write_to_bytes().unwrap());
    node.refuses_transaction(transaction, MALFORMED);
}

/// The bytes of a good argument, as the generated type.
fn argument<M: Message>(node: &Node, call: LedgerCall) -> M {
    let transaction = zarnitsa_service::transaction(&node.node, call);
    M::parse_from_bytes(&transaction.payload().arguments).unwrap()
}

#[test]
fn htlc_add_with_an_onion_of_another_length_is_refused() {
    let mut world = World::normal(&config(), 1);
    let call = world.a.call(Command::Local(add(1_000, preimage(1))));
    let good: proto::HtlcAdd = argument(&world.a.node, call);
    for length in [0, 1, 1_365, 1_367, 65_535] {
        let mut bad = good.clone();
        bad.set_onion(vec![0; length]);
        refuses(&mut world.a.node, 3, &bad);
    }
}

#[test]
fn htlc_add_with_a_path_key_that_is_none_is_refused() {
    let mut world = World::normal(&config(), 14);
    let call = world.a.call(Command::Local(add(1_000, preimage(1))));
    let good: proto::HtlcAdd = argument(&world.a.node, call);
    for key in [vec![2; 32], vec![2; 34], vec![5; 33]] {
        let mut bad = good.clone();
        bad.set_path_key(key);
        refuses(&mut world.a.node, 3, &bad);
    }
}

#[test]
fn htlc_resolve_with_attribution_data_of_another_length_is_refused() {
    let mut world = World::normal(&config(), 15);
    let command = LocalCommand::FailHtlc {
        id: HtlcId(0),
        reason: vec![7; 292],
    };
    let call = world.a.call(Command::Local(command));
    let good: proto::HtlcResolve = argument(&world.a.node, call);
    for length in [1, 919, 921] {
        let mut bad = good.clone();
        bad.set_attribution(vec![0; length]);
        refuses(&mut world.a.node, 4, &bad);
    }
}

#[test]
fn htlc_add_with_a_hash_or_channel_of_another_length_is_refused() {
    let mut world = World::normal(&config(), 2);
    let call = world.a.call(Command::Local(add(1_000, preimage(1))));
    let good: proto::HtlcAdd = argument(&world.a.node, call);
    for length in [0, 31, 33] {
        let mut bad = good.clone();
        bad.set_payment_hash(vec![0; length]);
        refuses(&mut world.a.node, 3, &bad);
        let mut bad = good.clone();
        bad.set_channel_id(vec![0; length]);
        refuses(&mut world.a.node, 3, &bad);
    }
}

#[test]
fn htlc_add_of_more_than_all_bitcoin_is_refused() {
    let mut world = World::normal(&config(), 3);
    let call = world.a.call(Command::Local(add(1_000, preimage(1))));
    let mut bad: proto::HtlcAdd = argument(&world.a.node, call);
    bad.set_amount_msat(u64::MAX);
    refuses(&mut world.a.node, 3, &bad);
}

#[test]
fn steps_without_a_step_are_refused() {
    let mut world = World::normal(&config(), 4);
    let id = world.a.id().0.to_vec();
    let node = &mut world.a.node;
    let mut commitment = proto::Commitment::new();
    commitment.set_channel_id(id.clone());
    refuses(node, 1, &commitment);
    let mut resolve = proto::HtlcResolve::new();
    resolve.set_channel_id(id.clone());
    resolve.set_by(proto::Side::SIDE_HOLDER);
    refuses(node, 4, &resolve);
    let mut ready = proto::Ready::new();
    ready.set_channel_id(id.clone());
    refuses(node, 6, &ready);
    let mut closing = proto::Closing::new();
    closing.set_channel_id(id.clone());
    refuses(node, 8, &closing);
    let mut chain = proto::ChainStep::new();
    chain.set_channel_id(id);
    refuses(node, 9, &chain);
    let mut invoice = proto::InvoiceStep::new();
    invoice.set_payment_hash(vec![0; 32]);
    refuses(node, 10, &invoice);
}

#[test]
fn unknown_enum_values_are_refused() {
    let mut world = World::normal(&config(), 5);
    let fee = Command::Local(LocalCommand::UpdateFee {
        feerate_per_kw: 1_500,
    });
    let call = world.a.call(fee);
    let mut unset: proto::FeeUpdate = argument(&world.a.node, call);
    unset.set_by(proto::Side::SIDE_UNSPECIFIED);
    refuses(&mut world.a.node, 5, &unset);
    // Field 2, varint, value 77: a side that this schema does not know.
    let mut bytes = unset.write_to_bytes().unwrap();
    bytes.extend([0x10, 77]);
    let transaction = raw(&world.a.node, 5, bytes);
    world.a.node.refuses_transaction(transaction, MALFORMED);

    let mut change = proto::PolicyChange::new();
    change.set_nonce(vec![0; 32]);
    change
        .mut_policy()
        .set_accept_from(AcceptFrom::ACCEPT_FROM_UNSPECIFIED);
    refuses(&mut world.a.node, 13, &change);
    let mut result = proto::RequestResult::new();
    result.mut_request().set_data(vec![1; 32]);
    refuses(&mut world.a.node, 16, &result);
}

#[test]
fn keys_and_signatures_that_are_none_are_refused() {
    let mut world = World::normal(&config(), 6);
    let id = world.a.id().0.to_vec();
    for key in [vec![], vec![2; 32], vec![4; 33], vec![0xff; 33]] {
        let mut revocation = proto::Revocation::new();
        revocation.set_channel_id(id.clone());
        revocation.set_per_commitment_secret(vec![1; 32]);
        revocation.set_next_per_commitment_point(key);
        refuses(&mut world.a.node, 2, &revocation);
    }
    for signature in [vec![], vec![1; 63], vec![1; 65], vec![0xff; 64]] {
        let mut ready = proto::Ready::new();
        ready.set_channel_id(id.clone());
        ready.mut_funding_signed().set_signature(signature);
        refuses(&mut world.a.node, 6, &ready);
    }
}

#[test]
fn more_htlc_signatures_than_outputs_can_be_are_refused() {
    let mut world = World::normal(&config(), 7);
    let mut commitment = proto::Commitment::new();
    commitment.set_channel_id(world.a.id().0.to_vec());
    let received = commitment.mut_received();
    received.set_signature(vec![1; 64]);
    received.set_htlc_signatures(vec![vec![1; 64]; 967].into());
    refuses(&mut world.a.node, 1, &commitment);
}

#[test]
fn texts_without_bound_are_refused() {
    let mut world = World::normal(&config(), 8);
    let mut invoice = proto::InvoiceStep::new();
    invoice.set_payment_hash(vec![1; 32]);
    let created = invoice.mut_created();
    created.set_nonce(vec![1; 32]);
    created.set_expiry_seconds(3_600);
    created.set_description("x".repeat(1_025));
    refuses(&mut world.a.node, 10, &invoice);
    let created = invoice.mut_created();
    created.set_description(String::new());
    created.set_invoice("x".repeat(8_193));
    refuses(&mut world.a.node, 10, &invoice);
}

#[test]
fn transactions_that_are_none_are_refused() {
    let mut world = World::normal(&config(), 9);
    let mut step = proto::ChainStep::new();
    step.set_channel_id(world.a.id().0.to_vec());
    for bytes in [vec![], vec![1; 10], vec![0; 400_001]] {
        step.mut_funding_spent().set_transaction(bytes);
        refuses(&mut world.a.node, 9, &step);
    }
}

#[test]
fn opening_with_any_part_missing_is_refused() {
    let (mut world, _) = World::opened(&config(), 10);
    let mut other = World::opened(&config(), 11).0;
    let call = opening_call(transcript_of(&mut other), None);
    let good: proto::Opening = argument(&world.b.node, call);
    let breaks: [fn(&mut proto::Opening); 8] = [
        |it| it.clear_open_channel(),
        |it| it.clear_accept_channel(),
        |it| it.clear_funding(),
        |it| it.clear_peer(),
        |it| it.clear_keys_id(),
        |it| it.role = None,
        |it| it.mut_open_channel().clear_side(),
        |it| it.mut_accept_channel().mut_side().clear_keys(),
    ];
    for breaks in breaks {
        let mut bad = good.clone();
        breaks(&mut bad);
        refuses(&mut world.b.node, 0, &bad);
    }
}

/// The transcript that `b` wrote down, read back from its transaction.
fn transcript_of(world: &mut World) -> zarnitsa_channel::opening::Opening {
    let written = &world.b.node.log[0].payload().arguments;
    let opening = zarnitsa_service::transactions::Opening::from_bytes(written.into()).unwrap();
    opening.transcript
}

#[test]
fn any_method_with_garbage_changes_nothing() {
    let mut world = World::normal(&config(), 12);
    world.pay(Side::Holder, 1_000_000);
    let arguments: Vec<_> = world.a.node.log[1..]
        .iter()
        .map(|transaction| transaction.payload().arguments.clone())
        .collect();
    let before = world.a.node.state_hash();
    for method in 0..17 {
        for (index, good) in arguments.iter().enumerate() {
            // Cut at a place that differs from case to case, with the method in the last byte.
            let mut bytes = good[..good.len() * (index + 1) / (arguments.len() + 1)].to_vec();
            bytes.push(u8::try_from(method).unwrap());
            let transaction = raw(&world.a.node, method, bytes);
            let _ = world.a.node.execute(transaction).unwrap_err();
            assert_eq!(world.a.node.state_hash(), before, "method {method}");
        }
    }
}

#[test]
fn unknown_method_is_refused() {
    let mut world = World::normal(&config(), 13);
    let before = world.a.node.state_hash();
    let transaction = raw(&world.a.node, 17, Vec::new());
    world.a.node.execute(transaction).unwrap_err();
    assert_eq!(world.a.node.state_hash(), before);
}

#[test]
fn steps_that_are_none_too_many_or_do_not_follow_one_another_are_refused() {
    let mut world = World::normal(&config(), 15);
    let fee = Command::Local(LocalCommand::UpdateFee {
        feerate_per_kw: 2_000,
    });
    let call = LedgerCall::Commands {
        channel_id: world.a.id(),
        step: world.a.next_step(),
        commands: vec![(fee, Attachment::default()); MAX_STEPS],
    };
    let good: proto::Steps = argument(&world.a.node, call);
    let mut bad = vec![proto::Steps::new(); 5];
    let mut one_more = good.clone();
    let mut last = good.steps[MAX_STEPS - 1].clone();
    last.mut_fee_update().step_number += 1;
    one_more.steps.push(last);
    bad[1] = one_more;
    let mut gap = good.clone();
    gap.steps.remove(1);
    bad[2] = gap;
    let mut other_channel = good.clone();
    other_channel.steps[1].mut_fee_update().channel_id = vec![7; 32];
    bad[3] = other_channel;
    let mut nothing = good.clone();
    nothing.steps[1] = proto::ChannelStep::new();
    bad[4] = nothing;
    for bad in bad {
        refuses(&mut world.a.node, 24, &bad);
    }
}
