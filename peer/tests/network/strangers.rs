//! What strangers do to an open port: nothing of it may cost more than its slot.

use std::net::SocketAddr;
use std::time::Duration;

use bitcoin::secp256k1::SecretKey;
use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use zarnitsa_peer::{PeerConfig, PeerEvent};

use crate::noise::{act_one, Stranger};
use crate::world::{config, node, say, soon, until, Node};

fn hasty() -> PeerConfig {
    PeerConfig {
        handshake_timeout: Duration::from_millis(500),
        ..config()
    }
}

async fn dial(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

/// A stranger with a finished handshake and init.
async fn introduced(hub: &Node, address: SocketAddr, secret: u8) -> Stranger {
    let mut stranger = Stranger::handshake(dial(address).await, &hub.id(), secret).await;
    stranger.init().await;
    assert_eq!(stranger.receive().await[..2], [0, 16], "the hub's init");
    let id = stranger.id();
    until("the hub knows the stranger", || {
        hub.network.connection(&id).is_some()
    })
    .await;
    stranger
}

/// An honest peer can still come and talk.
async fn assert_alive(hub: &mut Node, address: SocketAddr, number: u8) {
    let peer = node(number, config());
    let to_hub = peer.connect(hub, address).await;
    peer.network.send(to_hub, say(hub.id(), "hello")).unwrap();
    loop {
        match hub.event().await {
            PeerEvent::Message { connection, .. } if connection.node_id == peer.id() => return,
            _ => {}
        }
    }
}

#[tokio::test]
async fn random_bytes_are_answered_by_a_closed_connection() {
    let mut hub = node(1, hasty());
    let address = hub.listen().await;
    let seed = rand::random::<u64>();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    for _ in 0..50 {
        let mut bytes = vec![0; random.gen_range(50..20_000)];
        random.fill_bytes(&mut bytes);
        let mut socket = dial(address).await;
        // The other end may close before all is written.
        let _ = socket.write_all(&bytes).await;
        soon(async { while !matches!(socket.read(&mut bytes).await, Ok(0) | Err(_)) {} }).await;
    }
    until("no slot is held", || hub.network.inbound_connections() == 0).await;
    assert!(hub.events.try_recv().is_none());
    assert_alive(&mut hub, address, 2).await;
}

#[tokio::test]
async fn half_handshakes_run_out_of_time() {
    let mut hub = node(1, hasty());
    let address = hub.listen().await;
    let ephemeral = SecretKey::from_slice(&[0x33; 32]).unwrap();
    let (act, _, _) = act_one(&hub.id(), &ephemeral);
    let mut sockets = Vec::new();
    for sent in [0, 1, 25, 49, 50] {
        let mut socket = dial(address).await;
        socket.write_all(&act[..sent]).await.unwrap();
        sockets.push(socket);
    }
    // One has finished the handshake and does not say init.
    let silent = Stranger::handshake(dial(address).await, &hub.id(), 9).await;
    sockets.push(silent.socket);
    for mut socket in sockets {
        let mut buffer = [0; 100];
        soon(async { while !matches!(socket.read(&mut buffer).await, Ok(0) | Err(_)) {} }).await;
    }
    until("no slot is held", || hub.network.inbound_connections() == 0).await;
    assert!(hub.events.try_recv().is_none());
    assert_alive(&mut hub, address, 2).await;
}

#[tokio::test]
async fn five_hundred_connections_leave_room_for_a_peer() {
    let config = PeerConfig {
        max_inbound: 100,
        max_handshaking: 20,
        ..hasty()
    };
    let mut hub = node(1, config);
    let address = hub.listen().await;
    let before = resident_memory();
    let mut sockets = Vec::new();
    for number in 0..500 {
        let mut socket = dial(address).await;
        if number % 2 == 0 {
            // It may be closed already to make room.
            let _ = socket.write_all(&[0; 49]).await;
        }
        sockets.push(socket);
        assert!(hub.network.inbound_connections() <= 100);
    }
    assert_alive(&mut hub, address, 2).await;
    assert!(hub.network.inbound_connections() <= 21);
    let grown = resident_memory().saturating_sub(before);
    assert!(grown < 64 << 20, "memory grew by {grown} bytes");
    until("only the peer's slot is held", || {
        hub.network.inbound_connections() <= 1
    })
    .await;
}

#[tokio::test]
async fn strangers_with_finished_handshakes_make_way_for_others_and_not_for_protected_peers() {
    let config = PeerConfig {
        max_inbound: 8,
        ..config()
    };
    let mut hub = node(1, config);
    let address = hub.listen().await;
    let friend = introduced(&hub, address, 50).await;
    hub.network.protect(friend.id(), true);
    let mut strangers = Vec::new();
    for secret in 100..130 {
        strangers.push(introduced(&hub, address, secret).await);
    }
    assert!(hub.network.connection(&friend.id()).is_some());
    assert!(hub.network.inbound_connections() <= 8);
    assert_alive(&mut hub, address, 2).await;
    assert!(hub.network.connection(&friend.id()).is_some());
}

#[tokio::test]
async fn message_before_init_ends_the_connection() {
    let mut hub = node(1, config());
    let address = hub.listen().await;
    let mut stranger = Stranger::handshake(dial(address).await, &hub.id(), 9).await;
    stranger.message(&[0, 18, 0, 0, 0, 0]).await; // ping
    soon(stranger.closed()).await;
    assert!(hub.events.try_recv().is_none());
}

#[tokio::test]
async fn unknown_odd_message_is_ignored_and_even_one_ends_the_connection() {
    let mut hub = node(1, config());
    let address = hub.listen().await;
    let mut stranger = introduced(&hub, address, 9).await;
    hub.connected().await;
    stranger.message(&[0xff, 0xfd, 1, 2, 3]).await; // 65533
    stranger.message(&[0, 77, 1, 2, 3]).await; // splice_locked, truncated: its feature is not offered
    stranger = introduced_again(stranger, &mut hub, address).await;
    stranger.message(&[0, 18, 0, 4, 0, 0]).await; // ping, which asks for four bytes
    assert_eq!(soon(stranger.receive()).await, [0, 19, 0, 4, 0, 0, 0, 0]);
    stranger.message(&[0xff, 0xfc]).await; // 65532
    soon(stranger.closed()).await;
    assert_eq!(hub.disconnected().await.node_id, stranger.id());
}

/// A message that its codec cannot read may have ended the connection: then a new one.
async fn introduced_again(mut stranger: Stranger, hub: &mut Node, address: SocketAddr) -> Stranger {
    soon(stranger.closed()).await;
    hub.disconnected().await;
    let again = introduced(hub, address, 9).await;
    hub.connected().await;
    again
}

#[tokio::test]
async fn message_of_a_feature_that_is_not_offered_ends_the_connection() {
    let mut hub = node(1, config());
    let address = hub.listen().await;
    let mut stranger = introduced(&hub, address, 9).await;
    hub.connected().await;
    // stfu: a channel id and the initiator's flag.
    let stfu = [&[0, 2][..], &[7; 32], &[1]].concat();
    stranger.message(&stfu).await;
    soon(stranger.closed()).await;
    hub.disconnected().await;
}

#[tokio::test]
async fn truncated_oversized_and_forged_messages_end_the_connection() {
    let mut hub = node(1, config());
    let address = hub.listen().await;
    for case in 0..4 {
        let mut stranger = introduced(&hub, address, 9).await;
        hub.connected().await;
        match case {
            // update_add_htlc, cut off.
            0 => stranger.message(&[&[0, 128][..], &[7; 100]].concat()).await,
            // A length and nothing after it, then the end.
            1 => {
                stranger.header(65_535).await;
                stranger.socket.shutdown().await.unwrap();
            }
            // A body that was not encrypted with the key.
            2 => {
                stranger.header(100).await;
                stranger.socket.write_all(&[0; 116]).await.unwrap();
            }
            // Too short for a type.
            _ => stranger.message(&[0]).await,
        }
        soon(stranger.closed()).await;
        hub.disconnected().await;
    }
    // The longest message there can be, of an unknown odd type, is fine.
    let mut stranger = introduced(&hub, address, 9).await;
    hub.connected().await;
    stranger.message(&[0xff; 65_535]).await;
    stranger.message(&[0, 18, 0, 0, 0, 0]).await;
    assert_eq!(soon(stranger.receive()).await, [0, 19, 0, 0]);
    assert_alive(&mut hub, address, 2).await;
}

fn resident_memory() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4_096
}
