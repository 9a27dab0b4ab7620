//! One channel from its opening to its close.

use std::thread;
use std::time::{Duration, Instant};

use bitcoin::hashes::{sha256, Hash};
use bitcoin::hex::FromHex;
use bitcoin::Amount;
use zarnitsa_tests::answers::{Invoice, Payment};
use zarnitsa_tests::world::{Pair, World};
use zarnitsa_tests::{length, wait};

use crate::settlement::close_and_compare;
use crate::traffic::{ways, Way};

const CAPACITY_SAT: u64 = 10_000_000;
const PUSH_MSAT: u64 = 3_000_000_000;

fn invoice(way: &Way, msat: u64) -> Invoice {
    way.payee
        .invoice(msat, "one of many")
        .unwrap_or_else(|error| panic!("{}: no invoice: {error}", way.name))
}

/// Pays, and checks the proof that it was paid.
fn pay(way: &Way, invoice: &Invoice) -> Payment {
    let payment = way
        .payer
        .pay(&invoice.invoice)
        .unwrap_or_else(|error| panic!("{}: not paid: {error}", way.name));
    assert_eq!(payment.status, "succeeded", "{}: {payment:?}", way.name);
    let preimage = payment.preimage.as_ref().expect("a proof of payment");
    let preimage = Vec::from_hex(preimage).expect("lower-case hex");
    let hash = sha256::Hash::hash(&preimage).to_string();
    assert_eq!(hash, invoice.payment_hash);
    payment
}

fn rate(what: &str, payments: u32, time: Duration) {
    let each = time / payments.max(1);
    let per_second = f64::from(payments) / time.as_secs_f64();
    println!("{what}: {payments} payments in {time:.1?}, {per_second:.1}/s, {each:.1?} each");
}

#[test]
fn payments_both_ways_over_one_channel() {
    let world = World::start();
    let pair = world.open(CAPACITY_SAT, PUSH_MSAT);
    let mut user_msat = pair.check_agreement();
    assert_eq!(user_msat, CAPACITY_SAT * 1_000 - PUSH_MSAT);
    let [out, back] = ways(&pair);

    let begin = Instant::now();
    let in_a_row = length::count("ZARNITSA_PAYMENTS", 1_000, 5_000);
    for number in 0..u64::from(in_a_row) {
        // Two out, one back; amounts with a part below a satoshi.
        let (way, msat) = if number % 3 == 2 {
            (&back, 1_500_000 + number)
        } else {
            (&out, 1_000_001 + number)
        };
        pay(way, &invoice(way, msat));
        user_msat = if number % 3 == 2 {
            user_msat + msat
        } else {
            user_msat - msat
        };
    }
    rate("one at a time", in_a_row, begin.elapsed());
    pair.until_quiet();
    assert_eq!(pair.check_agreement(), user_msat);

    in_flight_at_once(&world, &pair, 100);
    assert_eq!(pair.check_agreement(), user_msat);
    for way in [&out, &back] {
        let paid = at_once(way, 100);
        user_msat = if way.name == out.name {
            user_msat - paid
        } else {
            user_msat + paid
        };
        pair.until_quiet();
        assert_eq!(pair.check_agreement(), user_msat);
    }
    world.verify_ledgers();
    close_and_compare(&world, &pair, Amount::from_sat(CAPACITY_SAT * 2));
    world.verify_ledgers();
}

/// So many payments stand in the channel together, half of them each way, until their payees give them back.
fn in_flight_at_once(world: &World, pair: &Pair, payments: usize) {
    let [out, back] = ways(pair);
    let mut held = Vec::new();
    for (way, payee) in [(&out, &world.hub), (&back, &world.user)] {
        for number in 0..payments / 2 {
            let amount = format!("{}msat", 2_000_001 + number);
            let invoice: Invoice = payee.json(&["invoice", "create", &amount, "--hold"]);
            let (payer, text) = (way.payer.clone(), invoice.invoice);
            let payer = thread::spawn(move || payer.pay(&text));
            held.push((payee, invoice.payment_hash, payer));
        }
    }
    pair.until_both("all payments are in flight", |channel| {
        channel.htlcs.len() == payments
    });
    for (payee, hash, payer) in held {
        // Held only once it is irrevocable on both sides.
        wait::until("it is held", || {
            let invoice = payee.api().invoice_of(&hash).ok()?;
            (invoice.status == "accepted").then_some(())
        });
        let _: Invoice = payee.json(&["invoice", "cancel", &hash]);
        let failed = payer.join().expect("the payer ends").expect("an outcome");
        assert_eq!(failed.status, "failed", "{failed:?}");
    }
    pair.until_quiet();
}

/// Pays so many invoices at the same time. Answers their sum.
fn at_once(way: &Way, payments: u32) -> u64 {
    let invoices: Vec<Invoice> = (0..u64::from(payments))
        .map(|number| invoice(way, 2_000_003 + number))
        .collect();
    let begin = Instant::now();
    let payers: Vec<_> = invoices
        .into_iter()
        .map(|invoice| {
            let way = way.clone();
            thread::spawn(move || pay(&way, &invoice).amount_msat)
        })
        .collect();
    let paid = payers
        .into_iter()
        .map(|payer| payer.join().expect("each of them is paid"))
        .sum();
    let what = format!("{payments} at once, {}", way.name);
    rate(&what, payments, begin.elapsed());
    paid
}

#[test]
fn payment_that_cannot_be_is_refused_and_changes_nothing() {
    let world = World::start();
    let pair = world.open(1_000_000, 0);
    let before = pair.check_agreement();
    let [out, back] = ways(&pair);

    // More than there is: to the hub, and from the hub, which has nothing.
    for (way, msat) in [(&out, 1_000_000_001), (&back, 1_000_000)] {
        let invoice = invoice(way, msat);
        match way.payer.pay(&invoice.invoice) {
            Ok(payment) => assert_eq!(payment.status, "failed", "{}: {payment:?}", way.name),
            Err(error) => assert!(
                [
                    "insufficient_funds",
                    "route_not_found",
                    "channel_not_usable"
                ]
                .contains(&error.code()),
                "{}: {error}",
                way.name
            ),
        }
        let status = way.payee.invoice_of(&invoice.payment_hash).unwrap().status;
        assert_eq!(status, "open", "{}", way.name);
    }

    // The same invoice a second time.
    let invoice = invoice(&out, 5_000_000);
    pay(&out, &invoice);
    pair.until_quiet();
    match out.payer.pay(&invoice.invoice) {
        // Told of the payment that was made, not made again.
        Ok(again) => assert_eq!(again.amount_msat, 5_000_000, "{again:?}"),
        Err(error) => assert!(error.to_string().contains("not paid twice"), "{error}"),
    }
    pair.until_quiet();
    assert_eq!(pair.check_agreement(), before - 5_000_000);

    // What is no invoice at all.
    let error = out.payer.pay("lnbcrt1nonsense").unwrap_err();
    assert_eq!(error.code(), "bad_request", "{error}");
}
