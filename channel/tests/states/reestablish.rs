use zarnitsa_channel::action::{Action, Broadcast, Event};
use zarnitsa_channel::command::{Command, LocalCommand};
use zarnitsa_channel::error::{ChannelError, Fault};
use zarnitsa_channel::ids::HtlcId;
use zarnitsa_channel::message::{ChannelReestablish, OutgoingMessage, PeerMessage};
use zarnitsa_channel::params::Side;
use zarnitsa_channel::state::{Cause, Channel};

use crate::support::pair::{add, preimage, Config, Pair};
use crate::support::party::Party;

fn hello(party: &Party) -> ChannelReestablish {
    party.channel.reestablish().unwrap()
}

fn try_hello(
    party: &Party,
    message: ChannelReestablish,
) -> Result<(Channel, Vec<Action>), ChannelError> {
    party.try_handle(party.peer_command(PeerMessage::ChannelReestablish(message)))
}

fn sent(actions: &[Action]) -> Vec<&'static str> {
    let names = actions.iter().filter_map(|action| match action {
        Action::Send(OutgoingMessage::ChannelReady { .. }) => Some("ready"),
        Action::Send(OutgoingMessage::UpdateAddHtlc(_)) => Some("add"),
        Action::Send(OutgoingMessage::UpdateFulfillHtlc { .. }) => Some("fulfill"),
        Action::Send(OutgoingMessage::UpdateFee { .. }) => Some("fee"),
        Action::Send(OutgoingMessage::CommitmentSigned { .. }) => Some("commitment"),
        Action::Send(OutgoingMessage::RevokeAndAck { .. }) => Some("revocation"),
        Action::Send(_) => Some("other"),
        Action::Tell(_) | Action::Broadcast(_) => None,
    });
    names.collect()
}

/// After three payments, so that numbers and secrets are not the first.
fn used() -> Pair {
    let mut pair = Pair::normal(&Config::default(), 1);
    for tag in 1..=3 {
        let id = pair.add_htlc(Side::Holder, 5_000_000, preimage(tag));
        let preimage = preimage(tag);
        pair.b
            .local(LocalCommand::FulfillHtlc { id, preimage })
            .unwrap();
        pair.settle();
    }
    pair
}

#[test]
fn normal_reestablish_of_an_agreed_state_changes_nothing() {
    let pair = used();
    let (next, actions) = try_hello(&pair.a, hello(&pair.b)).unwrap();
    assert_eq!(next, pair.a.channel);
    assert_eq!(actions, vec![Action::Tell(Event::Reestablished)]);
    let mine = hello(&pair.a);
    let (holder, counterparty) = pair.a.channel.commitment_numbers();
    assert_eq!(mine.next_commitment_number, holder + 1);
    assert_eq!(mine.next_revocation_number, counterparty);
    assert_eq!(
        mine.your_last_per_commitment_secret,
        pair.b.keys.secret_of(counterparty - 1)
    );
}

#[test]
fn normal_reestablish_of_an_unused_channel_repeats_channel_ready() {
    let mut pair = Pair::normal(&Config::default(), 1);
    let mine = hello(&pair.a);
    assert_eq!(
        (mine.next_commitment_number, mine.next_revocation_number),
        (1, 0)
    );
    assert_eq!(mine.your_last_per_commitment_secret, [0; 32]);
    let (next, actions) = try_hello(&pair.a, hello(&pair.b)).unwrap();
    assert_eq!(sent(&actions), ["ready"]);
    assert_eq!(next, pair.a.channel);
    let before = pair.a.channel.clone();
    pair.reconnect();
    assert_eq!(pair.a.channel, before);
}

#[test]
fn normal_reestablish_sends_a_lost_commitment_again() {
    let mut pair = used();
    pair.a
        .local(add(7_000_000, preimage(9).payment_hash()))
        .unwrap();
    pair.a
        .local(LocalCommand::UpdateFee {
            feerate_per_kw: 1_500,
        })
        .unwrap();
    pair.a.local(LocalCommand::Commit).unwrap();
    let (next, actions) = try_hello(&pair.a, hello(&pair.b)).unwrap();
    assert_eq!(sent(&actions), ["add", "fee", "commitment"]);
    assert_eq!(next, pair.a.channel);
    let (_, told_b) = pair.reconnect();
    assert!(told_b.contains(&Event::HtlcAccepted { id: HtlcId(3) }));
}

