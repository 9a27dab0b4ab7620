//! Attribution data (BOLT 4): what each node on the way says of itself beside a failure or a preimage, and proves.

use std::thread;

use bitcoin::hashes::{sha256, Hash};
use serde_json::Value;
use zarnitsa_interop::net::{Hand, Member, Net, Told};
use zarnitsa_interop::protocol::Order;
use zarnitsa_tests::node::Node;
use zarnitsa_tests::wait;

use crate::forwards::row;

/// Pays what its payee will give back, and waits for the end; `accepted` comes back once the payee has it.
fn pay_and_fail(net: &Net, invoice: String, accepted: impl Fn() -> bool, fail: impl FnOnce()) {
    let payer = net.members[0].hand();
    let paying = thread::spawn(move || payer.pay(&invoice));
    wait::until("the payee has the payment", || accepted().then_some(()));
    fail();
    let told = paying.join().expect("the payer ends");
    assert!(matches!(told, Told::Failed(_)), "{told:?}");
}

#[test]
fn ldk_reads_how_long_our_hub_and_our_payee_have_held_a_payment() {
    let net = row(["ldk-payer", "hub", "payee"]);
    net.first_payment(0, 2, 1_000_000);
    let before = net.check_balances();
    let (Member::Ldk(payer), Member::Ours(payee)) = (&net.members[0], &net.members[2]) else {
        panic!("other nodes");
    };
    let made: Value = payee.json(&["invoice", "create", "20000sat", "--hold"]);
    let text = |name: &str| made[name].as_str().expect("text").to_owned();
    let hash = text("payment_hash");
    let accepted = || {
        let now = payee.api().invoice_of(&hash);
        now.is_ok_and(|now| now.status == "accepted")
    };
    pay_and_fail(&net, text("invoice"), accepted, || {
        let _: Value = payee.json(&["invoice", "cancel", &hash]);
    });
    let log = payer.log();
    for place in ["at pos 0: ", "at pos 1: "] {
        let read = format!("Htlc hold time {place}");
        assert!(log.contains(&read), "not read: {read}");
    }
    assert!(!log.contains("Invalid failure HMAC"));
    assert_eq!(net.check_balances(), before);
    net.verify_ledgers();
}

#[test]
fn we_read_how_long_ldk_s_hub_and_payee_have_held_a_payment() {
    let net = row(["payer", "ldk-hub", "ldk-payee"]);
    net.first_payment(0, 2, 1_000_000);
    let before = net.check_balances();
    let (Member::Ours(payer), Hand::Ldk(payee)) = (&net.members[0], net.members[2].hand()) else {
        panic!("other nodes");
    };
    let hash = sha256::Hash::hash(&[9; 32]).to_string();
    let order = Order::HoldInvoice {
        msat: 20_000_000,
        hash: hash.clone(),
    };
    let invoice: String = payee.ask(order).expect("an invoice");
    let accepted = || {
        let events: Result<Vec<zarnitsa_interop::protocol::Happened>, _> = payee.ask(Order::Events);
        let events = events.unwrap_or_default();
        events
            .iter()
            .any(|it| it.kind == "PaymentClaimable" && it.subject == hash)
    };
    pay_and_fail(&net, invoice, accepted, || {
        let failed: Result<(), _> = payee.ask(Order::Fail { hash: hash.clone() });
        failed.expect("it gives it back");
    });
    assert_eq!(read(payer, "held what failed"), 2);
    assert_eq!(net.check_balances(), before);
    net.verify_ledgers();
}

/// Of how many nodes our payer has read for how long they held it.
fn read(payer: &Node, what: &str) -> usize {
    let line = wait::until("it says how long", || {
        let log = payer.log();
        let found = log.lines().find(|line| line.contains(what));
        found.map(str::to_owned)
    });
    let times = line.split_once("tenths=[").expect("a list").1;
    let times = times.split_once(']').expect("its end").0;
    times.split(", ").filter(|time| !time.is_empty()).count()
}

#[test]
fn ldk_takes_the_times_that_our_hub_and_our_payee_send_beside_a_preimage() {
    let net = row(["ldk-payer", "hub", "payee"]);
    net.first_payment(0, 2, 1_000_000);
    let Member::Ldk(payer) = &net.members[0] else {
        panic!("another node");
    };
    let log = payer.log();
    let mut lines = log.lines();
    let came = lines.find(|line| line.contains("Received message UpdateFulfillHTLC"));
    let came = came.expect("its payment has succeeded");
    assert!(came.contains("attribution_data: Some("), "{came}");
    // It looks at each node's word in turn, and complains of the first that does not hold.
    assert!(!log.contains("Invalid fulfill HMAC"));
    net.check_balances();
    net.verify_ledgers();
}

fn check_read(names: [&str; 3]) {
    let net = row(names);
    net.first_payment(0, 2, 1_000_000);
    let Member::Ours(payer) = &net.members[0] else {
        panic!("another node");
    };
    assert_eq!(read(payer, "held what has paid"), 2);
    net.check_balances();
    net.verify_ledgers();
}

#[test]
fn we_read_how_long_ldk_s_hub_and_payee_have_held_what_has_paid() {
    check_read(["payer", "ldk-hub", "ldk-payee"]);
}

#[test]
fn ldk_s_hub_passes_on_the_time_of_our_payee() {
    check_read(["payer", "ldk-hub", "payee"]);
}

#[test]
fn our_hub_passes_on_the_time_of_ldk_s_payee() {
    check_read(["payer", "hub", "ldk-payee"]);
}

#[test]
fn we_offer_attribution_data_to_peers_and_ldk_minds_it_not() {
    let net = row(["ldk-payer", "hub", "payee"]);
    let Member::Ours(hub) = &net.members[1] else {
        panic!("another node");
    };
    // BOLT 9: what ldk-node 0.7.1 does, it does not offer; we do.
    let peers: Vec<Value> = hub.json(&["peer", "list"]);
    let offers = |id: &str| {
        let peer = peers.iter().find(|peer| peer["node_id"] == id);
        let features = peer.expect("a peer")["features"].as_array().cloned();
        features.is_some_and(|all| all.iter().any(|it| it == "option_attribution_data"))
    };
    assert!(offers(&net.members[2].node_id()));
    assert!(!offers(&net.members[0].node_id()));
    // Its payee's invoices say it too.
    net.first_payment(0, 2, 1_000_000);
}
