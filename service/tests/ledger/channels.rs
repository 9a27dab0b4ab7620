//! Steps of channels that are refused, and what a refusal leaves.

use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::command::{Command, LocalCommand};
use zarnitsa_channel::ids::{ChannelId, HtlcId};
use zarnitsa_channel::message::{PeerMessage, UpdateAddHtlc};
use zarnitsa_channel::params::Side;
use zarnitsa_service::{read, Attachment, ChannelError, LedgerCall};

use crate::support::pair::{preimage, script};
use crate::world::{add, config, World};

fn peer(message: PeerMessage) -> Command {
    Command::Peer {
        message,
        next_holder_point: None,
    }
}

#[test]
fn unknown_channel_any_step_is_refused() {
    let mut world = World::normal(&config(), 1);
    let key = world.a.node.node.clone();
    let call = LedgerCall::Command {
        channel_id: ChannelId([7; 32]),
        step: 1,
        command: Box::new(Command::Local(LocalCommand::Commit)),
        attachment: Attachment::default(),
    };
    let code = ChannelError::UnknownChannel as u8;
    world.a.node.refuses(&key, call, code);
}

#[test]
fn normal_step_with_another_number_is_refused() {
    let mut world = World::normal(&config(), 2);
    let (key, next) = (world.a.node.node.clone(), world.a.next_step());
    for step in [0, next - 1, next + 1, u64::MAX] {
        let call = LedgerCall::Command {
            channel_id: world.a.id(),
            step,
            command: Box::new(Command::Local(LocalCommand::UpdateFee {
                feerate_per_kw: 2_000,
            })),
            attachment: Attachment::default(),
        };
        let code = ChannelError::WrongStep as u8;
        world.a.node.refuses(&key, call, code);
    }
}

#[test]
fn normal_step_that_the_ledger_has_is_not_made_twice() {
    let mut world = World::normal(&config(), 3);
    world.pay(Side::Holder, 1_000_000);
    world.pay(Side::Holder, 1_000_000);
    // Node::execute asserts that no two transactions have the same bytes; each commitment above was one.
    let commitments = read::history(&*world.a.node.snapshot(), &world.a.id(), 0, 100)
        .into_iter()
        .filter(|entry| entry.kind == zarnitsa_service::records::HistoryKind::Commitment);
    assert!(commitments.count() > 4);
}

#[test]
fn normal_commitment_with_a_wrong_signature_is_refused() {
    let mut world = World::normal(&config(), 4);
    let (message, other) = commitment_and_another(&mut world);
    let PeerMessage::CommitmentSigned { signature, .. } = other else {
        panic!("a commitment");
    };
    let PeerMessage::CommitmentSigned {
        htlc_signatures, ..
    } = message.clone()
    else {
        panic!("a commitment");
    };
    let wrong = PeerMessage::CommitmentSigned {
        signature,
        htlc_signatures: htlc_signatures.clone(),
    };
    let command = world.b.party.peer_command(wrong);
    world.b.refuses(command, ChannelError::BadSignature as u8);
    let PeerMessage::CommitmentSigned { signature, .. } = message else {
        panic!("a commitment");
    };
    let too_many = PeerMessage::CommitmentSigned {
        signature,
        htlc_signatures: [htlc_signatures.clone(), htlc_signatures].concat(),
    };
    let command = world.b.party.peer_command(too_many);
    world.b.refuses(command, ChannelError::BadSignature as u8);
}

/// The commitment_signed that `a` makes with an HTLC in it, and the one before; `b` has got only the HTLC.
fn commitment_and_another(world: &mut World) -> (PeerMessage, PeerMessage) {
    let older = {
        let first = world.new_preimage();
        world.order(Side::Holder, 2_000_000, first);
        let from_a = world.a.local(add(2_000_000, first));
        assert!(world.a.party.wires(&from_a).is_empty());
        let from_a = world.a.local(LocalCommand::Commit);
        let wires = world.a.party.wires(&from_a);
        let signed = wires.last().unwrap().clone().message();
        world.exchange(from_a, Vec::new());
        signed
    };
    let second = world.new_preimage();
    world.order(Side::Holder, 3_000_000, second);
    world.a.local(add(3_000_000, second));
    let from_a = world.a.local(LocalCommand::Commit);
    let mut wires = world.a.party.wires(&from_a).into_iter();
    world.b.receive(wires.next().unwrap().message());
    (wires.next().unwrap().message(), older)
}

