//! BOLT 12: payments by blinded paths, which hide from the payer who is paid.

use serde_json::Value;
use zarnitsa_interop::ldk::Line;
use zarnitsa_interop::link::Plan;
use zarnitsa_interop::net::{Hand, Member, Net};
use zarnitsa_interop::ours::Ours as _;
use zarnitsa_interop::protocol::Outcome;
use zarnitsa_interop::world::World;
use zarnitsa_tests::node::Node;
use zarnitsa_tests::wait;

const SAT: u64 = 2_000_000;
const MSAT: u64 = 25_000_000;

/// A payer and a payee whose channels nobody knows but the hub: it passes on what they say to each other, and whoever pays
/// enters a blinded path there. (ldk-node answers one who is in the graph at the address there, past the hub.)
fn row(names: [&str; 3]) -> Net {
    let mut net = Net::start(World::start(), &names);
    net.open(0, 1, Plan::private(SAT));
    net.open(1, 2, Plan::private(SAT));
    net
}

fn ldk(net: &Net, place: usize) -> Line {
    match net.members[place].hand() {
        Hand::Ldk(line) => line,
        Hand::Ours(_) => panic!("{} is ours", net.members[place].name()),
    }
}

/// ldk-node has no offer before it knows a way by which its payer could ask.
fn offer(payee: &Line, msat: Option<u64>) -> String {
    wait::until("ldk-node makes an offer", || payee.offer(msat).ok())
}

#[test]
fn offer_of_ldk_is_paid_by_ldk_through_us_who_open_its_blinded_path() {
    let net = row(["ldk-payer", "hub", "ldk-payee"]);
    let before = net.check_balances();
    let (payer, payee) = (ldk(&net, 0), ldk(&net, 2));
    let told = payer.pay_offer(&offer(&payee, Some(MSAT)), None);
    let Ok(Outcome::Paid { fee_msat, .. }) = told else {
        panic!("{told:?}");
    };
    assert!(fee_msat > 0, "the hub works for nothing");
    let told = payer.pay_offer(&offer(&payee, None), Some(MSAT / 3));
    assert!(matches!(told, Ok(Outcome::Paid { .. })), "{told:?}");
    assert_eq!(net.check_balances(), before);
    net.check_books();
    let Hand::Ours(hub) = net.members[1].hand() else {
        panic!("the hub is ours");
    };
    let forwards = hub.forwards().expect("the hub's forwards");
    let done = forwards.iter().filter(|one| one["status"] == "succeeded");
    assert_eq!(done.count(), 2, "{forwards:?}");
    net.verify_ledgers();
}

#[test]
fn payment_into_a_blinded_path_that_we_do_not_forward_fails_at_its_beginning() {
    let net = row(["ldk-payer", "hub", "ldk-payee"]);
    let before = net.check_balances();
    let (payer, payee) = (ldk(&net, 0), ldk(&net, 2));
    let offer = offer(&payee, Some(MSAT));
    let Member::Ours(hub) = &net.members[1] else {
        panic!("the hub is ours");
    };
    let _: Value = hub.json(&["policy", "set", "--forward", "false"]);
    let told = payer.pay_offer(&offer, None);
    assert!(matches!(told, Ok(Outcome::Failed { .. })), "{told:?}");
    let Member::Ldk(payer) = &net.members[0] else {
        panic!("the payer is ldk-node");
    };
    // What we said was read as ours: LDK complains otherwise.
    let log = payer.log();
    assert!(log.contains("UpdateFailHTLC"), "no HTLC has failed");
    assert!(!log.contains("Non-attributable failure"));
    assert_eq!(net.check_balances(), before);
    net.check_books();
}

fn ours(net: &Net, place: usize) -> &Node {
    match &net.members[place] {
        Member::Ours(node) => node,
        Member::Ldk(_) => panic!("{} is ldk-node", net.members[place].name()),
    }
}

fn our_offer(node: &Node, amount: &str) -> String {
    let made: Value = node.json(&["offer", "create", amount]);
    made["offer"].as_str().expect("an offer").to_owned()
}

#[test]
fn offers_of_ldk_and_ours_are_paid_by_each_other_through_our_hub() {
    let net = row(["ours", "hub", "ldk"]);
    let before = net.check_balances();
    let other = ldk(&net, 2);
    let paid: Value = ours(&net, 0).json(&["pay", &offer(&other, Some(MSAT))]);
    assert_eq!(paid["status"], "succeeded", "{paid}");
    let any = offer(&other, None);
    let paid: Value = ours(&net, 0).json(&["pay", &any, "--amount", "7000sat"]);
    assert_eq!(paid["status"], "succeeded", "{paid}");
    for (amount, msat) in [("9000sat", None), ("any", Some(MSAT / 3))] {
        let told = other.pay_offer(&our_offer(ours(&net, 0), amount), msat);
        assert!(matches!(told, Ok(Outcome::Paid { .. })), "{told:?}");
    }
    assert_eq!(net.check_balances(), before);
    net.check_books();
    net.verify_ledgers();
}

/// Where the world knows the payee there is nobody to hide behind: it is itself where its path begins.
#[test]
fn offer_of_a_public_node_of_ours_is_paid_by_ldk_at_its_door() {
    let mut net = Net::start(World::start(), &["ldk", "ours"]);
    net.open(0, 1, Plan::announced(SAT));
    let before = net.check_balances();
    let offer = our_offer(ours(&net, 1), "any");
    let payer = ldk(&net, 0);
    for msat in [MSAT, 1_000] {
        let told = payer.pay_offer(&offer, Some(msat));
        let Ok(Outcome::Paid { fee_msat, .. }) = told else {
            panic!("{told:?}");
        };
        assert_eq!(fee_msat, 0, "a direct payment costs nothing");
    }
    assert_eq!(net.check_balances(), before);
    net.check_books();
    net.verify_ledgers();
}
