//! Invoices: made, accepted, paid, ended.

use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::command::{Command, LocalCommand};
use zarnitsa_channel::ids::{HtlcId, PaymentPreimage};
use zarnitsa_channel::params::Side;
use zarnitsa_service::records::{InvoiceStatus, PaymentStatus};
use zarnitsa_service::transactions::{InvoiceChange, InvoiceStep, NewInvoice};
use zarnitsa_service::{read, HtlcError, InvoiceError, LedgerCall};

use crate::world::{config, World};

const CREATED: u64 = 1_700_000_000;

fn status(world: &World, preimage: PaymentPreimage) -> InvoiceStatus {
    let snapshot = world.b.node.snapshot();
    read::invoice(&*snapshot, &preimage.payment_hash())
        .unwrap()
        .status
}

fn change(preimage: PaymentPreimage, change: InvoiceChange) -> LedgerCall {
    LedgerCall::Invoice(InvoiceStep {
        payment_hash: preimage.payment_hash(),
        change,
    })
}

fn created(expiry_seconds: u32) -> InvoiceChange {
    InvoiceChange::Created(NewInvoice {
        nonce: [3; 32],
        amount_msat: Msat::new(1_000),
        description: "tea".to_owned(),
        created_at: CREATED,
        expiry_seconds,
        invoice: "lnbcrt1".to_owned(),
        hold: false,
        keysend: false,
    })
}

fn refuses(world: &mut World, call: LedgerCall, code: InvoiceError) {
    let key = world.b.node.node.clone();
    world.b.node.refuses(&key, call, code as u8);
}

fn cancelled(nonce: u8) -> InvoiceChange {
    InvoiceChange::Cancelled { nonce: [nonce; 32] }
}

fn fulfill(id: HtlcId, preimage: PaymentPreimage) -> Command {
    Command::Local(LocalCommand::FulfillHtlc { id, preimage })
}

/// `b` has an invoice, and an HTLC of `paid` for it is committed.
fn offered(seed: u64, asked: u64, paid: u64) -> (World, PaymentPreimage, HtlcId) {
    let mut world = World::normal(&config(), seed);
    let preimage = world.new_preimage();
    world.invoice(Side::Counterparty, asked, preimage);
    world.order(Side::Holder, paid, preimage);
    let id = world.offer(Side::Holder, paid, preimage);
    (world, preimage, id)
}

#[test]
fn invoice_with_a_payment_hash_that_is_used_is_refused() {
    let mut world = World::normal(&config(), 1);
    let preimage = world.new_preimage();
    world.invoice(Side::Counterparty, 1_000, preimage);
    let again = change(preimage, created(3_600));
    refuses(&mut world, again, InvoiceError::PaymentHashUsed);
}

#[test]
fn invoice_that_expires_at_once_or_never_is_refused() {
    let mut world = World::normal(&config(), 2);
    let preimage = world.new_preimage();
    for expiry in [0, u32::MAX] {
        let call = change(preimage, created(expiry));
        refuses(&mut world, call, InvoiceError::BadExpiry);
    }
}

#[test]
fn open_invoice_is_accepted_with_its_htlc_and_open_again_when_that_fails() {
    let (mut world, preimage, id) = offered(3, 1_000_000, 1_000_000);
    assert_eq!(status(&world, preimage), InvoiceStatus::Accepted);
    let cancel = change(preimage, cancelled(1));
    refuses(&mut world, cancel, InvoiceError::HtlcCommitted);
    world.b.local(LocalCommand::FailHtlc {
        id,
        reason: vec![0; 292],
    });
    assert_eq!(status(&world, preimage), InvoiceStatus::Open);
    world.settle();
    let cancel = change(preimage, cancelled(2));
    world.b.node.report(cancel).unwrap();
    assert_eq!(status(&world, preimage), InvoiceStatus::Cancelled);
    let payment = read::payment(&*world.a.node.snapshot(), &preimage.payment_hash()).unwrap();
    // Whether another way is tried is the payer's node to say.
    assert_eq!(payment.status, PaymentStatus::Pending);
    assert!(payment.failure.is_some());
}

