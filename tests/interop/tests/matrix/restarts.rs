//! Either side goes down in each phase of a channel, in order or by `kill -9`, and both go on where they were.

use std::thread;
use std::time::{Duration, Instant};

use zarnitsa_interop::ldk::Ldk;
use zarnitsa_interop::link::{Link, Plan};
use zarnitsa_interop::protocol::Outcome;
use zarnitsa_interop::world::{Ours, World};
use zarnitsa_tests::length;
use zarnitsa_tests::wait;

use crate::closing::{begin_close, until_closed, Held};
use crate::paying::pay_both_ways;

/// Who goes down, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fall {
    OursKilled,
    OursStopped,
    LdkKilled,
    LdkStopped,
}

/// Both nodes, and the channel once there is one.
struct Stage {
    // The nodes end before their world.
    ours: Ours,
    ldk: Ldk,
    world: World,
}

impl Stage {
    fn new() -> Self {
        let world = World::start();
        Self {
            ours: world.ours("ours", "hub"),
            ldk: world.ldk("ldk"),
            world,
        }
    }

    fn down(&mut self, fall: Fall) {
        match fall {
            Fall::OursKilled => self.ours.kill_hard(),
            Fall::OursStopped => self.ours.stop(),
            Fall::LdkKilled => self.ldk.kill_hard(),
            Fall::LdkStopped => self.ldk.stop(),
        }
    }

    fn up(&mut self, fall: Fall) {
        match fall {
            Fall::OursKilled | Fall::OursStopped => self.ours.start(),
            Fall::LdkKilled | Fall::LdkStopped => self.ldk.start(),
        }
    }

    fn mine(&self, blocks: u32) {
        self.world.mine(blocks, &[&self.ours], &[&self.ldk]);
    }
}

fn while_opening(fall: Fall, opened_by_us: bool) {
    let mut stage = Stage::new();
    let plan = Plan::private(1_000_000);
    let link = if opened_by_us {
        Link::begun_by_us(&stage.world, &stage.ours, &stage.ldk, plan)
    } else {
        Link::begun_by_ldk(&stage.world, &stage.ours, &stage.ldk, plan)
    };
    // The opening transaction waits in the mempool, and is confirmed while one of the two does not see it.
    stage.down(fall);
    stage.world.bitcoind.mine(3);
    stage.up(fall);
    stage.mine(3);
    link.until_connected();
    pay_both_ways(&link);
    stage.world.verify_ledgers(&[&stage.ours]);
}

fn while_nothing_happens(fall: Fall) {
    let mut stage = Stage::new();
    let link = Link::opened_by_us(
        &stage.world,
        &stage.ours,
        &stage.ldk,
        Plan::private(1_000_000),
    );
    let before = link.check_agreement();
    stage.down(fall);
    stage.up(fall);
    link.until_connected();
    assert_eq!(link.check_agreement(), before);
    pay_both_ways(&link);
}

/// A payment is under way, each side has signed for it, and it ends after the fall.
fn while_a_payment_is_held(fall: Fall) {
    let mut stage = Stage::new();
    let link = Link::opened_by_us(
        &stage.world,
        &stage.ours,
        &stage.ldk,
        Plan::private(1_000_000),
    );
    let before = link.check_agreement();
    let held = Held::begin(&link, 30_000_000);
    stage.down(fall);
    stage.up(fall);
    link.until_connected();
    assert_eq!(link.our_side().htlcs.len(), 1, "it goes on");
    held.claim(&link);
    held.until_paid(&link);
    assert_eq!(link.check_agreement(), before - 30_000_000);
    pay_both_ways(&link);
    stage.world.verify_ledgers(&[&stage.ours]);
}

