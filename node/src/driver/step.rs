//! One step of a channel: the machine decides, the ledger stores, the effects wait.

use std::collections::VecDeque;

use zarnitsa_channel::action::{Action, Event};
use zarnitsa_channel::command::{Command, LocalCommand};
use zarnitsa_channel::error::{ChannelError, Fault};
use zarnitsa_channel::ids::ChannelId;
use zarnitsa_channel::message::OutgoingMessage;
use zarnitsa_channel::state::Context;
use zarnitsa_service::{Attachment, LedgerCall};

use super::effects::{Batch, Effect};
use super::live::{Live, Session};
use super::Driver;

/// A command and what goes with it into the ledger.
#[derive(Debug)]
pub(super) struct Step {
    pub command: Command,
    pub attachment: Attachment,
}

impl Step {
    pub(super) fn new(command: Command) -> Self {
        Self {
            command,
            attachment: Attachment::default(),
        }
    }

    pub(super) fn local(command: LocalCommand) -> Self {
        Self::new(Command::Local(command))
    }
}

impl Driver {
    /// Takes a step and all those that follow from it at once. A refusal of the first is the caller's; refusals of
    /// later ones are logged, for they are this node's own ideas.
    pub(super) fn advance(&mut self, id: ChannelId, step: Step) -> Result<(), ChannelError> {
        let events = self.step(id, step)?;
        self.follow(id, events);
        Ok(())
    }

    /// Does what events ask for, and what follows from that.
    pub(super) fn follow(&mut self, id: ChannelId, events: Vec<Event>) {
        let mut events = VecDeque::from(events);
        while let Some(event) = events.pop_front() {
            for step in self.on_event(id, event) {
                match self.step(id, step) {
                    Ok(more) => events.extend(more),
                    Err(error) => {
                        tracing::error!(channel = %id, %error, "a step of our own was refused")
                    }
                }
            }
        }
    }

    /// Exactly one step.
    fn step(&mut self, id: ChannelId, step: Step) -> Result<Vec<Event>, ChannelError> {
        let Some(live) = self.channels.get_mut(&id) else {
            tracing::error!(channel = %id, "a step of an unknown channel");
            return Ok(Vec::new());
        };
        let limits = self.shared.limits();
        let context = Context {
            verifier: &*self.shared.verifier,
            limits: &limits,
        };
        let (next, actions) = live
            .machine
            .clone()
            .handle(step.command.clone(), &context)?;
        let unchanged = next == live.machine;
        live.machine = next;
        let (effects, events) = split(actions);
        let receipt = if unchanged {
            None
        } else {
            let call = LedgerCall::Command {
                channel_id: id,
                step: live.steps,
                command: Box::new(step.command),
                attachment: step.attachment,
            };
            live.steps += 1;
            Some(self.shared.submit(call))
        };
        let (target, connection) = (live.target(), live.connection());
        self.enqueue(Batch {
            receipt,
            target,
            connection,
            effects,
        });
        Ok(events)
    }

    pub(super) fn enqueue(&self, batch: Batch) {
        // The executor only goes before the driver when the ledger has stopped, and then the driver is told.
        let _ = self.effects.send(batch);
    }

    /// Effects that need no step: what a channel says on its own account.
    pub(super) fn say(&self, live: &Live, message: OutgoingMessage) {
        self.enqueue(Batch {
            receipt: None,
            target: live.target(),
            connection: live.connection(),
            effects: vec![Effect::Send(message)],
        });
    }

    fn on_event(&mut self, id: ChannelId, event: Event) -> Vec<Step> {
        match event {
            Event::HtlcAccepted { id: htlc } if !self.watching => {
                self.too_early.insert((id, htlc));
                Vec::new()
            }
            Event::HtlcAccepted { id: htlc } => self.htlc_accepted(id, htlc).into_iter().collect(),
            Event::HtlcOverExposure { id: htlc } => {
                self.over_exposed(id, htlc).into_iter().collect()
            }
            Event::Reestablished => {
                self.reestablished(id);
                Vec::new()
            }
            Event::ShutdownDue => self.closing_shutdown(id).into_iter().collect(),
            Event::CommitmentDue => {
                self.due.insert(id);
                Vec::new()
            }
            Event::ClosingFeeDue => self.closing_fee(id).into_iter().collect(),
            Event::Usable => {
                tracing::info!(channel = %id, "usable");
                Vec::new()
            }
            Event::StateChanged => {
                self.state_changed(id);
                Vec::new()
            }
            // The ledger has put these into the payment's record in the same step.
            Event::HtlcFulfilled { .. } | Event::HtlcFailed { .. } | Event::HtlcRemoved { .. } => {
                Vec::new()
            }
        }
    }

    /// Sends the commitments that became due in this turn, one a channel.
    pub(super) fn commit_what_is_due(&mut self) {
        for id in std::mem::take(&mut self.due) {
            let ready = self
                .channels
                .get(&id)
                .is_some_and(|live| live.is_ready() && live.machine.commitment_due());
            if !ready {
                continue; // it is asked again when the channel is in step, or when the peer has answered
            }
            if let Err(error) = self.advance(id, Step::local(LocalCommand::Commit)) {
                tracing::error!(channel = %id, %error, "a due commitment was refused");
            }
        }
    }

    /// The machine refused what a peer said: nothing was stored, and the peer hears why.
    pub(super) fn refuse(&mut self, id: ChannelId, error: &ChannelError) {
        tracing::warn!(channel = %id, %error, "refused");
        let Some(live) = self.channels.get(&id) else {
            return;
        };
        let text = error.to_string();
        match error.fault() {
            Fault::Ours | Fault::PeerWarning => self.say(live, OutgoingMessage::Warning { text }),
            Fault::PeerFailsChannel => {
                self.say(live, OutgoingMessage::Error { text: text.clone() });
                let reason = format!("the peer broke the protocol: {text}");
                let step = Step::local(LocalCommand::ForceClose { reason });
                if let Err(error) = self.advance(id, step) {
                    tracing::error!(channel = %id, %error, "could not be closed");
                }
            }
        }
    }

    /// The ledger refused what the machine had accepted, or a message could not be made: the ledger is right, so the
    /// channel begins again from it, with a new connection.
    pub(super) fn diverged(&mut self, id: ChannelId, error: &str) {
        tracing::error!(channel = %id, error, "out of step with the ledger: read again");
        let Some(live) = self.channels.get_mut(&id) else {
            return;
        };
        let target = live.target();
        if let Some(connection) = live.connection() {
            self.shared.send(connection, target.hang_up());
        }
        live.session = Session::Offline;
        if let Some((machine, steps)) = self.shared.channel_and_steps(&id) {
            (live.machine, live.steps) = (machine, steps);
        }
    }

    /// Adds a channel to those that the driver owns.
    pub(super) fn own(&mut self, live: Live) {
        let params = live.machine.params();
        self.by_peer
            .entry(params.peer)
            .or_default()
            .insert(params.channel_id);
        self.channels.insert(params.channel_id, live);
    }
}

/// Effects wait for the disk; events are for the driver, now.
pub(super) fn split(actions: Vec<Action>) -> (Vec<Effect>, Vec<Event>) {
    let mut effects = Vec::new();
    let mut events = Vec::new();
    for action in actions {
        match action {
            Action::Send(message) => effects.push(Effect::Send(message)),
            Action::Broadcast(broadcast) => effects.push(Effect::Broadcast(broadcast)),
            Action::Tell(event) => events.push(event),
        }
    }
    (effects, events)
}
