//! A process: a machine ahead of its disk, a disk, and what the disk allows to leave.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use zarnitsa_channel::action::{Action, Event, FailureReason};
use zarnitsa_channel::command::Command;
use zarnitsa_channel::error::ChannelError;
use zarnitsa_channel::ids::{HtlcId, PaymentPreimage};
use zarnitsa_channel::message::OutgoingMessage;
use zarnitsa_channel::params::Side;
use zarnitsa_channel::state::Channel;

use crate::support::party::Party;

/// How an HTLC that this node offered has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Fulfilled(PaymentPreimage),
    Failed(FailureReason),
}

/// A state on its way to the disk, with what it allows.
struct Pending {
    channel: Channel,
    actions: Vec<Action>,
    connection: u64,
}

pub struct Node {
    pub name: &'static str,
    /// Keys, and the state on the disk: what the signer reads.
    pub party: Party,
    /// The state that the driver goes on with.
    pub memory: Channel,
    pending: VecDeque<Pending>,
    /// Allowed by the disk, not carried out yet, with the connection that it belongs to.
    pub outbox: VecDeque<(Action, u64)>,
    /// channel_reestablish has been answered on this connection.
    pub live: bool,
    /// HTLCs that wait for a decision; those that must be failed.
    pub undecided: BTreeSet<HtlcId>,
    pub must_fail: BTreeSet<HtlcId>,
    pub fee_due: bool,
    pub shutdown_due: bool,
    /// On the disk beside the state: how this node's HTLCs ended.
    pub outcomes: BTreeMap<HtlcId, Outcome>,
    /// All that this node ever released a secret of lies below this.
    pub revealed_below: u64,
    /// What has been handed to the Bitcoin network.
    pub broadcast: Vec<String>,
}

impl Node {
    pub fn new(name: &'static str, party: Party) -> Self {
        Self {
            name,
            memory: party.channel.clone(),
            party,
            pending: VecDeque::new(),
            outbox: VecDeque::new(),
            live: true,
            undecided: BTreeSet::new(),
            must_fail: BTreeSet::new(),
            fee_due: false,
            shutdown_due: false,
            outcomes: BTreeMap::new(),
            revealed_below: 0,
            broadcast: Vec::new(),
        }
    }

    /// Runs the machine on the state in memory. What it gives waits for the disk.
    pub fn handle(&mut self, command: Command, connection: u64) -> Result<(), ChannelError> {
        let before = self.memory.commitment_numbers();
        let (next, actions) = self.memory.clone().handle(command, &self.party.context())?;
        let after = next.commitment_numbers();
        assert!(
            after.0 >= before.0 && after.1 >= before.1,
            "numbers never go back"
        );
        self.memory = next;
        self.check_sums();
        self.enqueue(actions, connection);
        Ok(())
    }

    /// Takes what was told into memory, drops what a broken or new connection would carry, and queues the rest behind the
    /// state.
    pub fn enqueue(&mut self, actions: Vec<Action>, connection: u64) {
        for action in &actions {
            if let Action::Tell(event) = action {
                self.hear(event);
            }
        }
        let live = self.live;
        let leaves = |action: &Action| match action {
            Action::Send(
                OutgoingMessage::ChannelReestablish(_) | OutgoingMessage::Error { .. },
            )
            | Action::Broadcast(_)
            | Action::Tell(_) => true,
            Action::Send(_) => live,
        };
        self.pending.push_back(Pending {
            channel: self.memory.clone(),
            actions: actions.into_iter().filter(leaves).collect(),
            connection,
        });
    }

    fn hear(&mut self, event: &Event) {
        match event {
            Event::HtlcAccepted { id } => {
                self.undecided.insert(*id);
            }
            Event::HtlcOverExposure { id } => {
                self.must_fail.insert(*id);
            }
            Event::Reestablished => self.live = true,
            Event::ClosingFeeDue => self.fee_due = true,
            Event::ShutdownDue => self.shutdown_due = true,
            Event::HtlcFulfilled { .. }
            | Event::HtlcFailed { .. }
            | Event::HtlcRemoved { .. }
            | Event::CommitmentDue
            | Event::Usable
            | Event::StateChanged
            | Event::OutputsChanged
            | Event::PastHtlcsDue => {}
        }
    }