/// Payments go both ways while one side falls again and again, at moments that nobody chose.
fn while_payments_go_on(fall: Fall) {
    const AMOUNT: u64 = 1_500_000;
    let mut stage = Stage::new();
    let mut random = length::random();
    let link = Link::opened_by_us(
        &stage.world,
        &stage.ours,
        &stage.ldk,
        Plan::private(5_000_000),
    );
    let before = link.check_agreement();
    let falls = length::count("ZARNITSA_FALLS", 3, 30);
    for _ in 0..falls {
        let payers: Vec<_> = (0..4)
            .map(|number: u64| {
                let link = link.clone();
                thread::spawn(move || {
                    for _ in 0..10 {
                        attempt(&link, AMOUNT + number, number.is_multiple_of(2));
                    }
                })
            })
            .collect();
        let moment = rand::Rng::gen_range(&mut random, 50..1_500);
        wait::moment(std::time::Duration::from_millis(moment));
        stage.down(fall);
        stage.up(fall);
        if stage.ldk.has_lost_channels() {
            return check_loss(&stage, &link, payers);
        }
        link.until_connected();
        for payer in payers {
            payer.join().expect("a payer does not panic");
        }
    }
    link.until_connected();
    link.until_quiet();
    until_ended(&link, fall);
    check_books(&link, before);
    stage.world.verify_ledgers(&[&stage.ours]);
}

/// Killed at the wrong moment, ldk-node has its channel's newest commitment on disk but not yet its own books of it,
/// and closes the channel without us at its next start. We must see that, and every payment of ours must end.
fn check_loss(stage: &Stage, link: &Link, payers: Vec<thread::JoinHandle<()>>) {
    println!("ldk-node lost its channel by the kill");
    link.dial();
    link.until_ours("closing");
    wait::until("a commitment waits for its block", || {
        (!stage.world.bitcoind.mempool().is_empty()).then_some(())
    });
    // Deep enough for a payment that the commitment does not hold to count as failed.
    stage.mine(10);
    for payer in payers {
        payer.join().expect("a payer does not panic");
    }
    wait::until("our side knows what spent the channel", || {
        link.our_side().closing_txid
    });
    stage.world.verify_ledgers(&[&stage.ours]);
}

/// What comes of it is read from the books in the end.
fn attempt(link: &Link, msat: u64, by_us: bool) {
    if by_us {
        let order = zarnitsa_interop::protocol::Order::Invoice { msat: Some(msat) };
        if let Ok(invoice) = link.ldk.ask::<String>(order) {
            let _ = link.ours.pay(&invoice);
        }
    } else if let Ok(invoice) = link.ours.invoice(msat, "while falling") {
        let _ = link.ldk.pay(&invoice.invoice);
    }
}

/// ldk-node tries a payment for so long, and then fails it.
const LDK_TRIES: Duration = Duration::from_secs(10);

/// Waits until every payment has ended. The channel is quiet already.
///
/// ldk-node notes that it pays before its channel manager is on disk. A payment that a kill took from the manager alone it
/// calls pending for ever (its issue 966): those are put up with, once it would have given up trying and if our node was
/// never paid.
fn until_ended(link: &Link, fall: Fall) {
    let begin = Instant::now();
    wait::until("no payment is pending", || {
        let ours = link.ours.payments().ok()?;
        if ours.iter().any(|payment| payment.status == "pending") {
            return None;
        }
        let mut pending = link.ldk.payments();
        pending.retain(|payment| !payment.inbound && payment.status == "pending");
        if pending.is_empty() {
            return Some(());
        }
        let may_be_lost = fall == Fall::LdkKilled && begin.elapsed() > 2 * LDK_TRIES;
        let is_unpaid = |hash: &str| Some(link.ours.invoice_of(hash).ok()?.status == "open");
        let lost = pending.iter().all(|it| is_unpaid(&it.hash) == Some(true));
        (may_be_lost && lost).then(|| println!("ldk-node has lost {pending:?}"))
    });
}

