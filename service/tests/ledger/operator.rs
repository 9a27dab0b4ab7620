//! Who may do what; orders, results and the policy.

use exonum::crypto::Hash;
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::command::{ChainEvent, Command, LocalCommand};
use zarnitsa_channel::ids::ChannelId;
use zarnitsa_channel::message::{ChannelReestablish, PeerMessage};
use zarnitsa_channel::params::Side;
use zarnitsa_service::records::{
    ChannelPolicy, CloseChannelRequest, Failure, PeerPolicy, Policy, RequestArguments,
    RequestStatus,
};
use zarnitsa_service::transactions::{
    BatchSigned, ChannelPolicyChange, InvoiceChange, InvoiceStep, PaymentResult, PolicyChange,
    RequestResult,
};
use zarnitsa_service::{read, Attachment, ChannelError, LedgerCall, OperatorError};

use crate::node::{keypair, Node, UNAUTHORIZED};
use crate::support::keys::{Keys, Signing};
use crate::support::pair::{preimage, script};
use crate::support::rng::Rng;
use crate::world::{
    add, batch, channel_policy, config, onion, opening_call, openings, order, policy, World,
};

fn node() -> Node {
    let keys = Keys::new(&mut Rng::new(1), Signing::Real);
    Node::new(10, keys.public().funding, policy())
}

fn other_node_id() -> bitcoin::secp256k1::PublicKey {
    Keys::new(&mut Rng::new(2), Signing::Real).public().funding
}

fn set(policy: Policy, nonce: u8) -> LedgerCall {
    LedgerCall::Policy(Box::new(PolicyChange {
        policy,
        nonce: [nonce; 32],
    }))
}

fn command(command: Command) -> LedgerCall {
    LedgerCall::Command {
        channel_id: ChannelId([7; 32]),
        step: 1,
        command: Box::new(command),
        attachment: Attachment {
            onion: onion(),
            ..Attachment::default()
        },
    }
}

fn peer(message: PeerMessage) -> Command {
    Command::Peer {
        message,
        next_holder_point: None,
    }
}

/// One call of every method that is the node's alone.
fn reports() -> Vec<LedgerCall> {
    let point = other_node_id();
    let mut rng = Rng::new(3);
    let (a, b) = (
        Keys::new(&mut rng, Signing::Real),
        Keys::new(&mut rng, Signing::Real),
    );
    let openings = openings(&config(), a, b);
    let reestablish = ChannelReestablish {
        next_commitment_number: 1,
        next_revocation_number: 0,
        your_last_per_commitment_secret: [0; 32],
        my_current_per_commitment_point: point,
    };
    vec![
        opening_call(openings.acceptor, None),
        command(Command::Local(LocalCommand::Commit)),
        command(peer(PeerMessage::RevokeAndAck {
            per_commitment_secret: [1; 32],
            next_per_commitment_point: point,
        })),
        command(Command::Local(add(1_000, preimage(1)))),
        command(peer(PeerMessage::UpdateFulfillHtlc {
            id: zarnitsa_channel::ids::HtlcId(0),
            preimage: preimage(1),
        })),
        command(peer(PeerMessage::UpdateFee {
            feerate_per_kw: 1_000,
        })),
        command(peer(PeerMessage::ChannelReady {
            next_per_commitment_point: point,
            alias: None,
        })),
        command(peer(PeerMessage::ChannelReestablish(reestablish))),
        command(Command::Local(LocalCommand::Shutdown { script: script(1) })),
        command(Command::Chain(ChainEvent::OpeningReorged)),
        LedgerCall::PaymentResult(PaymentResult {
            payment_hash: preimage(1).payment_hash(),
            attempt: 1,
            failure: Failure::default(),
        }),
        LedgerCall::BatchSigned(BatchSigned {
            request: Hash::new([1; 32]),
            openings: Vec::new(),
        }),
        LedgerCall::RequestResult(RequestResult {
            request: Hash::new([1; 32]),
            status: RequestStatus::Done,
            channel_id: None,
            reason: String::new(),
        }),
    ]
}

/// One call of every method that is the operator's alone.
fn commands() -> Vec<LedgerCall> {
    let mut world = World::normal(&config(), 4);
    vec![
        LedgerCall::Payment(world.payment_order(Side::Holder, 1_000, preimage(1))),
        set(policy(), 1),
        LedgerCall::OpenChannel(order(other_node_id(), &config(), 1)),
        LedgerCall::OpenBatch(batch(other_node_id(), 1)),
        LedgerCall::CloseChannel(close(world.a.id(), 1)),
        set_channel(world.a.id(), Some(channel_policy(world.a.id())), 1),
    ]
}

