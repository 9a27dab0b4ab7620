//! Two nodes with a channel. Each does what the driver does: the machine in memory first, then the ledger, and the two must
//! agree; then the messages travel.

use bitcoin::secp256k1::PublicKey as NodeId;
use bitcoin::OutPoint;
use zarnitsa_channel::action::{Action, Event};
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::command::{ChainEvent, Command, LocalCommand};
use zarnitsa_channel::ids::{ChannelId, HtlcId, PaymentPreimage};
use zarnitsa_channel::message::PeerMessage;
use zarnitsa_channel::opening::{Acceptor, Opener, Opening as Transcript};
use zarnitsa_channel::params::Side;
use zarnitsa_service::records::{
    ChannelPolicy, OpenBatchRequest, OpenChannelRequest, Payment, Policy,
};
use zarnitsa_service::transactions::{
    InvoiceChange, InvoiceStep, NewInvoice, Opening, PaymentOrder, ONION_LEN,
};
use zarnitsa_service::{read, Attachment, LedgerCall};

use crate::node::Node;
use crate::support::keys::Keys;
use crate::support::pair::{confirmed, funding_transaction, script, Config};
use crate::support::party::{Party, Wire};
use crate::support::rng::Rng;

/// A node, its machine in memory and its signer.
pub struct Peer {
    pub node: Node,
    pub party: Party,
}

impl Peer {
    pub fn id(&self) -> ChannelId {
        self.party.channel.id()
    }

    /// What the ledger says is the number of the channel's next step.
    pub fn next_step(&self) -> u64 {
        read::next_step(&*self.node.snapshot(), &self.id()).unwrap()
    }

    pub fn call(&self, command: Command) -> LedgerCall {
        let adds = matches!(
            &command,
            Command::Local(LocalCommand::AddHtlc { .. })
                | Command::Peer {
                    message: PeerMessage::UpdateAddHtlc(_),
                    ..
                }
        );
        LedgerCall::Command {
            channel_id: self.id(),
            step: self.next_step(),
            command: Box::new(command),
            attachment: Attachment {
                onion: if adds { onion() } else { Vec::new() },
                ..Attachment::default()
            },
        }
    }

    /// Machine, then ledger.
    pub fn step(&mut self, command: Command) -> Vec<Action> {
        let call = self.call(command.clone());
        self.step_with(command, call)
    }

    pub fn step_with(&mut self, command: Command, call: LedgerCall) -> Vec<Action> {
        let actions = self.party.handle(command).unwrap();
        self.node.report(call).unwrap();
        self.check();
        actions
    }

    /// The ledger alone refuses, and nothing has changed.
    pub fn refuses(&mut self, command: Command, code: u8) {
        let call = self.call(command);
        let key = self.node.node.clone();
        self.node.refuses(&key, call, code);
        self.check();
    }

    pub fn receive(&mut self, message: PeerMessage) -> Vec<Action> {
        let command = self.party.peer_command(message);
        self.step(command)
    }

    pub fn chain(&mut self, event: ChainEvent) -> Vec<Action> {
        self.step(Command::Chain(event))
    }

    pub fn local(&mut self, command: LocalCommand) -> Vec<Action> {
        self.step(Command::Local(command))
    }

    /// The ledger's channel is the machine's, and its record says so.
    pub fn check(&self) {
        let snapshot = self.node.snapshot();
        let stored = read::channel(&*snapshot, &self.id()).unwrap();
        assert_eq!(stored, self.party.channel);
        let record = read::channel_record(&*snapshot, &self.id()).unwrap();
        let balances = stored.balances();
        assert_eq!(record.state, stored.state_name());
        assert_eq!(record.local_msat, balances.local);
        assert_eq!(record.remote_msat, balances.remote);
        let history = read::history(&*snapshot, &self.id(), 0, usize::MAX);
        assert_eq!(u64::try_from(history.len()).unwrap(), record.history_len);
        let last = history.last().unwrap();
        assert_eq!(last.state, record.state);
        assert_eq!(last.local_msat, record.local_msat);
    }
}

pub struct World {
    pub a: Peer,
    pub b: Peer,
    rng: Rng,
}

pub fn onion() -> Vec<u8> {
    vec![0; ONION_LEN]
}

/// Policies that let `Config::default()` through.
pub fn policy() -> Policy {
    Policy {
        max_channel_sat: bitcoin::Amount::from_sat(10_000_000),
        max_feerate_per_kw: 100_000,
        ..Policy::hub()
    }
}

/// Other than the policy says.
pub fn channel_policy(channel_id: ChannelId) -> ChannelPolicy {
    ChannelPolicy {
        channel_id,
        base_fee_msat: Msat::new(7),
        fee_ppm: 70,
        cltv_delta: 60,
        htlc_minimum_msat: Msat::new(10),
        htlc_maximum_msat: Msat::new(1_000_000),
    }
}

