use bitcoin::{Amount, ScriptBuf, Transaction};
use zarnitsa_channel::action::{Action, Broadcast, Event, FailureReason};
use zarnitsa_channel::command::{ChainEvent, LocalCommand};
use zarnitsa_channel::error::{ChainError, ChannelError, Fault};
use zarnitsa_channel::ids::HtlcId;
use zarnitsa_channel::message::{OutgoingMessage, PeerMessage};
use zarnitsa_channel::params::Side;
use zarnitsa_channel::state::{Channel, SpendKind};

use crate::support::pair::{add, preimage, script, Config, Pair};
use crate::support::party::Party;

fn spent(transaction: &Transaction) -> ChainEvent {
    ChainEvent::FundingSpent {
        transaction: Box::new(transaction.clone()),
        block_height: 700,
    }
}

/// Any transaction that spends an output.
fn spend_of(outpoint: bitcoin::OutPoint) -> Transaction {
    Transaction {
        version: bitcoin::transaction::Version::TWO,
        lock_time: bitcoin::absolute::LockTime::ZERO,
        input: vec![bitcoin::TxIn {
            previous_output: outpoint,
            ..bitcoin::TxIn::default()
        }],
        output: Vec::new(),
    }
}

fn kind(party: &mut Party, transaction: &Transaction) -> SpendKind {
    party.chain(spent(transaction)).unwrap();
    party.channel.spend().unwrap().kind
}

fn own_tx(party: &Party) -> Transaction {
    party
        .channel
        .holder_commitment()
        .unwrap()
        .commitment
        .tx()
        .clone()
}

fn force_close() -> LocalCommand {
    LocalCommand::ForceClose {
        reason: "because".to_owned(),
    }
}

#[test]
fn normal_force_close_broadcasts_the_newest_commitment() {
    let mut pair = Pair::normal(&Config::default(), 1);
    pair.add_htlc(Side::Holder, 5_000_000, preimage(1));
    let actions = pair.a.local(force_close()).unwrap();
    assert!(matches!(
        &actions[0],
        Action::Send(OutgoingMessage::Error { .. })
    ));
    assert_eq!(actions[1], Action::Broadcast(Broadcast::HolderCommitment));
    assert_eq!(actions[2], Action::Tell(Event::StateChanged));
    assert_eq!(pair.a.channel.state_name(), "closing");
    let own = pair.a.channel.holder_commitment().unwrap();
    assert_eq!((own.commitment.number(), own.htlc_signatures.len()), (1, 1));
    // Nothing is signed for the peer any more.
    assert!(pair.a.channel.counterparty_commitment().is_none());
    assert_eq!(
        pair.a.channel.resume(),
        vec![Action::Broadcast(Broadcast::HolderCommitment)]
    );
}

#[test]
fn normal_error_of_the_peer_closes_alone() {
    let mut pair = Pair::normal(&Config::default(), 1);
    let text = "bad \u{7} thing".to_owned();
    let actions = pair.a.receive(PeerMessage::Error { text }).unwrap();
    assert_eq!(actions[0], Action::Broadcast(Broadcast::HolderCommitment));
    assert_eq!(pair.a.channel.state_name(), "closing");
}

