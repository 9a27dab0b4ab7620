//! Each of the module's promises, and what strangers try against it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;
use std::time::Duration;

use bitcoin::constants::ChainHash;
use bitcoin::hashes::{sha256d, Hash};
use bitcoin::opcodes::all::{OP_CHECKMULTISIG, OP_PUSHNUM_2};
use bitcoin::script::Builder;
use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::{Message, Secp256k1, SecretKey};
use bitcoin::{Amount, Network, ScriptBuf, TxOut};
use lightning::ln::msgs::{
    BaseMessageHandler as _, MessageSendEvent, NodeAnnouncement, QueryChannelRange,
    RoutingMessageHandler as _, UnsignedChannelAnnouncement, UnsignedChannelUpdate,
    UnsignedNodeAnnouncement,
};
use lightning::routing::gossip::{NodeAlias, NodeId};
use lightning::types::features::{ChannelFeatures, NodeFeatures};
use lightning::util::ser::Writeable;

use super::*;

const SCID: u64 = 700 << 40 | 1 << 16;

/// The chain as the test says it is.
#[derive(Default)]
struct Outputs {
    known: Mutex<HashMap<u64, TxOut>>,
    fails: AtomicUsize,
}

impl FundingOutputs for Outputs {
    fn output(&self, short_channel_id: u64) -> Result<Option<TxOut>, NotAsked> {
        let left = self.fails.load(Ordering::SeqCst);
        if left > 0 {
            self.fails.store(left - 1, Ordering::SeqCst);
            return Err(NotAsked("it is away".to_owned()));
        }
        let known = self.known.lock().expect("no test panics in here");
        Ok(known.get(&short_channel_id).cloned())
    }
}

struct World {
    gossip: Arc<Gossip>,
    outputs: Arc<Outputs>,
}

impl World {
    fn new(limits: GossipLimits) -> Self {
        let graph = Arc::new(Graph::new(Network::Regtest, Arc::new(TracingLogger)));
        let outputs = Arc::new(Outputs::default());
        let asked: Arc<dyn FundingOutputs> = Arc::clone(&outputs) as _;
        let gossip = Gossip::new(graph, asked, limits);
        Self { gossip, outputs }
    }

    fn with_channel(limits: GossipLimits) -> Self {
        let world = Self::new(limits);
        world
            .gossip
            .announce(&announcement(SCID), output())
            .expect("it is well signed");
        world
    }

    fn knows(&self, short_channel_id: u64) -> bool {
        let graph = self.gossip.graph.read_only();
        graph.channel(short_channel_id).is_some()
    }

    fn hear(&self, update: &ChannelUpdate) -> Result<bool, LightningError> {
        self.gossip.handle_channel_update(Some(stranger()), update)
    }

    fn queried(&self, peer: PublicKey, chain_hash: ChainHash) -> bool {
        let query = QueryChannelRange {
            chain_hash,
            first_blocknum: 0,
            number_of_blocks: 1_000,
        };
        let _ = self.gossip.handle_query_channel_range(peer, query);
        !self.gossip.get_and_clear_pending_msg_events().is_empty()
    }
}

fn secret(byte: u8) -> SecretKey {
    SecretKey::from_slice(&[byte; 32]).expect("a valid key")
}

fn key(byte: u8) -> PublicKey {
    secret(byte).public_key(&Secp256k1::new())
}

fn stranger() -> PublicKey {
    key(99)
}

/// The two nodes of the channel, the lesser id first.
fn nodes() -> [u8; 2] {
    let mut nodes = [1, 2];
    nodes.sort_by_key(|byte| NodeId::from_pubkey(&key(*byte)));
    nodes
}

/// Each node's key in the funding output.
fn funding(node: u8) -> u8 {
    node + 10
}

fn sign(message: &impl Writeable, by: u8) -> Signature {
    let digest = sha256d::Hash::hash(&message.encode()).to_byte_array();
    Secp256k1::new().sign_ecdsa(&Message::from_digest(digest), &secret(by))
}

