//! Several channels by one opening transaction: all of them are signed in one step, or none is.

use bitcoin::absolute::LockTime;
use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::PublicKey as NodeId;
use bitcoin::transaction::Version;
use bitcoin::{Amount, OutPoint, Transaction, TxIn};
use exonum::crypto::Hash;
use zarnitsa_channel::command::Command;
use zarnitsa_channel::ids::ChannelId;
use zarnitsa_channel::message::PeerMessage;
use zarnitsa_channel::opening::{AcceptedOpener, Acceptor, Opener, Opening as Transcript};
use zarnitsa_service::records::{OpenBatchRequest, Policy, RequestStatus};
use zarnitsa_service::transactions::{BatchSigned, RequestResult, SignedOpening};
use zarnitsa_service::{read, Attachment, ChannelError, LedgerCall, OpeningError, OperatorError};

use crate::node::Node;
use crate::support::keys::Keys;
use crate::support::pair::Config;
use crate::support::party::{Party, Wire};
use crate::support::rng::Rng;
use crate::world::{config, opening_call, order, policy};

/// What one peer of the batch has said.
pub struct Line {
    pub transcript: Transcript,
    pub id: ChannelId,
    pub signature: Signature,
}

pub struct Batch {
    pub node: Node,
    pub request: Hash,
    pub lines: Vec<Line>,
}

fn funding(accepted: &[&AcceptedOpener]) -> Transaction {
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn::default()],
        output: accepted.iter().map(|one| one.funding_output()).collect(),
    }
}

/// Two peers have accepted and signed; nothing is written down but the order.
fn batch(seed: u64) -> Batch {
    batch_by(seed, &config(), policy(), |node, peers| {
        let channels = peers.iter().map(|peer| order(*peer, &config(), 0));
        let order = OpenBatchRequest {
            channels: channels.collect(),
            feerate_per_kw: 0,
            nonce: [1; 32],
        };
        node.command(LedgerCall::OpenBatch(order)).unwrap()
    })
}

/// The same with another order for the channels with these peers.
pub fn batch_by(
    seed: u64,
    config: &Config,
    policy: Policy,
    order: impl FnOnce(&mut Node, &[NodeId]) -> Hash,
) -> Batch {
    let mut rng = Rng::new(seed);
    let mut asked = Vec::new();
    let id = Keys::new(&mut rng, config.signing).public().funding;
    let mut node = Node::new(10, id, policy);
    for _ in 0..2 {
        let own = Keys::new(&mut rng, config.signing);
        let far = Keys::new(&mut rng, config.signing);
        let peer = far.public().funding;
        let opener = Opener::new(config.open_terms(&own, peer), &config.limits).unwrap();
        let terms = config.accept_terms(&far, id);
        let acceptor = Acceptor::new(opener.message().clone(), terms, &config.limits).unwrap();
        let accept = acceptor.message().clone();
        let accepted = opener.accept(accept, &config.limits).unwrap();
        asked.push((own, far, accepted, acceptor));
    }
    let peers: Vec<NodeId> = asked.iter().map(|line| line.1.public().funding).collect();
    let request = order(&mut node, &peers);
    let transaction = funding(&[&asked[0].2, &asked[1].2]);
    let mut lines = Vec::new();
    for (vout, (own, far, accepted, acceptor)) in (0..).zip(asked) {
        let txid = transaction.compute_txid();
        let place = OutPoint { txid, vout };
        let (channel, actions, transcript) = accepted.fund(place, transaction.clone()).unwrap();
        let own = Party {
            keys: own,
            limits: config.limits.clone(),
            channel,
        };
        let created = match own.wires(&actions).as_slice() {
            [Wire::FundingCreated(created)] => created.clone(),
            other => panic!("{other:?} is not funding_created"),
        };
        let (channel, actions, _) = acceptor.funding_created(created, &config.signing).unwrap();
        let far = Party {
            keys: far,
            limits: config.limits.clone(),
            channel,
        };
        let signed = far.wires(&actions)[0].clone().message();
        let PeerMessage::FundingSigned { signature } = signed else {
            panic!("{signed:?} is not funding_signed");
        };
        lines.push(Line {
            transcript,
            id: own.channel.id(),
            signature,
        });
    }
    Batch {
        node,
        request,
        lines,
    }
}

impl Batch {
    pub fn open_all(&mut self) {
        for line in &self.lines {
            let call = opening_call(line.transcript.clone(), Some(self.request));
            self.node.report(call).unwrap();
        }
    }

