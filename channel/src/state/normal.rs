//! Both sides are ready: payments flow.

use bitcoin::secp256k1::PublicKey;
use serde::{Deserialize, Serialize};

use super::established::{Established, Reconnected};
use super::names::wrong_state;
use super::shutting_down::{begin_local_shutdown, begin_peer_shutdown};
use super::{Channel, Context, Next};
use crate::action::Action;
use crate::command::{ChainEvent, Command, LocalCommand};
use crate::error::ChannelError;
use crate::message::{ChannelReestablish, PeerMessage};

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Normal {
    pub(crate) common: Established,
}

impl Normal {
    pub(super) fn new(common: Established) -> Self {
        Self { common }
    }

    fn with(self, actions: Vec<Action>) -> (Channel, Vec<Action>) {
        (Channel::Normal(Box::new(self)), actions)
    }

    pub(super) fn handle(self, command: Command, context: &Context<'_>) -> Next {
        let refusal = wrong_state("normal", &command);
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
                alias,
            } => {
                // BOLT 2, channel_ready: another alias may come at any time.
                self.common
                    .commitments
                    .learn_next_point(next_per_commitment_point)?;
                self.common.counterparty_alias = alias.or(self.common.counterparty_alias);
                Ok(self.with(Vec::new()))
            }
            PeerMessage::UpdateAddHtlc(_)
            | PeerMessage::UpdateFulfillHtlc { .. }
            | PeerMessage::UpdateFailHtlc { .. }
            | PeerMessage::UpdateFailMalformedHtlc { .. }
            | PeerMessage::UpdateFee { .. }
            | PeerMessage::CommitmentSigned { .. }
            | PeerMessage::RevokeAndAck { .. } => {
                let actions = self
                    .common
                    .update(message, holder_point, context, refusal)?;
                Ok(self.with(actions))
            }
            PeerMessage::Shutdown { script } => begin_peer_shutdown(self.common, script),
            PeerMessage::ChannelReestablish(message) => self.reestablish(&message, holder_point),
            PeerMessage::Error { text } => Ok(self.common.peer_failed(&text)),
            PeerMessage::FundingSigned { .. } | PeerMessage::ClosingSigned(_) => Err(refusal),
        }
    }

    fn local(
        mut self,
        command: LocalCommand,
        context: &Context<'_>,
        refusal: ChannelError,
    ) -> Next {
        match command {
            LocalCommand::AddHtlc { .. }
            | LocalCommand::FulfillHtlc { .. }
            | LocalCommand::FailHtlc { .. }
            | LocalCommand::FailMalformedHtlc { .. }
            | LocalCommand::UpdateFee { .. }
            | LocalCommand::Commit
            | LocalCommand::WithdrawHtlcs => {
                let actions = self.common.propose(command, context, refusal)?;
                Ok(self.with(actions))
            }
            LocalCommand::Shutdown { script } => begin_local_shutdown(self.common, script),
            LocalCommand::ForceClose { reason } => {
                Ok(self.common.close_alone(reason.clone(), Some(reason)))
            }
            LocalCommand::LoseData { .. } => Ok(self.common.data_lost()),
            LocalCommand::Abandon { reason } => self.common.abandon(reason),
            LocalCommand::ProposeClosing { .. } => Err(refusal),
        }
    }

    fn chain(mut self, event: ChainEvent, refusal: ChannelError) -> Next {
        match event {
            ChainEvent::OpeningConfirmed { .. } => {
                match self.common.opening_confirmed_again(&event)? {
                    None => Ok(self.with(Vec::new())),
                    Some(reason) => Ok(self.common.close_alone(reason.clone(), Some(reason))),
                }
            }
            ChainEvent::OpeningReorged => {
                self.common.reorg_opening();
                Ok(self.with(Vec::new()))
            }
            ChainEvent::FundingSpent {
                transaction,
                block_height,
            } => self.common.funding_spent(*transaction, block_height, None),
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
                actions.extend(self.common.due());
                Ok(self.with(actions))
            }
            Reconnected::PeerBehind(actions) => Ok(self.with(actions)),
            Reconnected::Behind => Ok(self.common.data_lost()),
        }
    }

    /// What the state still owes without any peer.
    pub(super) fn resume(&self) -> Vec<Action> {
        let opening = self.common.opening_broadcast();
        opening
            .into_iter()
            .chain(self.common.commitments.standing_events())
            .collect()
    }
}
