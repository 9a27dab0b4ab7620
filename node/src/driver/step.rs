//! One step of a channel: the machine decides, the ledger stores, the effects wait.

use std::collections::VecDeque;

use lightning::ln::msgs::MessageSendEvent;
use zarnitsa_channel::action::{Action, Event};
use zarnitsa_channel::command::{Command, LocalCommand};
use zarnitsa_channel::error::{ChannelError, Fault};
use zarnitsa_channel::ids::ChannelId;
use zarnitsa_channel::message::OutgoingMessage;
use zarnitsa_channel::params::Side;
use zarnitsa_channel::state::{Channel, Context};
use zarnitsa_service::Attachment;

use super::effects::{Batch, Effect};
use super::forwarding::{names_of, Passed};
use super::live::{Live, Session};
use super::Driver;

/// How often a channel's HTLCs are decided again in one process: a node that contradicts its ledger again and again has a
/// fault that repeating does not mend.
const MAX_DECIDED_AGAIN: u32 = 8;

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

/// A step that follows from an event: of the event's channel, or of another one.
#[derive(Debug)]
pub(super) struct Todo {
    channel: ChannelId,
    step: Step,
    /// Where the step passes an HTLC on: it fails where the machine refuses that.
    passed: Option<Passed>,
}

impl Todo {
    pub(super) fn new(channel: ChannelId, step: Step) -> Self {
        Self {
            channel,
            step,
            passed: None,
        }
    }

    pub(super) fn for_forward(self, passed: Passed) -> Self {
        Self {
            passed: Some(passed),
            ..self
        }
    }
}