fn announcement(short_channel_id: u64) -> ChannelAnnouncement {
    let [one, two] = nodes();
    let id = |byte| NodeId::from_pubkey(&key(byte));
    let contents = UnsignedChannelAnnouncement {
        features: ChannelFeatures::empty(),
        chain_hash: ChainHash::REGTEST,
        short_channel_id,
        node_id_1: id(one),
        node_id_2: id(two),
        bitcoin_key_1: id(funding(one)),
        bitcoin_key_2: id(funding(two)),
        excess_data: Vec::new(),
    };
    ChannelAnnouncement {
        node_signature_1: sign(&contents, one),
        node_signature_2: sign(&contents, two),
        bitcoin_signature_1: sign(&contents, funding(one)),
        bitcoin_signature_2: sign(&contents, funding(two)),
        contents,
    }
}

/// BOLT 3, "Funding Transaction Output", of the announced keys.
fn output() -> TxOut {
    let mut keys = nodes().map(|node| key(funding(node)).serialize());
    keys.sort_unstable();
    let script = Builder::new()
        .push_opcode(OP_PUSHNUM_2)
        .push_slice(keys[0])
        .push_slice(keys[1])
        .push_opcode(OP_PUSHNUM_2)
        .push_opcode(OP_CHECKMULTISIG)
        .into_script();
    TxOut {
        value: Amount::from_sat(1_000_000),
        script_pubkey: script.to_p2wsh(),
    }
}

fn now() -> u32 {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed();
    let seconds = since.expect("after 1970").as_secs();
    u32::try_from(seconds).expect("before 2106")
}

fn update(timestamp: u32, by: u8) -> ChannelUpdate {
    let contents = UnsignedChannelUpdate {
        chain_hash: ChainHash::REGTEST,
        short_channel_id: SCID,
        timestamp,
        message_flags: 1,
        channel_flags: 0,
        cltv_expiry_delta: 40,
        htlc_minimum_msat: 1,
        htlc_maximum_msat: 1_000,
        fee_base_msat: 1,
        fee_proportional_millionths: 1,
        excess_data: Vec::new(),
    };
    ChannelUpdate {
        signature: sign(&contents, by),
        contents,
    }
}

fn node_announcement(timestamp: u32) -> NodeAnnouncement {
    let [one, _] = nodes();
    let contents = UnsignedNodeAnnouncement {
        features: NodeFeatures::empty(),
        timestamp,
        node_id: NodeId::from_pubkey(&key(one)),
        rgb: [0; 3],
        alias: NodeAlias([0; 32]),
        addresses: Vec::new(),
        excess_address_data: Vec::new(),
        excess_data: Vec::new(),
    };
    NodeAnnouncement {
        signature: sign(&contents, one),
        contents,
    }
}

async fn looked_up(world: &World) {
    let wait = world.gossip.looked_up();
    tokio::time::timeout(Duration::from_secs(20), wait)
        .await
        .expect("it is looked up");
}

#[tokio::test]
async fn announcement_whose_output_is_on_the_chain_is_known_and_passed_on() {
    let world = World::new(GossipLimits::default());
    let outputs = &world.outputs;
    outputs.known.lock().expect("whole").insert(SCID, output());
    let heard = announcement(SCID);
    let from = Some(stranger());
    // Where the chain has answered by then, LDK passes it on by itself.
    let at_once = world.gossip.handle_channel_announcement(from, &heard);
    looked_up(&world).await;
    assert!(world.knows(SCID));
    let events = world.gossip.get_and_clear_pending_msg_events();
    let later = events
        .iter()
        .any(|event| matches!(event, MessageSendEvent::BroadcastChannelAnnouncement { .. }));
    assert!(later || matches!(at_once, Ok(true)));
}

#[tokio::test]
async fn announcement_without_an_output_or_with_anothers_is_not_believed() {
    for wrong in [None, Some(ScriptBuf::new())] {
        let world = World::new(GossipLimits::default());
        if let Some(script_pubkey) = wrong {
            let other = TxOut {
                script_pubkey,
                ..output()
            };
            let outputs = &world.outputs;
            outputs.known.lock().expect("whole").insert(SCID, other);
        }
        let heard = announcement(SCID);
        let _ = world
            .gossip
            .handle_channel_announcement(Some(stranger()), &heard);
        looked_up(&world).await;
        assert!(!world.knows(SCID));
    }
}