#[test]
fn normal_spend_is_known_for_what_it_is() {
    let mut pair = Pair::normal(&Config::default(), 1);
    let first_of_b = own_tx(&pair.b);
    pair.add_htlc(Side::Holder, 5_000_000, preimage(1));
    let second_of_b = own_tx(&pair.b);
    // A third is signed and not acknowledged: the peer may broadcast either.
    pair.a
        .local(add(6_000_000, preimage(2).payment_hash()))
        .unwrap();
    pair.a.local(LocalCommand::Commit).unwrap();
    let unrevoked = pair.a.channel.counterparty_unrevoked();
    assert_eq!(unrevoked.len(), 2);
    let third_of_b = unrevoked[0].tx().clone();
    assert_eq!(*unrevoked[1].tx(), second_of_b);
    let own = own_tx(&pair.a);

    let base = pair.a.channel.clone();
    let mut try_it = |transaction: &Transaction| {
        pair.a.channel = base.clone();
        kind(&mut pair.a, transaction)
    };
    assert_eq!(try_it(&first_of_b), SpendKind::Revoked { number: 0 });
    assert_eq!(try_it(&second_of_b), SpendKind::Counterparty { number: 1 });
    assert_eq!(try_it(&third_of_b), SpendKind::Counterparty { number: 2 });
    assert_eq!(try_it(&own), SpendKind::Holder { number: 1 });
    let mut strange = own.clone();
    strange.lock_time = bitcoin::absolute::LockTime::ZERO;
    assert_eq!(try_it(&strange), SpendKind::Unknown);
    let mut elsewhere = own;
    elsewhere.input[0].previous_output.vout = 7;
    pair.a.channel = base;
    let refusal = pair.a.chain(spent(&elsewhere)).unwrap_err();
    assert!(matches!(
        refusal,
        ChannelError::Chain(ChainError::NotASpend { .. })
    ));
    assert_eq!(refusal.fault(), Fault::Ours);
}

#[test]
fn normal_spend_by_a_revoked_commitment_can_be_punished() {
    let mut pair = Pair::normal(&Config::default(), 1);
    let old = own_tx(&pair.b);
    pair.add_htlc(Side::Holder, 5_000_000, preimage(1));
    assert_eq!(kind(&mut pair.a, &old), SpendKind::Revoked { number: 0 });
    let secret = pair.a.channel.counterparty_secret(0).unwrap();
    assert_eq!(secret, pair.b.keys.secret_of(0));
    assert_eq!(pair.a.channel.counterparty_secret(1), None);
}

#[test]
fn normal_spend_by_a_commitment_from_the_future_is_known() {
    let mut pair = Pair::normal(&Config::default(), 1);
    let old = pair.a.channel.clone();
    pair.add_htlc(Side::Holder, 5_000_000, preimage(1));
    let newer = own_tx(&pair.b);
    pair.a.channel = old;
    assert_eq!(kind(&mut pair.a, &newer), SpendKind::Future { number: 1 });
}

/// `a` goes on with an old state, and the peer's newest commitment.
fn behind() -> (Pair, Transaction) {
    let mut pair = Pair::normal(&Config::default(), 1);
    let old = pair.a.channel.clone();
    pair.add_htlc(Side::Holder, 5_000_000, preimage(1));
    let newer = own_tx(&pair.b);
    pair.a.channel = old;
    (pair, newer)
}

/// Nothing of this node's may reach the chain, and the state stays so when it is read again.
fn check_lost(party: &mut Party) {
    let stored = Channel::decode(&party.channel.encode()).unwrap();
    assert_eq!(stored, party.channel);
    assert!(party.channel.has_lost_data());
    assert!(party.channel.holder_commitment().is_none());
    assert_eq!(party.channel.resume(), Vec::new());
    assert!(party.local(force_close()).is_err());
}

#[test]
fn normal_spend_from_the_future_that_a_reorg_takes_forbids_every_broadcast() {
    let (mut pair, newer) = behind();
    assert_eq!(kind(&mut pair.a, &newer), SpendKind::Future { number: 1 });
    check_lost(&mut pair.a);
    let actions = pair.a.chain(ChainEvent::SpendReorged).unwrap();
    assert_eq!(actions, Vec::new());
    check_lost(&mut pair.a);
    let refusal = pair.a.local(force_close()).unwrap_err();
    assert_eq!(refusal, ChannelError::DataLost);
    // Another of the peer's confirms, goes away, and changes nothing.
    let known = pair.a.channel.counterparty_unrevoked()[0].tx().clone();
    let number = 0;
    assert_eq!(
        kind(&mut pair.a, &known),
        SpendKind::Counterparty { number }
    );
    let actions = pair.a.chain(ChainEvent::SpendReorged).unwrap();
    assert_eq!(actions, Vec::new());
    check_lost(&mut pair.a);
}

