//! A node that learns from its peer that it has lost states never broadcasts, and gets what is its own from the peer's close.

use std::fs;

use bitcoin::Txid;
use zarnitsa_tests::wait;
use zarnitsa_tests::world::Pair;

use super::report::taken;
use super::stage::Stage;
use super::By;

/// A payment by which both sides' states go on.
fn pay(stage: &Stage, pair: &Pair, payer: By, sat: u64) {
    let invoice = stage.api(payer.other()).invoice(sat * 1_000, "a test");
    let paid = stage.api(payer).pay(&invoice.expect("it").invoice);
    assert_eq!(paid.expect("a payment").status, "succeeded");
    pair.until_quiet();
}

/// A node whose folder is an older copy. Neither side runs.
struct Old {
    stage: Stage,
    pair: Pair,
    by: By,
    /// What it has in the channel, in truth.
    due: u64,
    /// The coins that it had before.
    before: u64,
}

impl Old {
    fn new(by: By) -> Self {
        let mut stage = Stage::start();
        let pair = stage.open();
        pay(&stage, &pair, By::User, 10_000);
        let kept = stage.keep(by, "kept");
        stage.reconnect();
        pair.until_usable();
        let mut told = kept_by_the_other(&stage, by, None);
        for (payer, sat) in [(By::User, 20_000), (By::Hub, 5_000)] {
            pay(&stage, &pair, payer, sat);
            told = kept_by_the_other(&stage, by, Some(told));
        }
        let due = channel_sat(&stage, by, &pair);
        let before = stage.coins_of(by);
        stage.node_mut(by).stop();
        stage.node_mut(by.other()).stop();
        zarnitsa_tests::folder::put_back(&kept, &stage.node(by).folder());
        stage.wire.mend();
        Self {
            stage,
            pair,
            by,
            due,
            before,
        }
    }

    /// Nothing tells it of its age but the peer's channel_reestablish.
    fn forget_what_the_peer_keeps(&self) {
        let told = self.stage.node(self.by.other()).folder();
        fs::remove_dir_all(told.join("peer-storage")).expect("what it kept for its peer");
    }

    fn start(&mut self, side: By) {
        self.stage.node_mut(side).start();
    }

    fn until_behind(&self) {
        wait::until("it knows that it is behind", || {
            let closing = self
                .stage
                .api(self.by)
                .channel(&self.pair.id)
                .ok()?
                .closing?;
            (closing.cause == "data_lost").then_some(())
        });
    }

    /// The operator, who knows of nothing, closes while bitcoind is away. Then the peer comes, and `learns` waits until the node
    /// knows better. When bitcoind is back nothing of this node's is in the mempool.
    fn close_before_it_learns(&mut self, learns: impl FnOnce(&Self)) {
        let (by, other) = (self.by, self.by.other());
        self.stage.world.bitcoind.stop();
        self.start(by);
        let closed = self.stage.api(by).force_close(&self.pair.id);
        let closed = closed.expect("it closes").closing_txid;
        self.start(other);
        learns(self);
        // The peer's commitment would be in the way of this node's.
        self.stage.node_mut(other).stop();
        self.stage.world.bitcoind.resume();
        // What was to be broadcast has been offered by then.
        wait::until("it has bitcoind again", || {
            let info = self.stage.api(by).info().ok()?;
            info.chain_available.then_some(())
        });
        let bitcoind = &self.stage.world.bitcoind;
        println!("{by:?} does not broadcast {closed}");
        assert_eq!(bitcoind.mempool(), Vec::<Txid>::new());
        bitcoind.mine(1);
        self.stage.until_seen(&[by]);
        assert_eq!(bitcoind.mempool(), Vec::<Txid>::new());
    }

