//! Peers that ask for channels: what the ledger takes in, decides, opens and refuses.

use bitcoin::secp256k1::PublicKey;
use bitcoin::Amount;
use exonum::crypto::Hash;
use zarnitsa_channel::amount::Msat;
use zarnitsa_service::records::{
    AcceptFrom, Ask, AskChannelRequest, AskPolicy, AskStatus, Policy, RequestArguments,
    RequestStatus, MAX_ATTEMPTS,
};
use zarnitsa_service::transactions::{
    AskChange, AskDecision, AskStep, OpenAsked, PolicyChange, RequestResult,
};
use zarnitsa_service::{read, AskError, LedgerCall, OpeningError, OperatorError};

use crate::batches::{batch_by, Batch};
use crate::node::{keypair, Node, UNAUTHORIZED};
use crate::support::keys::{Keys, Signing};
use crate::support::pair::Config;
use crate::support::rng::Rng;
use crate::world::{config, opening_call, openings, policy};

const NOW: u64 = 1_700_000_000;
const SAT: u64 = 500_000;

fn hub_policy() -> Policy {
    Policy {
        asks: AskPolicy {
            approve: false,
            max_open: 2,
            wait_seconds: 100,
            max_batch: 2,
            ..AskPolicy::hub()
        },
        ..policy()
    }
}

fn node_id(seed: u64) -> PublicKey {
    let keys = Keys::new(&mut Rng::new(seed), Signing::Real);
    keys.public().funding
}

fn hub(policy: Policy) -> Node {
    Node::new(10, node_id(1), policy)
}

fn received(peer: PublicKey, id: u8, sat: u64, now: u64) -> LedgerCall {
    LedgerCall::AskStep(AskStep {
        peer,
        id: [id; 32],
        change: AskChange::Received {
            amount_sat: Amount::from_sat(sat),
            now,
        },
    })
}

fn refused(peer: PublicKey, id: u8) -> LedgerCall {
    LedgerCall::AskStep(AskStep {
        peer,
        id: [id; 32],
        change: AskChange::Refused {
            reason: "no coins".to_owned(),
        },
    })
}

fn decided(ask: Hash, approve: bool, nonce: u8) -> LedgerCall {
    LedgerCall::AskDecision(AskDecision {
        ask,
        approve,
        reason: String::new(),
        nonce: [nonce; 32],
    })
}

fn opened(asks: Vec<Hash>, nonce: u8) -> LedgerCall {
    LedgerCall::OpenAsked(OpenAsked {
        asks,
        nonce: [nonce; 32],
    })
}

fn key(peer: PublicKey, id: u8) -> Hash {
    Ask::key_of(&peer, &[id; 32])
}

fn ask(node: &Node, key: &Hash) -> Ask {
    read::ask(&*node.snapshot(), key).unwrap()
}

fn refuses(node: &mut Node, call: LedgerCall, error: AskError) {
    let key = node.node.clone();
    node.refuses(&key, call, error as u8);
}

#[test]
fn asks_beyond_what_the_policy_says_are_refused() {
    let mut node = hub(hub_policy());
    let (first, second, third) = (node_id(2), node_id(3), node_id(4));
    refuses(
        &mut node,
        received(first, 1, 19_999, NOW),
        AskError::NotGathered,
    );
    refuses(
        &mut node,
        received(first, 1, 2_000_001, NOW),
        AskError::NotGathered,
    );
    node.report(received(first, 1, SAT, NOW)).unwrap();
    // One peer has one open ask, and there are two in all.
    refuses(
        &mut node,
        received(first, 2, SAT, NOW),
        AskError::NotGathered,
    );
    node.report(received(second, 1, SAT, NOW)).unwrap();
    refuses(
        &mut node,
        received(third, 1, SAT, NOW),
        AskError::NotGathered,
    );
    refuses(
        &mut node,
        received(third, 1, SAT, NOW - 1),
        AskError::TimeWentBack,
    );
    assert_eq!(read::open_asks(&*node.snapshot()).len(), 2);
    assert_ne!(key(first, 1), key(second, 1), "two peers may choose one id");
}

#[test]
fn ask_of_a_peer_that_may_not_ask_is_refused() {
    for (from, listed, taken) in [
        (AcceptFrom::Nobody, true, false),
        (AcceptFrom::Listed, false, false),
        (AcceptFrom::Listed, true, true),
    ] {
        let peer = node_id(2);
        let mut policy = hub_policy();
        policy.asks.from = from;
        policy.accepted_peers = listed.then_some(peer).into_iter().collect();
        let mut node = hub(policy);
        if taken {
            node.report(received(peer, 1, SAT, NOW)).unwrap();
        } else {
            refuses(
                &mut node,
                received(peer, 1, SAT, NOW),
                AskError::NotGathered,
            );
        }
    }
}

