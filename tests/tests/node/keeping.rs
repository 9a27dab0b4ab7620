//! What peers have a node keep for them (BOLT 1, peer storage), and for how long.

use std::fs::{self, File};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use bitcoin::secp256k1::{PublicKey, Secp256k1, SecretKey};
use zarnitsa_tests::folder::{copy, put_back};
use zarnitsa_tests::node::Node;
use zarnitsa_tests::stranger::{dial, Stranger};
use zarnitsa_tests::wait;
use zarnitsa_tests::world::World;

const ERROR: u16 = 17;
const PEER_STORAGE: u16 = 7;
const PEER_STORAGE_RETRIEVAL: u16 = 9;
const CHANNEL_REESTABLISH: u16 = 136;
/// Longer than anything is kept without a channel.
const LONG: Duration = Duration::from_secs(29 * 24 * 3_600);

fn file(node: &Node, peer: &str) -> PathBuf {
    node.folder().join("peer-storage").join(peer)
}

fn age(path: &PathBuf) -> Duration {
    let changed = fs::metadata(path).and_then(|it| it.modified());
    let changed = changed.expect("the blob is there");
    SystemTime::now()
        .duration_since(changed)
        .unwrap_or_default()
}

fn make_old(path: &PathBuf) {
    let file = File::options().append(true).open(path);
    let set = file.and_then(|file| file.set_modified(SystemTime::now() - LONG));
    set.expect("the blob is there");
}

/// Says this on a connection of its own. What the node shows, before it answers what came last.
fn visit(node: &Node, secret: &SecretKey, says: &[u8]) -> Option<Vec<u8>> {
    let id: PublicKey = node.api().info().unwrap().node_id.parse().unwrap();
    let socket = dial(node.lightning_address()).unwrap();
    let mut stranger = Stranger::handshake_as(secret, socket, &id).unwrap();
    stranger.init().unwrap();
    if !says.is_empty() {
        stranger.message(says).unwrap();
    }
    // Of a channel that does not exist: the answer is an error.
    let asks = [
        &CHANNEL_REESTABLISH.to_be_bytes()[..],
        &[7; 32],
        &[0; 16],
        &[0; 32],
        &id.serialize(),
    ];
    stranger.message(&asks.concat()).unwrap();
    let mut shown = None;
    loop {
        let message = stranger.receive().expect("an answer");
        match u16::from_be_bytes([message[0], message[1]]) {
            ERROR => return shown,
            PEER_STORAGE_RETRIEVAL => shown = Some(message[4..].to_vec()),
            _ => {}
        }
    }
}

#[test]
fn blob_is_shown_to_its_peer_after_the_last_channel_and_dropped_only_long_after() {
    let mut world = World::start();
    let pair = world.open(1_000_000, 400_000_000);
    let with_channel = file(&world.hub, &pair.user.info().unwrap().node_id);
    wait::until("the hub keeps something for the user", || {
        with_channel.exists().then_some(())
    });

    // One whose channel is over, and one that never had any.
    let [former, stranger] = [[5; 32], [6; 32]].map(|it| SecretKey::from_slice(&it).unwrap());
    let id = |secret: &SecretKey| secret.public_key(&Secp256k1::new()).to_string();
    let of_former = file(&world.hub, &id(&former));
    fs::write(&of_former, "what it wants kept").unwrap();
    let says = [&PEER_STORAGE.to_be_bytes()[..], &[0, 3], b"new"].concat();
    let shown = visit(&world.hub, &former, &says);
    assert_eq!(shown.as_deref(), Some(&b"what it wants kept"[..]));
    assert_eq!(visit(&world.hub, &stranger, &says), None);
    let shown = visit(&world.hub, &former, &[]);
    assert_eq!(shown.as_deref(), Some(&b"what it wants kept"[..]));
    assert_eq!(visit(&world.hub, &stranger, &[]), None);

    world.user.stop();
    world.hub.stop();
    make_old(&of_former);
    make_old(&with_channel);
    let kept = fs::read(&with_channel).unwrap();
    world.hub.start();
    wait::until("the former peer's is dropped", || {
        (!of_former.exists()).then_some(())
    });
    assert_eq!(visit(&world.hub, &former, &[]), None);
    assert_eq!(fs::read(&with_channel).unwrap(), kept);
    assert!(age(&with_channel) < LONG / 2, "its time has not begun");
}

#[test]
fn node_on_an_older_ledger_shows_what_it_keeps_and_keeps_on() {
    let mut world = World::start();
    let pair = world.open(1_000_000, 400_000_000);
    let kept = file(&world.hub, &pair.user.info().unwrap().node_id);
    wait::until("the hub keeps something for the user", || {
        kept.exists().then_some(())
    });
    world.hub.stop();
    let (folder, old) = (world.hub.folder(), world.folder().join("old"));
    copy(&folder, &old);
    world.hub.start();
    pair.until_usable();
    let invoice = pair.hub.invoice(10_000_000, "a test").unwrap();
    let payment = pair.user.pay(&invoice.invoice).unwrap();
    assert_eq!(payment.status, "succeeded");
    pair.until_quiet();

    // The ledger goes back, and the signer's record of what it signed with it. The file `head` stays.
    world.hub.stop();
    put_back(&old.join("ledger"), &folder.join("ledger"));
    fs::copy(old.join("witness"), folder.join("witness")).unwrap();
    let before = fs::read(&kept).unwrap();
    // The user's ledger goes on meanwhile, so that it has something newer to be kept.
    pair.user.invoice(1_000, "a test").unwrap();
    world.hub.start();
    let alarm = pair.hub.info().unwrap().alarm.expect("an alarm");
    assert!(alarm.contains("older copy"), "{alarm}");
    wait::until("it keeps what the user gives it", || {
        let now = fs::read(&kept).ok()?;
        (now != before).then_some(())
    });
}
