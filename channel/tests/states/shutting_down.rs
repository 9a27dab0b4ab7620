use bitcoin::ScriptBuf;
use zarnitsa_channel::action::{Action, Event, FailureReason};
use zarnitsa_channel::command::{Command, LocalCommand};
use zarnitsa_channel::error::{ChannelError, CloseError, Fault, UpdateError};
use zarnitsa_channel::ids::HtlcId;
use zarnitsa_channel::message::{OutgoingMessage, PeerMessage};
use zarnitsa_channel::params::Side;

use crate::support::pair::{add, only_message, preimage, script, Config, Pair};
use crate::support::party::Party;

fn shutdown(tag: u8) -> LocalCommand {
    LocalCommand::Shutdown {
        script: script(tag),
    }
}

fn peer_shutdown(party: &Party, script: ScriptBuf) -> Result<Vec<Action>, CloseError> {
    match party.try_handle(party.peer_command(PeerMessage::Shutdown { script })) {
        Ok((_, actions)) => Ok(actions),
        Err(ChannelError::Close(refusal)) => {
            assert_eq!(refusal.fault(), Fault::PeerWarning);
            Err(refusal)
        }
        Err(other) => panic!("{other:?}"),
    }
}

fn no_upfront() -> Config {
    Config {
        upfront: false,
        ..Config::default()
    }
}

#[test]
fn normal_shutdown_waits_for_the_last_htlc() {
    let mut pair = Pair::normal(&Config::default(), 1);
    let id = pair.add_htlc(Side::Holder, 5_000_000, preimage(1));
    let from_a = pair.a.local(shutdown(1)).unwrap();
    pair.exchange(from_a, Vec::new());
    assert_eq!(pair.a.channel.variant_name(), "shutting down");
    assert_eq!(pair.b.channel.variant_name(), "shutting down");
    assert!(!pair.a.channel.is_usable());
    let preimage = preimage(1);
    pair.b
        .local(LocalCommand::FulfillHtlc { id, preimage })
        .unwrap();
    let (told_a, told_b) = pair.settle();
    assert!(told_a.contains(&Event::ClosingFeeDue));
    assert!(!told_b.contains(&Event::ClosingFeeDue));
    assert_eq!(pair.b.channel.variant_name(), "negotiating its closing fee");
}

#[test]
fn normal_shutdown_with_a_wrong_script_is_refused() {
    let mut pair = Pair::normal(&Config::default(), 1);
    let other = pair.a.local(shutdown(9)).unwrap_err();
    assert!(matches!(
        other,
        ChannelError::Close(CloseError::ScriptChanged { .. })
    ));
    let other = peer_shutdown(&pair.b, script(9)).unwrap_err();
    assert!(matches!(other, CloseError::ScriptChanged { .. }));
    let mut free = Pair::normal(&no_upfront(), 1);
    let strange = ScriptBuf::from_bytes(vec![0x6a]);
    let refused = peer_shutdown(&free.b, strange.clone()).unwrap_err();
    assert!(matches!(refused, CloseError::ScriptForm { .. }));
    let command = LocalCommand::Shutdown { script: strange };
    assert_eq!(free.a.local(command).unwrap_err().fault(), Fault::Ours);
    free.a.local(shutdown(9)).unwrap();
}

#[test]
fn normal_shutdown_of_a_peer_with_uncommitted_updates_is_refused() {
    let mut pair = Pair::normal(&Config::default(), 1);
    pair.a
        .local(add(5_000_000, preimage(1).payment_hash()))
        .unwrap();
    let message = pair.a.channel.htlcs().next().unwrap().update_add();
    pair.b.receive(PeerMessage::UpdateAddHtlc(message)).unwrap();
    let refused = peer_shutdown(&pair.b, script(1)).unwrap_err();
    assert_eq!(refused, CloseError::UpdatesPending);
}

#[test]
fn normal_shutdown_withdraws_htlcs_that_were_not_sent() {
    let mut pair = Pair::normal(&Config::default(), 1);
    let hash = preimage(1).payment_hash();
    pair.a.local(add(5_000_000, hash)).unwrap();
    pair.a.local(LocalCommand::Commit).unwrap();
    pair.a.local(add(6_000_000, hash)).unwrap();
    let actions = pair.a.local(shutdown(1)).unwrap();
    let withdrawn = Action::Tell(Event::HtlcFailed {
        id: HtlcId(1),
        reason: FailureReason::Withdrawn,
    });
    assert!(actions.contains(&withdrawn));
    assert_eq!(pair.a.channel.htlcs().count(), 1);
}

