use bitcoin::Amount;
use zarnitsa_channel::action::{Action, Broadcast, Event};
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::command::{Command, LocalCommand};
use zarnitsa_channel::error::{ChannelError, CloseError, Fault, UpdateError};
use zarnitsa_channel::ids::HtlcId;
use zarnitsa_channel::message::{ClosingSigned, PeerMessage, UpdateAddHtlc};
use zarnitsa_channel::params::Side;

use crate::support::pair::{only_message, preimage, script, Config, Pair};
use crate::support::party::Party;

fn sat(sat: u64) -> Amount {
    Amount::from_sat(sat)
}

/// Both have said shutdown; nothing was in flight.
fn negotiating() -> Pair {
    let mut pair = Pair::normal(&Config::default(), 1);
    let command = LocalCommand::Shutdown { script: script(1) };
    let actions = pair.a.local(command).unwrap();
    pair.exchange(actions, Vec::new());
    pair
}

fn propose(fee: u64, least: u64, most: u64) -> LocalCommand {
    LocalCommand::ProposeClosing {
        fee: sat(fee),
        fee_range: (sat(least), sat(most)),
    }
}

fn is_agreed(party: &Party, fee: u64) -> bool {
    let Some((closing, signature)) = party.channel.agreed_closing() else {
        return false;
    };
    let params = party.channel.params();
    let own = party.keys.sign_funding(params, &closing.sighash(params));
    // Both signatures are over one transaction, so it is complete.
    assert_eq!(
        closing.with_signatures(params, &own, &signature).input[0]
            .witness
            .len(),
        4
    );
    closing.fee(params) == sat(fee)
}

/// The answer of `party` to a closing_signed of the other.
fn answer(pair: &Pair, fee: u64, range: Option<(u64, u64)>) -> Result<Vec<Action>, ChannelError> {
    let range = range.map(|(least, most)| (sat(least), sat(most)));
    let message = PeerMessage::ClosingSigned(pair.a.closing_signed(sat(fee), range));
    pair.b
        .try_handle(pair.b.peer_command(message))
        .map(|(_, actions)| actions)
}

#[test]
fn negotiating_add_of_the_peer_fails_the_channel() {
    check_fails_after_shutdown(PeerMessage::UpdateAddHtlc(UpdateAddHtlc {
        id: HtlcId(0),
        amount: Msat::new(5_000_000),
        payment_hash: preimage(1).payment_hash(),
        cltv_expiry: 500,
    }));
}

#[test]
fn negotiating_fee_update_of_the_peer_fails_the_channel() {
    let feerate_per_kw = 5_000;
    check_fails_after_shutdown(PeerMessage::UpdateFee { feerate_per_kw });
}

fn check_fails_after_shutdown(message: PeerMessage) {
    let pair = negotiating();
    let refusal = pair.b.try_handle(pair.b.peer_command(message)).unwrap_err();
    let expected = ChannelError::Update {
        by: Side::Counterparty,
        source: UpdateError::AfterShutdown,
    };
    assert_eq!(refusal, expected);
    // A warning would be answered by the same message on the next connection, for ever.
    assert_eq!(refusal.fault(), Fault::PeerFailsChannel);
}

#[test]
fn negotiating_fee_in_range_is_agreed_to_in_two_messages() {
    let mut pair = negotiating();
    let from_a = pair.a.local(propose(500, 200, 900)).unwrap();
    let first = only_message(&pair.a, &from_a);
    let from_b = pair.b.receive(first).unwrap();
    assert!(from_b.contains(&Action::Broadcast(Broadcast::Closing)));
    assert!(is_agreed(&pair.b, 500));
    let second = only_message(&pair.b, &from_b);
    let from_a = pair.a.receive(second).unwrap();
    assert!(from_a.contains(&Action::Broadcast(Broadcast::Closing)));
    assert!(from_a.contains(&Action::Tell(Event::StateChanged)));
    assert!(is_agreed(&pair.a, 500));
    assert_eq!(
        pair.a.channel.resume(),
        vec![Action::Broadcast(Broadcast::Closing)]
    );
}

#[test]
fn negotiating_fee_that_would_not_relay_is_countered_within_both_ranges() {
    let mut pair = negotiating();
    pair.b.limits.min_closing_feerate_per_kw = 1_000;
    let from_a = pair.a.local(propose(200, 100, 900)).unwrap();
    let first = only_message(&pair.a, &from_a);
    let from_b = pair.b.receive(first).unwrap();
    let counter = only_message(&pair.b, &from_b);
    let PeerMessage::ClosingSigned(ClosingSigned { fee, .. }) = counter.clone() else {
        panic!("closing_signed");
    };
    assert!(fee > sat(200) && fee <= sat(900));
    let from_a = pair.a.receive(counter).unwrap();
    let third = only_message(&pair.a, &from_a);
    pair.b.receive(third).unwrap();
    assert!(is_agreed(&pair.a, fee.to_sat()) && is_agreed(&pair.b, fee.to_sat()));
}