#[test]
fn peer_that_was_refused_waits_until_it_asks_again_and_chooses_a_new_id() {
    let mut node = hub(hub_policy());
    let peer = node_id(2);
    node.report(received(peer, 1, SAT, NOW)).unwrap();
    node.report(refused(peer, 1)).unwrap();
    assert_eq!(ask(&node, &key(peer, 1)).reason, "no coins");
    refuses(
        &mut node,
        received(peer, 2, SAT, NOW + 99),
        AskError::NotGathered,
    );
    refuses(
        &mut node,
        received(peer, 1, SAT, NOW + 100),
        AskError::IdUsed,
    );
    node.report(received(peer, 2, SAT, NOW + 100)).unwrap();
    // What is over stays as it is.
    let late = decided(key(peer, 1), false, 1);
    let operator = node.operator.clone();
    node.refuses(&operator, late, AskError::NotWaiting as u8);
}

#[test]
fn ask_is_opened_only_once_the_operator_has_approved_it() {
    let mut policy = hub_policy();
    policy.asks.approve = true;
    let mut node = hub(policy);
    let peer = node_id(2);
    node.report(received(peer, 1, SAT, NOW)).unwrap();
    let key = key(peer, 1);
    refuses(&mut node, opened(vec![key], 1), AskError::BadBatch);
    let own = node.node.clone();
    node.refuses(&own, decided(key, true, 1), UNAUTHORIZED);
    node.refuses(&keypair(99), decided(key, true, 2), UNAUTHORIZED);
    node.command(decided(key, true, 3)).unwrap();
    let operator = node.operator.clone();
    node.refuses(&operator, decided(key, true, 4), AskError::NotAsked as u8);
    node.refuses(&operator, opened(vec![key], 2), UNAUTHORIZED);
    node.report(opened(vec![key], 3)).unwrap();
    assert_eq!(ask(&node, &key).status, AskStatus::Opening);
    // It is under way: nobody takes it back now.
    node.refuses(
        &operator,
        decided(key, false, 5),
        AskError::NotWaiting as u8,
    );
    refuses(&mut node, refused(peer, 1), AskError::NotWaiting);
}

#[test]
fn batch_of_nothing_of_too_many_or_of_one_twice_is_refused() {
    let mut policy = hub_policy();
    policy.asks.max_open = 3;
    let mut node = hub(policy);
    let peers = [node_id(2), node_id(3), node_id(4)];
    for peer in peers {
        node.report(received(peer, 1, SAT, NOW)).unwrap();
    }
    let keys = peers.map(|peer| key(peer, 1));
    refuses(&mut node, opened(vec![], 1), AskError::BadBatch);
    refuses(&mut node, opened(keys.to_vec(), 2), AskError::BadBatch);
    refuses(
        &mut node,
        opened(vec![keys[0], keys[0]], 3),
        AskError::BadBatch,
    );
    let unknown = vec![keys[0], Hash::new([9; 32])];
    refuses(&mut node, opened(unknown, 4), AskError::UnknownAsk);
    assert_eq!(ask(&node, &keys[0]).status, AskStatus::Approved);
}

#[test]
fn failed_opening_lets_its_asks_wait_again() {
    let mut node = hub(hub_policy());
    let peer = node_id(2);
    node.report(received(peer, 1, SAT, NOW)).unwrap();
    let key = key(peer, 1);
    for attempt in 1..=2 {
        node.report(opened(vec![key], attempt)).unwrap();
        let batch = ask(&node, &key).batch.unwrap();
        let request = read::request(&*node.snapshot(), &batch).unwrap();
        assert_eq!(request.status, RequestStatus::Pending);
        let result = RequestResult {
            request: batch,
            status: RequestStatus::Failed,
            channel_id: None,
            reason: "a peer went away".to_owned(),
        };
        node.report(LedgerCall::RequestResult(result)).unwrap();
        let now = ask(&node, &key);
        assert_eq!(now.status, AskStatus::Approved);
        assert_eq!(
            (now.attempts, now.reason.as_str()),
            (attempt.into(), "a peer went away")
        );
    }
    const { assert!(MAX_ATTEMPTS > 2) };
    let state = node.state_hash();
    assert_eq!(node.replayed().state_hash(), state);
}

fn no_push() -> Config {
    Config {
        push: Msat::ZERO,
        ..config()
    }
}

/// Two peers have asked, and the node has ordered.
fn asked_batch(seed: u64) -> Batch {
    let capacity = config().capacity.to_sat();
    let mut policy = hub_policy();
    policy.asks.max_sat = Amount::from_sat(10_000_000);
    batch_by(seed, &no_push(), policy, |node, peers| {
        for peer in peers {
            node.report(received(*peer, 1, capacity, NOW)).unwrap();
        }
        let keys: Vec<Hash> = peers.iter().map(|peer| key(*peer, 1)).collect();
        node.report(opened(keys.clone(), 1)).unwrap();
        ask(node, &keys[0]).batch.unwrap()
    })
}