#[test]
fn open_invoice_paid_too_little_or_too_much_releases_nothing() {
    for (seed, paid) in [(4, 999_999), (5, 2_000_001)] {
        let (mut world, preimage, id) = offered(seed, 1_000_000, paid);
        assert_eq!(status(&world, preimage), InvoiceStatus::Open);
        let code = InvoiceError::WrongAmount as u8;
        world.b.refuses(fulfill(id, preimage), code);
    }
}

#[test]
fn open_invoice_of_any_amount_is_paid_by_any() {
    let (mut world, preimage, id) = offered(6, 0, 1_234_567);
    world.b.step(fulfill(id, preimage));
    let invoice = read::invoice(&*world.b.node.snapshot(), &preimage.payment_hash()).unwrap();
    assert_eq!(invoice.status, InvoiceStatus::Paid);
    assert_eq!(invoice.received_msat, Msat::new(1_234_567));
}

#[test]
fn accepted_invoice_keeps_its_preimage_until_it_is_released() {
    let (mut world, preimage, id) = offered(7, 1_000_000, 1_000_000);
    let before = read::invoice(&*world.b.node.snapshot(), &preimage.payment_hash()).unwrap();
    assert_eq!(before.preimage, None);
    world.b.refuses(
        fulfill(id, PaymentPreimage([9; 32])),
        HtlcError::WrongPreimage as u8,
    );
    world.b.step(fulfill(id, preimage));
    let after = read::invoice(&*world.b.node.snapshot(), &preimage.payment_hash()).unwrap();
    assert_eq!(after.preimage, Some(preimage));
}

#[test]
fn fulfilled_htlc_is_never_failed() {
    let (mut world, preimage, id) = offered(8, 1_000_000, 1_000_000);
    world.b.step(fulfill(id, preimage));
    let code = HtlcError::PreimageKnown as u8;
    let fail = LocalCommand::FailHtlc {
        id,
        reason: vec![0; 292],
    };
    world.b.refuses(Command::Local(fail), code);
    let malformed = LocalCommand::FailMalformedHtlc {
        id,
        sha256_of_onion: [0; 32],
        failure_code: 0xc005,
    };
    world.b.refuses(Command::Local(malformed), code);
}

#[test]
fn unknown_htlc_fulfilled_or_failed_is_refused() {
    let mut world = World::normal(&config(), 9);
    let (id, preimage) = (HtlcId(5), world.new_preimage());
    let code = HtlcError::UnknownHtlc as u8;
    world.b.refuses(fulfill(id, preimage), code);
    let fail = LocalCommand::FailHtlc {
        id,
        reason: vec![0; 292],
    };
    world.b.refuses(Command::Local(fail), code);
}

#[test]
fn ended_invoice_releases_nothing_and_its_htlc_can_be_failed() {
    let mut world = World::normal(&config(), 10);
    let preimage = world.new_preimage();
    world.invoice(Side::Counterparty, 1_000_000, preimage);
    let cancel = change(preimage, cancelled(1));
    world.b.node.report(cancel).unwrap();
    world.order(Side::Holder, 1_000_000, preimage);
    let id = world.offer(Side::Holder, 1_000_000, preimage);
    let code = InvoiceError::NotPayable as u8;
    world.b.refuses(fulfill(id, preimage), code);
    world.b.local(LocalCommand::FailHtlc {
        id,
        reason: vec![0; 292],
    });
}

#[test]
fn open_invoice_expires_at_its_time_and_not_before() {
    let mut world = World::normal(&config(), 11);
    let preimage = world.new_preimage();
    let create = change(preimage, created(3_600));
    world.b.node.report(create).unwrap();
    let at = |now| change(preimage, InvoiceChange::Expired { now });
    refuses(&mut world, at(CREATED + 3_599), InvoiceError::NotExpired);
    refuses(&mut world, at(CREATED - 1), InvoiceError::TimeWentBack);
    world.b.node.report(at(CREATED + 3_600)).unwrap();
    assert_eq!(status(&world, preimage), InvoiceStatus::Expired);
    assert_eq!(
        read::newest_time(&*world.b.node.snapshot()),
        CREATED + 3_600
    );
    refuses(&mut world, at(CREATED + 3_601), InvoiceError::NotPayable);
}

#[test]
fn unknown_invoice_ended_is_refused() {
    let mut world = World::normal(&config(), 12);
    let preimage = world.new_preimage();
    let cancel = change(preimage, cancelled(1));
    refuses(&mut world, cancel, InvoiceError::UnknownInvoice);
}