#[test]
fn negotiating_ranges_without_overlap_are_refused() {
    let mut pair = negotiating();
    pair.b.limits.min_closing_feerate_per_kw = 5_000;
    let refusal = answer(&pair, 200, Some((100, 900))).unwrap_err();
    assert!(matches!(
        refusal,
        ChannelError::Close(CloseError::NoOverlap { .. })
    ));
    assert_eq!(refusal.fault(), Fault::PeerWarning);
}

#[test]
fn negotiating_fee_outside_of_its_own_range_is_refused() {
    let pair = negotiating();
    let refusal = answer(&pair, 1_000, Some((100, 900))).unwrap_err();
    assert!(matches!(
        refusal,
        ChannelError::Close(CloseError::FeeOutOfRange { .. })
    ));
}

#[test]
fn negotiating_answer_outside_of_the_overlap_fails_the_channel() {
    let mut pair = negotiating();
    pair.a.local(propose(500, 400, 600)).unwrap();
    let range = Some((sat(100), sat(900)));
    let message = PeerMessage::ClosingSigned(pair.b.closing_signed(sat(700), range));
    let refusal = pair.a.try_handle(pair.a.peer_command(message)).unwrap_err();
    assert!(matches!(
        refusal,
        ChannelError::Close(CloseError::FeeNotInOverlap { .. })
    ));
    assert_eq!(refusal.fault(), Fault::PeerFailsChannel);
}

#[test]
fn negotiating_bad_signature_is_refused() {
    let pair = negotiating();
    let mut signed = pair.a.closing_signed(sat(500), None);
    signed.fee = sat(501);
    let message = PeerMessage::ClosingSigned(signed);
    let refusal = pair.b.try_handle(pair.b.peer_command(message)).unwrap_err();
    assert!(matches!(
        refusal,
        ChannelError::Close(CloseError::BadSignature { .. })
    ));
    assert_eq!(refusal.fault(), Fault::PeerWarning);
}

#[test]
fn negotiating_fee_above_the_openers_balance_is_refused() {
    let mut pair = negotiating();
    let mut signed = pair.a.closing_signed(sat(500), None);
    signed.fee = sat(700_001);
    let message = PeerMessage::ClosingSigned(signed);
    assert!(pair.b.try_handle(pair.b.peer_command(message)).is_err());
    let refusal = pair.a.local(propose(700_001, 1, 800_000)).unwrap_err();
    assert_eq!(refusal.fault(), Fault::Ours);
    let refusal = pair.a.local(propose(500, 501, 600)).unwrap_err();
    assert_eq!(refusal.fault(), Fault::Ours);
}

#[test]
fn negotiating_peer_that_gives_up_its_output_is_agreed_to() {
    let mut pair = negotiating();
    let params = pair.a.channel.params().clone();
    let full = pair
        .a
        .channel
        .closing_transaction(sat(500))
        .unwrap()
        .unwrap();
    let less = full
        .without_output(&params, zarnitsa_channel::params::Side::Holder)
        .unwrap();
    let signed = ClosingSigned {
        fee: sat(500),
        signature: pair.a.keys.sign_funding(&params, &less.sighash(&params)),
        fee_range: None,
    };
    pair.b.receive(PeerMessage::ClosingSigned(signed)).unwrap();
    let (closing, _) = pair.b.channel.agreed_closing().unwrap();
    assert_eq!(closing.tx().output.len(), 1);
}

#[test]
fn negotiating_acceptor_that_speaks_first_is_refused() {
    let mut pair = negotiating();
    let signed = pair.b.closing_signed(sat(500), None);
    let message = PeerMessage::ClosingSigned(signed);
    let refusal = pair.a.try_handle(pair.a.peer_command(message)).unwrap_err();
    assert!(matches!(
        refusal,
        ChannelError::Close(CloseError::NotYourTurn { .. })
    ));
    let refusal = pair.b.local(propose(500, 100, 900)).unwrap_err();
    assert_eq!(refusal.fault(), Fault::Ours);
    pair.a.local(propose(500, 100, 900)).unwrap();
    let refusal = pair.a.local(propose(600, 100, 900)).unwrap_err();
    assert_eq!(refusal.fault(), Fault::Ours);
}

/// An answer without fee_range to the opener's 500 of 400 to 600.
fn legacy(fees: &[u64]) -> Vec<Result<Option<Amount>, Fault>> {
    let mut pair = negotiating();
    pair.a.local(propose(500, 400, 600)).unwrap();
    let mut answers = Vec::new();
    for fee in fees {
        let message = PeerMessage::ClosingSigned(pair.b.closing_signed(sat(*fee), None));
        match pair.a.try_handle(pair.a.peer_command(message)) {
            Ok((next, actions)) => {
                pair.a.channel = next;
                let reply = pair
                    .a
                    .wires(&actions)
                    .first()
                    .map(|wire| wire.clone().message());
                answers.push(Ok(reply.map(|message| match message {
                    PeerMessage::ClosingSigned(signed) => signed.fee,
                    other => panic!("{other:?}"),
                })));
            }
            Err(refusal) => answers.push(Err(refusal.fault())),
        }
    }
    answers
}

