//! Two channels that are closed by force while HTLCs of every kind stand in their commitments. The hub learns a preimage from
//! the chain and claims with it upstream; what nobody settles goes back when its time comes.
//!
//! This is how they end where the commitment of whoever closes confirms. One that dies before it has broadcast may find the
//! peer's instead: then who has taken an HTLC directly takes it by a second stage, and the other way round.
//!
//! | payment | of the channel | in the commitment that confirms | ends by |
//! |---|---|---|---|
//! | left, by the hub, to right | left's | left's, offered | the preimage that right shows on chain |
//! | | right's | the hub's, offered | right's preimage |
//! | left to the hub | left's | left's, offered | the hub's preimage |
//! | the hub to left | left's | left's, received | a second stage of left's, with the preimage |
//! | left, by the hub, to right | left's | left's, offered | a second stage of left's, after the expiry |
//! | | right's | the hub's, offered | a second stage of the hub's, after the expiry |
//! | the hub to left | left's | left's, received | the hub's claim, after the expiry |

use std::thread;

use bitcoin::OutPoint;
use serde_json::{json, Value};
use zarnitsa_tests::answers::Channel;
use zarnitsa_tests::api::Api;
use zarnitsa_tests::wait;

use super::orders::{self, ask};
use super::stage::{fee, signed, Gains, Stage, Times, ANCHORS, DELAYED_BLOCKS, LEFT, RIGHT};

/// In sat, each of its own value, as an output is known by it; the fee of those that pass the hub is whole.
const THROUGH: u64 = 60_000;
const TO_HUB: u64 = 50_000;
const TO_LEFT: u64 = 40_000;
const THROUGH_IN_VAIN: u64 = 20_000;
const TO_LEFT_IN_VAIN: u64 = 30_000;

/// Less than any of them: who has one that is another's is found out whatever was paid for.
const MOST_FEES: u64 = 15_000;

/// An HTLC in a channel.
#[derive(Clone, Copy)]
struct Htlc<'a> {
    /// The channel.
    id: &'a str,
    /// Who sees it among its outputs.
    api: &'a Api,
    sat: u64,
}

/// What stands when the channels are closed.
#[derive(Debug)]
pub struct Held {
    before: Gains,
    height: u32,
    /// Channels.
    left: String,
    right: String,
    /// Hashes of payments.
    through: String,
    to_hub: String,
    to_left: String,
    through_in_vain: String,
    to_left_in_vain: String,
}

/// What the three have in channels when all has ended, in sat: left, the hub, right.
fn due() -> [u64; 3] {
    let left = LEFT.capacity_sat - LEFT.push_sat - THROUGH - fee(THROUGH) - TO_HUB + TO_LEFT;
    let right = RIGHT.push_sat + THROUGH;
    let hub = LEFT.capacity_sat + RIGHT.capacity_sat - left - right;
    [left, hub, right]
}

/// A payment's hash, when the payee holds it.
fn hold(payer: &Api, payee: &Api, sat: u64) -> String {
    let invoice = ask("an invoice", || payee.hold_invoice(sat));
    let (payer, text, hash) = (payer.clone(), invoice.invoice, invoice.payment_hash);
    // The order is answered when the payment has ended, if the node lives so long.
    thread::spawn(move || drop(payer.pay(&text)));
    wait::until("the payment is held", || {
        (payee.invoice_of(&hash).ok()?.status == "accepted").then_some(())
    });
    hash
}

/// Its expiry in the channel.
fn expiry(htlc: Htlc<'_>) -> u32 {
    let channel = ask("the channel", || htlc.api.channel(htlc.id));
    let msat = json!((htlc.sat * 1_000).to_string());
    let mut all = channel.htlcs.iter();
    let found = all.find(|it| it["amount_msat"] == msat);
    let found = found.unwrap_or_else(|| panic!("{} sat are not there: {channel:?}", htlc.sat));
    let expiry = found["cltv_expiry"].as_u64().expect("a height");
    u32::try_from(expiry).expect("a height")
}

