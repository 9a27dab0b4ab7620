//! Payments that pass through: out never without its irrevocable in, and both end together.

use zarnitsa_channel::action::{Event, FailureReason};
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::command::LocalCommand;
use zarnitsa_channel::ids::{HtlcId, PaymentHash, PaymentPreimage};
use zarnitsa_channel::message::PeerMessage;
use zarnitsa_channel::params::Side;
use zarnitsa_service::records::{
    EventKind, HtlcKey, HtlcRef, InvoiceStatus, PaymentStatus, Policy, ReturnedFailure,
};
use zarnitsa_service::transactions::{InvoiceChange, InvoiceStep, NewInvoice, PaymentOrder};
use zarnitsa_service::{read, HtlcError, LedgerCall};

use crate::hub::{Hub, Out};
use crate::support::pair::script;
use crate::world::policy;

const IN: u64 = 1_001_100;
const OUT: u64 = 1_000_000;

/// An HTLC in from the first line, committed, and the HTLC out by the second that it asks for.
fn offered(hub: &mut Hub, preimage: PaymentPreimage) -> (HtlcRef, Out) {
    let hash = preimage.payment_hash();
    let id = hub.add(0, IN, hash, 500);
    let out = Out {
        line: 1,
        amount: OUT,
        hash,
        expiry: 420,
    };
    (hub.incoming(0, id), out)
}

fn fulfill(id: HtlcId, preimage: PaymentPreimage) -> LocalCommand {
    LocalCommand::FulfillHtlc { id, preimage }
}

fn fail(id: HtlcId) -> LocalCommand {
    LocalCommand::FailHtlc {
        id,
        reason: vec![7; 292],
    }
}

fn kinds(hub: &Hub) -> Vec<EventKind> {
    let events = read::events(&*hub.node.snapshot(), 0, usize::MAX);
    let kinds = events.into_iter().map(|(_, event)| event.kind);
    kinds
        .filter(|kind| kind.as_str().starts_with("forward"))
        .collect()
}

#[test]
fn committed_htlc_is_forwarded_claimed_and_earns_its_fee() {
    let mut hub = Hub::new(1);
    let preimage = hub.preimage();
    let (incoming, out) = offered(&mut hub, preimage);
    let id = hub.pass_on(incoming, out);
    let outgoing = HtlcRef {
        channel_id: hub.id(1),
        offerer: Side::Holder,
        id,
    };
    let record = hub.htlc(0, Side::Counterparty, incoming.id).unwrap();
    assert_eq!(record.forward, Some(outgoing));
    let other = hub.htlc(1, Side::Holder, id).unwrap();
    assert_eq!(other.forward, Some(incoming));
    assert!(!other.pays_payment);
    assert_eq!(hub.forward(&incoming).status, PaymentStatus::Pending);

    let told = hub.far(1, fulfill(id, preimage));
    assert!(told.contains(&Event::HtlcFulfilled { id, preimage }));
    assert_eq!(hub.forward(&incoming).status, PaymentStatus::Succeeded);
    hub.local(0, fulfill(incoming.id, preimage));
    hub.settle(0);

    let forward = hub.forward(&incoming);
    assert_eq!(forward.fee(), Msat::new(IN - OUT));
    assert_eq!(read::forwards(&*hub.node.snapshot(), 0, 9), [forward]);
    let snapshot = hub.node.snapshot();
    let local = |line| {
        let record = read::channel_record(&*snapshot, &hub.id(line)).unwrap();
        record.local_msat.to_msat()
    };
    assert_eq!(local(0), 300_000_000 + IN);
    assert_eq!(local(1), 300_000_000 - OUT);
    let expected = [EventKind::ForwardPending, EventKind::ForwardSucceeded];
    assert_eq!(kinds(&hub), expected);
    assert_eq!(hub.node.replayed().state_hash(), hub.node.state_hash());
}

#[test]
fn htlc_that_is_not_committed_is_not_forwarded() {
    let mut hub = Hub::new(2);
    let preimage = hub.preimage();
    let hash = preimage.payment_hash();
    let id = hub.add_uncommitted(0, IN, hash);
    let out = Out {
        line: 1,
        amount: OUT,
        hash,
        expiry: 420,
    };
    let incoming = hub.incoming(0, id);
    hub.refuses_forward(incoming, out, HtlcError::NotCommitted as u8);
}

#[test]
fn committed_htlc_is_forwarded_only_within_its_own_hash_amount_and_time() {
    let mut hub = Hub::new(3);
    let preimage = hub.preimage();
    let (incoming, out) = offered(&mut hub, preimage);
    let cases = [
        (
            Out {
                hash: PaymentHash([9; 32]),
                ..out
            },
            HtlcError::OtherPaymentHash,
        ),
        (
            Out {
                amount: IN + 1,
                ..out
            },
            HtlcError::NotConserved,
        ),
        (Out { expiry: 500, ..out }, HtlcError::ExpiryNotEarlier),
    ];
    for (out, code) in cases {
        hub.refuses_forward(incoming, out, code as u8);
    }
    hub.pass_on(incoming, out);
}

