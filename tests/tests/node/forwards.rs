//! A user pays another user through the hub: three real nodes over a real bitcoind.

use std::collections::HashMap;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bitcoin::hashes::{sha256, Hash};
use bitcoin::hex::FromHex;
use bitcoin::Amount;
use rand::Rng;
use serde_json::Value;
use zarnitsa_tests::answers::{Payment, Report};
use zarnitsa_tests::api::Api;
use zarnitsa_tests::node::Node;
use zarnitsa_tests::world::{Pair, World};
use zarnitsa_tests::{length, wait};

const CAPACITY_SAT: u64 = 10_000_000;
/// Half of each channel is the hub's, so that payments can go both ways.
const PUSH_MSAT: u64 = CAPACITY_SAT * 1_000 / 2;
/// What the hub asks for, by the defaults of its role.
const BASE_FEE_MSAT: u64 = 1_000;
const FEE_PPM: u64 = 100;
/// The short version ends the killing after this time.
const SHORT: Duration = Duration::from_secs(40);
/// Between two tries while the hub is not there.
const PAUSE: Duration = Duration::from_millis(100);

fn fee(msat: u64) -> u64 {
    BASE_FEE_MSAT + msat * FEE_PPM / 1_000_000
}

/// Two users with a channel each to the hub.
struct Line {
    world: World,
    left: Pair,
    right: Pair,
    other: Node,
}

impl Line {
    fn start() -> Self {
        let world = World::start();
        let mut other = Node::create(world.folder(), "other", "user", &world.bitcoind);
        other.start();
        let left = world.open(CAPACITY_SAT, PUSH_MSAT);
        world.fund(&other, Amount::from_sat(CAPACITY_SAT * 2));
        let uri = world.hub.api().info().expect("the hub's info").uri;
        let opened = other
            .api()
            .open(&uri, CAPACITY_SAT, PUSH_MSAT)
            .unwrap_or_else(|error| panic!("the second channel is not opened: {error}"));
        let txid = opened.opening_txid.parse().expect("a txid");
        wait::until("the opening transaction is in the mempool", || {
            world.bitcoind.mempool().contains(&txid).then_some(())
        });
        world.bitcoind.mine(6);
        let right = Pair {
            id: opened.channel_id,
            user: other.api(),
            hub: world.hub.api(),
        };
        right.until_usable();
        Self {
            world,
            left,
            right,
            other,
        }
    }

    fn until_quiet(&self) {
        self.left.until_quiet();
        self.right.until_quiet();
    }

    /// What the left and the right user have, in msat, once both channels agree with themselves.
    fn balances(&self) -> (u64, u64) {
        (self.left.check_agreement(), self.right.check_agreement())
    }

    fn forwards(&self) -> Vec<Value> {
        self.world.hub.json(&["forward", "list"])
    }

    fn verify_ledgers(&self) {
        self.world.verify_ledgers();
        let report: Report = self.other.json(&["ledger", "verify"]);
        assert!(report.ok, "{report:?}");
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if thread::panicking() {
            self.other.show_tail();
        }
        // Before the world looks for what is left.
        self.other.kill_hard();
    }
}

fn pay(payer: &Api, payee: &Api, msat: u64) -> Payment {
    let invoice = payee.invoice(msat, "through the hub").expect("an invoice");
    payer
        .pay(&invoice.invoice)
        .unwrap_or_else(|error| panic!("not paid: {error}"))
}

fn msat(value: &Value) -> u64 {
    let text = value.as_str().expect("msat are a string");
    text.parse().expect("a number")
}

