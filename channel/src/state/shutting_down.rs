//! shutdown has been sent, received, or both; HTLCs and updates are still to be cleared (BOLT 2, Closing Initiation).

use bitcoin::secp256k1::PublicKey;
use bitcoin::ScriptBuf;
use serde::{Deserialize, Serialize};

use super::established::{Established, Reconnected};
use super::names::wrong_state;
use super::negotiation::ShutdownScripts;
use super::{Channel, Context, NegotiatingClosing, Next};
use crate::action::{Action, Event};
use crate::command::{ChainEvent, Command, LocalCommand};
use crate::error::{ChannelError, CloseError, UpdateError};
use crate::message::{ChannelReestablish, OutgoingMessage, PeerMessage};
use crate::params::Side;
use crate::shutdown::is_valid_shutdown_script;

/// Who has sent shutdown so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Sent {
    /// This node.
    Holder(ScriptBuf),
    /// The peer; this node is asked for its script.
    Counterparty(ScriptBuf),
    /// Both.
    Both(ShutdownScripts),
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShuttingDown {
    pub(crate) common: Established,
    pub(crate) sent: Sent,
}

fn send_shutdown(script: ScriptBuf) -> Action {
    Action::Send(OutgoingMessage::Shutdown { script })
}

/// BOLT 2, shutdown: a standard script, and the one promised at the opening if any.
fn check_script(common: &Established, by: Side, script: &ScriptBuf) -> Result<(), CloseError> {
    if !is_valid_shutdown_script(script) {
        let script = script.clone();
        return Err(CloseError::ScriptForm { by, script });
    }
    match &common.params.side(by).upfront_shutdown_script {
        Some(promised) if promised != script => Err(CloseError::ScriptChanged {
            by,
            expected: promised.clone(),
            got: script.clone(),
        }),
        Some(_) | None => Ok(()),
    }
}

/// This node begins to close. HTLCs that were not sent are taken back: none may be added after shutdown.
pub(super) fn begin_local_shutdown(mut common: Established, script: ScriptBuf) -> Next {
    check_script(&common, Side::Holder, &script)?;
    let mut actions = common.commitments.withdraw_unsent_adds();
    actions.push(send_shutdown(script.clone()));
    let sent = Sent::Holder(script);
    Ok(ShuttingDown { common, sent }.settled(actions))
}

/// The peer begins to close. Where this node has promised a script it answers at once: whatever it sent is committed,
/// as its updates travel with their commitment_signed.
pub(super) fn begin_peer_shutdown(mut common: Established, script: ScriptBuf) -> Next {
    check_peer_shutdown(&common, &script)?;
    let Some(own) = common.params.holder.upfront_shutdown_script.clone() else {
        let sent = Sent::Counterparty(script);
        let due = vec![Action::Tell(Event::ShutdownDue)];
        return Ok(ShuttingDown { common, sent }.settled(due));
    };
    let mut actions = common.commitments.withdraw_unsent_adds();
    actions.push(send_shutdown(own.clone()));
    let sent = Sent::Both(ShutdownScripts {
        holder: own,
        counterparty: script,
    });
    Ok(ShuttingDown { common, sent }.settled(actions))
}

fn check_peer_shutdown(common: &Established, script: &ScriptBuf) -> Result<(), CloseError> {
    // BOLT 2, shutdown: not while updates of its sender are in no commitment yet.
    if common
        .commitments
        .has_uncommitted_of_counterparty(&common.params)
    {
        return Err(CloseError::UpdatesPending);
    }
    check_script(common, Side::Counterparty, script)
}

impl ShuttingDown {
    /// Goes on to the closing fee once both have said shutdown and nothing is left to clear.
    fn settled(mut self, mut actions: Vec<Action>) -> (Channel, Vec<Action>) {
        if self.common.commitments.htlcs().is_empty() {
            // BOLT 2, shutdown: no update is sent after the last HTLC is gone.
            self.common
                .commitments
                .withdraw_unsent_fee(&self.common.params);
        }
        match self.sent {
            Sent::Both(scripts) if self.common.commitments.is_quiet() => {
                let (state, more) = NegotiatingClosing::new(self.common, scripts);
                actions.extend(more);
                (Channel::NegotiatingClosing(Box::new(state)), actions)
            }
            Sent::Holder(_) | Sent::Counterparty(_) | Sent::Both(_) => {
                (Channel::ShuttingDown(Box::new(self)), actions)
            }
        }
    }