#[tokio::test]
async fn chain_that_does_not_answer_is_asked_again_and_says_nothing_of_the_channel() {
    let world = World::new(GossipLimits::default());
    let outputs = &world.outputs;
    outputs.known.lock().expect("whole").insert(SCID, output());
    outputs.fails.store(1, Ordering::SeqCst);
    let heard = announcement(SCID);
    let _ = world
        .gossip
        .handle_channel_announcement(Some(stranger()), &heard);
    looked_up(&world).await;
    assert!(world.knows(SCID), "the second question was answered");

    let other = SCID + (1 << 16);
    outputs.known.lock().expect("whole").insert(other, output());
    outputs.fails.store(usize::MAX, Ordering::SeqCst);
    let heard = announcement(other);
    let _ = world
        .gossip
        .handle_channel_announcement(Some(stranger()), &heard);
    looked_up(&world).await;
    assert!(!world.knows(other));
    // It is heard again, and the chain answers: nothing was held against it.
    outputs.fails.store(0, Ordering::SeqCst);
    let _ = world
        .gossip
        .handle_channel_announcement(Some(stranger()), &heard);
    looked_up(&world).await;
    assert!(world.knows(other));
}

#[test]
fn timestamp_of_zero_is_refused_in_updates_and_node_announcements() {
    let world = World::with_channel(GossipLimits::default());
    let [one, _] = nodes();
    assert!(world.hear(&update(0, one)).is_err());
    assert!(world.hear(&update(now(), one)).expect("it is well signed"));
    let hear = |message| {
        let from = Some(stranger());
        world.gossip.handle_node_announcement(from, &message)
    };
    assert!(hear(node_announcement(0)).is_err());
    assert!(hear(node_announcement(now())).is_ok());
}

#[test]
fn update_of_an_unknown_channel_leaves_nothing_behind() {
    let world = World::new(GossipLimits::default());
    let [one, _] = nodes();
    for timestamp in 1..1_000 {
        assert!(world.hear(&update(now() - timestamp, one)).is_err());
    }
    assert_eq!(world.gossip.rates().held(), (0, 0));
}

#[test]
fn updates_that_come_too_often_are_taken_and_not_passed_on() {
    let limits = GossipLimits {
        updates: 3,
        ..GossipLimits::default()
    };
    let world = World::with_channel(limits);
    let [one, _] = nodes();
    let begin = now() - 1_000;
    let passed_on: Vec<bool> = (0..5)
        .map(|more| {
            world
                .hear(&update(begin + more, one))
                .expect("newer each time")
        })
        .collect();
    assert_eq!(passed_on, [true, true, true, false, false]);
    let graph = world.gossip.graph.read_only();
    let channel = graph.channel(SCID).expect("it is announced");
    let direction = channel.one_to_two.as_ref().expect("it was updated");
    assert_eq!(direction.last_update, begin + 4);
}

#[test]
fn strangers_updates_do_not_use_up_the_channels_rate() {
    let limits = GossipLimits {
        updates: 1,
        ..GossipLimits::default()
    };
    let world = World::with_channel(limits);
    let [one, two] = nodes();
    for more in 0..100 {
        assert!(world.hear(&update(now() - 500 + more, two)).is_err());
        assert!(world.hear(&update(now() - 500 + more, 77)).is_err());
    }
    assert!(world.hear(&update(now(), one)).expect("it is well signed"));
}

#[test]
fn query_channel_range_is_answered_so_often_and_each_peer_has_its_own_share() {
    let limits = GossipLimits {
        queries: 2,
        ..GossipLimits::default()
    };
    let world = World::with_channel(limits);
    let chain = ChainHash::REGTEST;
    let answered: Vec<bool> = (0..4).map(|_| world.queried(key(50), chain)).collect();
    assert_eq!(answered, [true, true, false, false]);
    assert!(world.queried(key(51), chain));
    assert!(!world.queried(key(52), ChainHash::BITCOIN));
    world.gossip.peer_disconnected(key(50));
    world.gossip.peer_disconnected(key(51));
    assert_eq!(world.gossip.rates().held().1, 0);
}

