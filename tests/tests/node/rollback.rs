//! A node that is started on an older copy of its ledger finds out, refuses, and says what to do.

use std::fs;
use std::path::{Path, PathBuf};

use zarnitsa_tests::folder::{copy, put_back};
use zarnitsa_tests::wait;
use zarnitsa_tests::world::{Pair, World};

const CAPACITY_SAT: u64 = 1_000_000;
const PUSHED_SAT: u64 = 400_000;

fn pay(pair: &Pair, msat: u64) {
    let invoice = pair.hub.invoice(msat, "a test").expect("an invoice");
    let payment = pair.user.pay(&invoice.invoice).expect("a payment");
    assert_eq!(payment.status, "succeeded");
    pair.until_quiet();
}

/// The user's folder as it is now, in another place. It is stopped meanwhile.
fn keep(world: &mut World, name: &str) -> PathBuf {
    world.user.stop();
    let kept = world.folder().join(name);
    copy(&world.user.folder(), &kept);
    world.user.start();
    kept
}

/// What the hub keeps for the user.
fn kept_by_hub(world: &World) -> Option<Vec<u8>> {
    let id = world.user.api().info().ok()?.node_id;
    fs::read(world.hub.folder().join("peer-storage").join(id)).ok()
}

/// The node shows that it refuses and what to do, takes no order, and the world hears nothing of it.
fn check_refusal(world: &World, pair: &Pair) {
    let alarm = wait::until("the user is alarmed", || pair.user.info().ok()?.alarm);
    println!("{alarm}");
    assert!(alarm.contains("older copy"), "{alarm}");
    assert!(alarm.contains("backup restore"), "{alarm}");
    let height = pair.user.info().unwrap().ledger_height;

    let invoice = pair.hub.invoice(1_000, "a test").unwrap().invoice;
    let refusals = [
        pair.user.force_close(&pair.id).map(drop),
        pair.user.close(&pair.id).map(drop),
        pair.user.pay(&invoice).map(drop),
        pair.user.invoice(1_000, "a test").map(drop),
    ];
    for refusal in refusals {
        let refusal = refusal.expect_err("an older ledger");
        assert_eq!(refusal.code(), "ledger_old", "{refusal}");
    }
    // Blocks come and go: HTLCs, deadlines and closes are none of its business now.
    for _ in 0..3 {
        let before = world.bitcoind.height();
        world.bitcoind.mine(1);
        wait::until("the hub sees the block", || {
            (pair.hub.info().ok()?.block_height > before).then_some(())
        });
        assert!(world.bitcoind.mempool().is_empty());
    }
    let hub = pair.hub.channel(&pair.id).unwrap();
    assert!(
        ["normal", "offline"].contains(&hub.state.as_str()),
        "{hub:?}"
    );
    assert_eq!(pair.user.info().unwrap().ledger_height, height, "it wrote");
}

/// The newest folder is as good as ever.
fn check_newest(world: &mut World, pair: &Pair, newest: &Path) {
    world.user.stop();
    put_back(newest, &world.user.folder());
    world.user.start();
    pair.until_usable();
    assert_eq!(pair.user.info().unwrap().alarm, None);
    pay(pair, 1_000_000);
    pair.check_agreement();
}

#[test]
fn older_ledger_is_told_by_the_file_beside_the_seed() {
    let mut world = World::start();
    let pair = world.open(CAPACITY_SAT, PUSHED_SAT * 1_000);
    pay(&pair, 10_000_000);
    let old = keep(&mut world, "old");
    pair.until_usable();
    pay(&pair, 20_000_000);
    let newest = keep(&mut world, "newest");

    // The ledger goes back, and the signer's record of what it signed with it. The file `head` stays.
    world.user.stop();
    let folder = world.user.folder();
    put_back(&old.join("ledger"), &folder.join("ledger"));
    fs::copy(old.join("witness"), folder.join("witness")).unwrap();
    world.user.start();
    check_refusal(&world, &pair);
    check_newest(&mut world, &pair, &newest);

    // The same where only the record is left.
    world.user.stop();
    let last = world.folder().join("last");
    copy(&folder, &last);
    put_back(&old.join("ledger"), &folder.join("ledger"));
    fs::remove_file(folder.join("head")).unwrap();
    world.user.start();
    check_refusal(&world, &pair);
    check_newest(&mut world, &pair, &last);
}

#[test]
fn older_folder_is_told_by_what_the_peer_keeps() {
    let mut world = World::start();
    let pair = world.open(CAPACITY_SAT, PUSHED_SAT * 1_000);
    pay(&pair, 10_000_000);
    let old = keep(&mut world, "old");
    pair.until_usable();
    let changes = |before: Option<Vec<u8>>, world: &World| {
        wait::until("the hub keeps something newer", || {
            let now = kept_by_hub(world)?;
            (before.as_ref() != Some(&now)).then_some(now)
        })
    };
    // What it keeps of the copy's own height, then of a later one.
    let mut kept = changes(None, &world);
    for _ in 0..2 {
        pay(&pair, 5_000_000);
        kept = changes(Some(kept), &world);
    }
    let newest = keep(&mut world, "newest");

    // All of the folder goes back; nothing in it tells that it is old.
    world.user.stop();
    put_back(&old, &world.user.folder());
    world.user.start();
    check_refusal(&world, &pair);
    // It is remembered where the peer is away.
    world.user.stop();
    world.hub.stop();
    world.user.start();
    assert!(pair.user.info().unwrap().alarm.is_some());
    world.hub.start();
    check_newest(&mut world, &pair, &newest);
}
