//! Payments through a hub whose channel to the payee ends on chain meanwhile: what the hub does to the payer's HTLC, and when.

use std::thread::{self, JoinHandle};

use bitcoin::Amount;
use zarnitsa_tests::answers::Payment;
use zarnitsa_tests::api::{Api, CallError};
use zarnitsa_tests::net::{Net, Terms};
use zarnitsa_tests::wait;
use zarnitsa_tests::wire::{Way, Wire};
use zarnitsa_tests::world::{self, Pair};

const CAPACITY_SAT: u64 = 1_000_000;
const AMOUNT_SAT: u64 = 50_000;
/// Below every dust limit: it has no output in a commitment.
const DUST_SAT: u64 = 200;
/// Blocks, the transaction's own included, that make a loss irrevocable: a reorg of six leaves it as it is.
const FAIL_DEPTH: u32 = 7;

/// Alice pays Bob through the hub. Bob calls the hub over a wire that can be cut.
struct Chain {
    net: Net,
    wire: Wire,
    upstream: Pair,
    downstream: Pair,
}

type Paying = JoinHandle<Result<Payment, CallError>>;

impl Chain {
    fn start() -> Self {
        let net = Net::start(&[("alice", "user"), ("hub", "hub"), ("bob", "user")]);
        let wire = Wire::to(net.node("hub").lightning_address());
        let upstream = net.open("alice", "hub", Terms::even(CAPACITY_SAT, false));
        for name in ["bob", "hub"] {
            world::fund(&net.bitcoind, net.node(name), Amount::from_sat(100_000));
        }
        let hub = net.api("hub").info().expect("the hub's info").node_id;
        let uri = format!("{hub}@{}", wire.address());
        let terms = Terms::even(CAPACITY_SAT, false);
        let downstream = net.open_to("bob", "hub", &uri, terms);
        let bob = net.api("bob");
        wait::until("an invoice names the hub", || {
            let invoice = bob.invoice(1_000, "hinted?").ok()?.invoice;
            let invoice: lightning_invoice::Bolt11Invoice = invoice.parse().ok()?;
            (!invoice.route_hints().is_empty()).then_some(())
        });
        Self {
            net,
            wire,
            upstream,
            downstream,
        }
    }

    /// A payment that Bob holds: its hash, and how it ends.
    fn hold(&self, sat: u64) -> (String, Paying) {
        let (alice, bob) = (self.net.api("alice"), self.net.api("bob"));
        let invoice = bob.hold_invoice(sat).expect("an invoice");
        let paying = thread::spawn(move || alice.pay(&invoice.invoice));
        let hash = invoice.payment_hash;
        wait::until("the payment is held", || {
            (bob.invoice_of(&hash).ok()?.status == "accepted").then_some(())
        });
        (hash, paying)
    }

    /// Nobody hears of the other but by the chain.
    fn silence(&self) {
        self.wire.cut(Way::There);
        self.wire.cut(Way::Back);
    }

    /// The channel to Bob ends by this node's commitment, which is in a block.
    fn close_downstream(&self, by: &Api) {
        let closed = by.force_close(&self.downstream.id).expect("it closes");
        let txid = closed.closing_txid.parse().expect("a txid");
        wait::until("the commitment is in the mempool", || {
            self.net.bitcoind.mempool().contains(&txid).then_some(())
        });
        self.mine(1);
    }

    fn until_in_mempool(&self, count: usize) {
        wait::until("claims are in the mempool", || {
            (self.net.bitcoind.mempool().len() >= count).then_some(())
        });
    }

    /// Blocks that all nodes have seen.
    fn mine(&self, blocks: u32) {
        self.net.bitcoind.mine(blocks);
        let height = self.net.bitcoind.height();
        for node in &self.net.nodes {
            let api = node.api();
            wait::until("the node sees the block", || {
                (api.info().ok()?.block_height >= height).then_some(())
            });
        }
    }

    fn status(&self, hash: &str) -> String {
        let payment = self.net.api("alice").payment(hash).expect("the payment");
        payment.status
    }

    /// HTLCs of the payer's channel, in sat.
    fn upstream_htlcs(&self) -> Vec<u64> {
        let channel = self.upstream.hub.channel(&self.upstream.id).expect("it");
        assert_eq!(channel.state, "normal", "{channel:?}");
        let amount = |htlc: &serde_json::Value| {
            let msat: u64 = htlc["amount_msat"].as_str()?.parse().ok()?;
            Some(msat / 1_000)
        };
        channel.htlcs.iter().filter_map(amount).collect()
    }

    /// The first height above `from` at which the hub's ledger called an HTLC of the closed channel lost.
    fn lost_at(&self, from: u32) -> Option<u32> {
        let history = self.downstream.hub.history(&self.downstream.id).ok()?;
        let notes = history.into_iter().filter_map(|step| step.note);
        let heights = notes.filter_map(|note| {
            let height = note.strip_prefix("the chain has reached height ")?;
            height.parse::<u32>().ok()
        });
        heights.filter(|height| *height > from).min()
    }

