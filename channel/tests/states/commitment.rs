use bitcoin::secp256k1::ecdsa::Signature;
use zarnitsa_channel::action::{Action, Event};
use zarnitsa_channel::command::{Command, LocalCommand};
use zarnitsa_channel::error::{ChannelError, Fault};
use zarnitsa_channel::message::{OutgoingMessage, PeerMessage};
use zarnitsa_channel::params::Side;
use zarnitsa_channel::secrets::SecretError;
use zarnitsa_channel::validate::ValidateError;

use crate::support::pair::{add, preimage, Config, Pair};

/// `a` has three HTLCs of its own before its peer; the commitment_signed is not delivered yet.
fn with_commitment() -> (Pair, Signature, Vec<Signature>) {
    let mut pair = Pair::normal(&Config::default(), 1);
    for tag in 1..=3 {
        let msat = 5_000_000 * u64::from(tag);
        pair.a
            .local(add(msat, preimage(tag).payment_hash()))
            .unwrap();
    }
    let actions = pair.a.local(LocalCommand::Commit).unwrap();
    let mut wires = pair.a.wires(&actions);
    let last = wires.pop().unwrap().message();
    for wire in wires {
        pair.b.receive(wire.message()).unwrap();
    }
    let PeerMessage::CommitmentSigned {
        signature,
        htlc_signatures,
    } = last
    else {
        panic!("commitment_signed comes last");
    };
    (pair, signature, htlc_signatures)
}

fn refusal(pair: &Pair, signature: Signature, htlc_signatures: Vec<Signature>) -> ChannelError {
    let message = PeerMessage::CommitmentSigned {
        signature,
        htlc_signatures,
    };
    let refusal = pair.b.try_handle(pair.b.peer_command(message)).unwrap_err();
    assert_eq!(refusal.fault(), Fault::PeerWarning);
    refusal
}

/// The other signature that verifies: S negated.
fn high_s(signature: &Signature) -> Signature {
    let mut compact = signature.serialize_compact();
    let s = bitcoin::secp256k1::SecretKey::from_slice(&compact[32..]).unwrap();
    compact[32..].copy_from_slice(&s.negate().secret_bytes());
    Signature::from_compact(&compact).unwrap()
}

#[test]
fn normal_commitment_signed_moves_on_and_revokes() {
    let (mut pair, signature, htlc_signatures) = with_commitment();
    assert_eq!(pair.b.channel.releasable_secret_below(), 0);
    let message = PeerMessage::CommitmentSigned {
        signature,
        htlc_signatures,
    };
    let actions = pair.b.receive(message).unwrap();
    let next_per_commitment_point = pair.b.point_of(2);
    let revocation = OutgoingMessage::RevokeAndAck {
        revoked: 0,
        next_per_commitment_point,
    };
    assert_eq!(actions[0], Action::Send(revocation));
    assert_eq!(actions[1], Action::Tell(Event::CommitmentDue));
    assert_eq!(pair.b.channel.releasable_secret_below(), 1);
    let own = pair.b.channel.holder_commitment().unwrap();
    assert_eq!(own.commitment.number(), 1);
    assert_eq!(own.htlc_signatures.len(), 3);
    let theirs = pair.a.channel.counterparty_commitment().unwrap();
    assert_eq!(own.commitment.tx(), theirs.tx());
}

#[test]
fn normal_commitment_signed_with_wrong_signatures_is_refused() {
    let (pair, signature, htlcs) = with_commitment();
    let bad = |error: ChannelError| {
        matches!(
            error,
            ChannelError::Signature(ValidateError::BadSignature { .. })
        )
    };
    let count = |error: ChannelError| {
        matches!(
            error,
            ChannelError::Signature(ValidateError::HtlcSignatureCount { .. })
        )
    };
    let high =
        |error: ChannelError| matches!(error, ChannelError::Signature(ValidateError::HighS { .. }));
    assert!(bad(refusal(&pair, htlcs[0], htlcs.clone())));
    assert!(high(refusal(&pair, high_s(&signature), htlcs.clone())));
    assert!(count(refusal(&pair, signature, htlcs[..2].to_vec())));
    assert!(count(refusal(&pair, signature, Vec::new())));
    let more = [htlcs.clone(), vec![htlcs[0]]].concat();
    assert!(count(refusal(&pair, signature, more)));
    let mut swapped = htlcs.clone();
    swapped.swap(0, 2);
    assert!(bad(refusal(&pair, signature, swapped)));
    let mut raised = htlcs;
    raised[1] = high_s(&raised[1]);
    assert!(high(refusal(&pair, signature, raised)));
}

#[test]
fn normal_commitment_signed_without_our_point_is_refused() {
    let (pair, signature, htlc_signatures) = with_commitment();
    let message = PeerMessage::CommitmentSigned {
        signature,
        htlc_signatures,
    };
    assert_eq!(pair.b.channel.holder_point_needed(&message), Some(2));
    let command = Command::Peer {
        message,
        next_holder_point: None,
    };
    let refusal = pair.b.try_handle(command).unwrap_err();
    assert_eq!(refusal, ChannelError::PointMissing { number: 2 });
    assert_eq!(refusal.fault(), Fault::Ours);
}

