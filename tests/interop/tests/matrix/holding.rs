//! ldk-node pays an invoice that we only accept at first.

use std::thread::{self, JoinHandle};

use serde_json::Value;
use zarnitsa_interop::ldk::LdkError;
use zarnitsa_interop::link::{Link, Plan};
use zarnitsa_interop::protocol::Outcome;
use zarnitsa_interop::world::World;
use zarnitsa_tests::node::Node;
use zarnitsa_tests::wait;

use crate::paying::check_proof;

/// A payment of ldk-node's that we hold.
pub struct Accepted {
    /// Its hash.
    pub hash: String,
    payer: JoinHandle<Result<Outcome, LdkError>>,
}

impl Accepted {
    /// ldk-node pays; we know the preimage and keep it to ourselves.
    pub fn begin(ours: &Node, link: &Link, msat: u64) -> Self {
        let amount = format!("{msat}msat");
        let made: Value = ours.json(&["invoice", "create", &amount, "--hold"]);
        let text = |field: &str| made[field].as_str().expect("a text").to_owned();
        let (invoice, hash, line) = (text("invoice"), text("payment_hash"), link.ldk.clone());
        let payer = thread::spawn(move || line.pay(&invoice));
        let accepted = Self { hash, payer };
        accepted.until_status(link, "accepted");
        accepted
    }

    /// Where it stands, by our node's books.
    pub fn until_status(&self, link: &Link, status: &str) {
        wait::until(&format!("the invoice is {status}"), || {
            let invoice = link.ours.invoice_of(&self.hash).ok()?;
            (invoice.status == status).then_some(())
        });
    }

    /// What ldk-node was told in the end.
    pub fn outcome(self) -> Outcome {
        let outcome = self.payer.join().expect("the payer does not panic");
        outcome.unwrap_or_else(|error| panic!("no outcome: {error:?}"))
    }
}

#[test]
fn payment_that_we_hold_and_settle_is_paid() {
    let world = World::start();
    let (ours, ldk) = (world.ours("ours", "hub"), world.ldk("ldk"));
    let link = Link::opened_by_us(&world, &ours, &ldk, Plan::private(1_000_000));
    let before = link.check_agreement();
    let accepted = Accepted::begin(&ours, &link, 12_000_000);
    let hash = accepted.hash.clone();
    ours.json::<Value>(&["invoice", "settle", &hash]);
    accepted.until_status(&link, "paid");
    match accepted.outcome() {
        Outcome::Paid { preimage, .. } => check_proof(&preimage, &hash),
        failed @ Outcome::Failed { .. } => panic!("{failed:?}"),
    }
    assert_eq!(link.check_agreement(), before + 12_000_000);
}

#[test]
fn payment_that_we_hold_and_cancel_goes_back() {
    let world = World::start();
    let (ours, ldk) = (world.ours("ours", "hub"), world.ldk("ldk"));
    let link = Link::opened_by_ldk(&world, &ours, &ldk, Plan::private(1_000_000));
    let before = link.check_agreement();
    let accepted = Accepted::begin(&ours, &link, 12_000_000);
    let hash = accepted.hash.clone();
    ours.json::<Value>(&["invoice", "cancel", &hash]);
    accepted.until_status(&link, "cancelled");
    match accepted.outcome() {
        Outcome::Failed { reason } => assert!(reason.contains("RecipientRejected"), "{reason}"),
        paid @ Outcome::Paid { .. } => panic!("{paid:?}"),
    }
    assert_eq!(link.check_agreement(), before);
}
