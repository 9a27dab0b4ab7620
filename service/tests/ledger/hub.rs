//! A hub: one ledger with two channels, each to a machine that has none.

use zarnitsa_channel::action::{Action, Event};
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::command::{Command, LocalCommand};
use zarnitsa_channel::ids::{ChannelId, HtlcId, PaymentHash, PaymentPreimage};
use zarnitsa_channel::message::PeerMessage;
use zarnitsa_channel::params::Side;
use zarnitsa_service::records::{Forward, HtlcKey, HtlcRecord, HtlcRef, Policy};
use zarnitsa_service::{read, Attachment, LedgerCall};

use crate::node::Node;
use crate::support::keys::Keys;
use crate::support::pair::{confirmed, events};
use crate::support::party::Party;
use crate::support::rng::Rng;
use crate::world::{config, onion, opening_call, openings, policy};

/// A channel: the hub's side, which the ledger has, and the other.
struct Line {
    own: Party,
    far: Party,
}

pub struct Hub {
    pub node: Node,
    lines: Vec<Line>,
    rng: Rng,
}

/// An HTLC out, as it is to be.
#[derive(Clone, Copy)]
pub struct Out {
    pub line: usize,
    pub amount: u64,
    pub hash: PaymentHash,
    pub expiry: u32,
}

impl Hub {
    /// Both channels are usable, and both sides can pay.
    pub fn new(seed: u64) -> Self {
        Self::with_policy(seed, policy())
    }

    pub fn with_policy(seed: u64, policy: Policy) -> Self {
        let mut rng = Rng::new(seed);
        let config = config();
        let id = Keys::new(&mut rng, config.signing).public().funding;
        let mut hub = Self {
            node: Node::new(30, id, policy),
            lines: Vec::new(),
            rng,
        };
        for line in 0..2 {
            let far = Keys::new(&mut hub.rng, config.signing);
            let own = Keys::new(&mut hub.rng, config.signing);
            let opened = openings(&config, far, own);
            hub.node
                .report(opening_call(opened.acceptor, None))
                .unwrap();
            hub.lines.push(Line {
                own: opened.b,
                far: opened.a,
            });
            for reply in opened.replies {
                hub.lines[line].far.receive(reply.message()).unwrap();
            }
            let far = &mut hub.lines[line].far;
            let event = confirmed(far);
            let from_far = far.chain(event.clone()).unwrap();
            let from_hub = hub.step(line, Command::Chain(event));
            hub.exchange(line, from_hub, from_far);
        }
        hub
    }

    pub fn id(&self, line: usize) -> ChannelId {
        self.lines[line].own.channel.id()
    }

    pub fn preimage(&mut self) -> PaymentPreimage {
        PaymentPreimage(self.rng.bytes32())
    }

    pub fn incoming(&self, line: usize, id: HtlcId) -> HtlcRef {
        HtlcRef {
            channel_id: self.id(line),
            offerer: Side::Counterparty,
            id,
        }
    }

    pub fn htlc(&self, line: usize, offerer: Side, id: HtlcId) -> Option<HtlcRecord> {
        let key = HtlcKey::new(&self.id(line), offerer, id);
        read::htlc(&*self.node.snapshot(), &key)
    }

    pub fn forward(&self, incoming: &HtlcRef) -> Forward {
        read::forward(&*self.node.snapshot(), &incoming.key()).unwrap()
    }

    fn call(&self, line: usize, command: Command, incoming: Option<HtlcRef>) -> LedgerCall {
        let channel_id = self.id(line);
        LedgerCall::Command {
            channel_id,
            step: read::next_step(&*self.node.snapshot(), &channel_id).unwrap(),
            command: Box::new(command),
            attachment: Attachment {
                onion: onion(),
                incoming,
                attribution: vec![6; 920],
                ..Attachment::default()
            },
        }
    }

    pub fn step(&mut self, line: usize, command: Command) -> Vec<Action> {
        self.step_for(line, command, None)
    }

    fn step_for(
        &mut self,
        line: usize,
        command: Command,
        incoming: Option<HtlcRef>,
    ) -> Vec<Action> {
        let call = self.call(line, command.clone(), incoming);
        let actions = self.lines[line].own.handle(command).unwrap();
        self.node.report(call).unwrap();
        let stored = read::channel(&*self.node.snapshot(), &self.id(line)).unwrap();
        assert_eq!(stored, self.lines[line].own.channel);
        actions
    }

    pub fn local(&mut self, line: usize, command: LocalCommand) -> Vec<Action> {
        self.step(line, Command::Local(command))
    }

    pub fn refuses(&mut self, line: usize, command: LocalCommand, code: u8) {
        let call = self.call(line, Command::Local(command), None);
        let key = self.node.node.clone();
        self.node.refuses(&key, call, code);
    }