#[test]
fn normal_reestablish_sends_a_lost_revocation_again() {
    let mut pair = used();
    pair.a
        .local(add(7_000_000, preimage(9).payment_hash()))
        .unwrap();
    let commit = pair.a.local(LocalCommand::Commit).unwrap();
    for wire in pair.a.wires(&commit) {
        pair.b.receive(wire.message()).unwrap();
    }
    let (_, actions) = try_hello(&pair.b, hello(&pair.a)).unwrap();
    assert_eq!(sent(&actions), ["revocation"]);
    assert_eq!(actions.last(), Some(&Action::Tell(Event::CommitmentDue)));
    pair.reconnect();
    assert_eq!(
        pair.a.channel.htlcs().filter(|htlc| htlc.is_live()).count(),
        1
    );
}

#[test]
fn normal_reestablish_keeps_the_order_of_revocation_and_commitment() {
    // First the commitment, then the revocation, both lost.
    let mut pair = used();
    pair.b
        .local(add(7_000_000, preimage(8).payment_hash()))
        .unwrap();
    pair.b.local(LocalCommand::Commit).unwrap();
    pair.a
        .local(add(7_000_000, preimage(9).payment_hash()))
        .unwrap();
    let commit = pair.a.local(LocalCommand::Commit).unwrap();
    for wire in pair.a.wires(&commit) {
        pair.b.receive(wire.message()).unwrap();
    }
    let (_, actions) = try_hello(&pair.b, hello(&pair.a)).unwrap();
    assert_eq!(sent(&actions), ["add", "commitment", "revocation"]);
    pair.reconnect();
    assert_eq!(
        pair.a.channel.htlcs().filter(|htlc| htlc.is_live()).count(),
        2
    );

    // First the revocation, then the commitment.
    let mut pair = used();
    pair.a
        .local(add(7_000_000, preimage(9).payment_hash()))
        .unwrap();
    let commit = pair.a.local(LocalCommand::Commit).unwrap();
    for wire in pair.a.wires(&commit) {
        pair.b.receive(wire.message()).unwrap();
    }
    pair.b.local(LocalCommand::Commit).unwrap();
    let (_, actions) = try_hello(&pair.b, hello(&pair.a)).unwrap();
    assert_eq!(sent(&actions), ["revocation", "commitment"]);
    pair.reconnect();
    assert_eq!(
        pair.a.channel.htlcs().filter(|htlc| htlc.is_live()).count(),
        1
    );
}

#[test]
fn normal_reestablish_undoes_what_the_peer_did_not_commit() {
    let mut pair = used();
    let before = pair.a.channel.clone();
    pair.b
        .local(add(7_000_000, preimage(8).payment_hash()))
        .unwrap();
    let message = pair.b.channel.htlcs().next().unwrap().update_add();
    pair.a.receive(PeerMessage::UpdateAddHtlc(message)).unwrap();
    assert_ne!(pair.a.channel, before);
    let (next, _) = try_hello(&pair.a, hello(&pair.b)).unwrap();
    assert_eq!(next, before);
}

#[test]
fn normal_reestablish_keeps_a_preimage_that_was_not_committed() {
    let mut pair = used();
    let id = pair.add_htlc(Side::Holder, 7_000_000, preimage(9));
    let release = PeerMessage::UpdateFulfillHtlc {
        id,
        preimage: preimage(9),
    };
    pair.a.receive(release.clone()).unwrap();
    let (told_a, _) = pair.reconnect();
    let htlc = pair.a.channel.htlc(Side::Holder, id).unwrap();
    assert!(htlc.is_live());
    assert_eq!(htlc.preimage, Some(preimage(9)));
    let known = Event::HtlcFulfilled {
        id,
        preimage: preimage(9),
    };
    assert!(!told_a.contains(&known), "it was told when it came");
    assert_eq!(pair.a.channel.resume(), vec![Action::Tell(known)]);
    // The same again is no news, and a failure after it is no failure.
    assert_eq!(pair.a.receive(release).unwrap(), Vec::new());
    pair.reconnect();
    let reason = vec![1; 292];
    pair.b.local(LocalCommand::FailHtlc { id, reason }).unwrap();
    let (told_a, _) = pair.settle();
    assert!(told_a.contains(&Event::HtlcRemoved {
        offered_by_us: true,
        id
    }));
    assert!(!told_a
        .iter()
        .any(|event| matches!(event, Event::HtlcFailed { .. })));
}

#[test]
fn normal_reestablish_proposes_waiting_updates_again() {
    let mut pair = used();
    let id = pair.add_htlc(Side::Holder, 7_000_000, preimage(9));
    let preimage = preimage(9);
    pair.b
        .local(LocalCommand::FulfillHtlc { id, preimage })
        .unwrap();
    let (_, told_b) = pair.reconnect();
    assert!(told_b.contains(&Event::CommitmentDue));
    assert_eq!(pair.a.channel.htlcs().count(), 0);
}

