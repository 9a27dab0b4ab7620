//! Payments in several parts, and invoices that the operator holds.

use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::command::{Command, LocalCommand};
use zarnitsa_channel::ids::{HtlcId, PaymentPreimage};
use zarnitsa_channel::params::Side;
use zarnitsa_service::records::{HtlcRef, Invoice, InvoiceStatus};
use zarnitsa_service::transactions::{InvoiceChange, InvoiceStep, NewInvoice};
use zarnitsa_service::{read, HtlcError, InvoiceError, LedgerCall};

use crate::world::{config, World};

const PART: u64 = 600_000;

fn change(preimage: PaymentPreimage, change: InvoiceChange) -> LedgerCall {
    LedgerCall::Invoice(InvoiceStep {
        payment_hash: preimage.payment_hash(),
        change,
    })
}

fn invoice(world: &World, preimage: PaymentPreimage) -> Invoice {
    read::invoice(&*world.b.node.snapshot(), &preimage.payment_hash()).unwrap()
}

fn fulfill(id: HtlcId, preimage: PaymentPreimage) -> LocalCommand {
    LocalCommand::FulfillHtlc { id, preimage }
}

fn fail(id: HtlcId) -> LocalCommand {
    LocalCommand::FailHtlc {
        id,
        reason: vec![0; 292],
    }
}

fn held(world: &World, ids: &[HtlcId]) -> InvoiceChange {
    let htlcs = ids.iter().map(|id| HtlcRef {
        channel_id: world.b.id(),
        offerer: Side::Counterparty,
        id: *id,
    });
    InvoiceChange::Held {
        htlcs: htlcs.collect(),
    }
}

fn report(world: &mut World, call: LedgerCall) {
    world.b.node.report(call).unwrap();
}

fn refuses(world: &mut World, call: LedgerCall, code: InvoiceError) {
    let key = world.b.node.node.clone();
    world.b.node.refuses(&key, call, code as u8);
}

fn cancelled(nonce: u8) -> InvoiceChange {
    InvoiceChange::Cancelled { nonce: [nonce; 32] }
}

/// `b`'s invoice of two parts' worth, and both parts committed.
fn in_two_parts(seed: u64, hold: bool) -> (World, PaymentPreimage, [HtlcId; 2]) {
    let mut world = World::normal(&config(), seed);
    let preimage = world.new_preimage();
    let created = InvoiceChange::Created(NewInvoice {
        nonce: [3; 32],
        amount_msat: Msat::new(2 * PART),
        description: String::new(),
        created_at: 1_700_000_000,
        expiry_seconds: 3_600,
        invoice: "lnbcrt1".to_owned(),
        hold,
        keysend: false,
    });
    let created = change(preimage, created);
    report(&mut world, created);
    world.order(Side::Holder, 2 * PART, preimage);
    let first = world.offer(Side::Holder, PART, preimage);
    let second = world.offer(Side::Holder, PART, preimage);
    (world, preimage, [first, second])
}

#[test]
fn parts_without_a_set_release_nothing() {
    let (mut world, preimage, [first, _]) = in_two_parts(1, false);
    assert_eq!(invoice(&world, preimage).status, InvoiceStatus::Open);
    let code = InvoiceError::WrongAmount as u8;
    world
        .b
        .refuses(Command::Local(fulfill(first, preimage)), code);
}

#[test]
fn parts_in_a_set_are_claimed_together_and_none_of_them_is_failed() {
    let (mut world, preimage, [first, second]) = in_two_parts(2, false);
    let set = change(preimage, held(&world, &[first, second]));
    report(&mut world, set);
    let accepted = invoice(&world, preimage);
    assert_eq!(accepted.status, InvoiceStatus::Accepted);
    assert_eq!(accepted.received_msat, Msat::new(2 * PART));
    let cancel = change(preimage, cancelled(1));
    refuses(&mut world, cancel, InvoiceError::HtlcCommitted);
    world.b.local(fulfill(first, preimage));
    let paid = invoice(&world, preimage);
    assert_eq!(paid.status, InvoiceStatus::Paid);
    assert_eq!(paid.received_msat, Msat::new(2 * PART));
    assert_eq!(paid.htlcs.len(), 2);
    let code = HtlcError::PreimageKnown as u8;
    world.b.refuses(Command::Local(fail(second)), code);
    world.b.local(fulfill(second, preimage));
    world.settle();
    assert_eq!(invoice(&world, preimage).received_msat, paid.received_msat);
    assert_eq!(
        world.b.node.replayed().state_hash(),
        world.b.node.state_hash()
    );
}

