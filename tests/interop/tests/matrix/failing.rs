//! Payments that must fail, with the right code and from the right node.

use zarnitsa_interop::link::{Link, Plan};
use zarnitsa_interop::net::{Hand, Member, Net, Told};
use zarnitsa_interop::ours::{failure, Ours as _};
use zarnitsa_interop::protocol::Outcome;
use zarnitsa_interop::world::World;

use crate::closing::Held;
use crate::forwards::row;

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

/// More than the hub has on its channel to the payee, and less than the payer knows that channel to hold.
const TOO_MUCH_MSAT: u64 = 150_000_000;

/// All but a little of the second channel is the payee's.
fn row_that_ends_dry(names: [&str; 3]) -> Net {
    let mut net = Net::start(World::start(), &names);
    net.open(0, 1, Plan::announced(2_000_000));
    let plan = Plan {
        push_msat: 60_000_000,
        ..Plan::announced(2_000_000)
    };
    net.open(2, 1, plan);
    // The payer learns the way by a payment small enough.
    net.first_payment(0, 2, 1_000_000);
    net
}

/// The payer is told who could not pass it on, and why.
#[test]
fn ldk_hub_without_coins_towards_the_payee_is_the_culprit() {
    let net = row_that_ends_dry(["payer", "ldk-hub", "payee"]);
    let before = net.check_balances();
    let (Hand::Ours(payer), Hand::Ours(payee)) = (net.members[0].hand(), net.members[2].hand())
    else {
        panic!("payer and payee are ours");
    };
    let invoice = payee.invoice(TOO_MUCH_MSAT, "too much").expect("one");
    let payment = payer.pay(&invoice.invoice).expect("its end");
    assert_eq!(payment.status, "failed", "{payment:?}");
    let path = format!("payments/{}", invoice.payment_hash);
    let payment = payer.look(&path).expect("the payment");
    let parts = payment["parts"].as_array().expect("a list");
    assert!(!parts.is_empty(), "{payment}");
    for part in parts {
        let why = &part["failure"];
        assert_eq!(why["code"], "temporary_channel_failure", "{payment}");
        assert_eq!(why["node_id"], net.members[1].node_id(), "{payment}");
    }
    assert_eq!(net.check_balances(), before);
}

/// ldk-node's log is where it says what it was told, and by whom: our hub, and BOLT 4's number of the failure.
fn check_told(net: &Net, number: &str) {
    let Member::Ldk(payer) = &net.members[0] else {
        panic!("the payer is ldk-node");
    };
    let hub = net.members[1].node_id();
    let log = payer.log();
    let mut told = log.lines().filter(|line| line.contains("Onion Error[from"));
    let last = told.next_back().expect("ldk-node logs what it was told");
    assert!(last.contains(&hub) && last.contains(number), "{last}");
}

#[test]
fn our_hub_without_coins_towards_the_payee_is_the_culprit() {
    let net = row_that_ends_dry(["ldk-payer", "hub", "ldk-payee"]);
    let before = net.check_balances();
    let (payer, payee) = (net.members[0].hand(), net.members[2].hand());
    let told = payer.pay(&payee.invoice(TOO_MUCH_MSAT).expect("one"));
    assert!(matches!(told, Told::Failed(_)), "{told:?}");
    // temporary_channel_failure
    check_told(&net, "0x1007");
    assert_eq!(net.check_balances(), before);
}

#[test]
fn our_hub_whose_next_peer_is_away_is_the_culprit() {
    let mut net = row(["ldk-payer", "hub", "payee"]);
    net.first_payment(0, 2, 1_000_000);
    let before = net.check_balances();
    let (payer, payee) = (net.members[0].hand(), net.members[2].hand());
    let invoice = payee.invoice(2_000_000).expect("one");
    let Member::Ours(node) = &mut net.members[2] else {
        panic!("the payee is ours");
    };
    node.stop();
    let told = payer.pay(&invoice);
    assert!(matches!(told, Told::Failed(_)), "{told:?}");
    check_told(&net, "0x1007");
    if let Member::Ours(node) = &mut net.members[2] {
        node.start();
    }
    assert_eq!(net.check_balances(), before);
}
