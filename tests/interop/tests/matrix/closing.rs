//! Closing together: from each side, and with a payment under way.

use std::thread;

use bitcoin::hashes::{sha256, Hash};
use zarnitsa_interop::ldk::Ldk;
use zarnitsa_interop::link::{until_in_mempool, Link, Plan};
use zarnitsa_interop::protocol::Order;
use zarnitsa_interop::world::World;
use zarnitsa_tests::node::Node;
use zarnitsa_tests::wait;

/// Who says shutdown first.
pub fn begin_close(link: &Link, by_us: bool) {
    if by_us {
        let (api, id) = (link.ours.clone(), link.id.clone());
        // It waits for the closing transaction, which may have to wait for a payment.
        thread::spawn(move || api.close(&id));
    } else {
        let (channel_id, force) = (link.id.clone(), false);
        link.ldk
            .ask::<()>(Order::Close { channel_id, force })
            .unwrap_or_else(|error| panic!("ldk-node does not close: {error:?}"));
    }
}

/// Waits for the closing transaction, confirms it, and waits until our coins of it are in our wallet.
pub fn until_closed(world: &World, ours: &Node, ldk: &Ldk, link: &Link) {
    let closing = wait::until("our side knows the closing transaction", || {
        link.ours.channel(&link.id).ok()?.closing_txid
    });
    until_in_mempool(world, &closing);
    let owed = link.our_side().local_msat / 1_000;
    world.mine(6, &[ours], &[ldk]);
    link.until_ours("closed");
    wait::until("our coins are in our wallet", || {
        let utxos = link.ours.utxos().ok()?;
        let coins = utxos.iter().filter(|utxo| utxo.txid == closing);
        let sat: u64 = coins.map(|utxo| utxo.amount_sat).sum();
        // The opener pays the fee.
        (sat > 0 && sat <= owed && owed - sat < 5_000).then_some(())
    });
    link.ldk.until_event("ChannelClosed", &link.id);
    assert!(link.ldk.channel(&link.id).is_none());
    let balance = link.ours.balance().expect("a balance");
    assert_eq!(balance.channels_local_msat, 0);
    assert_eq!(balance.pending_close_sat, 0);
    let log = ldk.log();
    assert!(
        !log.contains("Force-closing channel"),
        "ldk-node had to force something"
    );
}

/// Closes, with nothing under way.
pub fn close_together(world: &World, ours: &Node, ldk: &Ldk, link: &Link, by_us: bool) {
    begin_close(link, by_us);
    until_closed(world, ours, ldk, link);
    world.verify_ledgers(&[ours]);
}

/// A payment of ours that ldk-node has accepted and not yet claimed.
pub struct Held {
    preimage: [u8; 32],
    msat: u64,
    payer: thread::JoinHandle<
        Result<zarnitsa_tests::answers::Payment, zarnitsa_tests::api::CallError>,
    >,
}

impl Held {
    /// We pay; it stays under way.
    pub fn begin(link: &Link, msat: u64) -> Self {
        let preimage: [u8; 32] = rand::random();
        let hash = sha256::Hash::hash(&preimage).to_string();
        let order = Order::HoldInvoice {
            msat,
            hash: hash.clone(),
        };
        let invoice: String = link.ldk.ask(order).expect("an invoice");
        let api = link.ours.clone();
        let payer = thread::spawn(move || api.pay(&invoice));
        link.ldk.until_event("PaymentClaimable", &hash);
        Self {
            preimage,
            msat,
            payer,
        }
    }

    /// Its hash.
    pub fn hash(&self) -> String {
        sha256::Hash::hash(&self.preimage).to_string()
    }

    /// ldk-node takes it.
    pub fn claim(&self, link: &Link) {
        use bitcoin::hex::DisplayHex;
        let order = Order::Claim {
            hash: self.hash(),
            msat: self.msat,
            preimage: self.preimage.to_lower_hex_string(),
        };
        link.ldk.ask::<()>(order).expect("ldk-node claims it");
    }

    /// ldk-node gives it back.
    pub fn fail(&self, link: &Link) {
        let order = Order::Fail { hash: self.hash() };
        link.ldk.ask::<()>(order).expect("ldk-node fails it");
    }

    /// Where the payment stands, by our node's books.
    pub fn until_status(&self, link: &Link, status: &str) {
        let hash = self.hash();
        wait::until(&format!("the payment is {status}"), || {
            let payment = link.ours.payment(&hash).ok()?;
            (payment.status == status).then_some(())
        });
    }

    /// The payer is told.
    pub fn until_paid(self, link: &Link) {
        self.until_status(link, "succeeded");
        // The call may have been cut off with a node that was killed; the books are what counts.
        if let Ok(payment) = self.payer.join().expect("the payer does not panic") {
            assert_eq!(payment.status, "succeeded", "{payment:?}");
        }
    }
}

fn closed_while_a_payment_is_under_way(by_us: bool, is_claimed: bool) {
    let world = World::start();
    let (ours, ldk) = (world.ours("ours", "hub"), world.ldk("ldk"));
    let link = Link::opened_by_us(&world, &ours, &ldk, Plan::private(1_000_000));
    let before = link.check_agreement();
    let held = Held::begin(&link, 20_000_000);
    begin_close(&link, by_us);
    link.until_ours("shutting_down");
    assert_eq!(link.our_side().htlcs.len(), 1, "it goes on");
    if is_claimed {
        held.claim(&link);
        held.until_status(&link, "succeeded");
    } else {
        held.fail(&link);
        held.until_status(&link, "failed");
    }
    until_closed(&world, &ours, &ldk, &link);
    let paid = if is_claimed { 20_000_000 } else { 0 };
    let last = link.ours.history(&link.id).expect("its history");
    let last = last.last().expect("it was opened").local_msat;
    assert_eq!(last, before - paid, "what was closed on");
    world.verify_ledgers(&[&ours]);
}

#[test]
fn closed_by_us_while_a_payment_is_under_way_that_is_claimed() {
    closed_while_a_payment_is_under_way(true, true);
}

#[test]
fn closed_by_ldk_while_a_payment_is_under_way_that_is_claimed() {
    closed_while_a_payment_is_under_way(false, true);
}

#[test]
fn closed_by_us_while_a_payment_is_under_way_that_fails() {
    closed_while_a_payment_is_under_way(true, false);
}

#[test]
fn closed_by_ldk_while_a_payment_is_under_way_that_fails() {
    closed_while_a_payment_is_under_way(false, false);
}

#[test]
fn closed_by_both_at_the_same_time() {
    let world = World::start();
    let (ours, ldk) = (world.ours("ours", "hub"), world.ldk("ldk"));
    let link = Link::opened_by_ldk(&world, &ours, &ldk, Plan::private(1_000_000));
    begin_close(&link, true);
    begin_close(&link, false);
    until_closed(&world, &ours, &ldk, &link);
}