#[test]
fn normal_reestablish_with_number_zero_fails_the_channel() {
    let pair = used();
    let message = ChannelReestablish {
        next_commitment_number: 0,
        ..hello(&pair.b)
    };
    let refusal = try_hello(&pair.a, message).unwrap_err();
    assert_eq!(refusal.fault(), Fault::PeerFailsChannel);
}

#[test]
fn normal_reestablish_with_a_wrong_secret_fails_the_channel() {
    let pair = used();
    let honest = hello(&pair.b);
    for secret in [[0; 32], [7; 32], pair.b.keys.secret_of(0)] {
        let message = ChannelReestablish {
            your_last_per_commitment_secret: secret,
            ..honest
        };
        let refusal = try_hello(&pair.a, message).unwrap_err();
        assert!(matches!(refusal, ChannelError::ReestablishSecret { .. }));
        assert_eq!(refusal.fault(), Fault::PeerFailsChannel);
    }
}

#[test]
fn normal_reestablish_with_a_secret_where_nothing_is_revoked_fails_the_channel() {
    let pair = Pair::normal(&Config::default(), 1);
    let honest = hello(&pair.b);
    assert_eq!(honest.next_revocation_number, 0);
    for secret in [[1; 32], pair.a.keys.secret_of(0)] {
        let message = ChannelReestablish {
            your_last_per_commitment_secret: secret,
            ..honest
        };
        let refusal = try_hello(&pair.a, message).unwrap_err();
        assert_eq!(refusal, ChannelError::ReestablishSecretEarly);
        assert_eq!(refusal.fault(), Fault::PeerFailsChannel);
    }
}

/// The peer has the later of two messages and not the earlier: it would judge the earlier one's signatures, sent again, by
/// a commitment that they were not made for, however often they are sent.
#[test]
fn normal_reestablish_with_a_revocation_but_not_the_commitment_before_it_fails_the_channel() {
    let mut pair = used();
    let (to_a, to_b) = (
        add(7_000_000, preimage(8).payment_hash()),
        add(8_000_000, preimage(9).payment_hash()),
    );
    pair.b.local(to_a).unwrap();
    pair.b.local(LocalCommand::Commit).unwrap(); // never arrives
    pair.a.local(to_b).unwrap();
    let commit = pair.a.local(LocalCommand::Commit).unwrap();
    let mut revocation = Vec::new();
    for wire in pair.a.wires(&commit) {
        revocation.extend(pair.b.receive(wire.message()).unwrap());
    }
    let in_order = hello(&pair.a);
    assert_eq!(sent(&revocation), ["revocation"]);
    for wire in pair.b.wires(&revocation) {
        pair.a.receive(wire.message()).unwrap();
    }
    let refusal = try_hello(&pair.b, hello(&pair.a)).unwrap_err();
    let (_, signed) = pair.b.channel.commitment_numbers();
    let expected = ChannelError::Reestablish {
        what: "next_commitment_number",
        expected: signed + 1,
        got: signed,
    };
    assert_eq!(refusal, expected);
    assert_eq!(refusal.fault(), Fault::PeerFailsChannel);
    // With neither of them both come again, in their order.
    let (_, actions) = try_hello(&pair.b, in_order).unwrap();
    assert_eq!(sent(&actions), ["add", "commitment", "revocation"]);
}

#[test]
fn normal_reestablish_that_claims_more_without_proof_fails_the_channel() {
    let pair = used();
    let honest = hello(&pair.b);
    let more = ChannelReestablish {
        next_commitment_number: honest.next_commitment_number + 1,
        ..honest
    };
    let refusal = try_hello(&pair.a, more).unwrap_err();
    assert!(matches!(refusal, ChannelError::Reestablish { .. }));
    for claimed in [
        honest.next_revocation_number + 1,
        1 << 40,
        (1 << 48) - 1,
        1 << 48,
        u64::MAX,
    ] {
        let liar = ChannelReestablish {
            next_revocation_number: claimed,
            ..honest
        };
        let refusal = try_hello(&pair.a, liar).unwrap_err();
        assert_eq!(refusal.fault(), Fault::PeerFailsChannel);
    }
}

#[test]
fn normal_reestablish_without_our_point_is_refused() {
    let pair = used();
    let message = PeerMessage::ChannelReestablish(hello(&pair.b));
    let command = Command::Peer {
        message,
        next_holder_point: None,
    };
    let refusal = pair.a.try_handle(command).unwrap_err();
    assert!(matches!(refusal, ChannelError::PointMissing { .. }));
    assert_eq!(refusal.fault(), Fault::Ours);
}