#[test]
fn graph_that_is_full_takes_no_other_channel() {
    let limits = GossipLimits {
        channels: 1,
        ..GossipLimits::default()
    };
    let world = World::with_channel(limits);
    let other = announcement(SCID + (1 << 16));
    let refused = world
        .gossip
        .handle_channel_announcement(Some(stranger()), &other);
    assert!(refused.is_err());
    assert!(world.outputs.known.lock().expect("whole").is_empty());
    assert!(!world.knows(SCID + (1 << 16)));
}

#[test]
fn own_announcement_with_a_wrong_signature_is_refused_and_a_right_one_twice_is_not() {
    let world = World::new(GossipLimits::default());
    let mut wrong = announcement(SCID);
    wrong.bitcoin_signature_2 = wrong.bitcoin_signature_1;
    assert!(world.gossip.announce(&wrong, output()).is_err());
    assert!(!world.gossip.is_announced(SCID));
    let right = announcement(SCID);
    assert_eq!(world.gossip.announce(&right, output()), Ok(()));
    assert_eq!(world.gossip.announce(&right, output()), Ok(()));
    assert!(world.gossip.is_announced(SCID));
}

/// What the handler gives LDK to pass on of nodes; LDK takes it by the same handler.
fn told_of_nodes(world: &World) -> Vec<NodeAnnouncement> {
    let events = world.gossip.get_and_clear_pending_msg_events();
    let told = events.into_iter().filter_map(|event| match event {
        MessageSendEvent::BroadcastNodeAnnouncement { msg } => Some(msg),
        _ => None,
    });
    told.inspect(|message| {
        let taken = world.gossip.handle_node_announcement(None, message);
        assert!(taken.is_ok(), "{taken:?}");
    })
    .collect()
}

#[tokio::test]
async fn node_announcement_before_its_channel_is_taken_with_it() {
    let world = World::new(GossipLimits::default());
    let from = Some(stranger());
    for timestamp in [now() - 9, now(), now() - 5] {
        let early = world
            .gossip
            .handle_node_announcement(from, &node_announcement(timestamp));
        assert!(early.is_err(), "BOLT 7: it is not believed yet");
    }
    let mut forged = node_announcement(now() + 1);
    forged.signature = sign(&forged.contents, 50);
    assert!(world
        .gossip
        .handle_node_announcement(from, &forged)
        .is_err());
    assert!(told_of_nodes(&world).is_empty());
    assert_eq!(world.gossip.early().held(), (1, 1));

    let outputs = &world.outputs;
    outputs.known.lock().expect("whole").insert(SCID, output());
    let heard = announcement(SCID);
    let _ = world.gossip.handle_channel_announcement(from, &heard);
    looked_up(&world).await;
    let told = told_of_nodes(&world);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contents.timestamp >= now() - 4, "the newest");
    assert_eq!(world.gossip.early().held(), (0, 0));
    let graph = world.gossip.graph.read_only();
    let [one, _] = nodes();
    let node = graph.node(&NodeId::from_pubkey(&key(one)));
    assert!(node.is_some_and(|node| node.announcement_info.is_some()));
}

#[test]
fn node_announcements_that_wait_are_bounded() {
    let mut early = early::Early::default();
    let refused = LightningError {
        err: String::new(),
        action: ErrorAction::IgnoreError,
    };
    let mut message = node_announcement(now());
    for number in 1..=600_u32 {
        let mut secret = [1; 32];
        secret[..4].copy_from_slice(&number.to_be_bytes());
        let secret = SecretKey::from_slice(&secret).expect("a valid key");
        message.contents.node_id = NodeId::from_pubkey(&secret.public_key(&Secp256k1::new()));
        early.keep(&message, &refused);
    }
    assert_eq!(early.held(), (512, 512));
    message.contents.node_id = NodeId::from_pubkey(&key(3));
    message.contents.excess_data = vec![0; 1_025];
    early.keep(&message, &refused);
    let other = LightningError {
        err: String::new(),
        action: ErrorAction::IgnoreDuplicateGossip,
    };
    message.contents.excess_data.clear();
    early.keep(&message, &other);
    assert!(!format!("{early:?}").contains(&format!("{:?}", message.contents.node_id)));
}