fn close(channel_id: ChannelId, nonce: u8) -> CloseChannelRequest {
    CloseChannelRequest {
        channel_id,
        force: false,
        feerate_per_kw: 0,
        nonce: [nonce; 32],
    }
}

#[test]
fn any_ledger_methods_of_the_node_by_others_are_refused() {
    let mut node = node();
    let (operator, stranger) = (node.operator.clone(), keypair(99));
    for call in reports() {
        node.refuses(&operator, call.clone(), UNAUTHORIZED);
        node.refuses(&stranger, call, UNAUTHORIZED);
    }
}

#[test]
fn any_ledger_methods_of_the_operator_by_others_are_refused() {
    let mut node = node();
    let (own, stranger) = (node.node.clone(), keypair(99));
    for call in commands() {
        node.refuses(&own, call.clone(), UNAUTHORIZED);
        node.refuses(&stranger, call, UNAUTHORIZED);
    }
}

#[test]
fn any_ledger_invoice_by_a_stranger_is_refused() {
    let mut node = node();
    let call = LedgerCall::Invoice(InvoiceStep {
        payment_hash: preimage(1).payment_hash(),
        change: InvoiceChange::Cancelled { nonce: [1; 32] },
    });
    node.refuses(&keypair(99), call, UNAUTHORIZED);
}

#[test]
fn any_ledger_policy_is_replaced_by_a_new_one() {
    let mut node = node();
    let new = Policy {
        fee_ppm: 777,
        ..policy()
    };
    node.command(set(new.clone(), 1)).unwrap();
    assert_eq!(read::policy(&*node.snapshot()), Some(new));
    // Back and forth: the nonce makes the third transaction another one than the first.
    node.command(set(policy(), 2)).unwrap();
    node.command(set(policy(), 3)).unwrap();
    assert_eq!(read::policy(&*node.snapshot()), Some(policy()));
}

#[test]
fn any_ledger_policy_that_contradicts_itself_is_refused() {
    let mut node = node();
    let key = node.operator.clone();
    let broken = [
        Policy {
            min_channel_sat: bitcoin::Amount::from_sat(20_000_000),
            ..policy()
        },
        Policy {
            min_feerate_per_kw: 252,
            ..policy()
        },
        Policy {
            min_feerate_per_kw: 200_000,
            ..policy()
        },
        Policy {
            max_accepted_htlcs: 484,
            ..policy()
        },
        Policy {
            max_in_flight_percent: 101,
            ..policy()
        },
        Policy {
            max_reserve_percent: 101,
            ..policy()
        },
        Policy {
            to_self_delay: 0,
            ..policy()
        },
        Policy {
            fee_ppm: 1_000_001,
            ..policy()
        },
        Policy {
            base_fee_msat: Msat::new(1 << 32),
            ..policy()
        },
        Policy {
            cltv_delta: 47,
            ..policy()
        },
    ];
    for policy in broken {
        node.refuses(&key, set(policy, 1), OperatorError::BadPolicy as u8);
    }
}

#[test]
fn any_ledger_order_to_open_is_pending_until_its_result() {
    let mut node = node();
    let order = order(other_node_id(), &config(), 1);
    let hash = node
        .command(LedgerCall::OpenChannel(order.clone()))
        .unwrap();
    let request = read::request(&*node.snapshot(), &hash).unwrap();
    assert_eq!(request.arguments, RequestArguments::OpenChannel(order));
    assert_eq!(request.status, RequestStatus::Pending);
    assert_eq!(read::pending_requests(&*node.snapshot()).len(), 1);
    let result = RequestResult {
        request: hash,
        status: RequestStatus::Failed,
        channel_id: None,
        reason: "the peer refused: too small".to_owned(),
    };
    let pending = RequestResult {
        status: RequestStatus::Pending,
        ..result.clone()
    };
    let key = node.node.clone();
    let code = OperatorError::BadResult as u8;
    node.refuses(&key, LedgerCall::RequestResult(pending), code);
    node.report(LedgerCall::RequestResult(result.clone()))
        .unwrap();
    let request = read::request(&*node.snapshot(), &hash).unwrap();
    assert_eq!(request.status, RequestStatus::Failed);
    assert_eq!(request.reason, "the peer refused: too small");
    assert!(read::pending_requests(&*node.snapshot()).is_empty());
    let again = RequestResult {
        status: RequestStatus::Done,
        ..result
    };
    let code = OperatorError::RequestOver as u8;
    node.refuses(&key, LedgerCall::RequestResult(again), code);
}

