//! After the last random step: everything comes to rest, and what must then hold.

use zarnitsa_channel::action::Event;
use zarnitsa_channel::command::{ChainEvent, Command};
use zarnitsa_channel::secrets::is_secret_of_point;
use zarnitsa_channel::state::{Channel, SpendKind};

use crate::node::Outcome;
use crate::support::pair::events;
use crate::world::{Index, World};

/// More rounds than any run needs to come to rest.
const ROUNDS: usize = 2_000;

impl World {
    pub fn finish(&mut self) {
        self.mend();
        if self.force_closed {
            self.see_force_close();
            return;
        }
        self.come_to_rest();
        if self.force_closed {
            self.see_force_close();
            return;
        }
        self.check_rest();
        if self.rng.one_in(16) {
            self.see_old_commitments();
        }
    }

    /// A wire that works, disks that write, and no new payment: all that is in flight is resolved.
    pub fn come_to_rest(&mut self) {
        self.connect();
        for _ in 0..ROUNDS {
            if self.is_at_rest() || self.force_closed {
                return;
            }
            if self.is_opening() {
                self.open_again();
            }
            self.mine();
            for index in [0, 1] {
                while self.nodes[index].has_pending() {
                    self.persist(index);
                }
                while !self.nodes[index].outbox.is_empty() {
                    self.act(index);
                }
                self.deliver(index);
                if self.force_closed {
                    return;
                }
                self.look(index);
                if !self.nodes[index].is_closing() {
                    self.resolve_one(index);
                    if self.nodes[index].live && self.nodes[index].memory.commitment_due() {
                        self.commit(index);
                    }
                    self.close_on(index);
                }
            }
        }
        panic!(
            "it never comes to rest: {:?}",
            self.nodes.each_ref().map(|n| n.memory.variant_name())
        );
    }

    fn is_at_rest(&self) -> bool {
        let quiet = |index: Index| {
            let node = &self.nodes[index];
            !node.has_pending()
                && self.is_in_step_with_chain(index)
                && node.outbox.is_empty()
                && self.wires[index].is_empty()
                && node.undecided.is_empty()
                && node.must_fail.is_empty()
                && !node.memory.commitment_due()
                && (node.is_closing() || (!node.shutdown_due && !node.fee_due))
        };
        self.chain.is_broadcast && !self.is_opening() && quiet(0) && quiet(1)
    }

    /// No stuck HTLC, both agree, and money moved exactly as the preimages say.
    fn check_rest(&self) {
        let [a, b] = &self.nodes;
        for node in [a, b] {
            assert_eq!(node.memory, node.party.channel);
            assert_eq!(
                node.memory.htlcs().count(),
                0,
                "{}: a stuck HTLC",
                node.name
            );
        }
        let (ours, theirs) = (a.memory.balances(), b.memory.balances());
        assert_eq!(ours.local, theirs.remote);
        assert_eq!(ours.remote, theirs.local);
        let (a_numbers, b_numbers) = (a.memory.commitment_numbers(), b.memory.commitment_numbers());
        assert_eq!(a_numbers, (b_numbers.1, b_numbers.0));
        match (&a.memory, &b.memory) {
            (Channel::Normal(_), Channel::Normal(_)) => {}
            (Channel::Closing(_), Channel::Closing(_)) => {
                let (one, _) = a.memory.agreed_closing().unwrap();
                let (other, _) = b.memory.agreed_closing().unwrap();
                assert_eq!(one.tx(), other.tx(), "two closing transactions");
                for node in [a, b] {
                    assert!(
                        node.broadcast.iter().any(|tx| tx == "Closing"),
                        "{}",
                        node.name
                    );
                }
            }
            (one, other) => panic!("{} and {}", one.variant_name(), other.variant_name()),
        }
        // Money moved for released preimages and for nothing else.
        let spent: u64 = self.fulfilled(0).sum();
        let earned: u64 = self.fulfilled(1).sum();
        assert_eq!(ours.local.to_msat() + spent, self.start + earned);
    }

    /// The amounts of `index`'s HTLCs that ended with a preimage.
    fn fulfilled(&self, index: Index) -> impl Iterator<Item = u64> + '_ {
        let outcomes = self.nodes[index].outcomes.iter();
        outcomes.filter_map(move |(id, outcome)| match outcome {
            Outcome::Fulfilled(_) => Some(self.amounts[&(index, *id)]),
            Outcome::Failed(_) => None,
        })
    }

    /// The commitment of the one that closed alone confirms: both know it for what it is.
    fn see_force_close(&mut self) {
        for index in [0, 1] {
            while self.nodes[index].has_pending() {
                self.persist(index);
            }
            while !self.nodes[index].outbox.is_empty() {
                self.act(index);
            }
        }
        if !self.chain.is_broadcast {
            // No commitment of a channel whose opening transaction is not out can confirm.
            assert!(self.nodes[0].broadcast.is_empty());
            return;
        }
        let closer = usize::from(!self.nodes[0].is_closing());
        let own = self.nodes[closer]
            .party
            .channel
            .holder_commitment()
            .unwrap();
        let number = own.commitment.number();
        let transaction = Box::new(own.commitment.tx().clone());
        let event = ChainEvent::FundingSpent {
            transaction,
            block_height: 900,
        };
        self.command(closer, Command::Chain(event.clone()));
        assert_eq!(self.kind(closer), SpendKind::Holder { number });
        self.command(1 - closer, Command::Chain(event));
        assert_eq!(self.kind(1 - closer), SpendKind::Counterparty { number });
    }

    fn kind(&self, index: Index) -> SpendKind {
        self.nodes[index].memory.spend().unwrap().kind
    }

    /// Every commitment that was ever signed, broadcast by its owner: the other side knows whether it was revoked, and
    /// has the secret if so.
    fn see_old_commitments(&mut self) {
        for ((owner, number), transaction) in &self.signed {
            let node = &self.nodes[1 - owner];
            let event = ChainEvent::FundingSpent {
                transaction: Box::new(transaction.clone()),
                block_height: 900,
            };
            let (seen, actions) = node
                .memory
                .clone()
                .handle(Command::Chain(event), &node.party.context())
                .unwrap();
            let changed = !node.is_closing();
            assert_eq!(events(&actions).contains(&Event::StateChanged), changed);
            let expected = match node.memory.counterparty_secret(*number) {
                Some(secret) => {
                    let point = self.nodes[*owner].party.point_of(*number);
                    assert!(is_secret_of_point(&secret, &point));
                    SpendKind::Revoked { number: *number }
                }
                None => SpendKind::Counterparty { number: *number },
            };
            assert_eq!(seen.spend().unwrap().kind, expected);
        }
    }
}
