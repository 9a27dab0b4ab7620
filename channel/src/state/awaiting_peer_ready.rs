//! This node's channel_ready is sent; the peer's is awaited.

use bitcoin::secp256k1::PublicKey;
use serde::{Deserialize, Serialize};

use super::established::{Established, Reconnected};
use super::names::wrong_state;
use super::shutting_down::{begin_local_shutdown, begin_peer_shutdown};
use super::{Channel, Context, Next, Normal};
use crate::action::{Action, Event};
use crate::command::{ChainEvent, Command, LocalCommand};
use crate::error::ChannelError;
use crate::message::PeerMessage;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwaitingPeerReady {
    pub(crate) common: Established,
}

impl AwaitingPeerReady {
    pub(super) fn new(common: Established) -> Self {
        Self { common }
    }

    fn with(self, actions: Vec<Action>) -> (Channel, Vec<Action>) {
        (Channel::AwaitingPeerReady(Box::new(self)), actions)
    }

    pub(super) fn handle(self, command: Command, _: &Context<'_>) -> Next {
        let refusal = wrong_state("awaiting channel_ready", &command);
        match command {
            Command::Peer {
                message,
                next_holder_point,
            } => self.peer(message, next_holder_point, refusal),
            Command::Local(command) => self.local(command, refusal),
            Command::Chain(event) => self.chain(event, refusal),
        }
    }

    fn peer(
        mut self,
        message: PeerMessage,
        holder_point: Option<PublicKey>,
        refusal: ChannelError,
    ) -> Next {
        match message {
            PeerMessage::ChannelReady {
                next_per_commitment_point,
                alias,
            } => {
                self.common
                    .commitments
                    .learn_next_point(next_per_commitment_point)?;
                self.common.counterparty_alias = alias;
                let state = Normal::new(self.common);
                let usable = Action::Tell(Event::Usable);
                Ok((Channel::Normal(Box::new(state)), vec![usable]))
            }
            PeerMessage::Shutdown { script } => begin_peer_shutdown(self.common, script),
            PeerMessage::ChannelReestablish(message) => {
                match self.common.reconnect(&message, holder_point)? {
                    Reconnected::Agreed(actions) | Reconnected::PeerBehind(actions) => {
                        Ok(self.with(actions))
                    }
                    Reconnected::Behind => Ok(self.common.data_lost()),
                }
            }
            PeerMessage::Error { text } => Ok(self.common.peer_failed(&text)),
            PeerMessage::FundingSigned { .. }
            | PeerMessage::UpdateAddHtlc(_)
            | PeerMessage::UpdateFulfillHtlc { .. }
            | PeerMessage::UpdateFailHtlc { .. }
            | PeerMessage::UpdateFailMalformedHtlc { .. }
            | PeerMessage::UpdateFee { .. }
            | PeerMessage::CommitmentSigned { .. }
            | PeerMessage::RevokeAndAck { .. }
            | PeerMessage::ClosingSigned(_) => Err(refusal),
        }
    }

    fn local(self, command: LocalCommand, refusal: ChannelError) -> Next {
        match command {
            LocalCommand::Shutdown { script } => begin_local_shutdown(self.common, script),
            LocalCommand::ForceClose { reason } => {
                Ok(self.common.close_alone(reason.clone(), Some(reason)))
            }
            LocalCommand::LoseData { .. } => Ok(self.common.data_lost()),
            LocalCommand::Abandon { reason } => self.common.abandon(reason),
            LocalCommand::AddHtlc { .. }
            | LocalCommand::FulfillHtlc { .. }
            | LocalCommand::FailHtlc { .. }
            | LocalCommand::FailMalformedHtlc { .. }
            | LocalCommand::UpdateFee { .. }
            | LocalCommand::Commit
            | LocalCommand::WithdrawHtlcs
            | LocalCommand::ProposeClosing { .. } => Err(refusal),
        }
    }

    fn chain(mut self, event: ChainEvent, refusal: ChannelError) -> Next {
        match event {
            ChainEvent::OpeningConfirmed { .. } => {
                self.common
                    .opening_confirmed_again(&event)
                    .map(|change| match change {
                        None => self.with(Vec::new()),
                        Some(reason) => self.common.close_alone(reason.clone(), Some(reason)),
                    })
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
}