/// Of one channel.
pub fn batch(peer: NodeId, nonce: u8) -> OpenBatchRequest {
    OpenBatchRequest {
        channels: vec![order(peer, &config(), 0)],
        feerate_per_kw: 0,
        nonce: [nonce; 32],
    }
}

pub fn order(peer: NodeId, config: &Config, nonce: u8) -> OpenChannelRequest {
    OpenChannelRequest {
        peer,
        address: "127.0.0.1:9735".to_owned(),
        amount_sat: config.capacity,
        push_msat: config.push,
        feerate_per_kw: 0,
        announce: false,
        nonce: [nonce; 32],
        zero_conf: false,
    }
}

/// What both sides would write down of an opening: their transcripts, and the machines they lead to.
pub struct Openings {
    pub opener: Transcript,
    pub acceptor: Transcript,
    pub a: Party,
    pub b: Party,
    pub replies: Vec<Wire>,
}

/// `a` asks, `b` accepts, `a` funds.
pub fn openings(config: &Config, a_keys: Keys, b_keys: Keys) -> Openings {
    let (a_id, b_id) = (a_keys.public().funding, b_keys.public().funding);
    let opener = Opener::new(config.open_terms(&a_keys, b_id), &config.limits).unwrap();
    let terms = config.accept_terms(&b_keys, a_id);
    let acceptor = Acceptor::new(opener.message().clone(), terms, &config.limits).unwrap();
    let accepted = opener
        .accept(acceptor.message().clone(), &config.limits)
        .unwrap();
    let transaction = funding_transaction(&accepted);
    let funding = OutPoint {
        txid: transaction.compute_txid(),
        vout: 0,
    };
    let (channel, actions, opener) = accepted.fund(funding, transaction).unwrap();
    let limits = config.limits.clone();
    let a = Party {
        keys: a_keys,
        limits: limits.clone(),
        channel,
    };
    let created = match a.wires(&actions).as_slice() {
        [Wire::FundingCreated(created)] => created.clone(),
        other => panic!("{other:?} is not funding_created"),
    };
    let (channel, actions, acceptor) = acceptor.funding_created(created, &config.signing).unwrap();
    let b = Party {
        keys: b_keys,
        limits,
        channel,
    };
    let replies = b.wires(&actions);
    Openings {
        opener,
        acceptor,
        a,
        b,
        replies,
    }
}

/// The machines' limits are the policy's, as in a node.
pub fn config() -> Config {
    Config {
        limits: policy().limits(),
        ..Config::default()
    }
}

pub fn opening_call(transcript: Transcript, request: Option<exonum::crypto::Hash>) -> LedgerCall {
    LedgerCall::Opening(Box::new(Opening {
        transcript,
        request,
    }))
}

impl World {
    /// Both nodes have written the opening down; `b`'s funding_signed is on its way.
    pub fn opened(config: &Config, seed: u64) -> (Self, Vec<Wire>) {
        let mut rng = Rng::new(seed);
        let a_keys = Keys::new(&mut rng, config.signing);
        let b_keys = Keys::new(&mut rng, config.signing);
        let (a_id, b_id) = (a_keys.public().funding, b_keys.public().funding);
        let mut a = Node::new(10, a_id, policy());
        let mut b = Node::new(20, b_id, policy());
        let opened = openings(config, a_keys, b_keys);
        let request = a
            .command(LedgerCall::OpenChannel(order(b_id, config, 1)))
            .unwrap();
        a.report(opening_call(opened.opener, Some(request)))
            .unwrap();
        b.report(opening_call(opened.acceptor, None)).unwrap();
        let a = Peer {
            node: a,
            party: opened.a,
        };
        let b = Peer {
            node: b,
            party: opened.b,
        };
        a.check();
        b.check();
        (Self { a, b, rng }, opened.replies)
    }

    /// Payments may flow.
    pub fn normal(config: &Config, seed: u64) -> Self {
        let (mut world, replies) = Self::opened(config, seed);
        for reply in replies {
            world.a.receive(reply.message());
        }
        let from_a = world.a.chain(confirmed(&world.a.party));
        let from_b = world.b.chain(confirmed(&world.b.party));
        world.exchange(from_a, from_b);
        assert!(world.a.party.channel.is_usable() && world.b.party.channel.is_usable());
        world
    }

    pub fn peer(&mut self, side: Side) -> &mut Peer {
        match side {
            Side::Holder => &mut self.a,
            Side::Counterparty => &mut self.b,
        }
    }

    /// Delivers messages and what follows until all is quiet. Gives what both were told.
    pub fn exchange(
        &mut self,
        mut from_a: Vec<Action>,
        mut from_b: Vec<Action>,
    ) -> (Vec<Event>, Vec<Event>) {
        let (mut told_a, mut told_b) = (Vec::new(), Vec::new());
        loop {
            told_a.extend(crate::support::pair::events(&from_a));
            told_b.extend(crate::support::pair::events(&from_b));
            let to_b = self.a.party.wires(&from_a);
            let to_a = self.b.party.wires(&from_b);
            from_a = deliver(&mut self.a, to_a);
            from_b = deliver(&mut self.b, to_b);
            if from_a.is_empty() && from_b.is_empty() {
                return (told_a, told_b);
            }
        }
    }

