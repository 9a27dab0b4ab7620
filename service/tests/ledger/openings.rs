//! Openings: what is written down, and what is refused.

use bitcoin::{Amount, OutPoint};
use exonum::crypto::Hash;
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::command::LocalCommand;
use zarnitsa_channel::opening::Opening as Transcript;
use zarnitsa_channel::params::Side;
use zarnitsa_service::read;
use zarnitsa_service::records::{AcceptFrom, Policy, RequestStatus};
use zarnitsa_service::transactions::{PolicyChange, RequestResult};
use zarnitsa_service::{ChannelError, LedgerCall, OpeningError};

use crate::node::Node;
use crate::support::keys::Keys;
use crate::support::pair::Config;
use crate::support::rng::Rng;
use crate::world::{config, opening_call, openings, order, policy, Openings, World};

struct Fresh {
    a: Node,
    b: Node,
    openings: Openings,
    config: Config,
}

/// Two ledgers, and an opening that neither has written down.
fn fresh(seed: u64) -> Fresh {
    fresh_with(seed, policy())
}

fn fresh_with(seed: u64, policy: Policy) -> Fresh {
    let config = config();
    let mut rng = Rng::new(seed);
    let a_keys = Keys::new(&mut rng, config.signing);
    let b_keys = Keys::new(&mut rng, config.signing);
    let a = Node::new(10, a_keys.public().funding, policy.clone());
    let b = Node::new(20, b_keys.public().funding, policy);
    Fresh {
        a,
        b,
        openings: openings(&config, a_keys, b_keys),
        config,
    }
}

impl Fresh {
    fn order(
        &mut self,
        change: impl FnOnce(&mut zarnitsa_service::records::OpenChannelRequest),
    ) -> Hash {
        let mut order = order(*self.openings.opener.peer(), &self.config, 1);
        change(&mut order);
        self.a.command(LedgerCall::OpenChannel(order)).unwrap()
    }

    fn refused_to_open(&mut self, request: Option<Hash>, code: OpeningError) {
        let key = self.a.node.clone();
        let call = opening_call(self.openings.opener.clone(), request);
        self.a.refuses(&key, call, code as u8);
    }

    fn refused_to_accept(&mut self, transcript: Transcript, code: u8) {
        let key = self.b.node.clone();
        self.b.refuses(&key, opening_call(transcript, None), code);
    }
}

#[test]
fn opened_channel_has_its_record_and_its_order_knows_it() {
    let (world, _) = World::opened(&config(), 1);
    let snapshot = world.a.node.snapshot();
    let record = read::channel_record(&*snapshot, &world.a.id()).unwrap();
    assert_eq!(record.state, "opening");
    assert_eq!(record.opener, Side::Holder);
    assert_eq!(record.capacity_sat, Amount::from_sat(1_000_000));
    assert_eq!(record.local_msat, Msat::new(700_000_000));
    assert_eq!(record.history_len, 1);
    let request = read::request(&*snapshot, &record.request.unwrap()).unwrap();
    assert_eq!(request.channel_id, Some(world.a.id()));
    assert_eq!(request.status, RequestStatus::Pending);
    let theirs = read::channel_record(&*world.b.node.snapshot(), &world.b.id()).unwrap();
    assert_eq!(theirs.opener, Side::Counterparty);
    assert_eq!(theirs.request, None);
}

#[test]
fn opening_without_an_order_is_refused() {
    let mut fresh = fresh(2);
    fresh.refused_to_open(None, OpeningError::NotOrdered);
    fresh.refused_to_open(Some(Hash::new([7; 32])), OpeningError::NotOrdered);
}

#[test]
fn opening_other_than_ordered_is_refused() {
    let mut fresh = fresh(3);
    let smaller = fresh.order(|order| order.amount_sat = Amount::from_sat(999_999));
    let stranger = fresh.openings.opener.open().side.keys.htlc_basepoint;
    let other_peer = fresh.order(|order| order.peer = stranger);
    let other_push = fresh.order(|order| order.push_msat = Msat::ZERO);
    let announced = fresh.order(|order| order.announce = true);
    for request in [smaller, other_peer, other_push, announced] {
        fresh.refused_to_open(Some(request), OpeningError::OtherThanOrdered);
    }
}

