//! Random payments among six nodes, four ours and two ldk-node, while nodes fall and start again.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use zarnitsa_interop::link::Plan;
use zarnitsa_interop::net::{Hand, Net, Told};
use zarnitsa_interop::world::World;
use zarnitsa_tests::{length, wait};

const SAT: u64 = 10_000_000;
const NAMES: [&str; 6] = ["hub-a", "hub-b", "hub-c", "hub-d", "ldk-e", "ldk-f"];
/// A ring with a chord, so that there is a second way; ldk-node has ours on both sides.
const CHANNELS: [(usize, usize); 7] = [(0, 1), (0, 4), (4, 2), (2, 3), (3, 5), (5, 1), (1, 2)];
/// Payers at work at the same time.
const PAYERS: u32 = 6;
/// Nothing keeps the payments from going on for longer, however often nodes fall.
const LAST: Duration = Duration::from_secs(300);

/// What the payers were told.
#[derive(Default)]
struct Count {
    paid: AtomicU32,
    failed: AtomicU32,
    unknown: AtomicU32,
}

impl Count {
    fn note(&self, told: &Told) {
        let counter = match told {
            Told::Paid { .. } => &self.paid,
            Told::Failed(_) => &self.failed,
            Told::Nothing => &self.unknown,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn all(&self) -> u32 {
        let all = [&self.paid, &self.failed, &self.unknown];
        all.iter().map(|one| one.load(Ordering::Relaxed)).sum()
    }
}

#[test]
fn random_payments_among_six_nodes_that_fall() {
    let mut random = length::random();
    let payments = length::count("ZARNITSA_INTEROP_PAYMENTS", 100, 2_000);
    let falls = length::count("ZARNITSA_INTEROP_FALLS", 4, 60);
    let mut net = Net::start(World::start(), &NAMES);
    for (from, to) in CHANNELS {
        net.open(from, to, Plan::announced(SAT));
    }
    let before = net.check_balances();
    // Everybody has heard of everybody once the longest ways work.
    for (payer, payee) in [(0, 3), (4, 5), (3, 0)] {
        net.first_payment(payer, payee, 1_000_000);
    }
    let begin = Instant::now();
    let count = pay_and_fall(&mut net, &mut random, payments, falls);
    println!(
        "{payments} payments and {falls} falls in {:.0?}: {} paid, {} failed, {} with a payer or payee that fell",
        begin.elapsed(),
        count.paid.load(Ordering::Relaxed),
        count.failed.load(Ordering::Relaxed),
        count.unknown.load(Ordering::Relaxed)
    );
    assert!(
        count.paid.load(Ordering::Relaxed) > payments / 2,
        "most payments should find a way"
    );
    check_end(&net, before);
}

/// The payers pay at random, while nodes that are chosen at random fall.
fn pay_and_fall(net: &mut Net, random: &mut StdRng, payments: u32, falls: u32) -> Count {
    let count = Count::default();
    let hands: Vec<Hand> = net.members.iter().map(|member| member.hand()).collect();
    thread::scope(|scope| {
        for payer in 0..PAYERS {
            let (hands, count) = (&hands, &count);
            let own = payments / PAYERS + u32::from(payer < payments % PAYERS);
            let mut random = StdRng::seed_from_u64(random.gen());
            scope.spawn(move || {
                for _ in 0..own {
                    count.note(&attempt(hands, &mut random));
                }
            });
        }
        for number in 1..=falls {
            // They are spread over the payments.
            let after = payments * number / (falls + 1);
            wait::within(LAST, "payments go on", || {
                (count.all() >= after).then_some(())
            });
            let place = random.gen_range(0..net.members.len());
            net.members[place].down(random.gen());
            net.members[place].up();
        }
    });
    count
}

fn attempt(hands: &[Hand], random: &mut StdRng) -> Told {
    let payer = random.gen_range(0..hands.len());
    let payee = (payer + random.gen_range(1..hands.len())) % hands.len();
    let msat = random.gen_range(1_000..20_000_000);
    match hands[payee].invoice(msat) {
        Some(invoice) => hands[payer].pay(&invoice),
        None => Told::Nothing,
    }
}

/// Every payment has ended, nothing is under way, both ends of each channel agree, and who says that it paid has paid
/// somebody who says so too.
fn check_end(net: &Net, before: u64) {
    for edge in &net.edges {
        net.until_connected(edge);
    }
    net.until_all_have_ended();
    assert_eq!(net.check_balances(), before, "the sum of all balances");
    net.check_books();
    net.verify_ledgers();
}
