//! When a node closes a channel by itself: for the sake of an HTLC, at its deadline and not before, and for no other reason. The
//! ledger says for which.

use zarnitsa_tests::answers::Channel;
use zarnitsa_tests::lag::SlowDisk;
use zarnitsa_tests::wait;
use zarnitsa_tests::world::Pair;

use super::htlcs::{Fate, Htlc};
use super::stage::Stage;
use super::By;

/// Blocks after its expiry that the peer has to remove an HTLC of this node's (BOLT 2, "`cltv_expiry_delta` Selection").
const GRACE_BLOCKS: u32 = 3;
/// Blocks before its expiry by which an HTLC must be settled whose preimage this node has given.
const MARGIN_BLOCKS: u32 = 18;

/// Blocks beyond that for which an HTLC of this node's waits for its own disk.
const DISK_PATIENCE_BLOCKS: u32 = 18;

/// A channel with one HTLC that the hub holds, and the height at which it expires.
fn held() -> (Stage, Pair, Htlc, u32) {
    held_on(Stage::start())
}

fn held_on(stage: Stage) -> (Stage, Pair, Htlc, u32) {
    let pair = stage.open();
    let htlc = stage.offer(Fate::Expires, By::User);
    stage.until_held(&htlc);
    let channel = stage.api(By::Hub).channel(&pair.id).expect("the channel");
    let expiry = channel.htlcs[0]["cltv_expiry"].as_u64().expect("a height");
    (stage, pair, htlc, u32::try_from(expiry).expect("a height"))
}

/// The same, where the payee has given the HTLC back and the payer's disk does not take the answer.
fn given_back_to_a_slow_disk() -> (Stage, Pair, SlowDisk, u32) {
    let mut stage = Stage::start();
    let user = stage.node_mut(By::User);
    let disk = SlowDisk::under(&user.folder().join("ledger"));
    user.stop();
    user.put_on_slow(&disk);
    user.start();
    let (stage, pair, htlc, expiry) = held_on(stage);
    disk.hold();
    stage.cancel(&htlc);
    disk.until_waited_for();
    (stage, pair, disk, expiry)
}

/// The payer has looked at its HTLCs so often, each time to wait for its disk.
fn until_waited(stage: &Stage, times: u32) {
    let what = format!("the payer waits for its disk the {times}th time");
    wait::until(&what, || {
        let log = stage.node(By::User).log();
        let waits = log.matches("the disk is waited for: the channel is not closed yet");
        (waits.count() >= usize::try_from(times).expect("a few")).then_some(())
    });
}

fn channel(stage: &Stage, by: By, pair: &Pair) -> Channel {
    stage.api(by).channel(&pair.id).expect("the channel")
}

/// The nodes `sides` see every block up to this height when it comes.
fn mine_to(stage: &Stage, height: u32, sides: &[By]) {
    let bitcoind = &stage.world.bitcoind;
    // Those long before a deadline may come at once.
    let last = height.saturating_sub(2 * GRACE_BLOCKS);
    if last > bitcoind.height() {
        bitcoind.mine(last - bitcoind.height());
        stage.until_seen(sides);
    }
    while bitcoind.height() < height {
        bitcoind.mine(1);
        stage.until_seen(sides);
    }
}

fn lives(channel: &Channel) -> bool {
    ["normal", "offline"].contains(&channel.state.as_str()) && channel.closing.is_none()
}

/// It closes, and says why: in the channel, in its history, and on the command line.
fn check_reason(stage: &Stage, by: By, pair: &Pair, reason: &str) {
    wait::until("the channel is closed by force", || {
        channel(stage, by, pair).closing
    });
    let closing = channel(stage, by, pair).closing.expect("it closes");
    assert_eq!(closing.cause, "alone", "{closing:?}");
    assert_eq!(closing.reason.as_deref(), Some(reason));
    let history = stage.api(by).history(&pair.id).expect("the history");
    let notes = history
        .iter()
        .filter(|step| step.note.as_deref() == Some(reason));
    assert_eq!(notes.count(), 1, "{history:?}");
    let printed = stage.node(by).command(&["channel", "history", &pair.id]);
    let printed = String::from_utf8_lossy(&printed.stdout).into_owned();
    assert!(printed.contains(reason), "{printed}");
    println!("{by:?}: {reason}");
    wait::until("a commitment is in the mempool", || {
        (!stage.world.bitcoind.mempool().is_empty()).then_some(())
    });
}