#[test]
fn opening_for_all_that_the_wallet_holds_takes_any_amount() {
    let mut fresh = fresh(4);
    let all = fresh.order(|order| order.amount_sat = Amount::ZERO);
    let call = opening_call(fresh.openings.opener.clone(), Some(all));
    fresh.a.report(call).unwrap();
}

#[test]
fn opening_of_an_order_that_is_over_is_refused() {
    let mut fresh = fresh(5);
    let request = fresh.order(|_| {});
    let result = RequestResult {
        request,
        status: RequestStatus::Failed,
        channel_id: None,
        reason: "the peer went away".to_owned(),
    };
    fresh.a.report(LedgerCall::RequestResult(result)).unwrap();
    fresh.refused_to_open(Some(request), OpeningError::NotOrdered);
}

#[test]
fn second_opening_of_one_order_is_refused() {
    let mut fresh = fresh(6);
    let request = fresh.order(|_| {});
    let call = opening_call(fresh.openings.opener.clone(), Some(request));
    fresh.a.report(call).unwrap();
    let mut rng = Rng::new(60);
    let (a_keys, b_keys) = (
        Keys::new(&mut rng, fresh.config.signing),
        Keys::new(&mut rng, fresh.config.signing),
    );
    fresh.openings = openings(&fresh.config, a_keys, b_keys);
    fresh.refused_to_open(Some(request), OpeningError::NotOrdered);
}

#[test]
fn funding_outpoint_of_a_live_channel_is_refused() {
    let mut fresh = fresh(7);
    let request = fresh.order(|_| {});
    let call = opening_call(fresh.openings.opener.clone(), Some(request));
    fresh.a.report(call).unwrap();
    let again = fresh.order(|order| order.nonce = [9; 32]);
    fresh.refused_to_open(Some(again), OpeningError::FundingUsed);
}

#[test]
fn channel_id_of_another_outpoint_is_refused() {
    let mut fresh = fresh(8);
    let acceptor = fresh.openings.acceptor.clone();
    fresh
        .b
        .report(opening_call(acceptor.clone(), None))
        .unwrap();
    // The index has two bytes in the channel_id, so this outpoint has the same one.
    let other = with_created(acceptor, |funding| OutPoint {
        vout: funding.vout + 0x1_0000,
        ..funding
    });
    fresh.refused_to_accept(other, OpeningError::ChannelIdUsed as u8);
}

#[test]
fn funding_outpoint_of_a_channel_that_is_over_is_refused() {
    let mut fresh = fresh(9);
    let request = fresh.order(|_| {});
    let call = opening_call(fresh.openings.opener.clone(), Some(request));
    fresh.a.report(call).unwrap();
    let abandon = LedgerCall::Command {
        channel_id: fresh.openings.opener.channel_id(),
        step: 1,
        command: Box::new(zarnitsa_channel::command::Command::Local(
            LocalCommand::Abandon {
                reason: "the peer went away".to_owned(),
            },
        )),
        attachment: zarnitsa_service::Attachment::default(),
    };
    fresh.a.report(abandon).unwrap();
    assert!(read::live_channels(&*fresh.a.snapshot()).is_empty());
    let again = fresh.order(|order| order.nonce = [9; 32]);
    fresh.refused_to_open(Some(again), OpeningError::FundingUsed);
}

#[test]
fn opening_by_a_peer_with_a_wrong_signature_is_refused() {
    let mut fresh = fresh(10);
    let other = fresh_with(11, policy());
    let (Transcript::Acceptor(mut opening), Transcript::Acceptor(wrong)) =
        (fresh.openings.acceptor.clone(), other.openings.acceptor)
    else {
        panic!("the peer opens");
    };
    opening.created.signature = wrong.created.signature;
    let transcript = Transcript::Acceptor(opening);
    fresh.refused_to_accept(transcript, ChannelError::BadSignature as u8);
}