    pub(super) fn handle(self, command: Command, context: &Context<'_>) -> Next {
        let refusal = wrong_state("shutting down", &command);
        match command {
            Command::Peer {
                message,
                next_holder_point,
            } => self.peer(message, next_holder_point, context, refusal),
            Command::Local(command) => self.local(command, context, refusal),
            Command::Chain(event) => self.chain(event, refusal),
        }
    }

    fn peer(
        mut self,
        message: PeerMessage,
        holder_point: Option<PublicKey>,
        context: &Context<'_>,
        refusal: ChannelError,
    ) -> Next {
        match message {
            PeerMessage::ChannelReady {
                next_per_commitment_point,
                ..
            } => {
                self.common
                    .commitments
                    .learn_next_point(next_per_commitment_point)?;
                Ok(self.settled(Vec::new()))
            }
            PeerMessage::UpdateAddHtlc(_) => {
                self.check_peer_add()?;
                self.updated(message, holder_point, context, refusal)
            }
            PeerMessage::UpdateFulfillHtlc { .. }
            | PeerMessage::UpdateFailHtlc { .. }
            | PeerMessage::UpdateFailMalformedHtlc { .. }
            | PeerMessage::UpdateFee { .. }
            | PeerMessage::CommitmentSigned { .. }
            | PeerMessage::RevokeAndAck { .. } => {
                self.updated(message, holder_point, context, refusal)
            }
            PeerMessage::Shutdown { script } => self.peer_shutdown(script),
            PeerMessage::ChannelReestablish(message) => self.reestablish(&message, holder_point),
            PeerMessage::Error { text } => Ok(self.common.peer_failed(&text)),
            PeerMessage::FundingSigned { .. } | PeerMessage::ClosingSigned(_) => Err(refusal),
        }
    }

    fn updated(
        mut self,
        message: PeerMessage,
        holder_point: Option<PublicKey>,
        context: &Context<'_>,
        refusal: ChannelError,
    ) -> Next {
        let actions = self
            .common
            .update(message, holder_point, context, refusal)?;
        Ok(self.settled(actions))
    }

    /// BOLT 2, shutdown: its sender adds no HTLC after it. One that crossed this node's shutdown is fine.
    fn check_peer_add(&self) -> Result<(), ChannelError> {
        match self.sent {
            Sent::Holder(_) => Ok(()),
            Sent::Counterparty(_) | Sent::Both(_) => Err(ChannelError::Update {
                by: Side::Counterparty,
                source: UpdateError::AfterShutdown,
            }),
        }
    }

    fn peer_shutdown(self, script: ScriptBuf) -> Next {
        check_peer_shutdown(&self.common, &script)?;
        let known = match &self.sent {
            Sent::Holder(_) => None,
            Sent::Counterparty(known) => Some(known),
            Sent::Both(scripts) => Some(&scripts.counterparty),
        };
        match (known, self.sent.clone()) {
            // BOLT 2, Message Retransmission: shutdown is sent again after a reconnection, and stays what it was.
            (Some(known), _) if *known != script => Err(CloseError::ScriptChanged {
                by: Side::Counterparty,
                expected: known.clone(),
                got: script,
            }
            .into()),
            (_, Sent::Holder(holder)) => {
                let sent = Sent::Both(ShutdownScripts {
                    holder,
                    counterparty: script,
                });
                let common = self.common;
                Ok(Self { common, sent }.settled(Vec::new()))
            }
            (_, Sent::Counterparty(_) | Sent::Both(_)) => Ok(self.settled(Vec::new())),
        }
    }

