//! Hold times for successful payments (BOLT 4): how long each node on the way held what has paid, as the payer reads it.

use std::thread::{self, JoinHandle};
use std::time::Duration;

use bitcoin::Amount;
use lightning_invoice::Bolt11Invoice;
use zarnitsa_tests::answers::Payment;
use zarnitsa_tests::api::CallError;
use zarnitsa_tests::net::{Net, Terms};
use zarnitsa_tests::wait;
use zarnitsa_tests::world::{self, World};

const CAPACITY_SAT: u64 = 1_000_000;
const AMOUNT_SAT: u64 = 50_000;
/// For this long Bob holds a payment at least: three times of 100 ms each.
const HELD: Duration = Duration::from_millis(300);

type Paying = JoinHandle<Result<Payment, CallError>>;

/// Alice, the hub and Bob, over channels that everybody knows.
fn row() -> Net {
    let net = Net::start(&[("alice", "user"), ("hub", "hub"), ("bob", "user")]);
    net.open("alice", "hub", Terms::even(CAPACITY_SAT, true));
    net.open("hub", "bob", Terms::even(CAPACITY_SAT, true));
    net.until_graph("alice", 2);
    net
}

/// Alice pays, and Bob has it in hand: the payment's hash, and how it ends.
fn hold(net: &Net) -> (String, Paying) {
    let (alice, bob) = (net.api("alice"), net.api("bob"));
    let invoice = bob.hold_invoice(AMOUNT_SAT).expect("an invoice");
    let paying = thread::spawn(move || alice.pay(&invoice.invoice));
    let hash = invoice.payment_hash;
    wait::until("the payment is held", || {
        (bob.invoice_of(&hash).ok()?.status == "accepted").then_some(())
    });
    (hash, paying)
}

#[test]
fn invoice_offers_attribution_data_and_requires_nothing_of_it() {
    let world = World::start();
    let invoice = world.hub.api().invoice(1_000, "").expect("an invoice");
    let invoice: Bolt11Invoice = invoice.invoice.parse().expect("BOLT 11");
    let flags = invoice.features().expect("features").le_flags();
    // Bits 36 and 37 of BOLT 9, the lowest byte first.
    assert_eq!(flags[4] & 0b0011_0000, 0b0010_0000);
}

fn check_paid(paying: Paying) {
    let paid = paying.join().expect("the payer ends").expect("an outcome");
    assert_eq!(paid.status, "succeeded", "{paid:?}");
}

/// What Alice's log says of the payment: tenths of a second, the hub's first.
fn read(net: &Net, hash: &str) -> Vec<u32> {
    let line = wait::until("the payer tells how long it was held", || {
        let log = net.node("alice").log();
        let mut lines = log.lines();
        let found = lines.find(|line| line.contains("held what has paid") && line.contains(hash));
        found.map(str::to_owned)
    });
    let tenths = line.split_once("tenths=[").expect("a list").1;
    let tenths = tenths.split_once(']').expect("its end").0;
    assert!(line.contains("of=2"), "{line}");
    let numbers = tenths.split(", ").filter(|number| !number.is_empty());
    numbers.map(|n| n.parse().expect("a number")).collect()
}

#[test]
fn payer_reads_for_how_long_the_hub_held_what_the_payee_had_in_hand() {
    let net = row();
    let (hash, paying) = hold(&net);
    wait::moment(HELD);
    net.api("bob").settle(&hash).expect("it is held");
    check_paid(paying);
    let tenths = read(&net, &hash);
    // The payee looks at no clock: what it holds, the hub before it holds as long.
    assert!(matches!(tenths[..], [held, 0] if held >= 3), "{tenths:?}");
    net.verify_ledgers();
}

#[test]
fn hub_that_was_killed_meanwhile_passes_on_what_the_payee_says_and_knows_no_time_of_its_own() {
    let mut net = row();
    let (hash, paying) = hold(&net);
    wait::moment(HELD);
    net.node_mut("hub").kill_hard();
    net.node_mut("hub").start();
    net.api("bob").settle(&hash).expect("it is held");
    check_paid(paying);
    assert_eq!(read(&net, &hash), [0, 0]);
    net.verify_ledgers();
}

#[test]
fn payer_that_was_away_hears_it_from_a_hub_that_has_only_its_ledger() {
    let mut net = row();
    let (hash, paying) = hold(&net);
    net.node_mut("alice").kill_hard();
    assert!(paying.join().expect("the payer ends").is_err());
    wait::moment(HELD);
    net.api("bob").settle(&hash).expect("it is held");
    wait::until("the hub has the preimage on disk", || {
        let forwards: Vec<serde_json::Value> = net.node("hub").json(&["forward", "list"]);
        (forwards[0]["status"] == "succeeded").then_some(())
    });
    net.node_mut("hub").kill_hard();
    net.node_mut("hub").start();
    net.node_mut("alice").start();
    let alice = net.api("alice");
    wait::until("the payment has succeeded", || {
        (alice.payment(&hash).ok()?.status == "succeeded").then_some(())
    });
    let tenths = read(&net, &hash);
    assert!(matches!(tenths[..], [held, 0] if held >= 3), "{tenths:?}");
    net.verify_ledgers();
}

#[test]
fn preimage_from_the_chain_comes_with_the_times_as_far_as_the_hub() {
    let net = row();
    world::fund(&net.bitcoind, net.node("bob"), Amount::from_sat(100_000));
    let (hash, paying) = hold(&net);
    let (hub, bob) = (net.api("hub"), net.api("bob"));
    let channels = bob.channels().expect("channels");
    let id = &channels.first().expect("one").channel_id;
    let closed = hub.force_close(id).expect("it closes");
    let txid = closed.closing_txid.parse().expect("a txid");
    wait::until("the commitment is in the mempool", || {
        net.bitcoind.mempool().contains(&txid).then_some(())
    });
    net.bitcoind.mine(1);
    bob.settle(&hash).expect("it is held");
    check_paid(paying);
    let tenths = read(&net, &hash);
    assert_eq!(tenths.len(), 1, "{tenths:?}");
}