#[test]
fn htlc_that_is_not_there_or_not_in_is_not_forwarded() {
    let mut hub = Hub::new(4);
    let preimage = hub.preimage();
    let (incoming, out) = offered(&mut hub, preimage);
    let unknown = HtlcRef {
        id: HtlcId(7),
        ..incoming
    };
    hub.refuses_forward(unknown, out, HtlcError::UnknownHtlc as u8);
    let id = hub.pass_on(incoming, out);
    let own = HtlcRef {
        channel_id: hub.id(1),
        offerer: Side::Holder,
        id,
    };
    hub.refuses_forward(own, out, HtlcError::NotIncoming as u8);
}

#[test]
fn forwarded_htlc_is_not_forwarded_again() {
    let mut hub = Hub::new(5);
    let preimage = hub.preimage();
    let (incoming, out) = offered(&mut hub, preimage);
    hub.pass_on(incoming, out);
    hub.refuses_forward(incoming, out, HtlcError::AlreadyForwarded as u8);
    // Not by the channel that it came from either.
    let back = Out { line: 0, ..out };
    hub.refuses_forward(incoming, back, HtlcError::AlreadyForwarded as u8);
}

#[test]
fn claimed_or_failed_htlc_is_not_forwarded() {
    let mut hub = Hub::new(6);
    let preimage = hub.preimage();
    let (incoming, out) = offered(&mut hub, preimage);
    hub.local(0, fail(incoming.id));
    hub.refuses_forward(incoming, out, HtlcError::NotCommitted as u8);
    hub.settle(0);
    let out = Out { expiry: 421, ..out };
    hub.refuses_forward(incoming, out, HtlcError::NotCommitted as u8);
}

#[test]
fn committed_htlc_at_a_node_that_forwards_nothing_is_not_forwarded() {
    let mut hub = Hub::with_policy(
        7,
        Policy {
            forward: false,
            ..policy()
        },
    );
    let preimage = hub.preimage();
    let (incoming, out) = offered(&mut hub, preimage);
    hub.refuses_forward(incoming, out, HtlcError::NoForwarding as u8);
}

#[test]
fn forwarded_htlc_is_not_failed_while_its_other_half_lives() {
    let mut hub = Hub::new(8);
    let preimage = hub.preimage();
    let (incoming, out) = offered(&mut hub, preimage);
    let id = hub.pass_on(incoming, out);
    let code = HtlcError::ForwardAlive as u8;
    hub.refuses(0, fail(incoming.id), code);
    // The peer's update_fail_htlc alone is not yet irrevocable.
    let reason = vec![3; 292];
    hub.hears(
        1,
        PeerMessage::UpdateFailHtlc {
            id,
            reason: reason.clone(),
        },
    );
    hub.refuses(
        0,
        LocalCommand::FailHtlc {
            id: incoming.id,
            reason,
        },
        code,
    );
    let malformed = LocalCommand::FailMalformedHtlc {
        id: incoming.id,
        sha256_of_onion: [0; 32],
        failure_code: 0xc005,
    };
    hub.refuses(0, malformed, code);
}

#[test]
fn forwarded_htlc_fails_with_what_came_back_once_its_other_half_is_gone() {
    let mut hub = Hub::new(9);
    let preimage = hub.preimage();
    let (incoming, out) = offered(&mut hub, preimage);
    let id = hub.pass_on(incoming, out);
    let told = hub.far(1, fail(id));
    let reason = FailureReason::Onion(vec![7; 292]);
    assert!(told.contains(&Event::HtlcFailed { id, reason }));
    let outgoing = hub.forward(&incoming).outgoing.key();
    let kept = |hub: &Hub| read::returned_failure(&*hub.node.snapshot(), &outgoing);
    assert_eq!(kept(&hub), Some(ReturnedFailure::Onion(vec![7; 292])));
    assert_eq!(hub.forward(&incoming).status, PaymentStatus::Failed);
    // It is not tried again by another way: it only fails.
    hub.refuses_forward(incoming, out, HtlcError::AlreadyForwarded as u8);
    // What travels beside a failure is kept until the HTLC is gone, and no longer.
    let beside = |hub: &Hub, key: &HtlcKey| read::attribution(&*hub.node.snapshot(), key);
    assert_eq!(beside(&hub, &outgoing), None);
    let key = incoming.key();
    hub.local(0, fail(incoming.id));
    assert_eq!(beside(&hub, &key), Some(vec![6; 920]));
    hub.settle(0);
    assert_eq!(beside(&hub, &key), None);
    assert_eq!(kept(&hub), None);
    let expected = [EventKind::ForwardPending, EventKind::ForwardFailed];
    assert_eq!(kinds(&hub), expected);
    assert_eq!(hub.node.replayed().state_hash(), hub.node.state_hash());
}