#[test]
fn closing_spend_from_the_future_that_a_reorg_takes_ends_the_broadcast() {
    let (mut pair, newer) = behind();
    let actions = pair.a.local(force_close()).unwrap();
    assert!(actions.contains(&Action::Broadcast(Broadcast::HolderCommitment)));
    let own = own_tx(&pair.a);
    assert_eq!(kind(&mut pair.a, &newer), SpendKind::Future { number: 1 });
    check_lost(&mut pair.a);
    let withdrawn = pair.a.channel.unsigned_holder_commitment().unwrap();
    assert_eq!(withdrawn.txid(), own.compute_txid());
    let actions = pair.a.chain(ChainEvent::SpendReorged).unwrap();
    assert_eq!(actions, Vec::new());
    check_lost(&mut pair.a);
}

#[test]
fn closing_spend_from_the_future_that_another_replaces_forbids_every_broadcast() {
    let (mut pair, newer) = behind();
    let own = own_tx(&pair.a);
    pair.a.local(force_close()).unwrap();
    kind(&mut pair.a, &newer);
    // Its broadcast was not to be stopped any more.
    assert_eq!(kind(&mut pair.a, &own), SpendKind::Holder { number: 0 });
    assert!(pair.a.channel.has_lost_data());
    let actions = pair.a.chain(ChainEvent::SpendReorged).unwrap();
    assert_eq!(actions, Vec::new());
    check_lost(&mut pair.a);
}

#[test]
fn negotiating_spend_by_any_closing_transaction_is_mutual() {
    let mut pair = Pair::normal(&Config::default(), 1);
    let command = LocalCommand::Shutdown { script: script(1) };
    let actions = pair.a.local(command).unwrap();
    pair.exchange(actions, Vec::new());
    let fee = Amount::from_sat(777);
    let closing = pair.a.channel.closing_transaction(fee).unwrap().unwrap();
    assert_eq!(kind(&mut pair.b, closing.tx()), SpendKind::Mutual);
    let mut stolen = closing.tx().clone();
    stolen.output[0].script_pubkey = ScriptBuf::new();
    assert_eq!(kind(&mut pair.a, &stolen), SpendKind::Unknown);
}

#[test]
fn normal_spend_withdraws_what_was_not_sent() {
    let mut pair = Pair::normal(&Config::default(), 1);
    pair.a
        .local(add(6_000_000, preimage(2).payment_hash()))
        .unwrap();
    let tx = own_tx(&pair.b);
    let actions = pair.a.chain(spent(&tx)).unwrap();
    let id = HtlcId(0);
    let reason = FailureReason::Withdrawn;
    assert!(actions.contains(&Action::Tell(Event::HtlcFailed { id, reason })));
}

#[test]
fn closing_reorg_of_the_spend_broadcasts_again() {
    let mut pair = Pair::normal(&Config::default(), 1);
    let tx = own_tx(&pair.b);
    pair.a.chain(spent(&tx)).unwrap();
    assert_eq!(pair.a.channel.resume(), Vec::new());
    let actions = pair.a.chain(ChainEvent::SpendReorged).unwrap();
    assert_eq!(
        actions,
        vec![Action::Broadcast(Broadcast::HolderCommitment)]
    );
    assert_eq!(pair.a.channel.spend(), None);
    let refusal = pair.a.chain(ChainEvent::SpendReorged).unwrap_err();
    assert_eq!(refusal.fault(), Fault::Ours);
    // Another one confirms.
    let own = own_tx(&pair.a);
    assert_eq!(kind(&mut pair.a, &own), SpendKind::Holder { number: 0 });
}

#[test]
fn closing_buried_spend_closes_and_fails_what_has_no_output() {
    let mut pair = Pair::normal(&Config::default(), 1);
    let dust = pair.add_htlc(Side::Holder, 300_000, preimage(1));
    let real = pair.add_htlc(Side::Holder, 5_000_000, preimage(2));
    let tx = own_tx(&pair.b);
    pair.a.chain(spent(&tx)).unwrap();
    let buried = ChainEvent::SpendBuried { block_height: 706 };
    let actions = pair.a.chain(buried).unwrap();
    let failed = |id| {
        let reason = FailureReason::OnChain;
        actions.contains(&Action::Tell(Event::HtlcFailed { id, reason }))
    };
    assert!(failed(dust) && !failed(real));
    // The other HTLC and the balance are still to be claimed.
    assert_eq!(pair.a.channel.state_name(), "closing");
    assert_eq!(pair.a.channel.claims().len(), 2);
}

