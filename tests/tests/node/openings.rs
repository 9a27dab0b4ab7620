//! Openings that come to nothing when a coin of this node's is in them already.

use std::str::FromStr;
use std::thread;

use bitcoin::Amount;
use secp256k1::{PublicKey, Secp256k1, SecretKey};
use zarnitsa_tests::api::{Api, CallError};
use zarnitsa_tests::stranger::{self, Stranger};
use zarnitsa_tests::wait;
use zarnitsa_tests::world::World;

/// All that the node has, and so much of it that it cannot open two such channels.
const COIN_SAT: u64 = 1_000_000;
const CHANNEL_SAT: u64 = 700_000;

/// BOLT 1 and 2.
const ERROR: u16 = 17;
const OPEN_CHANNEL: u16 = 32;
const ACCEPT_CHANNEL: u16 = 33;
const FUNDING_CREATED: u16 = 34;

/// BOLT 9: option_channel_type, option_anchors, what every node requires, and option_upfront_shutdown_script.
const INIT: [u8; 12] = [0, 16, 0, 0, 0, 6, 0x20, 0, 0, 0x80, 0xa2, 0x20];

fn secret(byte: u8) -> SecretKey {
    SecretKey::from_slice(&[byte; 32]).expect("a secret key")
}

fn public(byte: u8) -> [u8; 33] {
    secret(byte).public_key(&Secp256k1::new()).serialize()
}

/// The body of the next message of this type.
fn receive(stranger: &mut Stranger, kind: u16) -> Vec<u8> {
    loop {
        let message = stranger.receive().expect("the node says something");
        let (of, body) = message.split_first_chunk().expect("a type");
        if u16::from_be_bytes(*of) == kind {
            return body.to_vec();
        }
    }
}

/// accept_channel with the terms of this open_channel.
fn accept(open: &[u8]) -> Vec<u8> {
    let (temporary_id, terms) = (&open[32..64], &open[80..112]);
    let (delay_and_htlcs, records) = (&open[116..120], &open[319..]);
    // Records of one byte's type and one byte's length: where the coins go at the end, and the channel type.
    let script = usize::from(records[1]) + 2;
    let channel_type = &records[script..script + 2 + usize::from(records[script + 1])];
    let points: Vec<u8> = (1..=6).flat_map(public).collect();
    [
        &ACCEPT_CHANNEL.to_be_bytes()[..],
        temporary_id,
        terms,
        &1_u32.to_be_bytes(),
        delay_and_htlcs,
        &points,
        &[0, 0],
        channel_type,
    ]
    .concat()
}

/// BOLT 2: the opening transaction's id, with the output's number in its last bytes.
fn channel_id(funding_created: &[u8]) -> Vec<u8> {
    let mut id = funding_created[32..64].to_vec();
    id[30] ^= funding_created[64];
    id[31] ^= funding_created[65];
    id
}

/// What the node says of an opening whose peer does `last` when it has the opening transaction's id. The coin is free
/// then: it opens another channel.
fn refusal_after(last: impl FnOnce(Stranger, &[u8])) -> String {
    let world = World::start();
    world.fund(&world.user, Amount::from_sat(COIN_SAT));
    let user = world.user.api();
    let node = PublicKey::from_str(&user.info().expect("its info").node_id).expect("a key");
    let socket = stranger::dial(world.user.lightning_address()).expect("it listens");
    let mut stranger = Stranger::handshake_as(&secret(9), socket, &node).expect("a handshake");
    stranger.message(&INIT).expect("it listens");
    let name = secret(9).public_key(&Secp256k1::new()).to_string();
    until_connected(&user, &name);

    let api = user.clone();
    let opening = thread::spawn(move || api.open(&name, CHANNEL_SAT, 0));
    let open = receive(&mut stranger, OPEN_CHANNEL);
    stranger.message(&accept(&open)).expect("it listens");
    let funding_created = receive(&mut stranger, FUNDING_CREATED);
    last(stranger, &channel_id(&funding_created));
    let refused = opening.join().expect("an answer");

    let hub = world.hub.api().info().expect("its info").uri;
    let opened = user.open(&hub, CHANNEL_SAT, 0);
    opened.expect("the coin is free again");
    match refused {
        Err(CallError::Refused { detail, .. }) => detail,
        other => panic!("{other:?}"),
    }
}

fn until_connected(user: &Api, name: &str) {
    wait::until("the stranger is connected", || {
        let peers = user.peers().ok()?;
        let peer = peers.into_iter().find(|peer| peer.node_id == name)?;
        peer.connected.then_some(())
    });
}

#[test]
fn coin_of_an_opening_whose_peer_goes_before_it_has_signed_is_free_again() {
    let said = refusal_after(|stranger, _| drop(stranger));
    assert!(said.contains("went before it had signed"), "{said}");
}

#[test]
fn coin_of_an_opening_that_its_peer_ends_with_an_error_is_free_again() {
    let said = refusal_after(|mut stranger, id| {
        let text = b"no room";
        let length = u16::try_from(text.len()).expect("a short text");
        let error = [&ERROR.to_be_bytes()[..], id, &length.to_be_bytes(), text].concat();
        stranger.message(&error).expect("it listens");
    });
    assert!(said.contains("no room"), "{said}");
}