/// `a` goes on with an old state of its own.
fn behind() -> (Pair, Channel) {
    let mut pair = used();
    let old = pair.a.channel.clone();
    pair.add_htlc(Side::Holder, 7_000_000, preimage(9));
    let new = std::mem::replace(&mut pair.a.channel, old);
    (pair, new)
}

#[test]
fn normal_reestablish_with_proof_that_we_are_behind_forbids_every_broadcast() {
    let (mut pair, _) = behind();
    let actions = pair
        .a
        .receive(PeerMessage::ChannelReestablish(hello(&pair.b)))
        .unwrap();
    assert_eq!(sent(&actions), ["other"], "an error that asks for a close");
    assert!(!actions
        .iter()
        .any(|action| matches!(action, Action::Broadcast(_))));
    let Channel::Closing(closing) = &pair.a.channel else {
        panic!("closing");
    };
    assert_eq!(*closing.cause(), Cause::DataLost);
    assert!(pair.a.channel.holder_commitment().is_none());
    assert!(pair.a.channel.counterparty_commitment().is_none());
    assert_eq!(pair.a.channel.resume(), Vec::new());
    let reason = "impatience".to_owned();
    let refusal = pair
        .a
        .local(LocalCommand::ForceClose { reason })
        .unwrap_err();
    assert_eq!(refusal, ChannelError::DataLost);
    // Neither a peer's error nor a second connection changes that.
    let text = "closing".to_owned();
    pair.a.receive(PeerMessage::Error { text }).unwrap();
    let actions = pair
        .a
        .receive(PeerMessage::ChannelReestablish(hello(&pair.b)))
        .unwrap();
    assert_eq!(sent(&actions), ["other"], "the error again");
    assert!(!actions
        .iter()
        .any(|action| matches!(action, Action::Broadcast(_))));
    assert!(pair.a.channel.holder_commitment().is_none());
}

#[test]
fn normal_loss_of_data_asks_the_peer_to_close_whatever_the_peer_proves() {
    let (mut pair, newest) = behind();
    let old = pair.a.channel.clone();
    for state in [old, newest] {
        pair.a.channel = state;
        let reason = "out of a backup".to_owned();
        pair.a.local(LocalCommand::LoseData { reason }).unwrap();
        let Channel::Closing(closing) = &pair.a.channel else {
            panic!("closing");
        };
        assert_eq!(*closing.cause(), Cause::DataLost);
        assert!(pair.a.channel.holder_commitment().is_none());
        assert!(pair.a.channel.counterparty_commitment().is_none());
        assert_eq!(pair.a.channel.resume(), Vec::new());
        let actions = pair
            .a
            .receive(PeerMessage::ChannelReestablish(hello(&pair.b)))
            .unwrap();
        assert_eq!(sent(&actions), ["other"], "an error that asks for a close");
        assert!(!actions
            .iter()
            .any(|action| matches!(action, Action::Broadcast(_))));
        let reason = "impatience".to_owned();
        let refusal = pair
            .a
            .local(LocalCommand::ForceClose { reason })
            .unwrap_err();
        assert_eq!(refusal, ChannelError::DataLost);
    }
}

#[test]
fn closing_loss_of_data_keeps_a_commitment_that_was_the_last() {
    let mut pair = used();
    let reason = "hurry".to_owned();
    pair.a.local(LocalCommand::ForceClose { reason }).unwrap();
    let before = pair.a.channel.clone();
    let reason = "out of a backup".to_owned();
    let actions = pair.a.local(LocalCommand::LoseData { reason }).unwrap();
    assert_eq!((pair.a.channel, actions), (before, Vec::new()));
}

#[test]
fn normal_reestablish_of_a_peer_that_is_behind_waits_for_its_error() {
    let (mut pair, _) = behind();
    let (next, actions) = try_hello(&pair.b, hello(&pair.a)).unwrap();
    assert_eq!(next, pair.b.channel);
    assert!(matches!(
        actions.as_slice(),
        [Action::Send(OutgoingMessage::Warning { .. })]
    ));
    let text = "I have lost state".to_owned();
    let actions = pair.b.receive(PeerMessage::Error { text }).unwrap();
    assert!(actions.contains(&Action::Broadcast(Broadcast::HolderCommitment)));
}

#[test]
fn closing_reestablish_with_proof_that_we_are_behind_forbids_every_broadcast() {
    let (mut pair, _) = behind();
    let reason = "hurry".to_owned();
    pair.a.local(LocalCommand::ForceClose { reason }).unwrap();
    pair.a
        .receive(PeerMessage::ChannelReestablish(hello(&pair.b)))
        .unwrap();
    assert!(pair.a.channel.holder_commitment().is_none());
    assert_eq!(pair.a.channel.resume(), Vec::new());
}