    pub fn refuses_forward(&mut self, incoming: HtlcRef, out: Out, code: u8) {
        let call = self.call(out.line, out.command(), Some(incoming));
        let key = self.node.node.clone();
        self.node.refuses(&key, call, code);
    }

    /// The far side of `line` offers an HTLC, which is not yet committed.
    pub fn add(&mut self, line: usize, amount: u64, hash: PaymentHash, expiry: u32) -> HtlcId {
        let command = LocalCommand::AddHtlc {
            amount: Msat::new(amount),
            payment_hash: hash,
            cltv_expiry: expiry,
        };
        let far = &mut self.lines[line].far;
        far.local(command).unwrap();
        let offered = far.channel.htlcs();
        let offered = offered.filter(|htlc| htlc.offered_by == Side::Holder);
        let id = offered.map(|htlc| htlc.id).max().unwrap();
        let commit = far.local(LocalCommand::Commit).unwrap();
        self.exchange(line, Vec::new(), commit);
        id
    }

    /// The same without the commitments: the ledger has it as added only.
    pub fn add_uncommitted(&mut self, line: usize, amount: u64, hash: PaymentHash) -> HtlcId {
        let command = LocalCommand::AddHtlc {
            amount: Msat::new(amount),
            payment_hash: hash,
            cltv_expiry: 500,
        };
        let far = &mut self.lines[line].far;
        far.local(command).unwrap();
        let commit = far.local(LocalCommand::Commit).unwrap();
        let wires = far.wires(&commit);
        let PeerMessage::UpdateAddHtlc(add) = wires[0].clone().message() else {
            panic!("update_add_htlc goes first");
        };
        let id = add.id;
        let message = PeerMessage::UpdateAddHtlc(add);
        let command = self.lines[line].own.peer_command(message);
        self.step(line, command);
        id
    }

    /// Offered in the same step that names its cause; not yet committed.
    pub fn forward_only(&mut self, incoming: HtlcRef, out: Out) -> HtlcId {
        self.step_for(out.line, out.command(), Some(incoming));
        let offered = self.lines[out.line].own.channel.htlcs();
        let offered = offered.filter(|htlc| htlc.offered_by == Side::Holder);
        offered.map(|htlc| htlc.id).max().unwrap()
    }

    /// The same, and committed.
    pub fn pass_on(&mut self, incoming: HtlcRef, out: Out) -> HtlcId {
        let id = self.forward_only(incoming, out);
        self.settle(out.line);
        id
    }

    /// The far side answers.
    pub fn far(&mut self, line: usize, command: LocalCommand) -> Vec<Event> {
        self.lines[line].far.local(command).unwrap();
        self.settle(line)
    }

    /// The far side's message alone, without a commitment.
    pub fn hears(&mut self, line: usize, message: PeerMessage) -> Vec<Action> {
        let command = self.lines[line].own.peer_command(message);
        self.step(line, command)
    }

    /// Gives what the hub was told.
    pub fn settle(&mut self, line: usize) -> Vec<Event> {
        let from_hub = self.commit_if_due(line);
        let from_far = far_commits(&mut self.lines[line].far);
        self.exchange(line, from_hub, from_far)
    }

    fn commit_if_due(&mut self, line: usize) -> Vec<Action> {
        if self.lines[line].own.channel.commitment_due() {
            return self.local(line, LocalCommand::Commit);
        }
        Vec::new()
    }

    fn exchange(
        &mut self,
        line: usize,
        mut from_hub: Vec<Action>,
        mut from_far: Vec<Action>,
    ) -> Vec<Event> {
        let mut told = Vec::new();
        while !from_hub.is_empty() || !from_far.is_empty() {
            told.extend(events(&from_hub));
            let to_far = self.lines[line].own.wires(&from_hub);
            let to_hub = self.lines[line].far.wires(&from_far);
            from_far = Vec::new();
            for wire in to_far {
                from_far.extend(self.lines[line].far.receive(wire.message()).unwrap());
            }
            from_far.extend(far_commits(&mut self.lines[line].far));
            from_hub = Vec::new();
            for wire in to_hub {
                from_hub.extend(self.hears(line, wire.message()));
            }
            from_hub.extend(self.commit_if_due(line));
        }
        told
    }
}

fn far_commits(far: &mut Party) -> Vec<Action> {
    if far.channel.commitment_due() {
        return far.local(LocalCommand::Commit).unwrap();
    }
    Vec::new()
}

impl Out {
    fn command(&self) -> Command {
        Command::Local(LocalCommand::AddHtlc {
            amount: Msat::new(self.amount),
            payment_hash: self.hash,
            cltv_expiry: self.expiry,
        })
    }
}
