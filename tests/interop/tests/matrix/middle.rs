//! The node in the middle goes down while a payment is on its way through it.

use std::thread::{self, JoinHandle};

use bitcoin::hashes::{sha256, Hash};
use bitcoin::hex::DisplayHex;
use zarnitsa_interop::net::{Hand, Net, Told};
use zarnitsa_interop::ours::Ours as _;
use zarnitsa_interop::protocol::Order;
use zarnitsa_tests::wait;

use crate::forwards::row;

const MSAT: u64 = 15_000_000;

/// What the payee does with what it holds.
#[derive(Clone, Copy, Debug)]
enum End {
    Taken,
    GivenBack,
}

/// A payment that has reached the payee, which holds it.
struct Passing {
    preimage: [u8; 32],
    payer: JoinHandle<Told>,
}

impl Passing {
    fn begin(net: &Net) -> Self {
        let preimage: [u8; 32] = rand::random();
        let hash = sha256::Hash::hash(&preimage).to_string();
        let (payer, payee) = (net.members[0].hand(), net.members[2].hand());
        let invoice: String = match &payee {
            Hand::Ours(api) => {
                let made = api.hold_invoice_for(MSAT, &hash);
                made.expect("an invoice").invoice
            }
            Hand::Ldk(line) => {
                let (msat, hash) = (MSAT, hash.clone());
                let made = line.ask(Order::HoldInvoice { msat, hash });
                made.expect("an invoice")
            }
        };
        let payer = thread::spawn(move || payer.pay(&invoice));
        match &payee {
            Hand::Ours(api) => wait::until("the payee holds it", || {
                (api.invoice_of(&hash).ok()?.status == "accepted").then_some(())
            }),
            Hand::Ldk(line) => {
                line.until_event("PaymentClaimable", &hash);
            }
        }
        Self { preimage, payer }
    }

    fn end(&self, payee: &Hand, end: End) {
        let hash = sha256::Hash::hash(&self.preimage).to_string();
        let preimage = self.preimage.to_lower_hex_string();
        match (payee, end) {
            (Hand::Ours(api), End::Taken) => {
                api.settle(&preimage).expect("it is settled");
            }
            (Hand::Ours(api), End::GivenBack) => {
                api.cancel(&hash).expect("it is cancelled");
            }
            (Hand::Ldk(line), End::Taken) => {
                let msat = MSAT;
                let order = Order::Claim {
                    hash,
                    msat,
                    preimage,
                };
                line.ask::<()>(order).expect("it is claimed");
            }
            (Hand::Ldk(line), End::GivenBack) => {
                line.ask::<()>(Order::Fail { hash }).expect("it is failed");
            }
        }
    }
}

/// The hub goes down once the payee holds the payment; the payee decides while it is away, or once it is back.
fn check_fall(names: [&str; 3], end: End, decided_while_away: bool) {
    let mut net = row(names);
    net.first_payment(0, 2, 1_000_000);
    let before = net.check_balances();
    let passing = Passing::begin(&net);
    let payee = net.members[2].hand();
    net.members[1].down(true);
    if decided_while_away {
        passing.end(&payee, end);
    }
    net.members[1].up();
    for edge in &net.edges {
        net.until_connected(edge);
    }
    if !decided_while_away {
        passing.end(&payee, end);
    }
    let told = passing.payer.join().expect("the payer does not panic");
    let as_meant = match end {
        End::Taken => matches!(told, Told::Paid { fee_msat } if fee_msat > 0),
        End::GivenBack => matches!(told, Told::Failed(_)),
    };
    assert!(as_meant, "{end:?}: {told:?}");
    net.until_all_have_ended();
    assert_eq!(net.check_balances(), before);
    net.check_books();
    net.verify_ledgers();
}

#[test]
fn our_hub_killed_while_ldk_holds_what_it_takes_then() {
    check_fall(["ldk-payer", "hub", "ldk-payee"], End::Taken, false);
}

#[test]
fn our_hub_killed_and_away_while_ldk_takes_what_it_holds() {
    check_fall(["ldk-payer", "hub", "ldk-payee"], End::Taken, true);
}

#[test]
fn our_hub_killed_and_away_while_ldk_gives_back_what_it_holds() {
    check_fall(["ldk-payer", "hub", "ldk-payee"], End::GivenBack, true);
}

#[test]
fn ldk_hub_restarted_while_we_hold_what_we_settle_then() {
    check_fall(["payer", "ldk-hub", "payee"], End::Taken, false);
}

#[test]
fn ldk_hub_away_while_we_settle_what_we_hold() {
    check_fall(["payer", "ldk-hub", "payee"], End::Taken, true);
}
