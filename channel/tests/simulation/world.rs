//! Both nodes, the wire between them, and chance.

use std::collections::{BTreeMap, VecDeque};

use bitcoin::{Amount, Transaction};
use zarnitsa_channel::action::{Action, Broadcast};
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::command::Command;
use zarnitsa_channel::ids::{HtlcId, PaymentHash, PaymentPreimage};
use zarnitsa_channel::limits::Limits;
use zarnitsa_channel::message::{ChannelReestablish, OutgoingMessage, PeerMessage};
use zarnitsa_channel::params::CommitmentFormat;
use zarnitsa_channel::tx::commitment::CommitmentTx;

use crate::chain::Chain;
use crate::node::Node;
use crate::opening::Talk;
use crate::relay::Quality;
use crate::support::keys::Signing;
use crate::support::pair::{Config, Pair};
use crate::support::party::Wire;
use crate::support::rng::Rng;
use crate::tally::Tally;

/// Which node.
pub type Index = usize;

pub struct World {
    pub rng: Rng,
    pub nodes: [Node; 2],
    /// Messages on their way to each node, in order.
    pub wires: [VecDeque<Wire>; 2],
    pub connected: bool,
    pub connection: u64,
    /// Every commitment that was ever signed, by its owner and number.
    pub signed: BTreeMap<(Index, u64), Transaction>,
    pub preimages: BTreeMap<PaymentHash, PaymentPreimage>,
    /// What each node's HTLCs pay, by the node that offered them.
    pub amounts: BTreeMap<(Index, HtlcId), u64>,
    /// The first node's balance at the start.
    pub start: u64,
    pub tally: Tally,
    pub force_closed: bool,
    pub chain: Chain,
    pub wire: Quality,
    /// What an opening that nobody has on a disk yet has come to.
    pub talk: Talk,
    pub config: Config,
    verbose: bool,
    steps: u64,
}

fn config(rng: &mut Rng) -> Config {
    let format = match rng.below(2) {
        0 => CommitmentFormat::Anchors,
        _ => CommitmentFormat::StaticRemoteKey,
    };
    let capacity = rng.range(30_000, 1_000_000);
    let reserve = rng.range(1_000, capacity / 20 + 1_000);
    let feerate = rng.range_u32(253, 2_500);
    let push = match rng.below(3) {
        0 => 0,
        _ => rng.below(capacity * 1_000 / 2),
    };
    let limits = Limits {
        max_dust_exposure: Msat::new(rng.range(500_000, 50_000_000)),
        ..Limits::default()
    };
    Config {
        // Once in a while with real arithmetic.
        signing: if rng.one_in(64) {
            Signing::Real
        } else {
            Signing::Fast
        },
        format,
        capacity: Amount::from_sat(capacity),
        push: Msat::new(push),
        feerate_per_kw: feerate,
        limits,
        dust_limit: Amount::from_sat(rng.range(354, 1_000)),
        reserve: Amount::from_sat(reserve),
        max_accepted: if rng.one_in(4) { 5 } else { 30 },
        max_in_flight: Msat::new(rng.range(capacity * 200, capacity * 1_000)),
        upfront: !rng.one_in(4),
        ..Config::default()
    }
}

impl World {
    pub fn new(seed: u64, verbose: bool) -> Self {
        let mut rng = Rng::new(seed);
        let mut config = config(&mut rng);
        let from_start = rng.one_in(3);
        let wire = if rng.one_in(4) {
            Quality::Faulty
        } else {
            Quality::Good
        };
        if from_start && rng.one_in(4) {
            config.zero_conf = true;
            config.limits.allow_zero_conf = true;
        }
        let (pair, chain) = if from_start {
            (Self::strangers(&config, rng.next()), Chain::empty())
        } else {
            (Pair::normal(&config, rng.next()), Chain::confirmed())
        };
        let mut world = Self {
            rng,
            amounts: BTreeMap::new(),
            start: pair.a.channel.balances().local.to_msat(),
            nodes: [Node::new("a", pair.a), Node::new("b", pair.b)],
            wires: [VecDeque::new(), VecDeque::new()],
            connected: true,
            connection: 0,
            signed: BTreeMap::new(),
            preimages: BTreeMap::new(),
            tally: Tally::default(),
            force_closed: false,
            chain,
            wire,
            talk: Talk::default(),
            config,
            verbose,
            steps: 0,
        };
        world.steps = world.rng.range(40, 280);
        if from_start {
            world.tally.from_start += 1;
            world.steps += 80;
            world.open_channel();
        } else {
            world.note_first_commitments();
        }
        if wire == Quality::Faulty {
            world.tally.faulty += 1;
            world.steps *= 3;
        }
        world
    }

