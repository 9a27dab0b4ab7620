//! Payments in both directions that go on while something else happens to the nodes.

use std::collections::HashMap;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use zarnitsa_tests::api::{Api, CallError};
use zarnitsa_tests::wait;
use zarnitsa_tests::world::Pair;

/// Between two tries while a node is not there: what fails at once would otherwise be tried hundreds of times.
const PAUSE: Duration = Duration::from_millis(100);

/// One way of a channel: who pays whom.
#[derive(Clone)]
pub struct Way {
    pub name: &'static str,
    pub payer: Api,
    pub payee: Api,
}

/// Both ways.
pub fn ways(pair: &Pair) -> [Way; 2] {
    let (user, hub) = (pair.user.clone(), pair.hub.clone());
    [
        Way {
            name: "user to hub",
            payer: user.clone(),
            payee: hub.clone(),
        },
        Way {
            name: "hub to user",
            payer: hub,
            payee: user,
        },
    ]
}

/// What the payer was told.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    Succeeded,
    Failed,
    /// The node died, or did not know the outcome in time.
    Nothing,
}

struct Attempt {
    hash: String,
    told: Told,
}

/// Payers at work. They end when this is ended or dropped.
pub struct Traffic {
    payers: Vec<JoinHandle<Vec<Attempt>>>,
    stops: Vec<Sender<()>>,
}

/// What came of it.
pub struct Outcome {
    attempts: Vec<Attempt>,
}

impl Traffic {
    /// `payers` in each direction, each one payment after the other.
    pub fn start(pair: &Pair, payers: u64) -> Self {
        let (mut handles, mut stops) = (Vec::new(), Vec::new());
        for number in 0..payers {
            for way in ways(pair) {
                let (stop, stopped) = mpsc::channel();
                stops.push(stop);
                // Amounts differ, also in their msat, so that no two mistakes cancel out.
                let first = 1_000_000 + number * 1_001;
                handles.push(thread::spawn(move || pay_on(&way, first, &stopped)));
            }
        }
        Self {
            payers: handles,
            stops,
        }
    }

    /// Whether a payer has come to an unexpected end: its test should not go on.
    pub fn has_failed(&self) -> bool {
        self.payers.iter().any(JoinHandle::is_finished)
    }

    /// Lets each payer end the payment that it has begun.
    pub fn end(self) -> Outcome {
        drop(self.stops);
        let attempts = self
            .payers
            .into_iter()
            .flat_map(|payer| payer.join().expect("a payer does not panic"));
        Outcome {
            attempts: attempts.collect(),
        }
    }
}

fn pay_on(way: &Way, first: u64, stopped: &Receiver<()>) -> Vec<Attempt> {
    let mut attempts = Vec::new();
    let mut pause = Duration::ZERO;
    while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
        let msat = first + attempts.len() as u64 * 7;
        pause = match attempt(way, msat) {
            Some(attempt) => {
                let pause = if attempt.told == Told::Succeeded {
                    Duration::ZERO
                } else {
                    PAUSE
                };
                attempts.push(attempt);
                pause
            }
            None => PAUSE,
        };
    }
    attempts
}

/// Nothing if there was not even an invoice.
fn attempt(way: &Way, msat: u64) -> Option<Attempt> {
    let invoice = way.payee.invoice(msat, "traffic").ok()?;
    let told = match way.payer.pay(&invoice.invoice) {
        Ok(payment) if payment.status == "succeeded" => Told::Succeeded,
        Ok(payment) if payment.status == "failed" => Told::Failed,
        Ok(payment) => panic!("{}: the outcome is {payment:?}", way.name),
        Err(CallError::Refused { code, detail, .. })
            if !matches!(code.as_str(), "timeout" | "stopping") =>
        {
            // Never begun. Without its peer or its room in the channel a node may well refuse.
            assert_ne!(code, "internal", "{}: {detail}", way.name);
            Told::Failed
        }
        Err(_) => Told::Nothing,
    };
    Some(Attempt {
        hash: invoice.payment_hash,
        told,
    })
}

impl Outcome {
    /// Waits until no payment is pending, then compares both nodes' books payment by payment, and their sums with the
    /// balance that the user had before.
    ///
    /// # Panics
    /// If a payment is stuck, lost or made twice.
    pub fn check(&self, pair: &Pair, user_before_msat: u64) -> usize {
        let [out, back] = ways(pair).map(|way| {
            wait::until(&format!("{}: nothing is pending", way.name), || {
                let payments = way.payer.payments().ok()?;
                let pending = payments.iter().any(|payment| payment.status == "pending");
                (!pending).then_some(())
            });
            books(&way)
        });
        pair.until_quiet();
        let user_now = pair.check_agreement();
        let (sent, received): (u64, u64) = (out.values().sum(), back.values().sum());
        assert_eq!(
            user_now + sent,
            user_before_msat + received,
            "sent {sent}, received {received}"
        );
        for attempt in &self.attempts {
            let is_paid = out.contains_key(&attempt.hash) || back.contains_key(&attempt.hash);
            match attempt.told {
                Told::Succeeded => assert!(is_paid, "lost: {}", attempt.hash),
                Told::Failed => assert!(!is_paid, "paid after all: {}", attempt.hash),
                Told::Nothing => {}
            }
        }
        let of = |told: &Told| self.attempts.iter().filter(|one| one.told == *told).count();
        println!(
            "{} payments to the hub, {} back; the payers were told {} successes, {} failures, {} times nothing",
            out.len(),
            back.len(),
            of(&Told::Succeeded),
            of(&Told::Failed),
            of(&Told::Nothing),
        );
        out.len() + back.len()
    }
}

/// Payments by their hash, in msat: those that the payer calls succeeded, which must be those that the payee calls paid.
fn books(way: &Way) -> HashMap<String, u64> {
    let payments = way.payer.payments().expect("the payer's payments");
    let invoices = way.payee.invoices().expect("the payee's invoices");
    let sent: HashMap<String, u64> = payments
        .into_iter()
        .filter(|payment| payment.status == "succeeded")
        .map(|payment| {
            assert_eq!(payment.fee_msat, 0, "a direct payment costs nothing");
            (payment.payment_hash, payment.amount_msat)
        })
        .collect();
    let paid: HashMap<String, u64> = invoices
        .into_iter()
        .filter(|invoice| invoice.status == "paid")
        .map(|invoice| {
            let msat = invoice.received_msat.expect("a paid invoice says how much");
            (invoice.payment_hash, msat)
        })
        .collect();
    assert_eq!(sent, paid, "{}", way.name);
    sent
}
