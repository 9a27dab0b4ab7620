use bitcoin::{Amount, ScriptBuf};
use zarnitsa_channel::action::{Action, Broadcast, Event};
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::command::{ChainEvent, Command, LocalCommand};
use zarnitsa_channel::error::{ChainError, ChannelError, Fault};
use zarnitsa_channel::limits::Limits;
use zarnitsa_channel::message::{OutgoingMessage, PeerMessage, UpdateAddHtlc};
use zarnitsa_channel::state::Channel;

use crate::support::pair::{add, confirmed, only_message, preimage, script, Config, Pair};
use crate::support::party::Party;

fn abandon() -> LocalCommand {
    LocalCommand::Abandon {
        reason: "test".to_owned(),
    }
}

fn without_push() -> Config {
    Config {
        push: Msat::ZERO,
        ..Config::default()
    }
}

fn is_failed(party: &Party) -> bool {
    party.channel.state_name() == "failed"
}

#[test]
fn awaiting_funding_signed_good_signature_broadcasts_the_opening() {
    let (mut pair, replies) = Pair::funded(&Config::default(), 1);
    assert_eq!(pair.a.channel.state_name(), "opening");
    assert!(pair.a.channel.holder_commitment().is_none());
    let actions = pair.a.receive(replies[0].clone().message()).unwrap();
    assert!(matches!(
        actions[0],
        Action::Broadcast(Broadcast::Opening(_))
    ));
    assert_eq!(pair.a.channel.state_name(), "awaiting_confirmations");
    assert_eq!(pair.a.channel.resume(), vec![actions[0].clone()]);
}

#[test]
fn awaiting_funding_signed_bad_signature_is_refused() {
    let (pair, _) = Pair::funded(&Config::default(), 1);
    let (_, others) = Pair::funded(&Config::default(), 2);
    let command = pair.a.peer_command(others[0].clone().message());
    let refusal = pair.a.try_handle(command).unwrap_err();
    assert!(matches!(refusal, ChannelError::Signature(_)));
    assert_eq!(refusal.fault(), Fault::PeerWarning);
}

#[test]
fn awaiting_funding_signed_abandon_or_error_fails_the_channel() {
    let (mut pair, _) = Pair::funded(&Config::default(), 1);
    assert_eq!(pair.a.channel.resume(), Vec::new());
    let error = PeerMessage::Error {
        text: "no\u{202e}\n".to_owned(),
    };
    let (next, _) = pair.a.try_handle(pair.a.peer_command(error)).unwrap();
    assert_eq!(next.state_name(), "failed");
    pair.a.local(abandon()).unwrap();
    assert!(is_failed(&pair.a));
}

#[test]
fn awaiting_funding_signed_anything_else_is_refused() {
    let (pair, _) = Pair::funded(&Config::default(), 1);
    let hello = pair.b.channel.reestablish().unwrap();
    let command = pair.a.peer_command(PeerMessage::ChannelReestablish(hello));
    let refusal = pair.a.try_handle(command).unwrap_err();
    assert_eq!(refusal.fault(), Fault::PeerWarning);
    let shutdown = LocalCommand::Shutdown { script: script(1) };
    let refusal = pair.a.try_handle(Command::Local(shutdown)).unwrap_err();
    assert_eq!(refusal.fault(), Fault::Ours);
}

#[test]
fn awaiting_confirmations_output_that_differs_fails_the_channel() {
    let pair = Pair::signed(&Config::default(), 1);
    for party in [&pair.a, &pair.b] {
        for wrong in ["value", "script"] {
            let mut event = confirmed(party);
            if let ChainEvent::OpeningConfirmed {
                output_value,
                output_script,
                ..
            } = &mut event
            {
                match wrong {
                    "value" => *output_value = Amount::from_sat(999_999),
                    _ => *output_script = ScriptBuf::new(),
                }
            }
            let (next, actions) = party.try_handle(Command::Chain(event)).unwrap();
            assert_eq!(next.state_name(), "failed");
            assert!(matches!(
                actions[0],
                Action::Send(OutgoingMessage::Error { .. })
            ));
        }
    }
}

#[test]
fn awaiting_confirmations_too_shallow_is_refused() {
    let pair = Pair::signed(&Config::default(), 1);
    let with = |depth: u32, is_coinbase: bool| {
        let mut event = confirmed(&pair.b);
        if let ChainEvent::OpeningConfirmed {
            confirmations,
            coinbase,
            ..
        } = &mut event
        {
            (*confirmations, *coinbase) = (depth, is_coinbase);
        }
        pair.b
            .try_handle(Command::Chain(event))
            .map(|(next, _)| next.state_name())
    };
    let shallow = |needed, got| Err(ChannelError::Chain(ChainError::TooShallow { needed, got }));
    assert_eq!(with(2, false), shallow(3, 2));
    assert_eq!(with(3, false), Ok("awaiting_peer_ready"));
    assert_eq!(with(99, true), shallow(100, 99));
    assert_eq!(with(100, true), Ok("awaiting_peer_ready"));
}