#[test]
fn payment_through_the_hub_is_proved_and_earns_its_fee() {
    let line = Line::start();
    let (left, right) = line.balances();
    let there = pay(&line.left.user, &line.right.user, 2_000_003);
    assert_eq!(there.status, "succeeded", "{there:?}");
    assert_eq!(there.fee_msat, fee(2_000_003));
    let preimage = there.preimage.as_ref().expect("a proof of payment");
    let preimage = Vec::from_hex(preimage).expect("lower-case hex");
    assert_eq!(
        sha256::Hash::hash(&preimage).to_string(),
        there.payment_hash
    );
    let back = pay(&line.right.user, &line.left.user, 1_000_001);
    assert_eq!(back.status, "succeeded", "{back:?}");
    line.until_quiet();
    let (left_fee, right_fee) = (fee(2_000_003), fee(1_000_001));
    assert_eq!(
        line.balances(),
        (
            left - 2_000_003 - left_fee + 1_000_001,
            right + 2_000_003 - 1_000_001 - right_fee
        )
    );
    // The newest first.
    let forwards = line.forwards();
    let told: Vec<_> = forwards
        .iter()
        .map(|one| {
            let hash = one["payment_hash"].as_str().expect("a hash").to_owned();
            assert_eq!(one["status"], "succeeded", "{one}");
            (hash, msat(&one["amount_msat"]), msat(&one["fee_msat"]))
        })
        .collect();
    assert_eq!(
        told,
        [
            (back.payment_hash, 1_000_001, right_fee),
            (there.payment_hash, 2_000_003, left_fee),
        ]
    );
    assert_eq!(forwards[1]["incoming_channel_id"], line.left.id);
    assert_eq!(forwards[1]["outgoing_channel_id"], line.right.id);
    line.verify_ledgers();
}

#[test]
fn payment_that_the_hub_cannot_carry_fails_and_leaves_nothing_behind() {
    let line = Line::start();
    let before = line.balances();
    // More than the hub has on the right side.
    let failed = pay(&line.left.user, &line.right.user, 4_990_000_000);
    assert_eq!(failed.status, "failed", "{failed:?}");
    // The right user is away.
    let invoice = line
        .right
        .user
        .invoice(1_000_000, "never paid")
        .expect("an invoice");
    let mut line = line;
    line.other.kill_hard();
    let failed = line.left.user.pay(&invoice.invoice);
    if let Ok(failed) = &failed {
        assert_eq!(failed.status, "failed", "{failed:?}");
    }
    line.other.start();
    line.until_quiet();
    assert_eq!(line.balances(), before);
    assert!(line
        .forwards()
        .iter()
        .all(|one| one["status"] != "succeeded"));
}

#[test]
fn channel_with_a_policy_of_its_own_asks_for_its_own_fee() {
    let line = Line::start();
    let right = line.right.id.clone();
    let policy: Value = line.world.hub.json(&[
        "policy",
        "set",
        "--channel",
        &right,
        "--base-fee",
        "5sat",
        "--fee-ppm",
        "0",
    ]);
    assert_eq!(policy["channels"][0]["channel_id"], right, "{policy}");
    // The payer learns it, by the payee's hint or by the hub's refusal.
    let paid = pay(&line.left.user, &line.right.user, 1_000_000);
    assert_eq!(paid.status, "succeeded", "{paid:?}");
    assert_eq!(paid.fee_msat, 5_000);
    // The other way the node's policy holds.
    let paid = pay(&line.right.user, &line.left.user, 1_000_000);
    assert_eq!(paid.fee_msat, fee(1_000_000));
    line.until_quiet();
}

/// Payers in both directions, each one payment after the other.
struct Payers {
    threads: Vec<JoinHandle<u32>>,
    stops: Vec<Sender<()>>,
}

