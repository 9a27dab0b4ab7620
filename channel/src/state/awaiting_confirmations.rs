//! Both first commitments are signed; the opening transaction is not buried deep enough yet.

use bitcoin::secp256k1::PublicKey;
use serde::{Deserialize, Serialize};

use super::established::{Established, OpeningStatus, Reconnected};
use super::names::wrong_state;
use super::shutting_down::{begin_local_shutdown, begin_peer_shutdown};
use super::{AwaitingPeerReady, Channel, Context, Failed, Next, Normal};
use crate::action::{Action, Event};
use crate::command::{ChainEvent, Command, LocalCommand};
use crate::error::ChannelError;
use crate::message::{ChannelReestablish, OutgoingMessage, PeerMessage};

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwaitingConfirmations {
    pub(crate) common: Established,
}

impl AwaitingConfirmations {
    pub(super) fn new(common: Established) -> Self {
        Self { common }
    }

    fn unchanged(self) -> (Channel, Vec<Action>) {
        (Channel::AwaitingConfirmations(Box::new(self)), Vec::new())
    }

    pub(super) fn handle(self, command: Command, _: &Context<'_>) -> Next {
        let refusal = wrong_state("awaiting confirmations", &command);
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
                self.common.counterparty_alias = alias.or(self.common.counterparty_alias);
                Ok(self.unchanged())
            }
            PeerMessage::Shutdown { script } => begin_peer_shutdown(self.common, script),
            PeerMessage::ChannelReestablish(message) => self.reestablish(&message, holder_point),
            PeerMessage::Error { text } => Ok(self.peer_failed(&text)),
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
                if !self.common.confirm_opening(&event)? {
                    let reason = "the opening transaction does not pay the channel".to_owned();
                    return Ok(self.fail(reason.clone(), Some(reason)));
                }
                let mut actions = vec![self.common.channel_ready()];
                if !self.common.commitments.is_peer_ready() {
                    let state = AwaitingPeerReady::new(self.common);
                    return Ok((Channel::AwaitingPeerReady(Box::new(state)), actions));
                }
                actions.push(Action::Tell(Event::Usable));
                Ok((Channel::Normal(Box::new(Normal::new(self.common))), actions))
            }
            ChainEvent::OpeningReorged => Ok(self.unchanged()),
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
            Reconnected::Agreed(actions) | Reconnected::PeerBehind(actions) => {
                Ok((Channel::AwaitingConfirmations(Box::new(self)), actions))
            }
            Reconnected::Behind => Ok(self.common.data_lost()),
        }
    }

    /// An acceptor without a balance forgets the channel, so that strangers cannot fill the ledger with channels that
    /// never close.
    fn peer_failed(self, text: &str) -> (Channel, Vec<Action>) {
        let unconfirmed = match self.common.opening {
            OpeningStatus::Unconfirmed { .. } => true,
            OpeningStatus::Confirmed(_) | OpeningStatus::Reorged => false,
        };
        if unconfirmed && self.common.has_nothing_at_stake() {
            let reason = "the peer gave the channel up before it confirmed".to_owned();
            return self.fail(reason, None);
        }
        self.common.peer_failed(text)
    }

    fn fail(self, reason: String, error: Option<String>) -> (Channel, Vec<Action>) {
        let failed = Failed::new(self.common.params, reason);
        let error = error.map(|text| Action::Send(OutgoingMessage::Error { text }));
        (
            Channel::Failed(Box::new(failed)),
            error.into_iter().collect(),
        )
    }
}