#[test]
fn asks_are_opened_in_the_step_that_stores_all_signatures() {
    let mut batch = asked_batch(7);
    batch.open_all();
    let keys: Vec<Hash> = batch
        .lines
        .iter()
        .map(|line| key(*line.transcript.peer(), 1))
        .collect();
    assert_eq!(ask(&batch.node, &keys[0]).status, AskStatus::Opening);
    let (first, second) = (batch.lines[0].signature, batch.lines[1].signature);
    let all = batch.signed(&[(0, first), (1, second)]);
    batch.node.report(all).unwrap();
    for (line, key) in batch.lines.iter().zip(&keys) {
        let ask = ask(&batch.node, key);
        assert_eq!(
            (ask.status, ask.channel_id),
            (AskStatus::Opened, Some(line.id))
        );
    }
    assert!(read::open_asks(&*batch.node.snapshot()).is_empty());
    let state = batch.node.state_hash();
    assert_eq!(batch.node.replayed().state_hash(), state);
}

fn asks_hub(hub: PublicKey, sat: u64, nonce: u8) -> LedgerCall {
    LedgerCall::AskChannel(AskChannelRequest {
        hub,
        address: String::new(),
        amount_sat: Amount::from_sat(sat),
        nonce: [nonce; 32],
    })
}

#[test]
fn order_to_ask_for_nothing_twice_or_of_oneself_is_refused() {
    let mut node = hub(Policy::user());
    let operator = node.operator.clone();
    let refuse = |node: &mut Node, call, error: OperatorError| {
        node.refuses(&operator, call, error as u8);
    };
    refuse(
        &mut node,
        asks_hub(node_id(1), SAT, 1),
        OperatorError::OwnNode,
    );
    refuse(
        &mut node,
        asks_hub(node_id(2), 0, 2),
        OperatorError::BadAmount,
    );
    let own = node.node.clone();
    node.refuses(&own, asks_hub(node_id(2), SAT, 3), UNAUTHORIZED);
    node.command(asks_hub(node_id(2), SAT, 4)).unwrap();
    refuse(
        &mut node,
        asks_hub(node_id(2), 2 * SAT, 5),
        OperatorError::AlreadyAsked,
    );
    node.command(asks_hub(node_id(3), SAT, 6)).unwrap();
}

/// What the user's node writes down when the hub opens a channel to it, each time with other keys of the user's.
fn opened_by_hub(user_seed: u64) -> LedgerCall {
    let hub_keys = Keys::new(&mut Rng::new(20), Signing::Real);
    let user_keys = Keys::new(&mut Rng::new(user_seed), Signing::Real);
    opening_call(openings(&no_push(), hub_keys, user_keys).acceptor, None)
}

#[test]
fn channel_that_was_asked_for_is_accepted_once_where_no_other_is() {
    let capacity = config().capacity.to_sat();
    let policy = Policy {
        accept_from: AcceptFrom::Nobody,
        ..policy()
    };
    let mut node = Node::new(10, node_id(1), policy);
    let own = node.node.clone();
    let code = OpeningError::PeerNotAccepted as u8;
    node.refuses(&own, opened_by_hub(21), code);
    // Of another hub, and of another size.
    node.command(asks_hub(node_id(2), capacity, 1)).unwrap();
    let other_size = node
        .command(asks_hub(node_id(20), capacity + 1, 2))
        .unwrap();
    node.refuses(&own, opened_by_hub(22), code);
    let result = RequestResult {
        request: other_size,
        status: RequestStatus::Failed,
        channel_id: None,
        reason: "refused".to_owned(),
    };
    node.report(LedgerCall::RequestResult(result)).unwrap();
    let asked = node.command(asks_hub(node_id(20), capacity, 3)).unwrap();
    node.report(opened_by_hub(23)).unwrap();
    let request = read::request(&*node.snapshot(), &asked).unwrap();
    assert!(request.channel_id.is_some());
    node.refuses(&own, opened_by_hub(24), code);
    let state = node.state_hash();
    assert_eq!(node.replayed().state_hash(), state);
}

#[test]
fn policy_of_asks_that_contradicts_itself_is_refused() {
    let mut node = hub(hub_policy());
    let good = hub_policy().asks;
    let bad = [
        AskPolicy {
            min_sat: Amount::ZERO,
            ..good.clone()
        },
        AskPolicy {
            min_sat: Amount::from_sat(3_000_000),
            ..good.clone()
        },
        AskPolicy {
            max_open: 0,
            ..good.clone()
        },
        AskPolicy {
            max_batch: 0,
            ..good.clone()
        },
        AskPolicy {
            max_batch: 101,
            ..good.clone()
        },
        AskPolicy {
            expiry_seconds: 100,
            ..good
        },
    ];
    let operator = node.operator.clone();
    for (nonce, asks) in (0..).zip(bad) {
        let policy = Box::new(PolicyChange {
            policy: Policy { asks, ..policy() },
            nonce: [nonce; 32],
        });
        let code = OperatorError::BadPolicy as u8;
        node.refuses(&operator, LedgerCall::Policy(policy), code);
    }
    let kept = read::policy(&*node.snapshot()).unwrap();
    assert_eq!(kept.asks, hub_policy().asks);
    let orders = read::requests(&*node.snapshot());
    assert!(!orders
        .iter()
        .any(|(_, one)| matches!(one.arguments, RequestArguments::OpenBatch(_))));
}
