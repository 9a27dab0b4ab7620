use bitcoin::secp256k1::{PublicKey, Secp256k1, SecretKey};
use lightning::ln::msgs::{self, Init, MessageSendEvent};
use lightning::ln::types::ChannelId;
use lightning::types::features::InitFeatures;

use super::{Inbox, QueueLimits};
use crate::event::{PeerEvent, WireMessage};

const LIMITS: QueueLimits = QueueLimits {
    messages_per_peer: 3,
    bytes_per_peer: 10_000,
    bytes_total: 15_000,
};

fn node(number: u8) -> PublicKey {
    let secret = SecretKey::from_slice(&[number; 32]).unwrap();
    PublicKey::from_secret_key(&Secp256k1::new(), &secret)
}

fn init() -> Init {
    Init {
        features: InitFeatures::empty(),
        networks: None,
        remote_network_address: None,
    }
}

fn error(text_length: usize) -> WireMessage {
    WireMessage::Error(msgs::ErrorMessage {
        channel_id: ChannelId::new_zero(),
        data: "x".repeat(text_length),
    })
}

fn is_disconnect(event: &MessageSendEvent, peer: PublicKey) -> bool {
    matches!(event, MessageSendEvent::HandleError { node_id, .. } if *node_id == peer)
}

#[test]
fn inbox_events_of_a_peer_keep_their_order() {
    let inbox = Inbox::new(LIMITS);
    inbox.connected(node(1), &init(), true);
    inbox.message(node(1), error(1));
    assert!(matches!(
        inbox.pop(),
        Some(PeerEvent::Connected { inbound: true, .. })
    ));
    inbox.disconnected(node(1));
    assert!(matches!(inbox.pop(), Some(PeerEvent::Message { .. })));
    assert!(matches!(inbox.pop(), Some(PeerEvent::Disconnected { .. })));
    assert!(inbox.pop().is_none());
    let state = inbox.lock();
    assert!(state.peers.is_empty() && state.turn.is_empty() && state.bytes == 0);
}

#[test]
fn inbox_peers_are_served_in_turn() {
    let inbox = Inbox::new(LIMITS);
    for peer in [1, 2] {
        inbox.connected(node(peer), &init(), true);
    }
    inbox.message(node(1), error(1));
    inbox.message(node(1), error(1));
    inbox.message(node(2), error(1));
    let served: Vec<_> = std::iter::from_fn(|| inbox.pop())
        .map(|event| event.connection().node_id)
        .collect();
    assert_eq!(
        served,
        [1, 2, 1, 2, 1].map(node),
        "each peer waits for one event of the other at most"
    );
}

#[test]
fn inbox_too_many_messages_disconnect_that_peer_only() {
    let inbox = Inbox::new(LIMITS);
    for peer in [1, 2] {
        inbox.connected(node(peer), &init(), true);
    }
    inbox.message(node(2), error(1));
    for _ in 0..20 {
        inbox.message(node(1), error(1));
    }
    let outgoing = inbox.take_outgoing();
    assert_eq!(
        outgoing.len(),
        1,
        "one disconnect, not one for each message"
    );
    assert!(is_disconnect(&outgoing[0], node(1)));
    let left: Vec<_> = std::iter::from_fn(|| inbox.pop()).collect();
    assert_eq!(left.len(), 3, "two Connected and the other peer's message");
    assert_eq!(inbox.lock().bytes, 0);
}

#[test]
fn inbox_too_many_bytes_disconnect_that_peer() {
    let inbox = Inbox::new(LIMITS);
    inbox.connected(node(1), &init(), true);
    inbox.message(node(1), error(9_000));
    assert!(inbox.take_outgoing().is_empty());
    inbox.message(node(1), error(9_000));
    assert!(is_disconnect(&inbox.take_outgoing()[0], node(1)));
    assert_eq!(inbox.lock().bytes, 0);
}

#[test]
fn inbox_total_over_its_limit_disconnects_the_largest() {
    let inbox = Inbox::new(LIMITS);
    for peer in [1, 2, 3] {
        inbox.connected(node(peer), &init(), true);
    }
    inbox.message(node(1), error(8_000));
    inbox.message(node(2), error(5_000));
    assert!(inbox.take_outgoing().is_empty());
    inbox.message(node(3), error(3_000));
    let outgoing = inbox.take_outgoing();
    assert_eq!(outgoing.len(), 1);
    assert!(is_disconnect(&outgoing[0], node(1)));
    assert!(inbox.lock().bytes < 15_000);
}

#[test]
fn inbox_unseen_connections_leave_nothing_behind() {
    let inbox = Inbox::new(LIMITS);
    for peer in 1..=200 {
        inbox.connected(node(peer), &init(), true);
        inbox.message(node(peer), error(10));
        inbox.disconnected(node(peer));
    }
    let state = inbox.lock();
    assert!(state.peers.is_empty() && state.turn.is_empty() && state.bytes == 0);
}

#[test]
fn inbox_send_on_an_earlier_connection_is_refused() {
    let inbox = Inbox::new(LIMITS);
    inbox.connected(node(1), &init(), true);
    let first = inbox.connection(&node(1)).unwrap();
    assert!(inbox.send(first, [super::warning(node(1), ChannelId::new_zero(), "w")]));
    inbox.disconnected(node(1));
    assert!(
        inbox.take_outgoing().is_empty(),
        "what waited for the lost connection must not reach the next one"
    );
    inbox.connected(node(1), &init(), true);
    assert!(!inbox.send(first, []));
    let second = inbox.connection(&node(1)).unwrap();
    assert!(inbox.send(second, []));
    assert_ne!(first, second);
}