    /// It never broadcasts, and the peer's close pays it out.
    fn until_paid_out(mut self) {
        let (by, other) = (self.by, self.by.other());
        let refusal = self.stage.api(by).force_close(&self.pair.id);
        println!("{by:?}: {}", refusal.expect_err("it must not"));
        let (stage, pair) = (&mut self.stage, &self.pair);
        let closing = wait::until("the peer's commitment is in the mempool", || {
            stage.call_again();
            let txid = stage.api(other).channel(&pair.id).ok()?.closing_txid?;
            let parsed: Txid = txid.parse().ok()?;
            let mempool = stage.world.bitcoind.mempool();
            mempool.contains(&parsed).then_some(txid)
        });
        // Its own start again changes nothing of that.
        stage.node_mut(by).kill_hard();
        stage.node_mut(by).start();
        let again = stage.api(by).force_close(&pair.id);
        assert!(again.is_err(), "{again:?}");
        stage.confirm(&closing, &By::BOTH);
        wait::until("the close is known", || {
            let closing = stage.api(by).channel(&pair.id).ok()?.closing?;
            closing.spent_by.is_some().then_some(())
        });
        let known = stage.resolve(pair, &[by]).remove(0);
        assert_eq!(known.closing_txid.as_ref(), Some(&closing));
        let world = &stage.world;
        let fee_of = |txid: &String| world.fee(&world.transaction(txid)).to_sat();
        let fees: u64 = taken(&known).iter().map(fee_of).sum();
        let opener = match by {
            By::User => fee_of(&closing) + super::report::ANCHORS_SAT,
            By::Hub => 0,
        };
        let got = stage.coins_of(by) - self.before;
        let due = self.due;
        println!("{by:?} has {got} sat of {closing}, {fees} sat of fees; due {due}");
        assert_eq!(got + fees + opener, due);
        world.verify_ledgers();
    }
}

/// What the peer keeps of how far this node has come, once it is something else than `before`.
fn kept_by_the_other(stage: &Stage, by: By, before: Option<Vec<u8>>) -> Vec<u8> {
    let id = stage.api(by).info().expect("its info").node_id;
    let file = stage
        .node(by.other())
        .folder()
        .join("peer-storage")
        .join(id);
    wait::until("the peer keeps how far this node has come", || {
        let now = fs::read(&file).ok()?;
        (before.as_ref() != Some(&now)).then_some(now)
    })
}

fn learn_of_loss(by: By) {
    let mut old = Old::new(by);
    old.forget_what_the_peer_keeps();
    old.start(by.other());
    old.start(by);
    old.stage.reconnect();
    old.until_behind();
    old.until_paid_out();
}

/// It has closed already, and its commitment waits for bitcoind, when it learns.
fn learn_of_loss_too_late(by: By) {
    let mut old = Old::new(by);
    old.forget_what_the_peer_keeps();
    old.close_before_it_learns(|old| {
        old.stage.reconnect();
        old.until_behind();
    });
    old.start(by.other());
    old.stage.reconnect();
    old.until_paid_out();
}

fn channel_sat(stage: &Stage, by: By, pair: &Pair) -> u64 {
    let channel = stage.api(by).channel(&pair.id).expect("the channel");
    channel.local_msat / 1_000
}

#[test]
fn user_that_hears_of_states_it_has_lost_never_broadcasts_and_is_paid_out() {
    learn_of_loss(By::User);
}

#[test]
fn hub_that_hears_of_states_it_has_lost_never_broadcasts_and_is_paid_out() {
    learn_of_loss(By::Hub);
}

#[test]
fn user_that_hears_of_states_it_has_lost_does_not_broadcast_the_commitment_that_waits_for_bitcoind()
{
    learn_of_loss_too_late(By::User);
}

#[test]
fn hub_that_hears_of_states_it_has_lost_does_not_broadcast_the_commitment_that_waits_for_bitcoind()
{
    learn_of_loss_too_late(By::Hub);
}

#[test]
fn user_that_is_shown_a_newer_head_does_not_broadcast_the_commitment_that_waits_for_bitcoind() {
    let mut old = Old::new(By::User);
    old.close_before_it_learns(|old| {
        wait::until("it is alarmed", || {
            old.stage.call_again();
            old.stage.api(By::User).info().ok()?.alarm
        });
    });
}