    fn note_first_commitments(&mut self) {
        for index in [0, 1] {
            let channel = &self.nodes[index].party.channel;
            let first = channel.counterparty_commitment().unwrap();
            self.note_signed(index, &first);
        }
    }

    pub fn log(&self, text: impl FnOnce() -> String) {
        if self.verbose {
            println!("{}", text());
        }
    }

    /// Lets chance choose what happens next, some hundred times.
    pub fn run(&mut self) {
        if self.rng.one_in(12) && !self.is_opening() {
            // A channel that is closed before it was ever used.
            let index = self.rng.index(2);
            self.shut_down(index);
        }
        for _ in 0..self.steps {
            self.step();
            if self.force_closed {
                return;
            }
        }
    }

    fn step(&mut self) {
        let index = self.rng.index(2);
        match self.rng.below(100) {
            0..=29 if self.wire == Quality::Faulty => self.relay(index),
            0..=21 => self.deliver(index),
            22..=39 => self.persist(index),
            40..=59 => self.act(index),
            60..=89 if self.is_opening() => self.go_on_opening(index),
            60..=89 => self.decide(index),
            90..=91 => self.chain_moves(),
            // On a faulty wire connections end for its faults.
            92..=99 if self.wire == Quality::Faulty && self.connected && !self.rng.one_in(4) => {}
            92..=94 if self.connected => self.disconnect(),
            92..=97 if !self.connected => self.connect(),
            98 => self.crash(index),
            _ => {}
        }
    }

    pub fn persist(&mut self, index: Index) {
        if !self.nodes[index].has_pending() {
            return;
        }
        let decode = self.rng.one_in(6);
        let before = self.nodes[index].party.channel.commitment_numbers().0;
        self.nodes[index].persist(decode);
        let durable = &self.nodes[index].party.channel;
        if durable.commitment_numbers().0 > before {
            // Both sides see the same bytes.
            let Some(own) = durable.holder_commitment() else {
                return;
            };
            let signed = &self.signed[&(index, own.commitment.number())];
            assert_eq!(signed, own.commitment.tx(), "one commitment, two views");
        }
    }

    /// Remembers what `index` signs for the other side. One number is signed for one transaction only.
    fn note_signed(&mut self, index: Index, commitment: &CommitmentTx) {
        let key = (1 - index, commitment.number());
        let tx = commitment.tx().clone();
        let known = self.signed.entry(key).or_insert_with(|| tx.clone());
        assert_eq!(*known, tx, "two transactions signed for one number");
    }

    /// Carries out one action that the disk allows.
    pub fn act(&mut self, index: Index) {
        let Some((action, connection)) = self.nodes[index].outbox.pop_front() else {
            return;
        };
        match action {
            Action::Send(message) => {
                if self.connected && connection == self.connection {
                    self.send(index, message);
                }
            }
            Action::Broadcast(broadcast) => self.broadcast(index, &broadcast),
            Action::Tell(_) => {}
        }
    }

    fn send(&mut self, index: Index, message: OutgoingMessage) {
        match &message {
            OutgoingMessage::FundingCreated { .. } | OutgoingMessage::FundingSigned => {
                // Where the channel was closed meanwhile, the signer signs nothing any more.
                let durable = &self.nodes[index].party.channel;
                let Some(commitment) = durable.counterparty_commitment() else {
                    return;
                };
                self.note_signed(index, &commitment);
            }
            OutgoingMessage::CommitmentSigned { number } => {
                let durable = &self.nodes[index].party.channel;
                assert_eq!(durable.commitment_numbers().1, *number);
                // Where the channel was closed meanwhile, the signer signs nothing any more.
                let Some(commitment) = durable.counterparty_commitment() else {
                    return;
                };
                self.note_signed(index, &commitment);
                self.tally.commitments += 1;
            }
            OutgoingMessage::RevokeAndAck { revoked, .. } => {
                let node = &mut self.nodes[index];
                assert!(*revoked < node.party.channel.releasable_secret_below());
                node.revealed_below = node.revealed_below.max(revoked + 1);
            }
            OutgoingMessage::ClosingSigned { fee, .. } if !self.can_sign_closing(index, *fee) => {
                return;
            }
            OutgoingMessage::Warning { text } => panic!("an honest peer was warned: {text}"),
            OutgoingMessage::Error { text } if !self.force_closed && !self.forgot(index) => {
                panic!("an honest peer was sent an error: {text}")
            }
            _ => {}
        }
        self.log(|| format!("{} sends {message:?}", self.nodes[index].name));
        let wire = self.nodes[index].party.wire(message);
        self.wires[1 - index].push_back(wire);
    }

    fn can_sign_closing(&self, index: Index, fee: Amount) -> bool {
        let durable = &self.nodes[index].party.channel;
        durable.closing_transaction(fee).is_some()
    }

