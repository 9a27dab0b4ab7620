//! One payment, checked at both ends.

use bitcoin::hashes::{sha256, Hash};
use bitcoin::hex::FromHex;
use zarnitsa_interop::link::{Link, Plan};
use zarnitsa_interop::net::{Net, Told};
use zarnitsa_interop::protocol::Outcome;
use zarnitsa_interop::world::World;
use zarnitsa_tests::wait;

/// The preimage is the hash's.
pub fn check_proof(preimage: &str, hash: &str) {
    let preimage = Vec::from_hex(preimage).expect("lower-case hex");
    assert_eq!(sha256::Hash::hash(&preimage).to_string(), hash);
}

/// We pay ldk-node over this very channel.
pub fn pay_ldk(link: &Link, msat: u64) {
    let invoice = link.ldk.invoice(msat);
    let payment = link
        .ours
        .pay(&invoice)
        .unwrap_or_else(|error| panic!("ldk-node is not paid: {error}"));
    assert_eq!(payment.status, "succeeded", "{payment:?}");
    assert_eq!((payment.amount_msat, payment.fee_msat), (msat, 0));
    let preimage = payment.preimage.expect("a proof of payment");
    check_proof(&preimage, &payment.payment_hash);
    let received = link
        .ldk
        .until_event("PaymentReceived", &payment.payment_hash);
    assert!(
        received.text.contains(&format!("amount_msat: {msat}")),
        "{received:?}"
    );
}

/// ldk-node pays us over this very channel.
pub fn pay_us(link: &Link, msat: u64) {
    let invoice = link
        .ours
        .invoice(msat, "from ldk-node")
        .expect("an invoice");
    match link.ldk.pay(&invoice.invoice) {
        Ok(Outcome::Paid { preimage, fee_msat }) => {
            assert_eq!(fee_msat, 0, "a direct payment costs nothing");
            check_proof(&preimage, &invoice.payment_hash);
        }
        other => panic!("we are not paid: {other:?}"),
    }
    wait::until("our invoice is paid", || {
        let now = link.ours.invoice_of(&invoice.payment_hash).ok()?;
        (now.status == "paid" && now.received_msat == Some(msat)).then_some(())
    });
}

/// Both ways, some of it below a satoshi; the books agree after each.
pub fn pay_both_ways(link: &Link) {
    let before = link.check_agreement();
    pay_ldk(link, 7_000_001);
    assert_eq!(link.check_agreement(), before - 7_000_001);
    pay_us(link, 9_000_007);
    assert_eq!(link.check_agreement(), before - 7_000_001 + 9_000_007);
}

#[test]
fn payment_below_the_dust_limit_each_way() {
    let world = World::start();
    let (ours, ldk) = (world.ours("ours", "hub"), world.ldk("ldk"));
    let link = Link::opened_by_us(&world, &ours, &ldk, Plan::private(1_000_000));
    let before = link.check_agreement();
    pay_ldk(&link, 100_001);
    pay_us(&link, 353_999);
    pay_us(&link, 1);
    assert_eq!(link.check_agreement(), before - 100_001 + 353_999 + 1);
}

#[test]
fn invoice_that_leaves_the_amount_open_is_paid_each_way() {
    let world = World::start();
    let (ours, ldk) = (world.ours("ours", "hub"), world.ldk("ldk"));
    let link = Link::opened_by_us(&world, &ours, &ldk, Plan::private(1_000_000));
    let before = link.check_agreement();

    let any: serde_json::Value = ours.json(&["invoice", "create", "any"]);
    let text = any["invoice"].as_str().expect("an invoice");
    let outcome = link.ldk.pay_amount(text, 5_000_000);
    assert!(matches!(outcome, Ok(Outcome::Paid { .. })), "{outcome:?}");

    let order = zarnitsa_interop::protocol::Order::Invoice { msat: None };
    let any: String = link.ldk.ask(order).expect("an invoice");
    let paid: serde_json::Value = ours.json(&["pay", &any, "--amount", "3000000msat"]);
    assert_eq!(paid["status"], "succeeded", "{paid}");
    assert_eq!(link.check_agreement(), before + 5_000_000 - 3_000_000);
}

#[test]
fn many_payments_at_once_each_way() {
    const EACH_WAY: u64 = 25;
    let world = World::start();
    let (ours, ldk) = (world.ours("ours", "hub"), world.ldk("ldk"));
    let link = Link::opened_by_us(&world, &ours, &ldk, Plan::private(5_000_000));
    let before = link.check_agreement();
    std::thread::scope(|scope| {
        for number in 0..EACH_WAY {
            let link = &link;
            scope.spawn(move || pay_ldk(link, 1_000_000 + number));
            scope.spawn(move || pay_us(link, 2_000_000 + number));
        }
    });
    assert_eq!(link.check_agreement(), before + EACH_WAY * 1_000_000);
    world.verify_ledgers(&[&ours]);
}

#[test]
fn keysend_each_way() {
    let mut net = Net::start(World::start(), &["hub", "ldk"]);
    net.open(0, 1, Plan::private(1_000_000));
    let before = net.check_balances();
    for (from, to) in [(0, 1), (1, 0)] {
        let node_id = net.members[to].node_id();
        let told = net.members[from].hand().keysend(&node_id, 11_000_001);
        let direct = Told::Paid { fee_msat: 0 };
        assert_eq!(told, direct, "{} pays", net.members[from].name());
    }
    assert_eq!(net.check_balances(), before);
    net.check_books();
    net.verify_ledgers();
}

#[test]
fn invoice_with_metadata_is_paid_by_ldk_node_which_sends_it() {
    let world = World::start();
    let (ours, ldk) = (world.ours("ours", "hub"), world.ldk("ldk"));
    let link = Link::opened_by_us(&world, &ours, &ldk, Plan::private(1_000_000));
    let before = link.check_agreement();
    let text = |amount: &str, metadata: &str| {
        let words = ["invoice", "create", amount, "--metadata", metadata];
        let invoice: serde_json::Value = ours.json(&words);
        invoice["invoice"].as_str().expect("an invoice").to_owned()
    };
    // Without it we refuse what is paid: so this shows that ldk-node has sent it.
    let outcome = link.ldk.pay(&text("50000sat", "00c0ffee"));
    assert!(matches!(outcome, Ok(Outcome::Paid { .. })), "{outcome:?}");
    assert_eq!(link.check_agreement(), before + 50_000_000);
}