#[test]
fn closing_buried_mutual_close_is_closed_and_watched_until_no_reorg_can_undo_it() {
    let mut pair = Pair::normal(&Config::default(), 1);
    let command = LocalCommand::Shutdown { script: script(1) };
    let actions = pair.a.local(command).unwrap();
    pair.exchange(actions, Vec::new());
    let fee = Amount::from_sat(777);
    let closing = pair.a.channel.closing_transaction(fee).unwrap().unwrap();
    pair.b.chain(spent(closing.tx())).unwrap();
    pair.b
        .chain(ChainEvent::SpendBuried { block_height: 704 })
        .unwrap();
    assert_eq!(pair.b.channel.state_name(), "closing");
    pair.b
        .chain(ChainEvent::SpendBuried { block_height: 705 })
        .unwrap();
    let Channel::Closed(closed) = &pair.b.channel else {
        panic!("closed");
    };
    assert_eq!((closed.block_height, closed.buried_height), (700, 705));
    assert!(!pair.b.channel.is_over() && !pair.b.channel.is_due(798));
    // A reorg brings it back, and what was agreed on goes out again.
    let closed = pair.b.channel.clone();
    let actions = pair.b.chain(ChainEvent::SpendReorged).unwrap();
    assert!(actions
        .iter()
        .any(|action| matches!(action, Action::Broadcast(_))));
    assert_eq!(pair.b.channel.state_name(), "closing");
    // Else it is over a hundred blocks deep.
    pair.b.channel = closed;
    assert!(pair.b.channel.is_due(799));
    pair.b
        .chain(ChainEvent::SpendBuried { block_height: 799 })
        .unwrap();
    assert!(pair.b.channel.is_over());
    assert!(pair.b.chain(ChainEvent::SpendReorged).is_err());
}

#[test]
fn closing_burial_of_nothing_is_refused() {
    let mut pair = Pair::normal(&Config::default(), 1);
    pair.a.local(force_close()).unwrap();
    let refusal = pair
        .a
        .chain(ChainEvent::SpendBuried { block_height: 706 })
        .unwrap_err();
    assert_eq!(refusal, ChannelError::Chain(ChainError::NotSpent));
}

#[test]
fn closing_peer_is_told_again_and_nothing_else_is_heard() {
    let mut pair = Pair::normal(&Config::default(), 1);
    pair.a.local(force_close()).unwrap();
    let hello = PeerMessage::ChannelReestablish(pair.b.channel.reestablish().unwrap());
    let before = pair.a.channel.clone();
    let actions = pair.a.receive(hello).unwrap();
    assert!(matches!(
        actions.as_slice(),
        [Action::Send(OutgoingMessage::Error { .. })]
    ));
    assert_eq!(pair.a.channel, before);
    let fee = PeerMessage::UpdateFee {
        feerate_per_kw: 2_000,
    };
    assert!(pair.a.try_handle(pair.a.peer_command(fee)).is_err());
}

#[test]
fn closed_and_failed_channels_refuse_everything_but_answer_a_peer() {
    let mut pair = Pair::normal(&Config::default(), 1);
    let hello = PeerMessage::ChannelReestablish(pair.b.channel.reestablish().unwrap());
    let tx = own_tx(&pair.b);
    pair.a.chain(spent(&tx)).unwrap();
    let balance = pair.a.channel.claims()[0].outpoint;
    let sweep = spend_of(balance);
    let swept = ChainEvent::OutputSpent {
        outpoint: balance,
        transaction: Box::new(sweep),
        block_height: 701,
    };
    pair.a.chain(swept).unwrap();
    pair.a
        .chain(ChainEvent::SpendBuried { block_height: 706 })
        .unwrap();
    assert_eq!(pair.a.channel.state_name(), "closed");
    let actions = pair.a.receive(hello).unwrap();
    assert!(matches!(
        actions.as_slice(),
        [Action::Send(OutgoingMessage::Error { .. })]
    ));
    assert_eq!(
        pair.a.local(force_close()).unwrap_err().fault(),
        Fault::Ours
    );
    assert_eq!(pair.a.chain(spent(&tx)).unwrap_err().fault(), Fault::Ours);
    assert!(pair.a.channel.holder_commitment().is_none());
    assert!(pair.a.channel.reestablish().is_none());
}