    fn broadcast(&mut self, index: Index, broadcast: &Broadcast) {
        let node = &mut self.nodes[index];
        node.broadcast.push(format!("{broadcast:?}"));
        match broadcast {
            Broadcast::Opening(transaction) => {
                // Never before the peer's signature over this node's commitment is on the disk.
                assert!(node.party.channel.holder_commitment().is_some());
                let funding = node.party.channel.params().funding;
                assert_eq!(transaction.compute_txid(), funding.txid);
                self.chain.is_broadcast = true;
            }
            Broadcast::Closing => assert!(node.party.channel.agreed_closing().is_some()),
            Broadcast::HolderCommitment => {
                // A revoked commitment of ours is never broadcast.
                let own = node.party.channel.holder_commitment().unwrap();
                assert!(own.commitment.number() >= node.revealed_below);
            }
        }
    }

    /// Delivers the oldest message to `index`.
    pub fn deliver(&mut self, index: Index) {
        match self.wires[index].pop_front() {
            None => {}
            Some(Wire::Message(message)) => self.deliver_message(index, message),
            Some(Wire::Warning(text)) => panic!("{} is warned: {text}", self.nodes[index].name),
            Some(wire) => self.deliver_opening(index, wire),
        }
    }

    /// An honest peer on an honest wire is never refused.
    fn deliver_message(&mut self, index: Index, message: PeerMessage) {
        let node = &self.nodes[index];
        self.log(|| format!("{} gets {}", node.name, brief(&message)));
        // BOLT 2, Message Retransmission: nothing but channel_reestablish comes first, and it comes once.
        let is_hello = matches!(message, PeerMessage::ChannelReestablish(_));
        if node.live && is_hello {
            assert!(
                self.wire == Quality::Faulty,
                "{}: two channel_reestablish",
                node.name
            );
            return;
        }
        if !node.live && !is_hello && !matches!(message, PeerMessage::Error { .. }) {
            return self.out_of_step(index, "channel_reestablish was due");
        }
        let needed = node.memory.holder_point_needed(&message);
        let command = Command::Peer {
            next_holder_point: needed.map(|number| node.party.point_of(number)),
            message,
        };
        let connection = self.connection;
        if let Err(refusal) = self.nodes[index].handle(command, connection) {
            self.refused(index, &refusal);
        }
    }

    /// A command that must be accepted.
    pub fn command(&mut self, index: Index, command: Command) {
        let connection = self.connection;
        if let Err(refusal) = self.nodes[index].handle(command.clone(), connection) {
            panic!(
                "{} refuses {command:?}: {refusal:?}",
                self.nodes[index].name
            );
        }
    }

    /// Whatever is in flight is lost.
    pub fn disconnect(&mut self) {
        if !self.connected {
            return;
        }
        self.log(|| "disconnected".to_owned());
        self.connected = false;
        self.tally.disconnects += 1;
        for index in [0, 1] {
            self.tally.lost_messages += u64::try_from(self.wires[index].len()).unwrap();
            self.wires[index].clear();
            self.nodes[index].disconnected();
        }
        self.forget_unsigned_openings();
    }

    /// A new connection. Each side's channel_reestablish tells of the state in memory and so waits for the disk.
    pub fn connect(&mut self) {
        if self.connected {
            return;
        }
        self.log(|| "connected".to_owned());
        self.connected = true;
        self.connection += 1;
        for node in &mut self.nodes {
            node.live = false;
            if let Some(message) = node.memory.reestablish() {
                check_hello(&message, node.memory.commitment_numbers());
                let hello = Action::Send(OutgoingMessage::ChannelReestablish(message));
                node.enqueue(vec![hello], self.connection);
            }
        }
    }

    pub fn crash(&mut self, index: Index) {
        self.log(|| format!("{} crashes", self.nodes[index].name));
        self.tally.crashes += 1;
        self.disconnect();
        let connection = self.connection;
        self.nodes[index].restart(connection);
        self.forget_unsigned_openings();
    }
}

/// BOLT 2, Message Retransmission: before the first commitment_signed the next one has number 1, and nothing is revoked.
fn check_hello(message: &ChannelReestablish, numbers: (u64, u64)) {
    assert_eq!(message.next_commitment_number, numbers.0 + 1);
    let revoked = message.next_revocation_number;
    assert!(revoked == numbers.1 || revoked + 1 == numbers.1);
    let is_zero = message.your_last_per_commitment_secret == [0; 32];
    assert_eq!(is_zero, revoked == 0);
}

fn brief(message: &PeerMessage) -> String {
    match message {
        PeerMessage::CommitmentSigned {
            htlc_signatures, ..
        } => format!("commitment_signed with {} HTLCs", htlc_signatures.len()),
        PeerMessage::RevokeAndAck { .. } => "revoke_and_ack".to_owned(),
        other => format!("{other:?}"),
    }
}