    pub fn settle(&mut self) -> (Vec<Event>, Vec<Event>) {
        let from_a = commit_if_due(&mut self.a);
        let from_b = commit_if_due(&mut self.b);
        self.exchange(from_a, from_b)
    }

    pub fn new_preimage(&mut self) -> PaymentPreimage {
        PaymentPreimage(self.rng.bytes32())
    }

    /// The payee's invoice.
    pub fn invoice(&mut self, payee: Side, amount: u64, preimage: PaymentPreimage) {
        let nonce = self.rng.bytes32();
        let step = InvoiceStep {
            payment_hash: preimage.payment_hash(),
            change: InvoiceChange::Created(NewInvoice {
                nonce,
                amount_msat: Msat::new(amount),
                description: "coffee".to_owned(),
                created_at: 1_700_000_000,
                expiry_seconds: 3_600,
                invoice: "lnbcrt1".to_owned(),
                hold: false,
                keysend: false,
            }),
        };
        let peer = self.peer(payee);
        peer.node.report(LedgerCall::Invoice(step)).unwrap();
    }

    /// The payer's order.
    pub fn order(&mut self, payer: Side, amount: u64, preimage: PaymentPreimage) {
        let order = self.payment_order(payer, amount, preimage);
        let peer = self.peer(payer);
        peer.node.command(LedgerCall::Payment(order)).unwrap();
    }

    pub fn payment_order(
        &mut self,
        payer: Side,
        amount: u64,
        preimage: PaymentPreimage,
    ) -> PaymentOrder {
        let session_nonce = self.rng.bytes32();
        let payee = self.peer(payer.other()).party.keys.public().funding;
        PaymentOrder {
            payment_hash: preimage.payment_hash(),
            payee,
            amount_msat: Msat::new(amount),
            max_fee_msat: Msat::new(amount / 100),
            invoice: "lnbcrt1".to_owned(),
            session_nonce,
            timeout_seconds: 0,
        }
    }

    /// An HTLC for a payment that was ordered, committed on both sides.
    pub fn offer(&mut self, payer: Side, amount: u64, preimage: PaymentPreimage) -> HtlcId {
        let add = add(amount, preimage);
        let peer = self.peer(payer);
        peer.local(add);
        let offered = peer.party.channel.htlcs();
        let id = offered
            .filter(|htlc| htlc.offered_by == Side::Holder)
            .map(|htlc| htlc.id)
            .max()
            .unwrap();
        let (told_a, told_b) = self.settle();
        let told = match payer {
            Side::Holder => told_b,
            Side::Counterparty => told_a,
        };
        assert!(told.contains(&Event::HtlcAccepted { id }));
        id
    }

    /// From invoice to preimage.
    pub fn pay(&mut self, payer: Side, amount: u64) -> Payment {
        let preimage = self.new_preimage();
        self.invoice(payer.other(), amount, preimage);
        self.order(payer, amount, preimage);
        let id = self.offer(payer, amount, preimage);
        let payee = self.peer(payer.other());
        payee.local(LocalCommand::FulfillHtlc { id, preimage });
        self.settle();
        let snapshot = self.peer(payer).node.snapshot();
        read::payment(&*snapshot, &preimage.payment_hash()).unwrap()
    }

    /// Both ask for a close, agree on its fee and see it buried.
    pub fn close(&mut self) {
        let from_a = self.a.local(LocalCommand::Shutdown { script: script(1) });
        let (told_a, _) = self.exchange(from_a, Vec::new());
        if told_a.contains(&Event::ClosingFeeDue) {
            let (fee, most) = (
                bitcoin::Amount::from_sat(500),
                bitcoin::Amount::from_sat(5_000),
            );
            let fee_range = (bitcoin::Amount::from_sat(200), most);
            let from_a = self
                .a
                .local(LocalCommand::ProposeClosing { fee, fee_range });
            self.exchange(from_a, Vec::new());
        }
    }
}

fn deliver(to: &mut Peer, wires: Vec<Wire>) -> Vec<Action> {
    let mut answers = Vec::new();
    for wire in wires {
        answers.extend(to.receive(wire.message()));
    }
    answers.extend(commit_if_due(to));
    answers
}

fn commit_if_due(peer: &mut Peer) -> Vec<Action> {
    if peer.party.channel.commitment_due() {
        return peer.local(LocalCommand::Commit);
    }
    Vec::new()
}

pub fn add(amount: u64, preimage: PaymentPreimage) -> LocalCommand {
    LocalCommand::AddHtlc {
        amount: Msat::new(amount),
        payment_hash: preimage.payment_hash(),
        cltv_expiry: 500,
    }
}