#[test]
fn offered_htlc_that_the_peer_does_not_remove_closes_three_blocks_after_its_expiry() {
    let (stage, pair, _, expiry) = held();
    stage.silence_both();
    mine_to(&stage, expiry + GRACE_BLOCKS - 1, &By::BOTH);
    assert!(lives(&channel(&stage, By::User, &pair)));
    mine_to(&stage, expiry + GRACE_BLOCKS, &By::BOTH);
    let reason =
        format!("HTLC 0 of ours expired at height {expiry} and the peer has not removed it");
    check_reason(&stage, By::User, &pair, &reason);
    // The payee, who has no preimage, risks nothing.
    assert!(lives(&channel(&stage, By::Hub, &pair)));
    stage.world.verify_ledgers();
}

#[test]
fn claimed_htlc_that_the_peer_does_not_settle_closes_eighteen_blocks_before_its_expiry() {
    let (stage, pair, htlc, expiry) = held();
    stage.silence_both();
    stage.settle(&htlc);
    mine_to(&stage, expiry - MARGIN_BLOCKS - 1, &By::BOTH);
    assert!(lives(&channel(&stage, By::Hub, &pair)));
    mine_to(&stage, expiry - MARGIN_BLOCKS, &By::BOTH);
    let reason = format!(
        "HTLC 0 of the peer's, whose preimage we gave, is not settled and expires at height {expiry}"
    );
    check_reason(&stage, By::Hub, &pair, &reason);
    assert!(lives(&channel(&stage, By::User, &pair)));
    stage.world.verify_ledgers();
}

/// The payer is away, in one way or another, until its HTLC has long expired. The payee gives it back as soon as it is heard.
fn away(go: impl FnOnce(&mut Stage), come: impl FnOnce(&mut Stage)) {
    let (mut stage, pair, htlc, expiry) = held();
    go(&mut stage);
    stage
        .world
        .bitcoind
        .mine(expiry + 10 - stage.world.bitcoind.height());
    stage.until_seen(&[By::Hub]);
    wait::until("the payee gives it back", || {
        let invoice = stage.api(By::Hub).invoice_of(&htlc.hash).ok()?;
        (invoice.status == "cancelled").then_some(())
    });
    come(&mut stage);
    stage.reconnect();
    pair.until_quiet();
    stage.world.bitcoind.mine(1);
    stage.until_seen(&By::BOTH);
    pair.check_agreement();
    for by in By::BOTH {
        let history = stage.api(by).history(&pair.id).expect("the history");
        let closes = history.iter().filter(|step| step.kind == "closing");
        assert_eq!(closes.count(), 0, "{history:?}");
    }
    stage.world.verify_ledgers();
}

#[test]
fn htlc_that_expires_while_its_payer_does_not_run_closes_nothing() {
    away(
        |stage| stage.node_mut(By::User).kill_hard(),
        |stage| stage.node_mut(By::User).start(),
    );
}

#[test]
fn htlc_that_expires_while_its_payer_stands_still_closes_nothing() {
    away(
        |stage| stage.node(By::User).pause(),
        |stage| stage.node(By::User).go_on(),
    );
}

#[test]
fn htlc_that_expires_while_its_payers_disk_does_not_take_its_end_closes_nothing() {
    let (stage, pair, disk, expiry) = given_back_to_a_slow_disk();
    // Up to the last block for which it has the patience.
    for waited in 1..=DISK_PATIENCE_BLOCKS {
        mine_to(&stage, expiry + GRACE_BLOCKS + waited - 1, &By::BOTH);
        until_waited(&stage, waited);
    }
    disk.let_go();
    pair.until_quiet();
    stage.world.bitcoind.mine(1);
    stage.until_seen(&By::BOTH);
    pair.check_agreement();
    for by in By::BOTH {
        let history = stage.api(by).history(&pair.id).expect("the history");
        let closes = history.iter().filter(|step| step.kind == "closing");
        assert_eq!(closes.count(), 0, "{history:?}");
    }
    stage.world.verify_ledgers();
}

#[test]
fn htlc_whose_end_its_payers_disk_does_not_take_for_eighteen_blocks_closes() {
    let (stage, pair, disk, expiry) = given_back_to_a_slow_disk();
    for waited in 0..=DISK_PATIENCE_BLOCKS {
        mine_to(&stage, expiry + GRACE_BLOCKS + waited, &By::BOTH);
        until_waited(&stage, (waited + 1).min(DISK_PATIENCE_BLOCKS));
    }
    wait::until("the payer decides to close", || {
        let log = stage.node(By::User).log();
        log.contains("closed by force").then_some(())
    });
    // It is said and broadcast when the disk has it, and not before.
    assert!(lives(&channel(&stage, By::User, &pair)));
    assert!(stage.world.bitcoind.mempool().is_empty());
    disk.let_go();
    let reason =
        format!("HTLC 0 of ours expired at height {expiry} and the peer has not removed it");
    check_reason(&stage, By::User, &pair, &reason);
    stage.world.verify_ledgers();
}
