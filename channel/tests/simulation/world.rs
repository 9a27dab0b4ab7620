//! Both nodes, the wire between them, and chance.

use std::collections::{BTreeMap, VecDeque};

use bitcoin::{Amount, Transaction};
use zarnitsa_channel::action::{Action, Broadcast};
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::command::Command;
use zarnitsa_channel::ids::{HtlcId, PaymentHash, PaymentPreimage};
use zarnitsa_channel::limits::Limits;
use zarnitsa_channel::message::{OutgoingMessage, PeerMessage};
use zarnitsa_channel::params::CommitmentFormat;
use zarnitsa_channel::tx::commitment::CommitmentTx;

use crate::node::Node;
use crate::support::keys::Signing;
use crate::support::pair::{Config, Pair};
use crate::support::party::Wire;
use crate::support::rng::Rng;

/// What happened in a run.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub adds: u64,
    pub fulfilled: u64,
    pub failed: u64,
    pub fee_updates: u64,
    pub commitments: u64,
    pub disconnects: u64,
    pub lost_messages: u64,
    pub crashes: u64,
    pub shutdowns: u64,
    pub force_closes: u64,
    pub refused_adds: u64,
}

impl Tally {
    pub fn add(&mut self, other: &Self) {
        self.adds += other.adds;
        self.fulfilled += other.fulfilled;
        self.failed += other.failed;
        self.fee_updates += other.fee_updates;
        self.commitments += other.commitments;
        self.disconnects += other.disconnects;
        self.lost_messages += other.lost_messages;
        self.crashes += other.crashes;
        self.shutdowns += other.shutdowns;
        self.force_closes += other.force_closes;
        self.refused_adds += other.refused_adds;
    }

    pub fn check_variety(&self, runs: u64) {
        if runs < 1_000 {
            return;
        }
        assert!(
            self.adds > 2 * runs && self.commitments > 5 * runs,
            "{self:?}"
        );
        assert!(self.fulfilled > runs && self.failed > runs / 2, "{self:?}");
        assert!(
            self.disconnects > runs && self.crashes > runs / 2,
            "{self:?}"
        );
        assert!(
            self.lost_messages > runs / 2 && self.fee_updates > runs / 2,
            "{self:?}"
        );
        assert!(
            self.shutdowns > runs / 25 && self.force_closes > runs / 50,
            "{self:?}"
        );
    }
}

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
        let pair = Pair::normal(&config(&mut rng), rng.next());
        let start = pair.a.channel.balances().local.to_msat();
        let mut world = Self {
            rng,
            amounts: BTreeMap::new(),
            start,
            nodes: [Node::new("a", pair.a), Node::new("b", pair.b)],
            wires: [VecDeque::new(), VecDeque::new()],
            connected: true,
            connection: 0,
            signed: BTreeMap::new(),
            preimages: BTreeMap::new(),
            tally: Tally::default(),
            force_closed: false,
            verbose,
            steps: 0,
        };
        for index in [0, 1] {
            let channel = &world.nodes[index].party.channel;
            let first = channel.counterparty_commitment().unwrap();
            world.note_signed(index, &first);
        }
        world.steps = world.rng.range(40, 280);
        world
    }

    pub fn log(&self, text: impl FnOnce() -> String) {
        if self.verbose {
            println!("{}", text());
        }
    }

    /// Lets chance choose what happens next, some hundred times.
    pub fn run(&mut self) {
        if self.rng.one_in(12) {
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
            0..=21 => self.deliver(index),
            22..=39 => self.persist(index),
            40..=59 => self.act(index),
            60..=91 => self.decide(index),
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
            OutgoingMessage::Error { text } if !self.force_closed => {
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
            Broadcast::Opening(_) => {}
            Broadcast::Closing => assert!(node.party.channel.agreed_closing().is_some()),
            Broadcast::HolderCommitment => {
                // A revoked commitment of ours is never broadcast.
                let own = node.party.channel.holder_commitment().unwrap();
                assert!(own.commitment.number() >= node.revealed_below);
            }
        }
    }

    /// Delivers the oldest message to `index`. An honest peer is never refused.
    pub fn deliver(&mut self, index: Index) {
        let Some(wire) = self.wires[index].pop_front() else {
            return;
        };
        let message = wire.message();
        let node = &self.nodes[index];
        self.log(|| format!("{} gets {}", node.name, brief(&message)));
        // BOLT 2, Message Retransmission: nothing but channel_reestablish comes first.
        let needed = node.memory.holder_point_needed(&message);
        let command = Command::Peer {
            next_holder_point: needed.map(|number| node.party.point_of(number)),
            message,
        };
        self.command(index, command);
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
    }
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
