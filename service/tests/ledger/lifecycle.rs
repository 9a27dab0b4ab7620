//! A channel from its opening to its close, and the same again from the recorded transactions.

use zarnitsa_channel::command::ChainEvent;
use zarnitsa_channel::params::Side;
use zarnitsa_service::read;
use zarnitsa_service::records::{HistoryKind, InvoiceStatus, PaymentStatus};

use crate::world::{config, World};

fn scenario() -> World {
    let mut world = World::normal(&config(), 1);
    for number in 0..20 {
        let payer = if number % 3 == 2 {
            Side::Counterparty
        } else {
            Side::Holder
        };
        let payment = world.pay(payer, 1_000_000 + number * 7);
        assert_eq!(payment.status, PaymentStatus::Succeeded);
    }
    world.close();
    world
}

#[test]
fn normal_twenty_payments_and_a_close_leave_two_ledgers_that_agree() {
    let mut world = scenario();
    for peer in [&world.a, &world.b] {
        let record = read::channel_record(&*peer.node.snapshot(), &peer.id()).unwrap();
        assert_eq!(record.state, "closing");
        assert!(record.closing_txid.is_some());
    }
    let of = |world: &World, a: bool| {
        let peer = if a { &world.a } else { &world.b };
        read::channel_record(&*peer.node.snapshot(), &peer.id()).unwrap()
    };
    let (a, b) = (of(&world, true), of(&world, false));
    assert_eq!(a.closing_txid, b.closing_txid);
    assert_eq!((a.local_msat, a.remote_msat), (b.remote_msat, b.local_msat));
    assert_eq!(a.commitment_number, b.counterparty_commitment_number);

    let (closing, _) = world.a.party.channel.agreed_closing().unwrap();
    let transaction = Box::new(closing.tx().clone());
    for peer in [&mut world.a, &mut world.b] {
        peer.chain(ChainEvent::FundingSpent {
            transaction: transaction.clone(),
            block_height: 200,
        });
        peer.chain(ChainEvent::SpendBuried { block_height: 206 });
        let snapshot = peer.node.snapshot();
        let record = read::channel_record(&*snapshot, &peer.id()).unwrap();
        assert_eq!(record.state, "closed");
        assert_eq!(record.closing_txid, Some(transaction.compute_txid()));
        assert_eq!(record.short_channel_id, (100 << 40) | (1 << 16));
        // A reorg could still undo the close.
        assert_eq!(read::live_channels(&*snapshot), vec![peer.id()]);
        peer.chain(ChainEvent::SpendBuried { block_height: 299 });
        let snapshot = peer.node.snapshot();
        assert!(read::live_channels(&*snapshot).is_empty());
        let record = read::channel_record(&*snapshot, &peer.id()).unwrap();
        assert_eq!(record.state, "closed");
    }
}

#[test]
fn normal_payment_writes_payment_invoice_and_htlcs_alike() {
    let mut world = World::normal(&config(), 2);
    let payment = world.pay(Side::Holder, 5_000_000);
    let (a, b) = (world.a.node.snapshot(), world.b.node.snapshot());
    let invoice = read::invoice(&*b, &payment.payment_hash).unwrap();
    assert_eq!(payment.status, PaymentStatus::Succeeded);
    assert_eq!(invoice.status, InvoiceStatus::Paid);
    assert_eq!(payment.preimage, invoice.preimage);
    assert_eq!(invoice.received_msat, payment.amount_msat);
    let sent = read::htlc(&*a, &payment.htlcs[0].key()).unwrap();
    let received = read::htlc(&*b, &invoice.htlcs[0].key()).unwrap();
    assert!(sent.removed && sent.pays_payment);
    assert!(received.removed && received.pays_invoice);
    assert_eq!(sent.preimage, received.preimage);
    assert!(read::onion(&*a, &payment.htlcs[0].key()).is_none());
    assert!(read::onion(&*b, &invoice.htlcs[0].key()).is_none());
}

#[test]
fn normal_history_names_each_step_with_its_transaction() {
    let mut world = World::normal(&config(), 3);
    world.pay(Side::Holder, 5_000_000);
    let snapshot = world.a.node.snapshot();
    let history = read::history(&*snapshot, &world.a.id(), 0, 100);
    let kinds: Vec<_> = history.iter().map(|entry| entry.kind).collect();
    use HistoryKind as Kind;
    assert_eq!(
        kinds,
        [
            Kind::Opening,
            Kind::Ready,
            Kind::Chain,
            Kind::Ready,
            Kind::HtlcAdd,
            Kind::Commitment,
            Kind::Revocation,
            Kind::Commitment,
            Kind::HtlcFulfill,
            Kind::Commitment,
            Kind::Commitment,
            Kind::Revocation,
        ]
    );
    let add = &history[4];
    assert_eq!(add.amount_msat.to_msat(), 5_000_000);
    // The first transaction was the operator's order.
    let hashes: Vec<_> = world.a.node.log[1..]
        .iter()
        .map(exonum::merkledb::ObjectHash::object_hash)
        .collect();
    assert!(history.iter().all(|entry| hashes.contains(&entry.tx_hash)));
}

#[test]
fn replay_of_a_whole_channel_reaches_the_same_hashes() {
    let world = scenario();
    for node in [&world.a.node, &world.b.node] {
        let again = node.replayed();
        assert_eq!(again.state_hash(), node.state_hash());
        assert_eq!(again.block_hash(), node.block_hash());
    }
}