#[test]
fn normal_close_deadline_is_that_of_the_first_htlc_at_risk() {
    let mut pair = Pair::normal(&Config::default(), 1);
    assert_eq!(pair.a.channel.close_deadline(), None);
    // Not sent, so nobody's risk.
    pair.a
        .local(add(5_000_000, preimage(1).payment_hash()))
        .unwrap();
    assert_eq!(pair.a.channel.close_deadline(), None);
    pair.settle();
    assert_eq!(pair.a.channel.close_deadline(), Some(503));
    // Who was away when it expired gives the peer the same time after that.
    let own = |_| None;
    assert_eq!(pair.a.channel.close_due(502, 100, own), None);
    let due = pair.a.channel.close_due(503, 100, own).unwrap();
    assert_eq!((due.id, due.from_height), (HtlcId(0), 503));
    assert!(due
        .to_string()
        .contains("HTLC 0 of ours expired at height 500"));
    assert_eq!(pair.a.channel.close_due(511, 509, own), None);
    assert!(pair.a.channel.close_due(512, 509, own).is_some());
    // The peer's HTLC is at this node's risk once it is claimed.
    assert_eq!(pair.b.channel.close_deadline(), None);
    let claim = LocalCommand::FulfillHtlc {
        id: HtlcId(0),
        preimage: preimage(1),
    };
    pair.b.local(claim).unwrap();
    assert_eq!(pair.b.channel.close_deadline(), Some(482));
    // That cannot wait, whoever was away.
    assert_eq!(pair.b.channel.close_due(481, 481, own), None);
    assert!(pair.b.channel.close_due(482, 482, own).is_some());
}

#[test]
fn normal_close_of_a_node_that_is_never_there_for_long_is_due_before_upstream_takes_its_htlc_back()
{
    let mut pair = Pair::normal(&Config::default(), 1);
    let id = pair.add_htlc(Side::Holder, 5_000_000, preimage(1));
    let channel = &pair.a.channel;
    // It starts again at each block.
    let closes_at = |upstream: Option<u32>| {
        let of = |asked| upstream.filter(|_| asked == id);
        (500..1_000).find(|tip| channel.close_due(*tip, *tip, of).is_some())
    };
    assert_eq!(closes_at(Some(580)), Some(544));
    // With the smallest difference that a policy allows.
    assert_eq!(closes_at(Some(548)), Some(512));
    // Never before its peer has had its blocks, nor for what is nobody else's.
    assert_eq!(closes_at(Some(501)), Some(503));
    assert_eq!(closes_at(None), None);
    // One that is there to stay gives the peer its time.
    let upstream = |_| Some(580);
    assert_eq!(channel.close_due(532, 530, upstream), None);
    assert!(channel.close_due(533, 530, upstream).is_some());
}

#[test]
fn closing_preimage_is_kept_for_the_chain() {
    let mut pair = Pair::normal(&Config::default(), 1);
    let live = pair.add_htlc(Side::Counterparty, 5_000_000, preimage(1));
    let failed = pair.add_htlc(Side::Counterparty, 5_000_000, preimage(2));
    let reason = vec![1; 292];
    pair.a
        .local(LocalCommand::FailHtlc { id: failed, reason })
        .unwrap();
    pair.a.local(force_close()).unwrap();
    let claim = |id, tag| LocalCommand::FulfillHtlc {
        id,
        preimage: preimage(tag),
    };
    assert!(pair.a.local(claim(live, 9)).is_err());
    assert!(pair.a.local(claim(HtlcId(7), 1)).is_err());
    // Failed is failed.
    assert!(pair.a.local(claim(failed, 2)).is_err());
    assert_eq!(pair.a.local(claim(live, 1)).unwrap(), Vec::new());
    let htlc = pair.a.channel.htlc(Side::Counterparty, live).unwrap();
    assert_eq!(htlc.preimage, Some(preimage(1)));
}