    fn local(
        mut self,
        command: LocalCommand,
        context: &Context<'_>,
        refusal: ChannelError,
    ) -> Next {
        match command {
            LocalCommand::AddHtlc { .. } => Err(ChannelError::Update {
                by: Side::Holder,
                source: UpdateError::AfterShutdown,
            }),
            // BOLT 2, shutdown: with no HTLC left, no update is sent any more.
            LocalCommand::UpdateFee { .. } if self.common.commitments.htlcs().is_empty() => {
                Err(refusal)
            }
            LocalCommand::FulfillHtlc { .. }
            | LocalCommand::FailHtlc { .. }
            | LocalCommand::FailMalformedHtlc { .. }
            | LocalCommand::UpdateFee { .. }
            | LocalCommand::Commit
            | LocalCommand::WithdrawHtlcs => {
                let actions = self.common.propose(command, context, refusal)?;
                Ok(self.settled(actions))
            }
            LocalCommand::Shutdown { script } => self.local_shutdown(script),
            LocalCommand::ForceClose { reason } => {
                Ok(self.common.close_alone(reason.clone(), Some(reason)))
            }
            LocalCommand::LoseData { .. } => Ok(self.common.data_lost()),
            LocalCommand::Abandon { reason } => self.common.abandon(reason),
            LocalCommand::ProposeClosing { .. } => Err(refusal),
        }
    }

    fn local_shutdown(mut self, script: ScriptBuf) -> Next {
        match self.sent {
            // BOLT 2, shutdown: it is sent once.
            Sent::Holder(_) | Sent::Both(_) => Err(CloseError::AlreadySent.into()),
            Sent::Counterparty(counterparty) => {
                check_script(&self.common, Side::Holder, &script)?;
                let mut actions = self.common.commitments.withdraw_unsent_adds();
                actions.push(send_shutdown(script.clone()));
                let sent = Sent::Both(ShutdownScripts {
                    holder: script,
                    counterparty,
                });
                let common = self.common;
                Ok(Self { common, sent }.settled(actions))
            }
        }
    }

    fn chain(mut self, event: ChainEvent, refusal: ChannelError) -> Next {
        match event {
            ChainEvent::OpeningConfirmed { .. } => {
                match self.common.opening_confirmed_again(&event)? {
                    None => Ok(self.settled(Vec::new())),
                    Some(reason) => Ok(self.common.close_alone(reason.clone(), Some(reason))),
                }
            }
            ChainEvent::OpeningReorged => {
                self.common.reorg_opening();
                Ok(self.settled(Vec::new()))
            }
            ChainEvent::FundingSpent {
                transaction,
                block_height,
            } => {
                let scripts = match &self.sent {
                    Sent::Both(scripts) => Some(scripts),
                    Sent::Holder(_) | Sent::Counterparty(_) => None,
                };
                self.common
                    .funding_spent(*transaction, block_height, scripts)
            }
            ChainEvent::SpendReorged
            | ChainEvent::SpendBuried { .. }
            | ChainEvent::OutputSpent { .. }
            | ChainEvent::OutputReorged { .. }
            | ChainEvent::PastHtlcs { .. }
            | ChainEvent::PreimageSeen { .. } => Err(refusal),
        }
    }

    fn reestablish(
        mut self,
        message: &ChannelReestablish,
        holder_point: Option<PublicKey>,
    ) -> Next {
        match self.common.reconnect(message, holder_point)? {
            Reconnected::Agreed(mut actions) => {
                // BOLT 2, Message Retransmission: shutdown is sent again, after the updates that came before it.
                match &self.sent {
                    Sent::Holder(script) => actions.push(send_shutdown(script.clone())),
                    Sent::Both(scripts) => actions.push(send_shutdown(scripts.holder.clone())),
                    Sent::Counterparty(_) => actions.push(Action::Tell(Event::ShutdownDue)),
                }
                actions.extend(self.common.due());
                Ok(self.settled(actions))
            }
            Reconnected::PeerBehind(actions) => {
                Ok((Channel::ShuttingDown(Box::new(self)), actions))
            }
            Reconnected::Behind => Ok(self.common.data_lost()),
        }
    }

    /// What the state still owes without any peer.
    pub(super) fn resume(&self) -> Vec<Action> {
        let opening = self.common.opening_broadcast().into_iter();
        let script = match self.sent {
            Sent::Counterparty(_) => Some(Action::Tell(Event::ShutdownDue)),
            Sent::Holder(_) | Sent::Both(_) => None,
        };
        opening
            .chain(script)
            .chain(self.common.commitments.standing_events())
            .collect()
    }
}
