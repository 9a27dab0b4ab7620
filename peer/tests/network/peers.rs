//! Honest peers.

use bitcoin::constants::ChainHash;
use zarnitsa_peer::{ConnectError, ListenError, PeerAddress, PeerConfig, QueueLimits, SendError};

use crate::world::{config, node, say, soon, until};

#[tokio::test]
async fn connected_peers_exchange_messages_in_order() {
    let (mut a, mut b) = (node(1, config()), node(2, config()));
    let address = b.listen().await;
    let at_a = a.connect(&b, address).await;
    assert_eq!(a.connected().await, at_a);
    let at_b = b.connected().await;
    assert_eq!((at_a.node_id, at_b.node_id), (b.id(), a.id()));
    for round in 0..50 {
        let text = round.to_string();
        a.network.send(at_a, say(b.id(), &text)).unwrap();
        b.network.send(at_b, say(a.id(), &text)).unwrap();
    }
    for round in 0..50 {
        assert_eq!(a.text().await, round.to_string());
        assert_eq!(b.text().await, round.to_string());
    }
    let listed = a.network.list();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].node_id, b.id());
    assert_eq!(listed[0].address, Some(address.to_string()));
    assert!(!listed[0].inbound && b.network.list()[0].inbound);

    a.network.disconnect(b.id());
    assert_eq!(a.disconnected().await, at_a);
    assert_eq!(b.disconnected().await, at_b);
    let refused = a.network.send(at_a, say(b.id(), "late"));
    assert_eq!(refused, Err(SendError::Disconnected(at_a)));
    assert!(a.network.list().is_empty());
}

#[tokio::test]
async fn peer_text_reaches_the_driver_without_control_characters() {
    let (mut a, mut b) = (node(1, config()), node(2, config()));
    let address = b.listen().await;
    let at_a = a.connect(&b, address).await;
    b.connected().await;
    a.connected().await;
    let text = "bad\u{1b}[2J\u{202e}text\n";
    a.network.send(at_a, say(b.id(), text)).unwrap();
    assert_eq!(b.text().await, "bad\u{fffd}[2J\u{fffd}text\u{fffd}");
}

#[tokio::test]
async fn connect_again_keeps_the_connection() {
    let (a, b) = (node(1, config()), node(2, config()));
    let address = b.listen().await;
    let first = a.connect(&b, address).await;
    assert_eq!(a.connect(&b, address).await, first);
}

#[tokio::test]
async fn calls_that_cross_end_in_one_connection() {
    let (a, b) = (node(1, config()), node(2, config()));
    let (address_a, address_b) = (a.listen().await, b.listen().await);
    let to = PeerAddress::from_socket;
    a.network.keep_connected(b.id(), vec![to(address_b)]);
    b.network.keep_connected(a.id(), vec![to(address_a)]);
    let both =
        || a.network.connection(&b.id()).is_some() && b.network.connection(&a.id()).is_some();
    until("both are connected", both).await;
    until("one connection each", || {
        let (of_a, of_b) = (a.network.list(), b.network.list());
        matches!((&of_a[..], &of_b[..]), ([one], [other]) if one.inbound != other.inbound)
    })
    .await;
}

#[tokio::test]
async fn connect_with_a_wrong_node_id_is_refused() {
    let (a, b, c) = (node(1, config()), node(2, config()), node(3, config()));
    let address = PeerAddress::from_socket(b.listen().await);
    let refused = a.network.connect(c.id(), &address).await.unwrap_err();
    assert!(matches!(refused, ConnectError::Refused { .. }), "{refused}");
    let itself = a.network.connect(a.id(), &address).await.unwrap_err();
    assert!(matches!(itself, ConnectError::Itself(_)));
}

#[tokio::test]
async fn connect_to_a_peer_of_another_chain_is_refused() {
    let a = node(1, config());
    let b = node(2, PeerConfig::new(ChainHash::BITCOIN));
    let address = PeerAddress::from_socket(b.listen().await);
    let refused = a.network.connect(b.id(), &address).await.unwrap_err();
    assert!(matches!(refused, ConnectError::Refused { .. }), "{refused}");
}

#[tokio::test]
async fn connect_where_nobody_listens_says_so() {
    let (a, b) = (node(1, config()), node(2, config()));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let free = PeerAddress::from_socket(listener.local_addr().unwrap());
    drop(listener);
    let refused = a.network.connect(b.id(), &free).await.unwrap_err();
    assert!(matches!(refused, ConnectError::Unreachable { .. }));
}

#[tokio::test]
async fn listen_on_a_used_address_says_so() {
    let (a, b) = (node(1, config()), node(2, config()));
    let address = a.listen().await;
    let refused = b.network.listen(address).await.unwrap_err();
    assert!(matches!(refused, ListenError::InUse { address: used } if used == address));
}

#[tokio::test]
async fn kept_peer_is_called_again_after_each_loss() {
    let mut a = node(1, config());
    let mut b = node(2, config());
    let address = b.listen().await;
    let to = PeerAddress::from_socket(address);
    a.network.keep_connected(b.id(), vec![to]);
    let mut last = a.connected().await;
    for _ in 0..3 {
        b.network.shutdown();
        assert_eq!(a.disconnected().await, last);
        // The same node again, on the same port.
        let again = node(2, config());
        until_listening(&again, address).await;
        b = again;
        last = a.connected().await;
        assert_eq!(last.node_id, b.id());
    }
    a.network.disconnect(b.id());
    assert_eq!(a.disconnected().await, last);
    assert!(a.network.list().is_empty(), "it is not called any more");
}

async fn until_listening(node: &crate::world::Node, address: std::net::SocketAddr) {
    let listening = async {
        while node.network.listen(address).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    soon(listening).await;
}

#[tokio::test]
async fn peer_that_overruns_its_queue_loses_its_connection_only() {
    let limits = QueueLimits {
        messages_per_peer: 100,
        ..QueueLimits::default()
    };
    let mut hub = node(
        1,
        PeerConfig {
            queues: limits,
            ..config()
        },
    );
    let address = hub.listen().await;
    let (good, bad) = (node(2, config()), node(3, config()));
    let to_hub = good.connect(&hub, address).await;
    good.network.send(to_hub, say(hub.id(), "hello")).unwrap();
    let flooding = bad.connect(&hub, address).await;
    until("the flood ends the connection", || {
        let burst = (0..200).map(|_| say(hub.id(), "flood"));
        bad.network.send_all(flooding, burst).is_err()
    })
    .await;
    until("the hub has let it go", || {
        hub.network.connection(&bad.id()).is_none()
    })
    .await;
    assert_eq!(hub.connected().await.node_id, good.id());
    assert_eq!(hub.text().await, "hello");
    good.network.send(to_hub, say(hub.id(), "still")).unwrap();
    assert_eq!(hub.text().await, "still");
    assert!(
        hub.events.try_recv().is_none(),
        "nothing of the flood is kept"
    );
}