/// Its output in the commitment that is in a block, once that is known.
fn output(htlc: Htlc<'_>) -> Option<OutPoint> {
    let closing = htlc.api.channel(htlc.id).ok()?.closing?;
    let is_its = |it: &&Value| {
        let kind = it["kind"].as_str().unwrap_or_default();
        kind.ends_with("_htlc") && it["amount_sat"].as_u64() == Some(htlc.sat)
    };
    let found = closing.outputs.iter().find(is_its)?;
    found["output"].as_str()?.parse().ok()
}

impl Stage {
    /// Opens both channels, and payments come to stand in them.
    pub(super) fn hold(&self) -> Held {
        let (before, height) = (self.coins(), self.bitcoind().height());
        let left = orders::open(&self.left, &self.hub_uri, LEFT);
        let right = orders::open(&self.hub, &self.right_uri, RIGHT);
        self.until_opening_waits(&self.left, &left);
        self.until_opening_waits(&self.hub, &right);
        self.bitcoind().mine(6);
        self.until_usable(&self.left, &left);
        self.until_usable(&self.right, &right);
        self.until_hinted();
        let (user, hub, payee) = (&self.left, &self.hub, &self.right);
        Held {
            through: hold(user, payee, THROUGH),
            to_hub: hold(user, hub, TO_HUB),
            to_left: hold(hub, user, TO_LEFT),
            through_in_vain: hold(user, payee, THROUGH_IN_VAIN),
            to_left_in_vain: hold(hub, user, TO_LEFT_IN_VAIN),
            before,
            height,
            left,
            right,
        }
    }

    /// Nobody finds the right one but by the hub.
    fn until_hinted(&self) {
        wait::until("an invoice names the hub", || {
            let invoice = self.right.invoice(1_000, "hinted?").ok()?.invoice;
            let invoice: lightning_invoice::Bolt11Invoice = invoice.parse().ok()?;
            (!invoice.route_hints().is_empty()).then_some(())
        });
    }

    /// Closes both, and all that stands is taken by whose it is.
    pub(super) fn end(&self, held: &Held) {
        let mut times = Times::begin();
        let late = self.late(held);
        self.close(held);
        times.mark("closing");
        self.settle(held);
        times.mark("settling");
        for (expiry, htlc) in late {
            self.mine_to(expiry);
            self.until_taken(htlc);
            self.mine(1);
        }
        times.mark("expiring");
        self.mine(DELAYED_BLOCKS);
        self.mine_until_closed(&[&self.left, &self.hub], &held.left);
        self.mine_until_closed(&[&self.hub, &self.right], &held.right);
        times.mark("burying");
        for (payer, hash) in [
            (&self.left, &held.through_in_vain),
            (&self.hub, &held.to_left_in_vain),
        ] {
            self.until_ended(payer, hash, "failed");
        }
        self.check(held);
        times.mark("counting");
        println!("{times}");
    }