#[test]
fn awaiting_confirmations_early_channel_ready_counts_later() {
    let mut pair = Pair::signed(&Config::default(), 1);
    let actions = pair.a.chain(confirmed(&pair.a)).unwrap();
    let ready = only_message(&pair.a, &actions);
    assert_eq!(pair.b.receive(ready.clone()).unwrap(), Vec::new());
    assert_eq!(pair.b.channel.state_name(), "awaiting_confirmations");
    // The same once more changes nothing; another point is refused.
    let before = pair.b.channel.clone();
    pair.b.receive(ready).unwrap();
    assert_eq!(pair.b.channel, before);
    let other = PeerMessage::ChannelReady {
        next_per_commitment_point: pair.a.point_of(5),
        alias: None,
    };
    let refusal = pair.b.try_handle(pair.b.peer_command(other)).unwrap_err();
    assert_eq!(refusal, ChannelError::PointChanged);
    let actions = pair.b.chain(confirmed(&pair.b)).unwrap();
    assert!(actions.contains(&Action::Tell(Event::Usable)));
    assert!(pair.b.channel.is_usable());
}

#[test]
fn awaiting_confirmations_update_or_commitment_is_refused() {
    let pair = Pair::signed(&Config::default(), 1);
    let update = UpdateAddHtlc {
        id: Default::default(),
        amount: Msat::new(1_000_000),
        payment_hash: preimage(1).payment_hash(),
        cltv_expiry: 500,
    };
    let command = pair.b.peer_command(PeerMessage::UpdateAddHtlc(update));
    assert_eq!(
        pair.b.try_handle(command).unwrap_err().fault(),
        Fault::PeerWarning
    );
    let local = Command::Local(add(1_000_000, preimage(1).payment_hash()));
    assert_eq!(pair.b.try_handle(local).unwrap_err().fault(), Fault::Ours);
    let commit = Command::Local(LocalCommand::Commit);
    assert_eq!(pair.b.try_handle(commit).unwrap_err().fault(), Fault::Ours);
}

#[test]
fn awaiting_confirmations_abandon_is_for_the_acceptor_only() {
    let mut pair = Pair::signed(&Config::default(), 1);
    let refusal = pair.a.local(abandon()).unwrap_err();
    assert_eq!(refusal, ChannelError::CannotAbandon);
    pair.b.local(abandon()).unwrap();
    assert!(is_failed(&pair.b));
}

#[test]
fn unconfirmed_channel_in_any_state_can_be_abandoned_by_the_acceptor() {
    let force = || LocalCommand::ForceClose {
        reason: "the operator".to_owned(),
    };
    let shutdown = |tag| LocalCommand::Shutdown {
        script: script(tag),
    };
    for config in [Config::default(), without_push()] {
        let mut forced = Pair::signed(&config, 1);
        forced.a.local(force()).unwrap();
        forced.b.local(force()).unwrap();
        assert_eq!(forced.b.channel.state_name(), "closing");
        let mut leaving = Pair::signed(&config, 1);
        leaving.a.local(shutdown(1)).unwrap();
        leaving.b.local(shutdown(2)).unwrap();
        for pair in [&mut forced, &mut leaving] {
            assert!(pair.b.channel.is_unproven() && pair.b.channel.may_be_abandoned());
            assert!(!pair.a.channel.is_unproven() && !pair.a.channel.may_be_abandoned());
            let refusal = pair.a.local(abandon()).unwrap_err();
            assert_eq!(refusal, ChannelError::CannotAbandon);
            pair.b.local(abandon()).unwrap();
            assert!(is_failed(&pair.b) && !pair.b.channel.may_be_abandoned());
        }
    }
}

#[test]
fn confirmed_channel_cannot_be_abandoned() {
    let mut pair = Pair::normal(&without_push(), 1);
    let force = LocalCommand::ForceClose {
        reason: "the operator".to_owned(),
    };
    for _ in 0..2 {
        assert!(!pair.b.channel.is_unproven() && !pair.b.channel.may_be_abandoned());
        let refusal = pair.b.local(abandon()).unwrap_err();
        assert_eq!(refusal, ChannelError::CannotAbandon);
        pair.b.local(force.clone()).unwrap();
    }
}