    /// The payer's channel has carried on, and both ends agree about it.
    fn check_upstream(&self) {
        self.upstream.until_quiet();
        self.upstream.check_agreement();
        self.net.verify_ledgers();
    }
}

#[test]
fn preimage_that_the_payee_shows_on_chain_is_claimed_upstream_before_it_confirms() {
    let chain = Chain::start();
    let before = chain.upstream.check_agreement();
    let (hash, paying) = chain.hold(AMOUNT_SAT);
    chain.silence();
    let bob = chain.net.api("bob");
    chain.close_downstream(&bob);
    bob.settle(&hash).expect("it is held");
    // No block is mined: the preimage is in the mempool, and that is enough.
    let paid = paying.join().expect("the payer ends").expect("an outcome");
    assert_eq!(paid.status, "succeeded", "{paid:?}");
    let spent = AMOUNT_SAT * 1_000 + paid.fee_msat;
    chain.upstream.until_quiet();
    assert_eq!(chain.upstream.check_agreement(), before - spent);
    let forwards: Vec<serde_json::Value> = chain.net.node("hub").json(&["forward", "list"]);
    assert_eq!(forwards[0]["status"], "succeeded", "{forwards:?}");
    chain.check_upstream();
}

#[test]
fn preimage_that_the_payee_showed_while_the_hub_was_away_is_claimed_upstream() {
    let mut chain = Chain::start();
    let before = chain.upstream.check_agreement();
    let (hash, paying) = chain.hold(AMOUNT_SAT);
    chain.silence();
    // This time it is the hub's own commitment that the payee takes it from.
    chain.close_downstream(&chain.net.api("hub"));
    chain.net.node_mut("hub").kill_hard();
    let bob = chain.net.api("bob");
    bob.settle(&hash).expect("it is held");
    chain.until_in_mempool(1);
    chain.net.bitcoind.mine(3);
    chain.net.node_mut("hub").start();
    let paid = paying.join().expect("the payer ends").expect("an outcome");
    assert_eq!(paid.status, "succeeded", "{paid:?}");
    let spent = AMOUNT_SAT * 1_000 + paid.fee_msat;
    chain.upstream.until_quiet();
    assert_eq!(chain.upstream.check_agreement(), before - spent);
    chain.check_upstream();
}

#[test]
fn htlcs_that_nobody_claims_downstream_fail_upstream_when_no_reorg_can_bring_them_back() {
    let chain = Chain::start();
    let before = chain.upstream.check_agreement();
    let (dust, _) = chain.hold(DUST_SAT);
    let (real, _) = chain.hold(AMOUNT_SAT);
    assert_eq!(chain.upstream_htlcs().len(), 2);
    let downstream = chain.downstream.hub.channel(&chain.downstream.id);
    let htlcs = downstream.expect("it").htlcs;
    let expiry = |htlc: &serde_json::Value| htlc["cltv_expiry"].as_u64();
    let expiry = htlcs.iter().filter_map(expiry).max().expect("two HTLCs");
    let expiry = u32::try_from(expiry).expect("a height");
    chain.silence();
    chain.close_downstream(&chain.net.api("bob"));
    let closed_at = chain.net.bitcoind.height();

    // The commitment has no output for the one that is dust.
    chain.mine(FAIL_DEPTH - 2);
    assert_eq!(chain.status(&dust), "pending");
    assert_eq!(chain.upstream_htlcs().len(), 2);
    chain.mine(1);
    wait::until("the dust is given back", || {
        (chain.status(&dust) == "failed").then_some(())
    });
    assert_eq!(chain.lost_at(closed_at), Some(closed_at + FAIL_DEPTH - 1));
    assert_eq!(chain.status(&real), "pending");
    assert_eq!(chain.upstream_htlcs().len(), 1);

    // The other one times out downstream first, and that gets as deep.
    chain.mine(expiry - chain.net.bitcoind.height());
    chain.until_in_mempool(1);
    chain.mine(1);
    let timed_out_at = chain.net.bitcoind.height();
    chain.mine(FAIL_DEPTH - 2);
    assert_eq!(chain.status(&real), "pending");
    assert_eq!(chain.upstream_htlcs().len(), 1);
    chain.mine(1);
    wait::until("the payment fails", || {
        (chain.status(&real) == "failed").then_some(())
    });
    let lost_at = chain.lost_at(timed_out_at);
    assert_eq!(lost_at, Some(timed_out_at + FAIL_DEPTH - 1));
    chain.upstream.until_quiet();
    assert_eq!(chain.upstream.check_agreement(), before);
    chain.check_upstream();
}
