//! The way to a channel, from open_channel on: what is on no disk yet is forgotten with the connection, and begins anew.

use bitcoin::OutPoint;
use zarnitsa_channel::action::Action;
use zarnitsa_channel::command::{Command, LocalCommand};
use zarnitsa_channel::message::{AcceptChannel, FundingCreated, OpenChannel};
use zarnitsa_channel::opening::{Acceptor, Opener, Opening};
use zarnitsa_channel::state::Channel;

use crate::chain::Chain;
use crate::node::Node;
use crate::support::keys::Keys;
use crate::support::pair::{funding_transaction, Config, Pair};
use crate::support::party::{Party, Wire};
use crate::world::{Index, World};

/// What both remember of an opening before there is a channel. The first node opens.
#[derive(Default)]
pub struct Talk {
    opener: Option<Opener>,
    acceptor: Option<Acceptor>,
}

impl World {
    /// Two nodes without a channel. To a peer that asks for it, a channel that a node does not know is as one that failed.
    pub fn strangers(config: &Config, seed: u64) -> Pair {
        let (mut pair, _) = Pair::funded(config, seed);
        let reason = "there is none".to_owned();
        pair.a.local(LocalCommand::Abandon { reason }).unwrap();
        pair.b.channel = pair.a.channel.clone();
        pair
    }

    /// Whether nodes and chain still have to come to a channel that can be used or closed.
    pub fn is_opening(&self) -> bool {
        self.nodes.iter().any(|node| match node.memory {
            Channel::AwaitingFundingSigned(_)
            | Channel::AwaitingConfirmations(_)
            | Channel::AwaitingPeerReady(_)
            | Channel::Failed(_) => true,
            Channel::Normal(_)
            | Channel::ShuttingDown(_)
            | Channel::NegotiatingClosing(_)
            | Channel::Closing(_)
            | Channel::Closed(_) => false,
        })
    }

    /// Whether `index` has no channel, or none any more.
    pub fn forgot(&self, index: Index) -> bool {
        matches!(self.nodes[index].memory, Channel::Failed(_))
    }

    /// What chance does while there is no channel yet.
    pub fn go_on_opening(&mut self, index: Index) {
        match self.rng.below(10) {
            0..=1 => self.decide(index),
            2..=4 => self.open_again(),
            _ => self.chain_moves(),
        }
    }

    /// open_channel, over other keys than ever before.
    pub fn open_channel(&mut self) {
        let limits = &self.config.limits;
        let peer = self.nodes[1].party.keys.public().funding;
        let terms = self.config.open_terms(&self.nodes[0].party.keys, peer);
        let opener = Opener::new(terms, limits).unwrap();
        self.log(|| "a wants to open a channel".to_owned());
        let open = Wire::OpenChannel(Box::new(opener.message().clone()));
        self.wires[1].push_back(open);
        self.talk = Talk {
            opener: Some(opener),
            acceptor: None,
        };
    }

    /// Once the opener has forgotten an opening and the acceptor has given up what it had of it: another one.
    pub fn open_again(&mut self) {
        let quiet = self
            .nodes
            .iter()
            .all(|node| !node.has_pending() && node.outbox.is_empty());
        let over = self.forgot(0) && (self.forgot(1) || self.nodes[1].is_closing());
        if !self.connected || !quiet || !over || self.talk.opener.is_some() {
            return;
        }
        self.tally.forgotten += 1;
        // Nothing was at stake: the opening transaction of an opening that is forgotten never left its maker.
        assert!(!self.chain.is_broadcast && self.nodes[0].broadcast.is_empty());
        let signing = self.config.signing;
        for index in [0, 1] {
            let node = &self.nodes[index];
            let party = Party {
                keys: Keys::new(&mut self.rng, signing),
                limits: self.config.limits.clone(),
                channel: self.nodes[0].party.channel.clone(),
            };
            self.nodes[index] = Node::new(node.name, party);
            self.wires[index].clear();
        }
        self.signed.clear();
        self.chain = Chain::empty();
        self.open_channel();
    }

    /// BOLT 2, Message Retransmission: what has no funding_signed is forgotten with the connection.
    pub fn forget_unsigned_openings(&mut self) {
        self.talk = Talk::default();
        if matches!(self.nodes[0].memory, Channel::AwaitingFundingSigned(_)) {
            let reason = "the connection is gone".to_owned();
            self.command(0, Command::Local(LocalCommand::Abandon { reason }));
        }
        let forgotten = self.forgot(0) || self.forgot(1);
        assert!(!forgotten || !self.chain.is_broadcast, "coins forgotten");
    }

    pub fn deliver_opening(&mut self, index: Index, wire: Wire) {
        self.log(|| format!("{} gets {wire:?}", self.nodes[index].name));
        match (index, wire) {
            (1, Wire::OpenChannel(open)) => self.accept(*open),
            (0, Wire::AcceptChannel(accept)) => self.fund(*accept),
            (1, Wire::FundingCreated(created)) => self.sign_first(created),
            (_, wire) => panic!("{wire:?} went astray"),
        }
    }

    fn accept(&mut self, open: OpenChannel) {
        if self.talk.acceptor.is_some() || !self.forgot(1) {
            return self.out_of_step(1, "one opening at a time");
        }
        let peer = self.nodes[0].party.keys.public().funding;
        let terms = self.config.accept_terms(&self.nodes[1].party.keys, peer);
        let acceptor = Acceptor::new(open, terms, &self.config.limits).unwrap();
        let accept = Wire::AcceptChannel(Box::new(acceptor.message().clone()));
        self.wires[0].push_back(accept);
        self.talk.acceptor = Some(acceptor);
    }

    fn fund(&mut self, accept: AcceptChannel) {
        let Some(opener) = self.talk.opener.take() else {
            return self.out_of_step(0, "accept_channel of nothing");
        };
        let accepted = opener.accept(accept, &self.config.limits).unwrap();
        let transaction = funding_transaction(&accepted);
        let (txid, vout) = (transaction.compute_txid(), 0);
        let (channel, actions, opening) =
            accepted.fund(OutPoint { txid, vout }, transaction).unwrap();
        self.start = channel.balances().local.to_msat();
        self.begin(0, channel, actions, &opening);
    }

    fn sign_first(&mut self, created: FundingCreated) {
        let Some(acceptor) = self.talk.acceptor.take() else {
            return self.out_of_step(1, "funding_created of nothing");
        };
        let signing = self.config.signing;
        let (channel, actions, opening) = acceptor.funding_created(created, &signing).unwrap();
        self.begin(1, channel, actions, &opening);
    }

    /// The channel exists in memory, and its transcript gives the same channel again.
    fn begin(&mut self, index: Index, channel: Channel, actions: Vec<Action>, opening: &Opening) {
        let (connection, node) = (self.connection, &mut self.nodes[index]);
        let again = opening.rebuild(&node.party.context()).unwrap();
        assert_eq!((&again.0, &again.1), (&channel, &actions));
        node.memory = channel;
        node.enqueue(actions, connection);
    }
}
