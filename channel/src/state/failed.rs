//! The channel never came to be: nothing of it is in the chain, or nothing that this node has a share in.

use serde::{Deserialize, Serialize};

use super::names::wrong_state;
use super::{Channel, Context, Next};
use crate::action::Action;
use crate::command::{ChainEvent, Command, LocalCommand};
use crate::message::{OutgoingMessage, PeerMessage};
use crate::params::ChannelParams;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    pub(crate) params: ChannelParams,
    /// Why, for people.
    pub reason: String,
}

impl Failed {
    pub(super) fn new(params: ChannelParams, reason: String) -> Self {
        Self { params, reason }
    }

    pub(super) fn handle(self, command: Command, _: &Context<'_>) -> Next {
        let refusal = wrong_state("failed", &command);
        match command {
            Command::Peer { message, .. } => match message {
                // BOLT 2, Message Retransmission: the peer is told once more.
                PeerMessage::ChannelReestablish(_) => {
                    let text = "the channel was given up before it opened".to_owned();
                    let error = Action::Send(OutgoingMessage::Error { text });
                    Ok((Channel::Failed(Box::new(self)), vec![error]))
                }
                PeerMessage::Error { .. } => Ok((Channel::Failed(Box::new(self)), Vec::new())),
                PeerMessage::FundingSigned { .. }
                | PeerMessage::ChannelReady { .. }
                | PeerMessage::UpdateAddHtlc(_)
                | PeerMessage::UpdateFulfillHtlc { .. }
                | PeerMessage::UpdateFailHtlc { .. }
                | PeerMessage::UpdateFailMalformedHtlc { .. }
                | PeerMessage::UpdateFee { .. }
                | PeerMessage::CommitmentSigned { .. }
                | PeerMessage::RevokeAndAck { .. }
                | PeerMessage::Shutdown { .. }
                | PeerMessage::ClosingSigned(_) => Err(refusal),
            },
            Command::Local(command) => match command {
                LocalCommand::AddHtlc { .. }
                | LocalCommand::FulfillHtlc { .. }
                | LocalCommand::FailHtlc { .. }
                | LocalCommand::FailMalformedHtlc { .. }
                | LocalCommand::UpdateFee { .. }
                | LocalCommand::Commit
                | LocalCommand::WithdrawHtlcs
                | LocalCommand::Shutdown { .. }
                | LocalCommand::ProposeClosing { .. }
                | LocalCommand::ForceClose { .. }
                | LocalCommand::LoseData { .. }
                | LocalCommand::Abandon { .. } => Err(refusal),
            },
            Command::Chain(event) => match event {
                ChainEvent::OpeningConfirmed { .. }
                | ChainEvent::OpeningReorged
                | ChainEvent::FundingSpent { .. }
                | ChainEvent::SpendReorged
                | ChainEvent::SpendBuried { .. }
                | ChainEvent::OutputSpent { .. }
                | ChainEvent::OutputReorged { .. }
                | ChainEvent::PastHtlcs { .. }
                | ChainEvent::PreimageSeen { .. } => Err(refusal),
            },
        }
    }
}