    pub fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// One block reaches the disk.
    pub fn persist(&mut self, decode: bool) {
        let Some(Pending {
            channel,
            actions,
            connection,
        }) = self.pending.pop_front()
        else {
            return;
        };
        let (before, after) = (
            self.party.channel.commitment_numbers(),
            channel.commitment_numbers(),
        );
        assert!(
            after.0 >= before.0 && after.1 >= before.1,
            "numbers never go back on disk"
        );
        self.party.channel = if decode {
            let read = Channel::decode(&channel.encode()).unwrap();
            assert_eq!(read, channel, "the disk gives back what was written");
            read
        } else {
            channel
        };
        for action in &actions {
            if let Action::Tell(event) = action {
                self.record(event);
            }
        }
        self.outbox
            .extend(actions.into_iter().map(|action| (action, connection)));
    }

    /// What the ledger's records would say: an HTLC ends once, and a released preimage is final.
    fn record(&mut self, event: &Event) {
        match event {
            Event::HtlcFulfilled { id, preimage } => {
                let outcome = Outcome::Fulfilled(*preimage);
                if let Some(before) = self.outcomes.insert(*id, outcome.clone()) {
                    assert_eq!(before, outcome, "{}: {id:?} had ended otherwise", self.name);
                }
            }
            Event::HtlcFailed { id, reason } => {
                let withdrawn = *reason == FailureReason::Withdrawn;
                let before = self.outcomes.insert(*id, Outcome::Failed(reason.clone()));
                assert!(
                    before.is_none(),
                    "{}: {id:?} failed after {before:?}",
                    self.name
                );
                if withdrawn {
                    // Its id is free for another HTLC.
                    self.outcomes.remove(id);
                }
            }
            Event::HtlcAccepted { .. }
            | Event::HtlcOverExposure { .. }
            | Event::HtlcRemoved { .. }
            | Event::CommitmentDue
            | Event::Reestablished
            | Event::Usable
            | Event::ClosingFeeDue
            | Event::ShutdownDue
            | Event::StateChanged
            | Event::OutputsChanged
            | Event::PastHtlcsDue => {}
        }
    }

    /// The process dies and starts again: only the disk is left.
    pub fn restart(&mut self, connection: u64) {
        self.pending.clear();
        self.outbox.clear();
        self.undecided.clear();
        self.must_fail.clear();
        self.fee_due = false;
        self.shutdown_due = false;
        self.live = false;
        self.memory = Channel::decode(&self.party.channel.encode()).unwrap();
        assert_eq!(self.memory, self.party.channel);
        let owed = self.memory.resume();
        self.enqueue(owed, connection);
    }

    /// The connection is gone. What was told about it does not count any more.
    pub fn disconnected(&mut self) {
        self.live = false;
        self.fee_due = false;
    }

    /// Conservation, as anybody outside can see it.
    fn check_sums(&self) {
        let balances = self.memory.balances();
        let parts = [
            balances.local,
            balances.remote,
            balances.offered,
            balances.received,
        ];
        let sum: u64 = parts.iter().map(|part| part.to_msat()).sum();
        let capacity = self.memory.params().capacity.to_sat() * 1_000;
        let over = matches!(self.memory, Channel::Failed(_));
        assert!(
            over || sum == capacity,
            "{}: {sum} msat of {capacity}",
            self.name
        );
    }

    pub fn offered(&self) -> Vec<HtlcId> {
        let offered = self
            .memory
            .htlcs()
            .filter(|htlc| htlc.offered_by == Side::Holder);
        offered.map(|htlc| htlc.id).collect()
    }

    pub fn is_closing(&self) -> bool {
        matches!(self.memory, Channel::Closing(_))
    }
}