    pub fn signed(&self, lines: &[(usize, Signature)]) -> LedgerCall {
        let openings = lines.iter().map(|(line, signature)| SignedOpening {
            channel_id: self.lines[*line].id,
            step_number: 1,
            signature: *signature,
        });
        LedgerCall::BatchSigned(BatchSigned {
            request: self.request,
            openings: openings.collect(),
        })
    }

    fn refuses(&mut self, call: LedgerCall, code: u8) {
        let key = self.node.node.clone();
        self.node.refuses(&key, call, code);
    }

    fn states(&self) -> Vec<String> {
        let snapshot = self.node.snapshot();
        let state = |line: &Line| read::channel_record(&*snapshot, &line.id).unwrap().state;
        self.lines.iter().map(state).collect()
    }
}

#[test]
fn batch_is_signed_in_one_step_or_not_at_all() {
    let mut batch = batch(1);
    batch.open_all();
    let (first, second) = (batch.lines[0].signature, batch.lines[1].signature);
    let code = OpeningError::OtherThanBatch as u8;
    let one = batch.signed(&[(0, first)]);
    batch.refuses(one, code);
    let twice = batch.signed(&[(0, first), (0, first)]);
    batch.refuses(twice, code);
    // The first is right: what it did is taken back with the second.
    let wrong = batch.signed(&[(0, first), (1, first)]);
    batch.refuses(wrong, ChannelError::BadSignature as u8);
    assert_eq!(batch.states(), ["opening", "opening"]);
    let all = batch.signed(&[(1, second), (0, first)]);
    batch.node.report(all).unwrap();
    let after = "awaiting_confirmations";
    assert_eq!(batch.states(), [after, after]);
    let state = batch.node.state_hash();
    assert_eq!(batch.node.replayed().state_hash(), state);
}

#[test]
fn channel_of_a_batch_is_never_signed_alone() {
    let mut batch = batch(2);
    batch.open_all();
    let line = &batch.lines[0];
    let message = PeerMessage::FundingSigned {
        signature: line.signature,
    };
    let call = LedgerCall::Command {
        channel_id: line.id,
        step: 1,
        command: Box::new(Command::Peer {
            message,
            next_holder_point: None,
        }),
        attachment: Attachment::default(),
    };
    batch.refuses(call, OpeningError::PartOfBatch as u8);
}

#[test]
fn batch_that_is_not_all_there_or_over_is_not_signed() {
    let mut batch = batch(3);
    let call = opening_call(batch.lines[0].transcript.clone(), Some(batch.request));
    batch.node.report(call).unwrap();
    let (first, second) = (batch.lines[0].signature, batch.lines[1].signature);
    let early = batch.signed(&[(0, first)]);
    batch.refuses(early, OpeningError::OtherThanBatch as u8);
    let result = RequestResult {
        request: batch.request,
        status: RequestStatus::Failed,
        channel_id: None,
        reason: "a peer went away".to_owned(),
    };
    batch
        .node
        .report(LedgerCall::RequestResult(result))
        .unwrap();
    let late = batch.signed(&[(0, first), (1, second)]);
    batch.refuses(late, OpeningError::NotOrdered as u8);
    let call = opening_call(batch.lines[1].transcript.clone(), Some(batch.request));
    batch.refuses(call, OpeningError::NotOrdered as u8);
}

#[test]
fn batch_of_two_transactions_is_refused() {
    let (mut one, other) = (batch(4), batch(5));
    let call = opening_call(one.lines[0].transcript.clone(), Some(one.request));
    one.node.report(call).unwrap();
    // A channel with a peer that the order does not name, by another transaction.
    let call = opening_call(other.lines[1].transcript.clone(), Some(one.request));
    one.refuses(call, OpeningError::OtherThanBatch as u8);
}

#[test]
fn order_for_a_batch_that_cannot_be_is_refused() {
    let mut batch = batch(6);
    let peer = *batch.lines[0].transcript.peer();
    let other = *batch.lines[1].transcript.peer();
    let good = order(peer, &config(), 0);
    let mut nothing = order(other, &config(), 0);
    nothing.amount_sat = Amount::ZERO;
    let mut unconfirmed = order(other, &config(), 0);
    unconfirmed.zero_conf = true;
    let cases = [
        vec![],
        vec![good.clone(), good.clone()],
        vec![good.clone(), nothing],
        vec![good, unconfirmed],
    ];
    let key = batch.node.operator.clone();
    for channels in cases {
        let order = OpenBatchRequest {
            channels,
            feerate_per_kw: 0,
            nonce: [2; 32],
        };
        let code = OperatorError::BadBatch as u8;
        batch.node.refuses(&key, LedgerCall::OpenBatch(order), code);
    }
}