#[test]
fn channel_usable_unconfirmed_is_abandoned_only_where_nothing_is_at_stake() {
    let with = |push| Config {
        zero_conf: true,
        push,
        limits: Limits {
            allow_zero_conf: true,
            ..Limits::default()
        },
        ..Config::default()
    };
    let mut empty = Pair::signed(&with(Msat::ZERO), 1);
    empty.b.local(abandon()).unwrap();
    assert!(is_failed(&empty.b));
    let mut paid = Pair::signed(&with(Config::default().push), 1);
    let refusal = paid.b.local(abandon()).unwrap_err();
    assert_eq!(refusal, ChannelError::CannotAbandon);
}

#[test]
fn awaiting_confirmations_error_is_forgotten_where_nothing_is_at_stake() {
    let error = || PeerMessage::Error {
        text: "gone".to_owned(),
    };
    let mut poor = Pair::signed(&without_push(), 1);
    poor.b.receive(error()).unwrap();
    assert!(is_failed(&poor.b));
    let mut rich = Pair::signed(&Config::default(), 1);
    let actions = rich.b.receive(error()).unwrap();
    assert!(actions.contains(&Action::Broadcast(Broadcast::HolderCommitment)));
    let actions = rich.a.receive(error()).unwrap();
    // The opening first: the commitment spends it.
    assert!(matches!(
        actions[0],
        Action::Broadcast(Broadcast::Opening(_))
    ));
    assert_eq!(actions[1], Action::Broadcast(Broadcast::HolderCommitment));
}

#[test]
fn awaiting_confirmations_shutdown_closes_at_once() {
    let mut pair = Pair::signed(&Config::default(), 1);
    let actions = pair
        .a
        .local(LocalCommand::Shutdown { script: script(1) })
        .unwrap();
    let (told, _) = pair.exchange(actions, Vec::new());
    assert!(told.contains(&Event::ClosingFeeDue));
    assert_eq!(pair.b.channel.variant_name(), "negotiating its closing fee");
}

#[test]
fn awaiting_peer_ready_channel_ready_makes_it_usable() {
    let mut pair = Pair::signed(&Config::default(), 1);
    let from_a = pair.a.chain(confirmed(&pair.a)).unwrap();
    assert_eq!(pair.a.channel.state_name(), "awaiting_peer_ready");
    let from_b = pair.b.chain(confirmed(&pair.b)).unwrap();
    let (told_a, told_b) = pair.exchange(from_a, from_b);
    assert!(told_a.contains(&Event::Usable) && told_b.contains(&Event::Usable));
    assert_eq!(
        pair.a.channel.counterparty_alias(),
        pair.b.channel.holder_alias()
    );
    assert_eq!(pair.a.channel.short_channel_id(), Some(100 << 40 | 1 << 16));
}

#[test]
fn awaiting_peer_ready_lost_channel_ready_is_sent_again() {
    let mut pair = Pair::signed(&Config::default(), 1);
    pair.a.chain(confirmed(&pair.a)).unwrap();
    pair.b.chain(confirmed(&pair.b)).unwrap();
    // Both are lost.
    let (told_a, told_b) = pair.reconnect();
    for told in [told_a, told_b] {
        assert!(told.contains(&Event::Reestablished) && told.contains(&Event::Usable));
    }
}

#[test]
fn awaiting_peer_ready_reorg_and_second_confirmation_keep_the_channel() {
    let mut pair = Pair::signed(&Config::default(), 1);
    pair.a.chain(confirmed(&pair.a)).unwrap();
    pair.a.chain(ChainEvent::OpeningReorged).unwrap();
    assert_eq!(pair.a.channel.confirmation(), None);
    pair.a.chain(confirmed(&pair.a)).unwrap();
    assert!(pair.a.channel.confirmation().is_some());
    assert_eq!(pair.a.channel.state_name(), "awaiting_peer_ready");
}

#[test]
fn zero_conf_channel_is_usable_unconfirmed() {
    let mut config = Config {
        zero_conf: true,
        ..Config::default()
    };
    config.limits.allow_zero_conf = true;
    let (mut pair, replies) = Pair::funded(&config, 1);
    assert_eq!(replies.len(), 2, "funding_signed and channel_ready");
    let mut from_a = Vec::new();
    for reply in replies {
        from_a.extend(pair.a.receive(reply.message()).unwrap());
    }
    pair.exchange(from_a, Vec::new());
    assert!(pair.a.channel.is_usable() && pair.b.channel.is_usable());
    // Until it confirms, its opener sees to the broadcast.
    assert!(matches!(
        pair.a.channel.resume()[0],
        Action::Broadcast(Broadcast::Opening(_))
    ));
    pair.a.chain(confirmed(&pair.a)).unwrap();
    assert_eq!(pair.a.channel.resume(), Vec::new());
    assert!(matches!(pair.a.channel, Channel::Normal(_)));
}
