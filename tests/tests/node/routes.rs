//! Payments over several hops, in several parts, and over another way where one fails.

use std::thread;
use std::time::Duration;

use serde_json::json;
use zarnitsa_tests::answers::{Invoice, Payment};
use zarnitsa_tests::api::Api;
use zarnitsa_tests::net::{Net, Terms};
use zarnitsa_tests::wait;
use zarnitsa_tests::world::Pair;

const CAPACITY_SAT: u64 = 1_000_000;

fn invoice(payee: &Api, msat: u64) -> Invoice {
    payee.invoice(msat, "over hops").expect("an invoice")
}

fn succeeds(payment: &Payment, msat: u64) {
    assert_eq!(payment.status, "succeeded", "{payment:?}");
    assert!(payment.preimage.is_some(), "{payment:?}");
    assert_eq!(payment.amount_msat, msat);
    let paid = payment.parts.iter().filter(|it| it.status == "succeeded");
    let (amounts, fees): (Vec<u64>, Vec<u64>) =
        paid.map(|it| (it.amount_msat, it.fee_msat)).unzip();
    assert_eq!(amounts.iter().sum::<u64>(), msat, "{payment:?}");
    assert_eq!(fees.iter().sum::<u64>(), payment.fee_msat, "{payment:?}");
}

fn quiet(pairs: &[&Pair]) {
    for pair in pairs {
        pair.until_quiet();
        pair.check_agreement();
    }
}

/// Until the payee knows on what terms its peers pass payments on to it: before, nobody can be told how to pay it.
fn until_hinted(payee: &Api, hints: usize) {
    wait::until("an invoice names its private channels", || {
        let invoice = payee.invoice(1_000, "hinted?").ok()?.invoice;
        let invoice: lightning_invoice::Bolt11Invoice = invoice.parse().ok()?;
        (invoice.route_hints().len() == hints).then_some(())
    });
}

#[test]
fn user_behind_a_hub_is_paid_by_another_over_its_private_channel() {
    let net = Net::start(&[("alice", "user"), ("hub", "hub"), ("bob", "user")]);
    let in_ = net.open("alice", "hub", Terms::even(CAPACITY_SAT, false));
    let out = net.open("hub", "bob", Terms::even(CAPACITY_SAT, false));
    let (alice, bob) = (net.api("alice"), net.api("bob"));
    until_hinted(&bob, 1);

    let asked = invoice(&bob, 50_000_123);
    let payment = alice.pay(&asked.invoice).expect("it is paid");
    succeeds(&payment, 50_000_123);
    assert_eq!(payment.route.len(), 2, "{payment:?}");
    assert_eq!(
        payment.route[0].node_id,
        net.api("hub").info().expect("info").node_id
    );
    assert_eq!(payment.route[0].fee_msat, payment.fee_msat);
    assert!(payment.fee_msat > 0, "the hub works for a fee");
    let paid = bob.invoice_of(&asked.payment_hash).expect("it is known");
    assert_eq!(
        (paid.status.as_str(), paid.received_msat),
        ("paid", Some(50_000_123))
    );

    // The other way, and what is spent there and back again.
    until_hinted(&alice, 1);
    let back = bob
        .pay(&invoice(&alice, 20_000_000).invoice)
        .expect("it is paid");
    succeeds(&back, 20_000_000);
    quiet(&[&in_, &out]);
    let half = CAPACITY_SAT * 1_000 / 2;
    let (a, _) = in_.sides();
    assert_eq!(
        a.local_msat,
        half - 50_000_123 - payment.fee_msat + 20_000_000
    );

    // Again the same invoice: told of, not paid twice.
    let before = in_.sides().0.local_msat;
    let again = alice.pay(&asked.invoice);
    assert!(again.is_err(), "{again:?}");
    quiet(&[&in_, &out]);
    assert_eq!(in_.sides().0.local_msat, before);

    // A fee limit below the hub's fee: nothing leaves.
    let asked = invoice(&bob, 50_000_000);
    let cheap = alice
        .pay_with(json!({ "invoice": asked.invoice, "max_fee_msat": "0" }))
        .expect("an outcome");
    assert_eq!(cheap.status, "failed", "{cheap:?}");
    assert!(cheap.parts.is_empty(), "{cheap:?}");
    // It can be ordered again, for more.
    succeeds(&alice.pay(&asked.invoice).expect("it is paid"), 50_000_000);
    quiet(&[&in_, &out]);
    net.verify_ledgers();
}