#[test]
fn negotiating_without_fee_range_fees_come_strictly_nearer() {
    // Within the range: agreed, and said back.
    assert_eq!(legacy(&[450]), [Ok(Some(sat(450)))]);
    // Too high: half way at most, but not beyond the range; then nearer.
    assert_eq!(
        legacy(&[660, 590]),
        [Ok(Some(sat(580))), Ok(Some(sat(590)))]
    );
    assert_eq!(
        legacy(&[800, 900]),
        [Ok(Some(sat(600))), Err(Fault::PeerWarning)]
    );
    // There is nothing strictly between that the opener would pay.
    assert_eq!(
        legacy(&[800, 700]),
        [Ok(Some(sat(600))), Err(Fault::PeerWarning)]
    );
    // The same fee ends it without another message.
    assert_eq!(legacy(&[500]), [Ok(None)]);
}

#[test]
fn negotiating_without_fee_range_acceptor_agrees_to_what_relays() {
    let pair = negotiating();
    let actions = answer(&pair, 700, None).unwrap();
    assert!(actions.contains(&Action::Broadcast(Broadcast::Closing)));
    let counter = answer(&pair, 10, None).unwrap();
    assert!(!counter.contains(&Action::Broadcast(Broadcast::Closing)));
    assert_eq!(counter.len(), 1);
}

#[test]
fn negotiating_reestablish_begins_the_fee_anew() {
    let mut pair = negotiating();
    pair.a.local(propose(500, 200, 900)).unwrap();
    let (told_a, _) = pair.reconnect();
    assert!(told_a.contains(&Event::ClosingFeeDue));
    let actions = pair.a.local(propose(300, 200, 900)).unwrap();
    pair.exchange(actions, Vec::new());
    assert!(is_agreed(&pair.a, 300) && is_agreed(&pair.b, 300));
}

#[test]
fn closing_reestablish_says_the_end_of_the_negotiation_again() {
    // The acceptor's answer is lost: the opener proposes again and another fee is agreed to.
    let mut pair = negotiating();
    let actions = pair.a.local(propose(500, 200, 900)).unwrap();
    let first = only_message(&pair.a, &actions);
    pair.b.receive(first).unwrap();
    assert_eq!(pair.b.channel.state_name(), "closing");
    let (told_a, _) = pair.reconnect();
    assert!(told_a.contains(&Event::ClosingFeeDue));
    let actions = pair.a.local(propose(600, 200, 900)).unwrap();
    pair.exchange(actions, Vec::new());
    assert!(is_agreed(&pair.a, 600) && is_agreed(&pair.b, 600));

    // The opener's last word is lost: it says it again.
    let mut pair = negotiating();
    pair.b.limits.min_closing_feerate_per_kw = 1_000;
    let actions = pair.a.local(propose(200, 100, 900)).unwrap();
    let first = only_message(&pair.a, &actions);
    let counter = pair.b.receive(first).unwrap();
    let counter = only_message(&pair.b, &counter);
    pair.a.receive(counter).unwrap();
    assert_eq!(pair.a.channel.state_name(), "closing");
    pair.reconnect();
    assert_eq!(pair.b.channel.state_name(), "closing");
}

/// The acceptor agreed to 500, and the opener has not heard of it when it proposes what would not relay.
fn unheard_agreement() -> Pair {
    let mut pair = negotiating();
    let from_a = pair.a.local(propose(500, 100, 900)).unwrap();
    let first = only_message(&pair.a, &from_a);
    pair.b.receive(first).unwrap();
    assert!(is_agreed(&pair.b, 500));
    pair.reconnect();
    assert_eq!(pair.a.channel.variant_name(), "negotiating its closing fee");
    pair
}

#[test]
fn closing_later_fee_that_would_not_relay_is_countered_with_the_agreed_one() {
    let mut pair = unheard_agreement();
    let from_a = pair.a.local(propose(100, 50, 900)).unwrap();
    pair.exchange(from_a, Vec::new());
    assert!(is_agreed(&pair.a, 500) && is_agreed(&pair.b, 500));
    // The range does not reach what was agreed to: another fee that relays.
    let mut pair = unheard_agreement();
    let from_a = pair.a.local(propose(100, 50, 300)).unwrap();
    pair.exchange(from_a, Vec::new());
    assert!(is_agreed(&pair.a, 300) && is_agreed(&pair.b, 300));
}

#[test]
fn closing_later_range_in_which_nothing_relays_is_refused() {
    let pair = unheard_agreement();
    let refusal = answer(&pair, 100, Some((50, 120))).unwrap_err();
    assert!(matches!(
        refusal,
        ChannelError::Close(CloseError::NoOverlap { .. })
    ));
    assert_eq!(refusal.fault(), Fault::PeerWarning);
    assert!(is_agreed(&pair.b, 500));
}

#[test]
fn negotiating_commitment_of_ours_is_refused() {
    let pair = negotiating();
    let commit = Command::Local(LocalCommand::Commit);
    assert_eq!(pair.b.try_handle(commit).unwrap_err().fault(), Fault::Ours);
}