impl Payers {
    fn start(line: &Line) -> Self {
        let (left, right) = (line.left.user.clone(), line.right.user.clone());
        let ways = [(left.clone(), right.clone()), (right, left)];
        let (mut threads, mut stops) = (Vec::new(), Vec::new());
        for (number, (payer, payee)) in (0..).zip(ways.iter().chain(&ways).cloned()) {
            let (stop, stopped) = mpsc::channel::<()>();
            stops.push(stop);
            threads.push(thread::spawn(move || {
                let (mut told, mut pause) = (0, Duration::ZERO);
                let mut msat = 1_000_000 + number * 1_001;
                while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                    msat += 7;
                    let paid = payee
                        .invoice(msat, "traffic")
                        .and_then(|invoice| payer.pay(&invoice.invoice));
                    let succeeded = paid.is_ok_and(|payment| payment.status == "succeeded");
                    told += u32::from(succeeded);
                    pause = if succeeded { Duration::ZERO } else { PAUSE };
                }
                told
            }));
        }
        Self { threads, stops }
    }

    /// How many payments the payers were told to have succeeded.
    fn end(self) -> u32 {
        drop(self.stops);
        let told = self.threads.into_iter().map(JoinHandle::join);
        told.map(|told| told.expect("a payer does not panic")).sum()
    }
}

/// What a user has sent and what it cost, and what the other has received, by payment hash.
fn books(payer: &Api, payee: &Api) -> (u64, u64) {
    wait::until("nothing is pending", || {
        let payments = payer.payments().ok()?;
        let pending = payments.iter().any(|payment| payment.status == "pending");
        (!pending).then_some(())
    });
    let sent: HashMap<String, (u64, u64)> = payer
        .payments()
        .expect("payments")
        .into_iter()
        .filter(|payment| payment.status == "succeeded")
        .map(|payment| {
            (
                payment.payment_hash,
                (payment.amount_msat, payment.fee_msat),
            )
        })
        .collect();
    let paid: HashMap<String, u64> = payee
        .invoices()
        .expect("invoices")
        .into_iter()
        .filter(|invoice| invoice.status == "paid")
        .map(|invoice| {
            let received = invoice.received_msat.expect("it says how much");
            (invoice.payment_hash, received)
        })
        .collect();
    let amounts: HashMap<String, u64> = sent
        .iter()
        .map(|(hash, (amount, _))| (hash.clone(), *amount))
        .collect();
    assert_eq!(amounts, paid, "what was sent is what came in");
    let cost = sent.values().map(|(amount, fee)| amount + fee).sum();
    (cost, paid.values().sum())
}

#[test]
fn hub_killed_at_random_moments_loses_no_payment_and_no_fee() {
    let mut line = Line::start();
    let mut random = length::random();
    let (left, right) = line.balances();
    let payers = Payers::start(&line);
    let kills = length::count("ZARNITSA_KILLS", 20, 100);
    let (begin, mut killed) = (Instant::now(), 0);
    let uri = line.world.hub.api().info().expect("the hub's info").uri;
    while killed < kills && (length::is_long() || begin.elapsed() < SHORT) {
        wait::moment(Duration::from_micros(random.gen_range(0..900_000)));
        line.world.hub.kill_hard();
        killed += 1;
        line.world.hub.start();
        // Users wait longer after each connection that did not last; their operators do not.
        for user in [&line.left.user, &line.right.user] {
            wait::until("the user is connected again", || user.connect(&uri).ok());
        }
        line.left.until_usable();
        line.right.until_usable();
    }
    let told = payers.end();
    println!("{killed} kills in {:.1?}, {told} payments", begin.elapsed());
    assert!(killed > 3, "too slow to test anything");
    line.until_quiet();
    let (left_sent, right_received) = books(&line.left.user, &line.right.user);
    let (right_sent, left_received) = books(&line.right.user, &line.left.user);
    assert_eq!(
        line.balances(),
        (
            left + left_received - left_sent,
            right + right_received - right_sent
        )
    );
    // The hub has earned what the users paid in fees, and says so.
    let earned: u64 = line
        .forwards()
        .iter()
        .filter(|one| one["status"] == "succeeded")
        .map(|one| msat(&one["fee_msat"]))
        .sum();
    assert_eq!(
        earned,
        left_sent + right_sent - right_received - left_received
    );
    assert!(line.forwards().iter().all(|one| one["status"] != "pending"));
    line.verify_ledgers();
}
