//! A payment through somebody else: each kind of node at each end and in the middle.

use zarnitsa_interop::link::Plan;
use zarnitsa_interop::net::{Hand, Net, Told};
use zarnitsa_interop::ours::Ours as _;
use zarnitsa_interop::world::World;

const SAT: u64 = 2_000_000;
const MSAT: u64 = 25_000_000;

/// Payer, hub and payee, in a row, over channels that the world knows.
pub fn row(names: [&str; 3]) -> Net {
    let mut net = Net::start(World::start(), &names);
    net.open(0, 1, Plan::announced(SAT));
    net.open(1, 2, Plan::announced(SAT));
    net
}

/// There and back: the hub earns its fee, and the books agree.
fn check_through(names: [&str; 3]) {
    let net = row(names);
    let before = net.check_balances();
    for (payer, payee, msat) in [(0, 2, MSAT), (2, 0, MSAT / 2)] {
        let fee = net.first_payment(payer, payee, msat);
        assert!(fee > 0, "the hub works for nothing");
        assert!(fee < msat / 100, "{fee} msat");
    }
    assert_eq!(net.check_balances(), before);
    net.check_books();
    if let Hand::Ours(hub) = net.members[1].hand() {
        let forwards = hub.forwards().expect("the hub's forwards");
        let done = forwards.iter().filter(|one| one["status"] == "succeeded");
        assert_eq!(done.count(), 2, "{forwards:?}");
    }
    net.verify_ledgers();
}

#[test]
fn ldk_through_ours_to_ldk() {
    check_through(["ldk-payer", "hub", "ldk-payee"]);
}

#[test]
fn ours_through_ldk_to_ours() {
    check_through(["payer", "ldk-hub", "payee"]);
}

#[test]
fn ours_through_ours_to_ours() {
    check_through(["payer", "hub", "payee"]);
}

#[test]
fn ldk_through_ours_to_ours() {
    check_through(["ldk-payer", "hub", "payee"]);
}

/// Two nodes in the middle, one of each kind: each reads its own layer of the onion.
#[test]
fn ours_through_ldk_and_ours_to_ldk() {
    let mut net = Net::start(World::start(), &["payer", "ldk-hub", "hub", "ldk-payee"]);
    for place in 0..3 {
        net.open(place, place + 1, Plan::announced(SAT));
    }
    let before = net.check_balances();
    net.first_payment(0, 3, MSAT);
    net.first_payment(3, 0, MSAT);
    assert_eq!(net.check_balances(), before);
    net.check_books();
    net.verify_ledgers();
}

/// Nobody but its two ends knows the channel to the payee: the payee's invoice says how it is reached.
fn check_hint(names: [&str; 3]) {
    let mut net = Net::start(World::start(), &names);
    net.open(0, 1, Plan::announced(SAT));
    net.open(1, 2, Plan::private(SAT));
    let before = net.check_balances();
    // The hint is all that it takes: nothing has to be learned first.
    let (payer, payee) = (net.members[0].hand(), net.members[2].hand());
    let told = payer.pay(&payee.invoice(MSAT).expect("an invoice"));
    assert!(
        matches!(told, Told::Paid { fee_msat } if fee_msat > 0),
        "{told:?}"
    );
    assert_eq!(net.check_balances(), before);
    net.check_books();
}

#[test]
fn ldk_reaches_our_payee_by_its_route_hint() {
    check_hint(["ldk-payer", "hub", "payee"]);
}

#[test]
fn we_reach_a_payee_of_ldk_by_its_route_hint() {
    check_hint(["payer", "hub", "ldk-payee"]);
}

#[test]
fn ldk_reaches_a_payee_of_ldk_behind_our_hub_by_its_route_hint() {
    check_hint(["ldk-payer", "hub", "ldk-payee"]);
}