#[test]
fn set_of_too_little_or_of_the_wrong_htlcs_is_refused() {
    let (mut world, preimage, [first, second]) = in_two_parts(3, false);
    let one = change(preimage, held(&world, &[first]));
    refuses(&mut world, one, InvoiceError::WrongAmount);
    let twice = change(preimage, held(&world, &[first, first]));
    refuses(&mut world, twice, InvoiceError::BadSet);
    let unknown = change(preimage, held(&world, &[first, HtlcId(9)]));
    refuses(&mut world, unknown, InvoiceError::BadSet);
    let none = change(preimage, held(&world, &[]));
    refuses(&mut world, none, InvoiceError::WrongAmount);
    let other = world.new_preimage();
    let other = change(other, held(&world, &[first, second]));
    refuses(&mut world, other, InvoiceError::UnknownInvoice);
    world.b.local(fail(second));
    let gone = change(preimage, held(&world, &[second, first]));
    refuses(&mut world, gone, InvoiceError::BadSet);
}

#[test]
fn held_invoice_is_accepted_by_its_set_alone_and_claimed_once_settled() {
    let (mut world, preimage, [first, second]) = in_two_parts(4, true);
    let settle = || change(preimage, InvoiceChange::Settled { preimage });
    refuses(&mut world, settle(), InvoiceError::NotPayable);
    let set = change(preimage, held(&world, &[first, second]));
    report(&mut world, set);
    assert_eq!(invoice(&world, preimage).status, InvoiceStatus::Accepted);
    let code = InvoiceError::Held as u8;
    world
        .b
        .refuses(Command::Local(fulfill(second, preimage)), code);
    let wrong = InvoiceChange::Settled {
        preimage: PaymentPreimage([1; 32]),
    };
    let wrong = change(preimage, wrong);
    refuses(&mut world, wrong, InvoiceError::WrongPreimage);
    let key = world.b.node.operator.clone();
    // The first refusal of a settlement is in the ledger: the operator's key makes another transaction.
    let tx = zarnitsa_service::transaction(&key, settle());
    world.b.node.execute(tx).unwrap();
    assert_eq!(invoice(&world, preimage).status, InvoiceStatus::Paid);
    let code = HtlcError::PreimageKnown as u8;
    world.b.refuses(Command::Local(fail(first)), code);
    world.b.local(fulfill(first, preimage));
    world.b.local(fulfill(second, preimage));
    world.settle();
    assert_eq!(invoice(&world, preimage).preimage, Some(preimage));
}

#[test]
fn held_invoice_cancelled_gives_its_htlcs_back() {
    let (mut world, preimage, [first, second]) = in_two_parts(5, true);
    let set = change(preimage, held(&world, &[first, second]));
    report(&mut world, set);
    let cancel = change(preimage, cancelled(1));
    report(&mut world, cancel);
    assert_eq!(invoice(&world, preimage).status, InvoiceStatus::Cancelled);
    let code = InvoiceError::Held as u8;
    world
        .b
        .refuses(Command::Local(fulfill(first, preimage)), code);
    let settle = change(preimage, InvoiceChange::Settled { preimage });
    refuses(&mut world, settle, InvoiceError::NotPayable);
    world.b.local(fail(first));
    world.b.local(fail(second));
    world.settle();
}

#[test]
fn invoice_that_is_not_held_is_not_settled_by_the_operator() {
    let (mut world, preimage, _) = in_two_parts(6, false);
    let settle = change(preimage, InvoiceChange::Settled { preimage });
    refuses(&mut world, settle, InvoiceError::NotHeld);
}