#[test]
fn normal_commitment_signed_without_updates_is_refused() {
    let pair = Pair::normal(&Config::default(), 1);
    let own = pair.b.channel.holder_commitment().unwrap();
    let refused = refusal(&pair, own.signature, Vec::new());
    let by = Side::Counterparty;
    assert_eq!(refused, ChannelError::NothingToCommit { by });
}

#[test]
fn normal_commit_without_updates_or_twice_is_refused() {
    let mut pair = Pair::normal(&Config::default(), 1);
    let refusal = pair.a.local(LocalCommand::Commit).unwrap_err();
    assert_eq!(refusal, ChannelError::NothingToCommit { by: Side::Holder });
    pair.a
        .local(add(5_000_000, preimage(1).payment_hash()))
        .unwrap();
    pair.a.local(LocalCommand::Commit).unwrap();
    pair.a
        .local(add(5_000_000, preimage(1).payment_hash()))
        .unwrap();
    assert!(!pair.a.channel.commitment_due());
    let refusal = pair.a.local(LocalCommand::Commit).unwrap_err();
    assert_eq!(refusal, ChannelError::RevocationAwaited { number: 1 });
}

#[test]
fn normal_commitment_due_is_told_once_when_it_becomes_possible() {
    let mut pair = Pair::normal(&Config::default(), 1);
    let due = Action::Tell(Event::CommitmentDue);
    let hash = preimage(1).payment_hash();
    assert!(pair.a.local(add(5_000_000, hash)).unwrap().contains(&due));
    assert!(!pair.a.local(add(5_000_000, hash)).unwrap().contains(&due));
    let commit = pair.a.local(LocalCommand::Commit).unwrap();
    assert!(!commit.contains(&due));
    assert!(!pair.a.local(add(5_000_000, hash)).unwrap().contains(&due));
    let mut from_b = Vec::new();
    for wire in pair.a.wires(&commit) {
        from_b.extend(pair.b.receive(wire.message()).unwrap());
    }
    // The revocation makes the third HTLC's commitment possible.
    let revocation = pair.b.wires(&from_b).remove(0).message();
    assert!(pair.a.receive(revocation).unwrap().contains(&due));
}

#[test]
fn normal_revoke_and_ack_that_is_not_due_is_refused() {
    let pair = Pair::normal(&Config::default(), 1);
    let message = PeerMessage::RevokeAndAck {
        per_commitment_secret: pair.b.keys.secret_of(0),
        next_per_commitment_point: pair.b.point_of(2),
    };
    let refusal = pair.a.try_handle(pair.a.peer_command(message)).unwrap_err();
    assert_eq!(refusal, ChannelError::NoRevocationAwaited { number: 0 });
}

#[test]
fn normal_revoke_and_ack_with_a_wrong_secret_fails_the_channel() {
    let (pair, _, _) = with_commitment();
    for secret in [pair.b.keys.secret_of(1), [0; 32], [0xff; 32]] {
        let message = PeerMessage::RevokeAndAck {
            per_commitment_secret: secret,
            next_per_commitment_point: pair.b.point_of(2),
        };
        let refusal = pair.a.try_handle(pair.a.peer_command(message)).unwrap_err();
        let number = 0;
        assert_eq!(
            refusal,
            ChannelError::Secret(SecretError::NotOfPoint { number })
        );
        assert_eq!(refusal.fault(), Fault::PeerFailsChannel);
    }
}

#[test]
fn normal_revoke_and_ack_outside_of_the_seed_fails_the_channel() {
    // A peer that draws its secrets at random: each fits its point, together they are of no seed.
    let mut pair = Pair::normal(&Config::default(), 1);
    let random = |tag: u8| {
        let secret = bitcoin::secp256k1::SecretKey::from_slice(&[tag; 32]).unwrap();
        (
            secret.secret_bytes(),
            secret.public_key(secp256k1::SECP256K1),
        )
    };
    let first = pair.b.keys.secret_of(0);
    let mut refused = false;
    for round in 0..4u8 {
        let hash = preimage(round).payment_hash();
        pair.a.local(add(2_000_000, hash)).unwrap();
        pair.a.local(LocalCommand::Commit).unwrap();
        let secret = match round {
            0 => first,
            1 => pair.b.keys.secret_of(1),
            later => random(later).0,
        };
        let message = PeerMessage::RevokeAndAck {
            per_commitment_secret: secret,
            next_per_commitment_point: random(round + 2).1,
        };
        match pair.a.receive(message) {
            Ok(_) => {}
            Err(refusal) => {
                let inconsistent = matches!(
                    refusal,
                    ChannelError::Secret(SecretError::Inconsistent { .. })
                );
                assert!(inconsistent, "{refusal:?}");
                refused = true;
                break;
            }
        }
    }
    assert!(refused);
}

#[test]
fn normal_commitment_of_100_htlcs_each_way_holds() {
    let mut pair = Pair::normal(&Config::default(), 1);
    for tag in 0..100 {
        pair.a
            .local(add(2_000_000 + tag, preimage(1).payment_hash()))
            .unwrap();
        pair.b
            .local(add(1_000_000 + tag, preimage(2).payment_hash()))
            .unwrap();
    }
    pair.settle();
    assert_eq!(pair.a.channel.htlcs().count(), 200);
    let own = pair.a.channel.holder_commitment().unwrap();
    assert_eq!(own.htlc_signatures.len(), 200);
    assert_eq!(pair.a.channel.resume().len(), 100);
}