#[test]
fn normal_revocation_with_a_wrong_secret_is_refused() {
    let mut world = World::normal(&config(), 5);
    let preimage = world.new_preimage();
    world.order(Side::Holder, 2_000_000, preimage);
    world.a.local(add(2_000_000, preimage));
    let from_a = world.a.local(LocalCommand::Commit);
    let mut answers = Vec::new();
    for wire in world.a.party.wires(&from_a) {
        answers.extend(world.b.receive(wire.message()));
    }
    let revocation = world.b.party.wires(&answers)[0].clone().message();
    let PeerMessage::RevokeAndAck {
        next_per_commitment_point,
        ..
    } = revocation.clone()
    else {
        panic!("{revocation:?} is no revoke_and_ack");
    };
    let wrong = PeerMessage::RevokeAndAck {
        per_commitment_secret: [7; 32],
        next_per_commitment_point,
    };
    world.a.refuses(peer(wrong), ChannelError::BadSecret as u8);
    world.a.receive(revocation.clone());
    // A second one has nothing to revoke.
    let code = ChannelError::NoRevocationAwaited as u8;
    world.a.refuses(peer(revocation), code);
}

#[test]
fn normal_commitment_without_updates_is_refused() {
    let mut world = World::normal(&config(), 6);
    let commit = Command::Local(LocalCommand::Commit);
    world
        .a
        .refuses(commit, ChannelError::CommitmentRefused as u8);
}

#[test]
fn normal_htlc_of_more_than_the_peer_has_is_refused() {
    let mut world = World::normal(&config(), 7);
    let message = PeerMessage::UpdateAddHtlc(UpdateAddHtlc {
        id: HtlcId(0),
        amount: Msat::new(699_000_000),
        payment_hash: preimage(1).payment_hash(),
        cltv_expiry: 500,
    });
    world
        .b
        .refuses(peer(message), ChannelError::UpdateRefused as u8);
}

#[test]
fn normal_overdraft_by_this_node_is_refused() {
    let mut world = World::normal(&config(), 8);
    let preimage = world.new_preimage();
    world.order(Side::Holder, 695_000_000, preimage);
    let add = Command::Local(add(695_000_000, preimage));
    world.a.refuses(add, ChannelError::UpdateRefused as u8);
}

#[test]
fn normal_htlc_with_a_number_out_of_turn_is_refused() {
    let mut world = World::normal(&config(), 9);
    let message = PeerMessage::UpdateAddHtlc(UpdateAddHtlc {
        id: HtlcId(1),
        amount: Msat::new(1_000_000),
        payment_hash: preimage(1).payment_hash(),
        cltv_expiry: 500,
    });
    world
        .b
        .refuses(peer(message), ChannelError::UpdateRefused as u8);
}

#[test]
fn normal_fee_outside_of_the_policy_is_refused() {
    let mut world = World::normal(&config(), 10);
    for feerate_per_kw in [252, 100_001] {
        let message = peer(PeerMessage::UpdateFee { feerate_per_kw });
        world.b.refuses(message, ChannelError::UpdateRefused as u8);
    }
}

#[test]
fn normal_messages_of_another_state_are_refused() {
    let mut world = World::normal(&config(), 11);
    let code = ChannelError::WrongState as u8;
    let abandon = LocalCommand::Abandon {
        reason: "changed my mind".to_owned(),
    };
    world.a.refuses(Command::Local(abandon), code);
    world.close();
    let fee = Command::Local(LocalCommand::UpdateFee {
        feerate_per_kw: 2_000,
    });
    world.a.refuses(fee, code);
}

#[test]
fn normal_shutdown_to_another_script_than_promised_is_refused() {
    let mut world = World::normal(&config(), 12);
    let shutdown = peer(PeerMessage::Shutdown { script: script(9) });
    world.b.refuses(shutdown, ChannelError::CloseRefused as u8);
}

#[test]
fn normal_force_close_names_the_commitment_as_closing_transaction() {
    let mut world = World::normal(&config(), 13);
    world.pay(Side::Holder, 1_000_000);
    world.a.local(LocalCommand::ForceClose {
        reason: "the peer is gone".to_owned(),
    });
    let record = read::channel_record(&*world.a.node.snapshot(), &world.a.id()).unwrap();
    let commitment = world.a.party.channel.holder_commitment().unwrap();
    assert_eq!(record.state, "closing");
    assert_eq!(record.closing_txid, Some(commitment.commitment.txid()));
    assert_eq!(
        read::live_channels(&*world.a.node.snapshot()),
        [world.a.id()]
    );
}

#[test]
fn normal_reestablish_drops_what_the_peer_had_not_committed() {
    let mut world = World::normal(&config(), 14);
    let preimage = world.new_preimage();
    world.order(Side::Holder, 2_000_000, preimage);
    world.a.local(add(2_000_000, preimage));
    let from_a = world.a.local(LocalCommand::Commit);
    // update_add_htlc arrives, commitment_signed does not.
    let update = world.a.party.wires(&from_a)[0].clone().message();
    world.b.receive(update);
    let key = zarnitsa_service::records::HtlcKey::new(&world.b.id(), Side::Counterparty, HtlcId(0));
    assert!(read::htlc(&*world.b.node.snapshot(), &key).is_some());
    let message = world.a.party.channel.reestablish().unwrap();
    world.b.receive(PeerMessage::ChannelReestablish(message));
    assert!(read::htlc(&*world.b.node.snapshot(), &key).is_none());
    assert!(read::onion(&*world.b.node.snapshot(), &key).is_none());
}