#[test]
fn any_ledger_result_of_an_unknown_order_is_refused() {
    let mut node = node();
    let key = node.node.clone();
    let result = RequestResult {
        request: Hash::new([7; 32]),
        status: RequestStatus::Done,
        channel_id: None,
        reason: String::new(),
    };
    let code = OperatorError::UnknownRequest as u8;
    node.refuses(&key, LedgerCall::RequestResult(result), code);
}

#[test]
fn any_ledger_order_to_open_to_itself_is_refused() {
    let mut node = node();
    let own = read::config(&*node.snapshot()).unwrap().node_id;
    let key = node.operator.clone();
    let call = LedgerCall::OpenChannel(order(own, &config(), 1));
    node.refuses(&key, call, OperatorError::OwnNode as u8);
}

#[test]
fn any_ledger_order_to_open_that_gives_away_more_than_it_has_is_refused() {
    let mut node = node();
    let key = node.operator.clone();
    let mut order = order(other_node_id(), &config(), 1);
    order.push_msat = zarnitsa_channel::amount::Msat::new(1_000_000_001);
    let call = LedgerCall::OpenChannel(order);
    node.refuses(&key, call, OperatorError::BadAmount as u8);
}

#[test]
fn normal_order_to_close_names_its_channel() {
    let mut world = World::normal(&config(), 5);
    let id = world.a.id();
    let hash = world
        .a
        .node
        .command(LedgerCall::CloseChannel(close(id, 1)))
        .unwrap();
    let request = read::request(&*world.a.node.snapshot(), &hash).unwrap();
    assert_eq!(request.channel_id, Some(id));
    let key = world.a.node.operator.clone();
    let unknown = LedgerCall::CloseChannel(close(ChannelId([7; 32]), 2));
    let code = ChannelError::UnknownChannel as u8;
    world.a.node.refuses(&key, unknown, code);
}

fn set_channel(channel_id: ChannelId, policy: Option<ChannelPolicy>, nonce: u8) -> LedgerCall {
    LedgerCall::ChannelPolicy(ChannelPolicyChange {
        channel_id,
        policy,
        nonce: [nonce; 32],
    })
}

#[test]
fn normal_policy_of_its_own_is_kept_and_given_back() {
    let mut world = World::normal(&config(), 6);
    let id = world.a.id();
    let own = channel_policy(id);
    let node = &mut world.a.node;
    node.command(set_channel(id, Some(own.clone()), 1)).unwrap();
    assert_eq!(read::channel_policies(&*node.snapshot()), [own]);
    node.command(set_channel(id, None, 2)).unwrap();
    assert!(read::channel_policies(&*node.snapshot()).is_empty());
}

#[test]
fn normal_policy_of_its_own_that_cannot_be_is_refused() {
    let mut world = World::normal(&config(), 7);
    let id = world.a.id();
    let key = world.a.node.operator.clone();
    let other = ChannelId([7; 32]);
    let unknown = set_channel(other, Some(channel_policy(other)), 1);
    let node = &mut world.a.node;
    node.refuses(&key, unknown, ChannelError::UnknownChannel as u8);
    let good = channel_policy(id);
    let broken = [
        channel_policy(other),
        ChannelPolicy {
            fee_ppm: 1_000_001,
            ..good.clone()
        },
        ChannelPolicy {
            base_fee_msat: Msat::new(1 << 32),
            ..good.clone()
        },
        ChannelPolicy {
            cltv_delta: 47,
            ..good.clone()
        },
        ChannelPolicy {
            htlc_maximum_msat: Msat::new(9),
            ..good
        },
    ];
    for policy in broken {
        let call = set_channel(id, Some(policy), 1);
        node.refuses(&key, call, OperatorError::BadPolicy as u8);
    }
}

#[test]
fn policy_for_one_peer_goes_before_that_for_all() {
    let peer = other_node_id();
    let policy = Policy {
        peers: vec![PeerPolicy {
            peer,
            minimum_depth: 0,
            accept_zero_conf: true,
        }],
        ..policy()
    };
    let stranger = Keys::new(&mut Rng::new(9), Signing::Real).public().funding;
    assert_eq!(policy.minimum_depth_for(&peer), 0);
    assert!(policy.limits_for(&peer).allow_zero_conf);
    assert_eq!(policy.minimum_depth_for(&stranger), policy.minimum_depth);
    assert!(!policy.limits_for(&stranger).allow_zero_conf);
}