    /// HTLCs that nobody settles, by the heights after which their payers have them back.
    fn late<'a>(&'a self, held: &'a Held) -> Vec<(u32, Htlc<'a>)> {
        let all = [
            self.upstream(held, THROUGH_IN_VAIN + fee(THROUGH_IN_VAIN)),
            self.upstream(held, TO_LEFT_IN_VAIN),
            self.downstream(held, THROUGH_IN_VAIN),
        ];
        let mut late = all.map(|htlc| (expiry(htlc), htlc)).to_vec();
        late.sort_by_key(|(expiry, _)| *expiry);
        late
    }

    fn upstream<'a>(&'a self, held: &'a Held, sat: u64) -> Htlc<'a> {
        Htlc {
            id: &held.left,
            api: &self.left,
            sat,
        }
    }

    fn downstream<'a>(&'a self, held: &'a Held, sat: u64) -> Htlc<'a> {
        Htlc {
            id: &held.right,
            api: &self.hub,
            sat,
        }
    }

    fn close(&self, held: &Held) {
        for (closer, id) in [(&self.left, &held.left), (&self.hub, &held.right)] {
            orders::force_close(closer, id);
            let opening = orders::opening_of(&ask("the channel", || closer.channel(id)));
            wait::until("the commitment is in the mempool", || {
                self.bitcoind().spender(&opening)
            });
        }
        self.mine(1);
    }

    /// The payees take what is theirs, and the hub what it has paid on.
    fn settle(&self, held: &Held) {
        orders::settle(&self.hub, &held.to_hub);
        orders::settle(&self.left, &held.to_left);
        orders::settle(&self.right, &held.through);
        self.until_taken(self.downstream(held, THROUGH));
        for sat in [THROUGH + fee(THROUGH), TO_HUB, TO_LEFT] {
            self.until_taken(self.upstream(held, sat));
        }
        self.mine(1);
        for (payer, hash) in [
            (&self.left, &held.through),
            (&self.left, &held.to_hub),
            (&self.hub, &held.to_left),
        ] {
            self.until_ended(payer, hash, "succeeded");
        }
    }

    /// Waits until a transaction takes it that the next block can hold.
    fn until_taken(&self, htlc: Htlc<'_>) {
        let what = format!("{} sat of {} are taken", htlc.sat, htlc.id);
        let outpoint = wait::until("the output is known", || output(htlc));
        wait::until(&what, || {
            let spent = self.bitcoind().spender(&outpoint).is_some();
            (spent || self.bitcoind().unspent(&outpoint).is_none()).then_some(())
        });
    }

    fn until_ended(&self, payer: &Api, hash: &str, status: &str) {
        wait::until(&format!("the payment {hash} has {status}"), || {
            (payer.payment(hash).ok()?.status == status).then_some(())
        });
    }

    fn mine_to(&self, height: u32) {
        let now = self.bitcoind().height();
        if now < height {
            self.mine(height - now);
        }
    }

    /// Each has what was due, but for fees; and not a satoshi is missing.
    fn check(&self, held: &Held) {
        let after = self.coins();
        let gains = [
            after.left - held.before.left,
            after.hub - held.before.hub,
            after.right - held.before.right,
        ];
        let fees = self.fees_since(held.height);
        let left_over = self.left_over(&held.left) + self.left_over(&held.right);
        println!("{gains:?}, fees {fees}, nobody's {left_over}");
        assert_eq!(gains.iter().sum::<i64>(), -signed(fees + left_over));
        let most = fees + 2 * ANCHORS;
        assert!(
            most <= MOST_FEES,
            "{most} sat are too much to tell from an HTLC"
        );
        let [left, hub, right] = due().map(signed);
        let due = [
            left - signed(LEFT.capacity_sat),
            hub - signed(RIGHT.capacity_sat),
            right,
        ];
        for (gain, due) in gains.into_iter().zip(due) {
            // Whoever bumps a commitment of the other's may take the anchor that the other paid.
            let most_gain = due + signed(ANCHORS);
            assert!(
                (due - signed(most)..=most_gain).contains(&gain),
                "{gain} of {due}"
            );
        }
    }

    /// What miners were paid in the blocks above this one.
    fn fees_since(&self, height: u32) -> u64 {
        let blocks = height + 1..=self.bitcoind().height();
        let fees = blocks.map(|height| {
            let asked = [json!(height), json!(["totalfee"])];
            let answer: Value = self.bitcoind().call("getblockstats", &asked);
            answer["totalfee"].as_u64().expect("an amount")
        });
        fees.sum()
    }

    /// Anchors of a channel's commitment that nobody has taken.
    fn left_over(&self, id: &str) -> u64 {
        let channel: Channel = ask("the channel", || self.hub.channel(id));
        let closing = channel.closing_txid.expect("it is closed");
        let commitment = self.bitcoind().indexed(&closing);
        let txid = commitment.compute_txid();
        let outputs = (0..).zip(&commitment.output);
        let left = outputs.filter(|(vout, output)| {
            let outpoint = OutPoint::new(txid, *vout);
            2 * output.value.to_sat() == ANCHORS && self.bitcoind().unspent(&outpoint).is_some()
        });
        left.map(|(_, output)| output.value.to_sat()).sum()
    }
}