/// Both sides tell the same of each payment, and the balance is what they add up to.
fn check_books(link: &Link, before: u64) {
    let ldk = link.ldk.payments();
    let (mut sent, mut received) = (0, 0);
    for payment in link.ours.payments().expect("our payments") {
        let theirs = ldk
            .iter()
            .find(|one| one.inbound && one.hash == payment.payment_hash)
            .expect("ldk-node made the invoice");
        let is_paid = payment.status == "succeeded";
        assert_eq!(
            is_paid,
            theirs.status == "succeeded",
            "{payment:?} {theirs:?}"
        );
        sent += if is_paid { payment.amount_msat } else { 0 };
    }
    for invoice in link.ours.invoices().expect("our invoices") {
        let theirs = ldk
            .iter()
            .find(|one| !one.inbound && one.hash == invoice.payment_hash);
        let is_paid = invoice.status == "paid";
        let told = theirs.is_some_and(|payment| payment.status == "succeeded");
        assert_eq!(is_paid, told, "{invoice:?} {theirs:?}");
        received += invoice.received_msat.unwrap_or_default();
    }
    println!("we sent {sent} msat and received {received}");
    assert_eq!(link.check_agreement(), before + received - sent);
}

/// Both have said shutdown, and a payment is under way.
fn while_closing(fall: Fall) {
    let mut stage = Stage::new();
    let link = Link::opened_by_us(
        &stage.world,
        &stage.ours,
        &stage.ldk,
        Plan::private(1_000_000),
    );
    let held = Held::begin(&link, 30_000_000);
    begin_close(&link, false);
    link.until_ours("shutting_down");
    stage.down(fall);
    stage.up(fall);
    wait::until("the peers are connected again", || {
        link.dial();
        let peers: Vec<String> = link
            .ldk
            .ask(zarnitsa_interop::protocol::Order::Peers)
            .ok()?;
        (!peers.is_empty()).then_some(())
    });
    link.until_ours("shutting_down");
    held.claim(&link);
    held.until_paid(&link);
    until_closed(&stage.world, &stage.ours, &stage.ldk, &link);
}

/// A test for each way to fall.
macro_rules! each {
    ($what:expr; $($name:ident = $fall:ident,)*) => {
        $(#[test]
        fn $name() {
            $what(Fall::$fall);
        })*
    };
}

fn while_ours_opens(fall: Fall) {
    while_opening(fall, true);
}

fn while_ldk_opens(fall: Fall) {
    while_opening(fall, false);
}

each!(while_ours_opens;
    ours_killed_while_it_opens_a_channel = OursKilled,
    ldk_killed_while_ours_opens_a_channel = LdkKilled,
);
each!(while_ldk_opens;
    ours_stopped_while_ldk_opens_a_channel = OursStopped,
    ldk_stopped_while_it_opens_a_channel = LdkStopped,
);
each!(while_nothing_happens;
    ours_stopped_while_nothing_happens = OursStopped,
    ldk_killed_while_nothing_happens = LdkKilled,
);
each!(while_a_payment_is_held;
    ours_killed_while_a_payment_is_held = OursKilled,
    ldk_killed_while_a_payment_is_held = LdkKilled,
    ldk_stopped_while_a_payment_is_held = LdkStopped,
);
each!(while_payments_go_on;
    ours_killed_while_payments_go_on = OursKilled,
    ours_stopped_while_payments_go_on = OursStopped,
    ldk_killed_while_payments_go_on = LdkKilled,
    ldk_stopped_while_payments_go_on = LdkStopped,
);
each!(while_closing;
    ours_killed_while_closing = OursKilled,
    ldk_killed_while_closing = LdkKilled,
);

#[test]
fn connection_dropped_by_ldk_is_taken_up_again() {
    let stage = Stage::new();
    let link = Link::opened_by_us(
        &stage.world,
        &stage.ours,
        &stage.ldk,
        Plan::private(1_000_000),
    );
    let node_id = stage.ours.api().info().expect("our info").node_id;
    let order = zarnitsa_interop::protocol::Order::Disconnect { node_id };
    link.ldk.ask::<()>(order).expect("it disconnects");
    // Nobody dials by hand: our node calls its peer again by itself.
    link.until_usable();
    pay_both_ways(&link);
    let outcome = link
        .ldk
        .pay(&link.ours.invoice(1_000, "one more").unwrap().invoice);
    assert!(matches!(outcome, Ok(Outcome::Paid { .. })), "{outcome:?}");
}