#[test]
fn attribution_data_beside_a_released_preimage_is_kept_until_the_htlc_is_gone() {
    let mut hub = Hub::new(13);
    let preimage = hub.preimage();
    let (incoming, out) = offered(&mut hub, preimage);
    let id = hub.pass_on(incoming, out);
    let beside = |hub: &Hub, key: &HtlcKey| read::attribution(&*hub.node.snapshot(), key);
    let (outgoing, key) = (hub.forward(&incoming).outgoing.key(), incoming.key());
    // What comes beside one is read at once, and nobody is told it again.
    hub.far(1, fulfill(id, preimage));
    assert_eq!(beside(&hub, &outgoing), None);
    assert_eq!(beside(&hub, &key), None);
    hub.local(0, fulfill(incoming.id, preimage));
    assert_eq!(beside(&hub, &key), Some(vec![6; 920]));
    hub.settle(0);
    assert_eq!(beside(&hub, &key), None);
    assert_eq!(hub.node.replayed().state_hash(), hub.node.state_hash());
}

#[test]
fn forwarded_htlc_whose_preimage_is_known_is_never_failed() {
    let mut hub = Hub::new(10);
    let preimage = hub.preimage();
    let (incoming, out) = offered(&mut hub, preimage);
    let id = hub.pass_on(incoming, out);
    // Not committed, and so not yet irrevocable: but the preimage is here.
    hub.hears(1, PeerMessage::UpdateFulfillHtlc { id, preimage });
    hub.refuses(0, fail(incoming.id), HtlcError::PreimageKnown as u8);
    hub.local(0, fulfill(incoming.id, preimage));
}

#[test]
fn forward_that_was_never_sent_is_undone() {
    let mut hub = Hub::new(11);
    let preimage = hub.preimage();
    let (incoming, out) = offered(&mut hub, preimage);
    let id = hub.forward_only(incoming, out);
    // BOLT 2, shutdown: what was not sent is not sent any more.
    hub.local(1, LocalCommand::Shutdown { script: script(2) });
    assert_eq!(hub.htlc(1, Side::Holder, id), None);
    let record = hub.htlc(0, Side::Counterparty, incoming.id).unwrap();
    assert_eq!(record.forward, None);
    assert_eq!(hub.forward(&incoming).status, PaymentStatus::Failed);
    hub.local(0, fail(incoming.id));
}

#[test]
fn forwarded_htlc_with_the_hash_of_an_invoice_does_not_pay_it() {
    let mut hub = Hub::new(12);
    let preimage = hub.preimage();
    let hash = preimage.payment_hash();
    let created = InvoiceChange::Created(NewInvoice {
        nonce: [3; 32],
        amount_msat: Msat::new(OUT),
        description: String::new(),
        created_at: 1_700_000_000,
        expiry_seconds: 3_600,
        invoice: "lnbcrt1".to_owned(),
        hold: false,
        keysend: false,
    });
    let step = InvoiceStep {
        payment_hash: hash,
        change: created,
    };
    hub.node.report(LedgerCall::Invoice(step)).unwrap();
    let (incoming, out) = offered(&mut hub, preimage);
    let id = hub.pass_on(incoming, out);
    let status = |hub: &Hub| read::invoice(&*hub.node.snapshot(), &hash).unwrap().status;
    assert_eq!(status(&hub), InvoiceStatus::Open);
    hub.far(1, fulfill(id, preimage));
    hub.local(0, fulfill(incoming.id, preimage));
    hub.settle(0);
    assert_eq!(status(&hub), InvoiceStatus::Open);
}

#[test]
fn pending_payment_is_not_paid_by_a_forward_with_its_hash() {
    let mut hub = Hub::new(13);
    let preimage = hub.preimage();
    let hash = preimage.payment_hash();
    let config = read::config(&*hub.node.snapshot()).unwrap();
    let order = PaymentOrder {
        payment_hash: hash,
        payee: config.node_id,
        amount_msat: Msat::new(OUT),
        max_fee_msat: Msat::ZERO,
        invoice: String::new(),
        session_nonce: [1; 32],
        timeout_seconds: 0,
    };
    hub.node.command(LedgerCall::Payment(order)).unwrap();
    let (incoming, out) = offered(&mut hub, preimage);
    let id = hub.pass_on(incoming, out);
    hub.far(1, fulfill(id, preimage));
    let payment = read::payment(&*hub.node.snapshot(), &hash).unwrap();
    assert_eq!(payment.status, PaymentStatus::Pending);
    assert_eq!(hub.forward(&incoming).status, PaymentStatus::Succeeded);
}

#[test]
fn pending_payment_is_not_failed_by_a_forward_with_its_hash() {
    let mut hub = Hub::new(14);
    let preimage = hub.preimage();
    let hash = preimage.payment_hash();
    let config = read::config(&*hub.node.snapshot()).unwrap();
    let order = PaymentOrder {
        payment_hash: hash,
        payee: config.node_id,
        amount_msat: Msat::new(OUT),
        max_fee_msat: Msat::ZERO,
        invoice: String::new(),
        session_nonce: [1; 32],
        timeout_seconds: 0,
    };
    hub.node.command(LedgerCall::Payment(order)).unwrap();
    let (incoming, out) = offered(&mut hub, preimage);
    hub.forward_only(incoming, out);
    hub.local(1, LocalCommand::Shutdown { script: script(2) });
    let payment = read::payment(&*hub.node.snapshot(), &hash).unwrap();
    assert_eq!(payment.status, PaymentStatus::Pending);
}
