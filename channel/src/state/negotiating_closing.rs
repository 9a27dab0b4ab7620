//! Both sides have said shutdown and nothing is left in flight: they agree on the closing transaction's fee.

use bitcoin::secp256k1::PublicKey;
use bitcoin::Amount;
use serde::{Deserialize, Serialize};

use super::closing::{Cause, Closing};
use super::established::{Established, Reconnected};
use super::names::wrong_state;
use super::negotiation::{
    answer, least_fee, Answer, ClosingAgreement, Negotiation, ShutdownScripts,
};
use super::{Channel, Context, Next};
use crate::action::{Action, Broadcast, Event};
use crate::command::{ChainEvent, Command, LocalCommand};
use crate::error::{ChannelError, CloseError, UpdateError};
use crate::message::{ChannelReestablish, ClosingSigned, OutgoingMessage, PeerMessage};
use crate::params::Side;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NegotiatingClosing {
    pub(crate) common: Established,
    pub(crate) scripts: ShutdownScripts,
    negotiation: Negotiation,
}

pub(super) fn send_closing(fee: Amount, least: Amount, most: Amount) -> Action {
    Action::Send(OutgoingMessage::ClosingSigned {
        fee,
        fee_range: Some((least, most)),
    })
}

impl NegotiatingClosing {
    pub(super) fn new(common: Established, scripts: ShutdownScripts) -> (Self, Option<Action>) {
        let state = Self {
            common,
            scripts,
            negotiation: Negotiation::Fresh,
        };
        let due = state.fee_due();
        (state, due)
    }

    /// BOLT 2, closing_signed: the opener chooses the first fee.
    fn fee_due(&self) -> Option<Action> {
        match (&self.negotiation, self.common.params.opener) {
            (Negotiation::Fresh, Side::Holder) => Some(Action::Tell(Event::ClosingFeeDue)),
            (Negotiation::Fresh, Side::Counterparty) | (Negotiation::Proposed { .. }, _) => None,
        }
    }

    fn with(self, actions: Vec<Action>) -> (Channel, Vec<Action>) {
        (Channel::NegotiatingClosing(Box::new(self)), actions)
    }

    pub(super) fn handle(self, command: Command, context: &Context<'_>) -> Next {
        let refusal = wrong_state("negotiating its closing fee", &command);
        match command {
            Command::Peer {
                message,
                next_holder_point,
            } => self.peer(message, next_holder_point, context, refusal),
            Command::Local(command) => self.local(command, refusal),
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
            PeerMessage::ClosingSigned(message) => self.closing_signed(&message, context),
            PeerMessage::Shutdown { script } if script == self.scripts.counterparty => {
                Ok(self.with(Vec::new()))
            }
            PeerMessage::Shutdown { script } => Err(CloseError::ScriptChanged {
                by: Side::Counterparty,
                expected: self.scripts.counterparty,
                got: script,
            }
            .into()),
            PeerMessage::ChannelReady {
                next_per_commitment_point,
                ..
            } => {
                self.common
                    .commitments
                    .learn_next_point(next_per_commitment_point)?;
                Ok(self.with(Vec::new()))
            }
            PeerMessage::ChannelReestablish(message) => self.reestablish(&message, holder_point),
            PeerMessage::Error { text } => Ok(self.common.peer_failed(&text)),
            PeerMessage::UpdateAddHtlc(_) | PeerMessage::UpdateFee { .. } => {
                Err(ChannelError::Update {
                    by: Side::Counterparty,
                    source: UpdateError::AfterShutdown,
                })
            }
            // BOLT 2, shutdown: no update is sent once everything is cleared.
            PeerMessage::FundingSigned { .. }
            | PeerMessage::UpdateFulfillHtlc { .. }
            | PeerMessage::UpdateFailHtlc { .. }
            | PeerMessage::UpdateFailMalformedHtlc { .. }
            | PeerMessage::CommitmentSigned { .. }
            | PeerMessage::RevokeAndAck { .. } => Err(refusal),
        }
    }