#[test]
fn opening_with_another_transaction_than_its_outpoint_is_refused() {
    let mut fresh = fresh(12);
    let request = fresh.order(|_| {});
    let Transcript::Opener(opening) = &mut fresh.openings.opener else {
        panic!("this node opens");
    };
    opening.transaction.output[0].value = Amount::from_sat(999_999);
    fresh.refused_to_open(Some(request), OpeningError::Refused);
}

#[test]
fn opening_by_a_peer_that_the_policy_does_not_accept_is_refused() {
    let nobody = Policy {
        accept_from: AcceptFrom::Nobody,
        ..policy()
    };
    let mut fresh = fresh_with(13, nobody.clone());
    let acceptor = fresh.openings.acceptor.clone();
    fresh.refused_to_accept(acceptor.clone(), OpeningError::PeerNotAccepted as u8);
    let listed = Policy {
        accept_from: AcceptFrom::Listed,
        accepted_peers: vec![*acceptor.peer()],
        ..nobody
    };
    let change = PolicyChange {
        policy: listed,
        nonce: [1; 32],
    };
    fresh
        .b
        .command(LedgerCall::Policy(Box::new(change)))
        .unwrap();
    // The same opening is another transaction only if its bytes differ: the refusal above stays what it was.
    let mut retried = acceptor;
    if let Transcript::Acceptor(opening) = &mut retried {
        opening.points.second = opening.points.first;
    }
    fresh.b.report(opening_call(retried, None)).unwrap();
}

#[test]
fn opening_by_a_peer_of_a_size_that_the_policy_does_not_accept_is_refused() {
    let large = Policy {
        min_channel_sat: Amount::from_sat(1_000_001),
        ..policy()
    };
    let mut fresh = fresh_with(14, large);
    let acceptor = fresh.openings.acceptor.clone();
    fresh.refused_to_accept(acceptor, OpeningError::SizeNotAccepted as u8);
}

#[test]
fn opening_by_a_peer_beyond_the_number_of_channels_is_refused() {
    for (total, per_peer) in [(0, 10), (10, 0)] {
        let few = Policy {
            max_channels: total,
            max_channels_per_peer: per_peer,
            ..policy()
        };
        let mut fresh = fresh_with(15, few);
        let acceptor = fresh.openings.acceptor.clone();
        fresh.refused_to_accept(acceptor, OpeningError::TooManyChannels as u8);
    }
}

#[test]
fn opening_by_a_peer_with_four_unconfirmed_channels_is_refused() {
    let config = config();
    let keys = || {
        let mut rng = Rng::new(17);
        [(); 2].map(|()| Keys::new(&mut rng, config.signing))
    };
    let mut b = Node::new(20, keys()[1].public().funding, policy());
    let accepted = |more: u64| {
        let other = Config {
            capacity: Amount::from_sat(1_000_000 + more),
            ..config.clone()
        };
        let [a_keys, b_keys] = keys();
        openings(&other, a_keys, b_keys).acceptor
    };
    for more in 0..4 {
        b.report(opening_call(accepted(more), None)).unwrap();
    }
    let key = b.node.clone();
    let code = OpeningError::TooManyChannels as u8;
    b.refuses(&key, opening_call(accepted(4), None), code);
    // One that is given up makes room.
    let abandon = LedgerCall::Command {
        channel_id: accepted(0).channel_id(),
        step: 1,
        command: Box::new(zarnitsa_channel::command::Command::Local(
            LocalCommand::Abandon {
                reason: "never confirmed".to_owned(),
            },
        )),
        attachment: zarnitsa_service::Attachment::default(),
    };
    b.report(abandon).unwrap();
    b.report(opening_call(accepted(5), None)).unwrap();
}

fn with_created(transcript: Transcript, change: impl FnOnce(OutPoint) -> OutPoint) -> Transcript {
    let Transcript::Acceptor(mut opening) = transcript else {
        panic!("the peer opens");
    };
    opening.created.funding = change(opening.created.funding);
    Transcript::Acceptor(opening)
}