#[test]
fn public_channels_are_known_to_all_and_carry_payments_and_keysends() {
    let net = Net::start(&[
        ("west", "hub"),
        ("east", "hub"),
        ("alice", "user"),
        ("bob", "hub"),
    ]);
    let public = net.open("west", "east", Terms::even(CAPACITY_SAT, true));
    let last = net.open("east", "bob", Terms::even(CAPACITY_SAT, true));
    let first = net.open("alice", "west", Terms::even(CAPACITY_SAT, false));
    for name in ["west", "east", "alice", "bob"] {
        net.until_graph(name, 2);
    }
    let graph = net.api("alice").network().expect("a graph");
    assert_eq!(graph["channel_count"], 2, "{graph}");
    let aliases: Vec<_> = graph["nodes"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|node| node["alias"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert!(aliases.contains(&"west".to_owned()), "{aliases:?}");

    let (alice, bob) = (net.api("alice"), net.api("bob"));
    let asked = invoice(&bob, 30_000_000);
    let payment = alice.pay(&asked.invoice).expect("it is paid");
    succeeds(&payment, 30_000_000);
    assert_eq!(payment.route.len(), 3, "{payment:?}");

    let bobs_id = bob.info().expect("info").node_id;
    let keysend = alice.keysend(&bobs_id, 7_000_000).expect("it is paid");
    succeeds(&keysend, 7_000_000);
    assert_eq!(keysend.parts.len(), 1);
    quiet(&[&first, &public, &last]);

    // Other terms are heard of by all.
    let policy = json!({ "base_fee_msat": "2345", "fee_ppm": 7 });
    net.api("east").set_policy(policy).expect("another policy");
    wait::until("alice hears of east's new terms", || {
        let graph = alice.network().ok()?;
        let known = graph["channels"].as_array()?.clone();
        let ends = known
            .iter()
            .flat_map(|it| [it["from_1"].clone(), it["from_2"].clone()]);
        let new = ends.filter(|terms| terms["base_fee_msat"] == "2345");
        (new.count() == 2).then_some(())
    });

    // A node that forwards nothing says so of its own direction, and is paid by the other one.
    let policy = json!({ "forward": false });
    bob.set_policy(policy).expect("another policy");
    let enabled = || {
        let graph = alice.network().ok()?;
        let known = graph["channels"].as_array()?.clone();
        let of_bob = known.iter().find_map(|it| {
            let from_bob = [("node_1", "from_1"), ("node_2", "from_2")];
            let (_, own) = from_bob.iter().find(|(node, _)| it[node] == bobs_id)?;
            let other = if *own == "from_1" { "from_2" } else { "from_1" };
            Some((it[own]["enabled"].clone(), it[other]["enabled"].clone()))
        });
        of_bob
    };
    wait::until("alice hears that bob forwards nothing", || {
        (enabled()? == (json!(false), json!(true))).then_some(())
    });
    let asked = invoice(&bob, 30_000_000);
    succeeds(&alice.pay(&asked.invoice).expect("it is paid"), 30_000_000);
    net.verify_ledgers();
}

#[test]
fn payment_larger_than_each_channel_goes_in_parts_over_two() {
    let net = Net::start(&[("alice", "user"), ("hub", "hub"), ("bob", "user")]);
    let whole = Terms {
        capacity_sat: CAPACITY_SAT,
        push_msat: 0,
        announce: false,
    };
    let one = net.open("alice", "hub", whole);
    let two = net.open("alice", "hub", whole);
    let out = net.open(
        "hub",
        "bob",
        Terms {
            capacity_sat: CAPACITY_SAT * 4,
            ..whole
        },
    );
    let (alice, bob) = (net.api("alice"), net.api("bob"));
    until_hinted(&bob, 1);
    let msat = 1_400_000_000;
    let asked = invoice(&bob, msat);
    let payment = alice.pay(&asked.invoice).expect("it is paid");
    succeeds(&payment, msat);
    let channels: std::collections::BTreeSet<_> = payment
        .parts
        .iter()
        .map(|it| it.channel_id.clone())
        .collect();
    assert_eq!(channels.len(), 2, "{payment:?}");
    quiet(&[&one, &two, &out]);
    let received = bob
        .invoice_of(&asked.payment_hash)
        .expect("known")
        .received_msat;
    assert_eq!(received, Some(msat));
    net.verify_ledgers();
}

#[test]
fn payment_goes_another_way_where_the_first_has_nothing_left() {
    let net = Net::start(&[
        ("alice", "user"),
        ("cheap", "hub"),
        ("dear", "hub"),
        ("bob", "hub"),
    ]);
    let cheap_policy = json!({ "base_fee_msat": "0", "fee_ppm": 0 });
    net.api("cheap").set_policy(cheap_policy).expect("a policy");
    let dear_policy = json!({ "base_fee_msat": "20000", "fee_ppm": 100 });
    net.api("dear").set_policy(dear_policy).expect("a policy");
    // On the cheap way everything is on Bob's side already: only the hub knows that.
    let empty = Terms {
        capacity_sat: CAPACITY_SAT,
        push_msat: CAPACITY_SAT * 1_000 - 60_000_000,
        announce: true,
    };
    let pairs = [
        net.open("cheap", "bob", empty),
        net.open("dear", "bob", Terms::even(CAPACITY_SAT, true)),
        net.open("alice", "cheap", Terms::even(CAPACITY_SAT, false)),
        net.open("alice", "dear", Terms::even(CAPACITY_SAT, false)),
    ];
    net.until_graph("alice", 2);
    let (alice, bob) = (net.api("alice"), net.api("bob"));
    let asked = invoice(&bob, 200_000_000);
    let request = json!({ "invoice": asked.invoice, "max_fee_msat": "1000000" });
    let payment = alice.pay_with(request).expect("it is paid");
    succeeds(&payment, 200_000_000);
    let tried: Vec<_> = payment.parts.iter().map(|it| it.status.as_str()).collect();
    assert!(
        tried.contains(&"failed"),
        "the cheap way is tried first: {payment:?}"
    );
    quiet(&pairs.iter().collect::<Vec<_>>());
    net.verify_ledgers();
}

#[test]
fn payer_killed_in_the_middle_pays_each_invoice_once_or_never() {
    let mut net = Net::start(&[("alice", "user"), ("hub", "hub"), ("bob", "user")]);
    let in_ = net.open("alice", "hub", Terms::even(CAPACITY_SAT, false));
    let out = net.open("hub", "bob", Terms::even(CAPACITY_SAT, false));
    let (alice, bob) = (net.api("alice"), net.api("bob"));
    until_hinted(&bob, 1);
    let before = out.sides().1.local_msat;
    let mut asked = Vec::new();
    for round in 0_u64..6 {
        let invoices: Vec<_> = (0..4)
            .map(|number| invoice(&bob, 1_000_000 + round * 10 + number))
            .collect();
        let payers: Vec<_> = invoices
            .iter()
            .map(|it| (alice.clone(), it.invoice.clone()))
            .map(|(alice, invoice)| thread::spawn(move || alice.pay(&invoice)))
            .collect();
        wait::moment(Duration::from_millis(20 + round * 35)); // no moment is chosen
        net.node_mut("alice").kill_hard();
        for payer in payers {
            let _ = payer.join().expect("an answer or none");
        }
        net.node_mut("alice").start();
        asked.extend(invoices);
        in_.until_usable();
    }
    quiet(&[&in_, &out]);
    // What was not paid can be paid now, and what was cannot be paid again.
    for it in &asked {
        let first = wait::until("the payment has an end", || {
            match alice.payment(&it.payment_hash) {
                Ok(payment) => (payment.status != "pending").then_some(Some(payment)),
                Err(_) => Some(None), // its order was never on disk
            }
        });
        let paid = first.is_some_and(|payment| payment.status == "succeeded");
        let status = bob.invoice_of(&it.payment_hash).expect("known").status;
        assert_eq!(paid, status == "paid", "{it:?}");
        let again = alice.pay(&it.invoice);
        assert_eq!(again.is_ok(), !paid, "{again:?}");
    }
    quiet(&[&in_, &out]);
    let sum: u64 = asked
        .iter()
        .filter_map(|it| bob.invoice_of(&it.payment_hash).ok()?.received_msat)
        .sum();
    assert_eq!(out.sides().1.local_msat, before + sum);
    net.verify_ledgers();
}