    fn closing_signed(self, message: &ClosingSigned, context: &Context<'_>) -> Next {
        let agreement = self
            .common
            .validate_closing(&self.scripts, message, context.verifier)?;
        let least = least_fee(&self.scripts, context.limits);
        match answer(&self.negotiation, self.common.params.opener, message, least)? {
            Answer::Done => Ok(self.agreed(agreement, None)),
            Answer::Agree { least, most } => {
                let reply = send_closing(agreement.fee, least, most);
                Ok(self.agreed(agreement, Some(reply)))
            }
            Answer::Counter { fee, least, most } => {
                self.common.closing_tx(&self.scripts, fee)?;
                let negotiation = Negotiation::Proposed {
                    fee,
                    least,
                    most,
                    received: Some(message.fee),
                };
                let reply = send_closing(fee, least, most);
                Ok(Self {
                    negotiation,
                    ..self
                }
                .with(vec![reply]))
            }
        }
    }

    fn agreed(self, agreement: ClosingAgreement, reply: Option<Action>) -> (Channel, Vec<Action>) {
        let broadcast = Action::Broadcast(Broadcast::Closing);
        let scripts = self.scripts;
        let state = Closing::new(self.common, Cause::Mutual { scripts, agreement });
        let actions = reply.into_iter().chain([broadcast]).collect();
        (Channel::Closing(Box::new(state)), actions)
    }

    fn local(self, command: LocalCommand, refusal: ChannelError) -> Next {
        match command {
            LocalCommand::ProposeClosing { fee, fee_range } => self.propose(fee, fee_range),
            LocalCommand::ForceClose { reason } => {
                Ok(self.common.close_alone(reason.clone(), Some(reason)))
            }
            LocalCommand::LoseData { .. } => Ok(self.common.data_lost()),
            LocalCommand::Abandon { reason } => self.common.abandon(reason),
            LocalCommand::Shutdown { .. } => Err(CloseError::AlreadySent.into()),
            LocalCommand::AddHtlc { .. }
            | LocalCommand::FulfillHtlc { .. }
            | LocalCommand::FailHtlc { .. }
            | LocalCommand::FailMalformedHtlc { .. }
            | LocalCommand::UpdateFee { .. }
            | LocalCommand::Commit
            | LocalCommand::WithdrawHtlcs => Err(refusal),
        }
    }

    /// BOLT 2, closing_signed: the opener's first fee, with the range that it is prepared to pay.
    fn propose(self, fee: Amount, (least, most): (Amount, Amount)) -> Next {
        let by = Side::Holder;
        match (&self.negotiation, self.common.params.opener) {
            (Negotiation::Fresh, Side::Holder) => {}
            (Negotiation::Fresh, Side::Counterparty) | (Negotiation::Proposed { .. }, _) => {
                return Err(CloseError::NotYourTurn { by }.into())
            }
        }
        let payable = self.common.closing_tx(&self.scripts, fee).is_ok();
        if fee < least || fee > most || !payable {
            return Err(CloseError::FeeOutOfRange {
                by,
                fee,
                least,
                most,
            }
            .into());
        }
        let negotiation = Negotiation::Proposed {
            fee,
            least,
            most,
            received: None,
        };
        let message = send_closing(fee, least, most);
        Ok(Self {
            negotiation,
            ..self
        }
        .with(vec![message]))
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
            } => self
                .common
                .funding_spent(*transaction, block_height, Some(&self.scripts)),
            ChainEvent::SpendReorged
            | ChainEvent::SpendBuried { .. }
            | ChainEvent::OutputSpent { .. }
            | ChainEvent::OutputReorged { .. }
            | ChainEvent::PastHtlcs { .. }
            | ChainEvent::PreimageSeen { .. } => Err(refusal),
        }
    }

    /// BOLT 2, Message Retransmission: shutdown is sent again and the choice of the fee begins anew.
    fn reestablish(
        mut self,
        message: &ChannelReestablish,
        holder_point: Option<PublicKey>,
    ) -> Next {
        match self.common.reconnect(message, holder_point)? {
            Reconnected::Agreed(mut actions) => {
                self.negotiation = Negotiation::Fresh;
                let script = self.scripts.holder.clone();
                actions.push(Action::Send(OutgoingMessage::Shutdown { script }));
                actions.extend(self.fee_due());
                Ok(self.with(actions))
            }
            Reconnected::PeerBehind(actions) => Ok(self.with(actions)),
            Reconnected::Behind => Ok(self.common.data_lost()),
        }
    }

    /// What the state still owes without any peer.
    pub(super) fn resume(&self) -> Vec<Action> {
        self.common.opening_broadcast().into_iter().collect()
    }
}