/// What happened to a channel, in the order in which it did.
type Happened = VecDeque<(ChannelId, Event)>;

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
        let mut happened: Happened = events.into_iter().map(|event| (id, event)).collect();
        while let Some((id, event)) = happened.pop_front() {
            for todo in self.on_event(id, event) {
                self.take_up(todo, &mut happened);
            }
        }
    }

    /// As [`follow`](Self::follow), where the first step is known already.
    pub(super) fn carry_out(&mut self, todo: Todo) {
        let mut happened = Happened::new();
        self.take_up(todo, &mut happened);
        while let Some((id, event)) = happened.pop_front() {
            self.follow(id, vec![event]);
        }
    }

    fn take_up(&mut self, todo: Todo, happened: &mut Happened) {
        let channel = todo.channel;
        match (self.step(channel, todo.step), todo.passed) {
            (Ok(more), _) => happened.extend(more.into_iter().map(|event| (channel, event))),
            (Err(error), Some(passed)) => {
                tracing::info!(%channel, %error, "an HTLC cannot be passed on");
                if let Some(todo) = self.forward_refused(&passed) {
                    self.take_up(todo, happened); // which passes nothing on
                }
            }
            (Err(error), None) => {
                tracing::error!(%channel, %error, "a step of our own was refused");
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
        let withdraws = must_withdraw(&live.machine, &next);
        if !names_of(&next).eq(names_of(&live.machine)) {
            self.names.learn(&next);
        }
        live.machine = next;
        let (mut effects, events) = split(actions);
        effects.extend(withdraws.then_some(Effect::Withdraw));
        if let Some(incoming) = &step.attachment.incoming {
            let offered = live.machine.htlcs();
            let newest = offered.filter(|htlc| htlc.offered_by == Side::Holder);
            if let Some(newest) = newest.map(|htlc| htlc.id).max() {
                let incoming = (incoming.channel_id, incoming.id);
                let hidden = step.attachment.path_key.is_some();
                self.links.insert((id, newest), incoming, hidden);
            }
        }
        let batch = Batch {
            receipt: None,
            target: live.target(),
            connection: live.connection(),
            effects,
        };
        if unchanged {
            self.outbox.enqueue(batch);
        } else {
            let number = live.steps;
            live.steps += 1;
            self.heads.moved(live.machine.params().peer);
            self.outbox.step(id, number, step, batch);
        }
        Ok(events)
    }

    /// Effects that need no step: what a channel says on its own account.
    pub(super) fn say(&self, live: &Live, message: OutgoingMessage) {
        self.outbox.enqueue(Batch {
            receipt: None,
            target: live.target(),
            connection: live.connection(),
            effects: vec![Effect::Send(message)],
        });
    }

    /// As [`say`](Self::say), of messages that are not the machine's: BOLT 7 has them follow channel_ready, which may
    /// still wait for its block.
    pub(super) fn say_after(&self, live: &Live, event: MessageSendEvent) {
        self.outbox.enqueue(Batch {
            receipt: None,
            target: live.target(),
            connection: live.connection(),
            effects: vec![Effect::Say(Box::new(event))],
        });
    }

    fn on_event(&mut self, id: ChannelId, event: Event) -> Vec<Todo> {
        let own = |step: Option<Step>| step.map(|step| Todo::new(id, step)).into_iter().collect();
        match event {
            Event::HtlcAccepted { id: htlc } => self.htlc_accepted(id, htlc),
            Event::HtlcOverExposure { id: htlc } => own(self.over_exposed(id, htlc)),
            Event::Reestablished => {
                self.reestablished(id);
                self.tell_terms(id);
                Vec::new()
            }
            Event::ShutdownDue => own(self.closing_shutdown(id)),
            Event::CommitmentDue => {
                self.due.insert(id);
                Vec::new()
            }
            Event::ClosingFeeDue => own(self.closing_fee(id)),
            Event::Usable => {
                tracing::info!(channel = %id, "usable");
                self.tell_terms(id);
                self.announce(id, false);
                Vec::new()
            }
            Event::StateChanged => {
                self.state_changed(id);
                Vec::new()
            }
            Event::OutputsChanged => {
                self.outputs_changed(id);
                Vec::new()
            }
            Event::PastHtlcsDue => own(self.past_htlcs(id)),
            // What these mean to a payment the ledger has put into its record in the same step.
            Event::HtlcFulfilled { id: htlc, preimage } => {
                self.part_fulfilled(id, htlc);
                let todo = self.forward_fulfilled(id, htlc, preimage);
                todo.into_iter().collect()
            }
            Event::HtlcFailed { id: htlc, reason } => {
                self.part_failed(id, htlc);
                let todo = self.forward_failed(id, htlc, &reason);
                todo.into_iter().collect()
            }
            Event::HtlcRemoved {
                offered_by_us,
                id: htlc,
            } => {
                if offered_by_us {
                    self.links.take((id, htlc));
                }
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
        let text = error.to_string();
        match error.fault() {
            Fault::Ours | Fault::PeerWarning => self.warn(id, text),
            Fault::PeerFailsChannel => self.fail_channel(id, &text),
        }
    }

    /// BOLT 2, "fail the channel": the peer hears why, and this node's commitment goes to the chain.
    pub(super) fn fail_channel(&mut self, id: ChannelId, text: &str) {
        let Some(live) = self.channels.get(&id) else {
            return;
        };
        let error = OutgoingMessage::Error {
            text: text.to_owned(),
        };
        self.say(live, error);
        let reason = format!("the peer broke the protocol: {text}");
        let step = Step::local(LocalCommand::ForceClose { reason });
        if let Err(error) = self.advance(id, step) {
            tracing::error!(channel = %id, %error, "could not be closed");
        }
    }

    /// Tells the peer what was refused, and hangs up: what it has already said behind that is not heard.
    pub(super) fn warn(&mut self, id: ChannelId, text: String) {
        let Some(live) = self.channels.get(&id) else {
            return;
        };
        self.say(live, OutgoingMessage::Warning { text });
        let connection = live.connection();
        if let (Some(connection), Some(live)) = (connection, self.channels.get_mut(&id)) {
            live.session = Session::HangingUp(connection);
        }
    }

    /// The ledger refused what the machine had accepted, or a message could not be made: the ledger is right, so the
    /// channel begins again from it, with a new connection. The first thing of its turn, so that no step waits.
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
            self.names.learn(&machine);
            (live.machine, live.steps) = (machine, steps);
        }
        for htlc in live.machine.htlcs() {
            self.claiming.remove(&htlc.payment_hash);
        }
        live.diverged += 1;
        let again = live.diverged <= MAX_DECIDED_AGAIN;
        self.forget_refused_parts(id);
        if !again {
            tracing::error!(channel = %id, "its HTLCs wait for the next start");
            return;
        }
        // HTLCs that wait for a decision are decided again: what was decided is not in the ledger.
        if let Some(live) = self.channels.get(&id) {
            let (_, events) = split(live.machine.resume());
            self.follow(id, events);
        }
        self.forwards_lost(id);
    }

    /// Adds a channel to those that the driver owns.
    pub(super) fn own(&mut self, live: Live) {
        self.names.learn(&live.machine);
        let params = live.machine.params();
        self.by_peer
            .entry(params.peer)
            .or_default()
            .insert(params.channel_id);
        self.channels.insert(params.channel_id, live);
    }
}

/// Whether what is broadcast of the channel must end: it has turned out that its state is old, or such a channel's close is not
/// what it was.
fn must_withdraw(before: &Channel, next: &Channel) -> bool {
    next.has_lost_data() && (!before.has_lost_data() || before.spend() != next.spend())
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