#[test]
fn normal_shutdown_of_a_peer_asks_for_a_script_where_none_was_promised() {
    let mut pair = Pair::normal(&no_upfront(), 1);
    let actions = pair.a.local(shutdown(1)).unwrap();
    let (_, told_b) = pair.exchange(actions, Vec::new());
    assert!(told_b.contains(&Event::ShutdownDue));
    assert!(pair
        .b
        .channel
        .resume()
        .contains(&Action::Tell(Event::ShutdownDue)));
    // After a reconnection both say again what they said.
    let (_, told_b) = pair.reconnect();
    assert!(told_b.contains(&Event::ShutdownDue));
    let actions = pair.b.local(shutdown(2)).unwrap();
    let (told_a, _) = pair.exchange(Vec::new(), actions);
    assert!(told_a.contains(&Event::ClosingFeeDue));
}

#[test]
fn shutting_down_add_is_refused() {
    let mut pair = Pair::normal(&Config::default(), 1);
    pair.add_htlc(Side::Holder, 5_000_000, preimage(1));
    let actions = pair.a.local(shutdown(1)).unwrap();
    let hash = preimage(2).payment_hash();
    let after = UpdateError::AfterShutdown;
    let refusal = pair
        .a
        .try_handle(Command::Local(add(5_000_000, hash)))
        .unwrap_err();
    assert_eq!(
        refusal,
        ChannelError::Update {
            by: Side::Holder,
            source: after.clone()
        }
    );
    // The peer's HTLC that crosses our shutdown is fine, one after its own is not.
    pair.b.local(add(5_000_000, hash)).unwrap();
    let commit = pair.b.local(LocalCommand::Commit).unwrap();
    let crossing = pair.b.wires(&commit)[0].clone().message();
    pair.a.receive(crossing.clone()).unwrap();
    let said = only_message(&pair.a, &actions);
    let answer = pair.b.receive(said).unwrap();
    let command = pair
        .a
        .peer_command(PeerMessage::Shutdown { script: script(2) });
    // Only once its HTLC is committed may the peer say shutdown.
    assert!(pair.a.try_handle(command).is_err());
    let mut from_b = commit[1..].to_vec();
    from_b.extend(answer);
    pair.exchange(Vec::new(), from_b);
    let late = zarnitsa_channel::message::UpdateAddHtlc {
        id: HtlcId(1),
        ..pair
            .b
            .channel
            .htlc(Side::Holder, HtlcId(0))
            .unwrap()
            .update_add()
    };
    let refusal = pair
        .a
        .try_handle(pair.a.peer_command(PeerMessage::UpdateAddHtlc(late)));
    let by = Side::Counterparty;
    assert_eq!(
        refusal.unwrap_err(),
        ChannelError::Update { by, source: after }
    );
}

#[test]
fn shutting_down_second_shutdown_is_refused() {
    let mut pair = Pair::normal(&Config::default(), 1);
    pair.add_htlc(Side::Holder, 5_000_000, preimage(1));
    let actions = pair.a.local(shutdown(1)).unwrap();
    pair.exchange(actions, Vec::new());
    let refusal = pair.a.local(shutdown(1)).unwrap_err();
    assert_eq!(refusal, ChannelError::Close(CloseError::AlreadySent));
    // A peer says the same again after a reconnection, and only the same.
    assert_eq!(peer_shutdown(&pair.a, script(2)), Ok(Vec::new()));
    let other = peer_shutdown(&pair.a, script(9)).unwrap_err();
    assert!(matches!(other, CloseError::ScriptChanged { .. }));
}

#[test]
fn shutting_down_reestablish_sends_shutdown_again() {
    let mut pair = Pair::normal(&Config::default(), 1);
    let id = pair.add_htlc(Side::Holder, 5_000_000, preimage(1));
    // The message is lost.
    pair.a.local(shutdown(1)).unwrap();
    let hello = PeerMessage::ChannelReestablish(pair.b.channel.reestablish().unwrap());
    let (_, actions) = pair.a.try_handle(pair.a.peer_command(hello)).unwrap();
    let shutdown = OutgoingMessage::Shutdown { script: script(1) };
    assert!(actions.contains(&Action::Send(shutdown)));
    pair.reconnect();
    assert_eq!(pair.b.channel.state_name(), "shutting_down");
    let reason = vec![1; 292];
    pair.b.local(LocalCommand::FailHtlc { id, reason }).unwrap();
    let (told_a, _) = pair.settle();
    assert!(told_a.contains(&Event::ClosingFeeDue));
}

#[test]
fn shutting_down_update_fee_is_for_channels_with_htlcs() {
    let mut pair = Pair::normal(&Config::default(), 1);
    let id = pair.add_htlc(Side::Holder, 5_000_000, preimage(1));
    let actions = pair.a.local(shutdown(1)).unwrap();
    pair.exchange(actions, Vec::new());
    let fee = LocalCommand::UpdateFee {
        feerate_per_kw: 2_000,
    };
    pair.a.local(fee.clone()).unwrap();
    pair.settle();
    assert_eq!(pair.b.channel.feerate_per_kw(), 2_000);
    let preimage = preimage(1);
    pair.b
        .local(LocalCommand::FulfillHtlc { id, preimage })
        .unwrap();
    pair.settle();
    assert_eq!(pair.a.local(fee).unwrap_err().fault(), Fault::Ours);
}
