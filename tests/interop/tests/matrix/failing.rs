//! Payments that must fail, with the right code and from the right node.

use zarnitsa_interop::link::{Link, Plan};
use zarnitsa_interop::ours::failure;
use zarnitsa_interop::protocol::Outcome;
use zarnitsa_interop::world::World;

use crate::closing::Held;

#[test]
fn ldk_gives_a_payment_back_and_we_know_that_it_was_ldk() {
    let world = World::start();
    let (ours, ldk) = (world.ours("ours", "hub"), world.ldk("ldk"));
    let link = Link::opened_by_us(&world, &ours, &ldk, Plan::private(1_000_000));
    let before = link.check_agreement();
    let held = Held::begin(&link, 5_000_000);
    held.fail(&link);
    held.until_status(&link, "failed");
    let payment = ours.api().payment(&held.hash()).expect("our payment");
    let why = failure(&payment);
    assert_eq!(why.code, "incorrect_or_unknown_payment_details");
    assert_eq!(why.node_id.as_deref(), Some(ldk.node_id()));
    assert_eq!(link.check_agreement(), before);
}

#[test]
fn we_refuse_far_more_than_the_invoice_asks_and_ldk_knows_why() {
    let world = World::start();
    let (ours, ldk) = (world.ours("ours", "hub"), world.ldk("ldk"));
    let link = Link::opened_by_ldk(&world, &ours, &ldk, Plan::private(1_000_000));
    let before = link.check_agreement();
    let invoice = link.ours.invoice(2_000_000, "not so much").expect("one");
    // BOLT 4: a final node fails what is more than twice the amount expected.
    let outcome = link.ldk.pay_amount(&invoice.invoice, 4_000_001);
    let Ok(Outcome::Failed { reason }) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(reason.contains("RecipientRejected"), "{reason}");
    let our_id = ours.api().info().expect("our info").node_id;
    // ldk-node's log is where it says what it was told, and by whom.
    let log = ldk.log();
    let told = log
        .lines()
        .find(|line| line.contains("Onion Error[from"))
        .expect("ldk-node logs what it was told");
    assert!(told.contains(&our_id) && told.contains("0x400f"), "{told}");
    let status = link.ours.invoice_of(&invoice.payment_hash).expect("it");
    assert_eq!(status.status, "open");
    assert_eq!(link.check_agreement(), before);
}

#[test]
fn payment_beyond_what_the_channel_holds_is_not_begun() {
    let world = World::start();
    let (ours, ldk) = (world.ours("ours", "hub"), world.ldk("ldk"));
    let link = Link::opened_by_us(&world, &ours, &ldk, Plan::private(1_000_000));
    let before = link.check_agreement();
    let invoice = link.ldk.invoice(600_000_000);
    match link.ours.pay(&invoice) {
        Ok(payment) => assert_eq!(payment.status, "failed", "{payment:?}"),
        Err(error) => assert_ne!(error.code(), "internal", "{error}"),
    }
    let invoice = link.ours.invoice(600_000_000, "too much").expect("one");
    let outcome = link.ldk.pay(&invoice.invoice);
    assert!(!matches!(outcome, Ok(Outcome::Paid { .. })), "{outcome:?}");
    assert_eq!(link.check_agreement(), before);
}
