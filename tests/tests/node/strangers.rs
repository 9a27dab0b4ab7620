//! Whoever reaches the Lightning port may say anything.

use std::io::Write;
use std::net::{Shutdown, TcpStream};

use bitcoin::secp256k1::PublicKey;
use rand::rngs::StdRng;
use rand::{Rng, RngCore};
use zarnitsa_tests::length;
use zarnitsa_tests::stranger::{dial, first_act, is_closed_by_the_node, Stranger};
use zarnitsa_tests::wait;
use zarnitsa_tests::world::{Pair, World};

use crate::traffic::ways;

/// What the node may grow by, whatever 500 strangers say.
const GROWTH: u64 = 128 << 20;
const KINDS: u32 = 10;

/// Types that BOLT 1, 2 and 7 know, and some that nobody does.
const TYPES: [u16; 34] = [
    1, 2, 7, 16, 17, 18, 19, 32, 33, 34, 35, 36, 38, 39, 40, 41, 64, 65, 74, 77, 128, 130, 131,
    132, 133, 134, 135, 136, 256, 257, 258, 261, 513, 0xffff,
];

fn bytes(random: &mut StdRng, most: usize) -> Vec<u8> {
    let mut bytes = vec![0; random.gen_range(0..=most)];
    random.fill_bytes(&mut bytes);
    bytes
}

/// A message of a type that exists, with a body that means nothing. Some name a channel that exists, but is not theirs.
fn nonsense(random: &mut StdRng, channel: &[u8]) -> Vec<u8> {
    let kind = TYPES[random.gen_range(0..TYPES.len())];
    let mut message = kind.to_be_bytes().to_vec();
    if random.gen() {
        message.extend(channel);
    }
    message.extend(bytes(random, 1_500));
    message
}

/// One stranger. Whatever fails, fails because the node has closed, which is its right. The connection stays open on
/// this side.
fn visit(
    kind: u32,
    socket: TcpStream,
    node: &PublicKey,
    channel: &[u8],
    random: &mut StdRng,
) -> TcpStream {
    let kept = socket.try_clone().expect("a second handle");
    let _ = try_visit(kind, socket, node, channel, random);
    kept
}

fn try_visit(
    kind: u32,
    mut socket: TcpStream,
    node: &PublicKey,
    channel: &[u8],
    random: &mut StdRng,
) -> std::io::Result<()> {
    match kind {
        0 => return socket.write_all(&bytes(random, 100_000)),
        1 => {
            let act = first_act(node);
            return socket.write_all(&act[..random.gen_range(0..act.len())]);
        }
        // Act one, and never act three.
        2 => return socket.write_all(&first_act(node)),
        _ => {}
    }
    let mut stranger = Stranger::handshake(socket, node)?;
    match kind {
        // Never a word after the handshake.
        3 => return Ok(()),
        // A message before init.
        4 => return stranger.message(&nonsense(random, channel)),
        // An init that asks for what nobody has (BOLT 1: even bits must be known).
        5 => return stranger.message(&[&[0, 16, 0, 0, 0, 32][..], &[0x55; 32]].concat()),
        _ => {}
    }
    stranger.init()?;
    stranger.receive()?;
    match kind {
        // What was not encrypted with the key.
        6 => stranger.socket.write_all(&bytes(random, 70_000)),
        // A length, and less than that.
        7 => {
            stranger.header(65_535)?;
            stranger.socket.write_all(&bytes(random, 60_000))?;
            stranger.socket.shutdown(Shutdown::Write)
        }
        // As long as a message can be.
        8 => {
            let mut message = TYPES[random.gen_range(0..TYPES.len())]
                .to_be_bytes()
                .to_vec();
            message.resize(65_535, 0xff);
            stranger.message(&message)
        }
        _ => {
            for _ in 0..20 {
                stranger.message(&nonsense(random, channel))?;
            }
            Ok(())
        }
    }
}

#[test]
fn stranger_sends_garbage_on_the_lightning_port() {
    let mut world = World::start();
    let mut random = length::random();
    let pair = world.open(2_000_000, 1_000_000_000);
    let before = pair.check_agreement();
    // One payment, so that what a first payment needs is in memory already.
    pay_both_ways(&pair);
    let heights = [&pair.user, &pair.hub].map(|api| api.info().unwrap().ledger_height);
    let memory = world.hub.resident_memory();
    let node: PublicKey = pair.hub.info().unwrap().node_id.parse().unwrap();
    let channel = bitcoin::hex::FromHex::from_hex(&pair.id).unwrap();
    let channel: Vec<u8> = channel;

    let connections = length::count("ZARNITSA_STRANGERS", 500, 5_000);
    let mut open = Vec::new();
    let mut most = memory;
    for number in 0..connections {
        match dial(world.hub.lightning_address()) {
            Ok(socket) => open.push(visit(number % KINDS, socket, &node, &channel, &mut random)),
            Err(error) => panic!("connection {number} is not accepted: {error}"),
        }
        if number % 50 == 0 {
            world.hub.check_alive();
            most = most.max(world.hub.resident_memory());
        }
        // The long version meets the system's limit of open files otherwise.
        if open.len() > 500 {
            open.drain(..250);
        }
    }
    println!(
        "memory: {} MiB before, {} MiB at most",
        memory >> 20,
        most >> 20
    );
    assert!(most - memory < GROWTH, "it grew by {} bytes", most - memory);
    world.hub.check_alive();
    assert!(pair.hub.is_healthy());
    let (user, hub) = pair.sides();
    assert_eq!(
        (user.state.as_str(), hub.state.as_str()),
        ("normal", "normal")
    );
    let after = [&pair.user, &pair.hub].map(|api| api.info().unwrap().ledger_height);
    assert_eq!(after, heights, "a stranger wrote into a ledger");

    pay_both_ways(&pair);
    assert_eq!(pair.check_agreement(), before);
    // Those who only wait are sent away.
    let mut last = open.pop().expect("the last stranger");
    assert!(is_closed_by_the_node(&mut last));
    drop(open);
    wait::until("only the user is connected", || {
        let peers = pair.hub.peers().ok()?;
        let connected = peers.iter().filter(|peer| peer.connected).count();
        (connected == 1).then_some(())
    });
    world.verify_ledgers();
}

/// There and back: the balances are as before.
fn pay_both_ways(pair: &Pair) {
    for way in ways(pair) {
        let invoice = way.payee.invoice(3_000_000, "still here").unwrap();
        let payment = way.payer.pay(&invoice.invoice).unwrap();
        assert_eq!(payment.status, "succeeded", "{}: {payment:?}", way.name);
    }
    pair.until_quiet();
}
