//! A transaction that spends the funding output is broadcast, awaited or seen (BOLT 5).

use bitcoin::secp256k1::PublicKey;
use serde::{Deserialize, Serialize};

use super::established::{Established, OpeningStatus};
use super::names::wrong_state;
use super::negotiating_closing::send_closing;
use super::negotiation::{least_fee, ClosingAgreement, ShutdownScripts};
use super::spend::{identify, Spend, SpendKind};
use super::{Channel, Closed, Context, Next};
use crate::action::{Action, Broadcast, Event, FailureReason};
use crate::command::{ChainEvent, Command, LocalCommand};
use crate::error::{ChainError, ChannelError, CloseError};
use crate::message::{ChannelReestablish, ClosingSigned, OutgoingMessage, PeerMessage};
use crate::params::Side;

/// What this node does about the close, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// Both sides agreed on a closing transaction.
    Mutual {
        /// Where it pays to.
        scripts: ShutdownScripts,
        /// Fee and signature.
        agreement: ClosingAgreement,
    },
    /// This node broadcasts its commitment.
    Alone {
        /// Why, for people.
        reason: String,
    },
    /// The chain showed a spend before this node broadcast anything.
    Seen,
    /// The peer proved that this node's state is old. It broadcasts nothing, ever: each of its commitments may be
    /// revoked. It waits for the peer's.
    DataLost,
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    pub(crate) common: Established,
    cause: Cause,
    /// What the chain shows.
    spend: Option<Spend>,
}

impl Closing {
    pub(super) fn new(common: Established, cause: Cause) -> Self {
        Self {
            common,
            cause,
            spend: None,
        }
    }

    /// What this node does about the close, and why.
    pub fn cause(&self) -> &Cause {
        &self.cause
    }

    /// The confirmed spend of the funding output.
    pub fn spend(&self) -> Option<&Spend> {
        self.spend.as_ref()
    }

    /// Whether this node may broadcast its commitment.
    pub(super) fn may_broadcast(&self) -> bool {
        match self.cause {
            Cause::Mutual { .. } | Cause::Alone { .. } | Cause::Seen => true,
            Cause::DataLost => false,
        }
    }

    pub(super) fn saw(&mut self, spend: Spend) {
        self.spend = Some(spend);
    }

    fn with(self, actions: Vec<Action>) -> (Channel, Vec<Action>) {
        (Channel::Closing(Box::new(self)), actions)
    }

    pub(super) fn handle(self, command: Command, context: &Context<'_>) -> Next {
        let refusal = wrong_state("closing", &command);
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
        self,
        message: PeerMessage,
        holder_point: Option<PublicKey>,
        context: &Context<'_>,
        refusal: ChannelError,
    ) -> Next {
        match message {
            PeerMessage::ChannelReestablish(message) => self.reestablish(&message, holder_point),
            PeerMessage::ClosingSigned(message) => self.closing_signed(&message, context, refusal),
            PeerMessage::Shutdown { script } => match &self.cause {
                Cause::Mutual { scripts, .. } if scripts.counterparty == script => {
                    Ok(self.with(Vec::new()))
                }
                Cause::Mutual { .. } | Cause::Alone { .. } | Cause::Seen | Cause::DataLost => {
                    Err(refusal)
                }
            },
            // The channel is closing as it is. A peer that missed the last closing_signed of a channel without payments
            // repeats its channel_ready when it reconnects.
            PeerMessage::Error { .. } | PeerMessage::ChannelReady { .. } => {
                Ok(self.with(Vec::new()))
            }
            PeerMessage::FundingSigned { .. }
            | PeerMessage::UpdateAddHtlc(_)
            | PeerMessage::UpdateFulfillHtlc { .. }
            | PeerMessage::UpdateFailHtlc { .. }
            | PeerMessage::UpdateFailMalformedHtlc { .. }
            | PeerMessage::UpdateFee { .. }
            | PeerMessage::CommitmentSigned { .. }
            | PeerMessage::RevokeAndAck { .. } => Err(refusal),
        }
    }

    /// The peer may have missed the end of a cooperative close: it is said again. In all other cases BOLT 2, Message
    /// Retransmission, has the error repeated.
    fn reestablish(
        mut self,
        message: &ChannelReestablish,
        holder_point: Option<PublicKey>,
    ) -> Next {
        let params = &self.common.params;
        // A peer that proves a newer state makes this node's commitment unfit to broadcast, whatever was intended.
        let agreement = self
            .common
            .commitments
            .compare(params, message, holder_point);
        if agreement == Ok(crate::commitments::Agreement::HolderIsBehind) {
            self.cause = Cause::DataLost;
            return Ok(self.with(Vec::new()));
        }
        let actions = match (&self.cause, &self.spend) {
            (Cause::Mutual { scripts, agreement }, None) => {
                let fee = agreement.fee;
                let script = scripts.holder.clone();
                let shutdown = Action::Send(OutgoingMessage::Shutdown { script });
                let proposal = match params.opener {
                    Side::Holder => Some(send_closing(fee, fee, fee)),
                    Side::Counterparty => None,
                };
                let first = [Action::Tell(Event::Reestablished), shutdown];
                first.into_iter().chain(proposal).collect()
            }
            (Cause::Alone { reason }, None) => vec![error(reason.clone())],
            (Cause::DataLost, None) => {
                vec![error(
                    "I have lost state of this channel: please close it".to_owned(),
                )]
            }
            (Cause::Mutual { .. } | Cause::Alone { .. } | Cause::DataLost, Some(_))
            | (Cause::Seen, _) => vec![error("the channel's funding output is spent".to_owned())],
        };
        Ok(self.with(actions))
    }

    /// The peer has missed this node's last closing_signed and proposes again: any fee that suits is agreed to, for any
    /// of the closing transactions will do.
    fn closing_signed(
        mut self,
        message: &ClosingSigned,
        context: &Context<'_>,
        refusal: ChannelError,
    ) -> Next {
        let Cause::Mutual { scripts, agreement } = &self.cause else {
            return Err(refusal);
        };
        let scripts = scripts.clone();
        let newer = self
            .common
            .validate_closing(&scripts, message, context.verifier)?;
        let fee = newer.fee;
        let is_same = fee == agreement.fee;
        match (self.common.params.opener, is_same) {
            (Side::Holder, true) => Ok(self.with(Vec::new())),
            // BOLT 2, closing_signed: the opener has said which fee it agrees to.
            (Side::Holder, false) => Err(CloseError::FeeNotInOverlap { fee }.into()),
            (Side::Counterparty, true) => Ok(self.with(vec![send_closing(fee, fee, fee)])),
            (Side::Counterparty, false) => {
                let least = least_fee(&scripts, context.limits);
                if fee < least {
                    let most = fee;
                    return Err(CloseError::NoOverlap { least, most }.into());
                }
                self.cause = Cause::Mutual {
                    scripts,
                    agreement: newer,
                };
                let broadcast = Action::Broadcast(Broadcast::Closing);
                Ok(self.with(vec![send_closing(fee, least, fee), broadcast]))
            }
        }
    }

    fn local(mut self, command: LocalCommand, refusal: ChannelError) -> Next {
        match command {
            LocalCommand::ForceClose { reason } => match self.cause {
                // A closing transaction that does not confirm: the commitment may go out beside it.
                Cause::Mutual { .. } | Cause::Seen | Cause::Alone { .. }
                    if self.spend.is_none() =>
                {
                    self.cause = Cause::Alone { reason };
                    let opening = self.common.opening_broadcast().into_iter();
                    let broadcast = Action::Broadcast(Broadcast::HolderCommitment);
                    let actions = opening.chain([broadcast]).collect();
                    Ok(self.with(actions))
                }
                Cause::Mutual { .. } | Cause::Seen | Cause::Alone { .. } => Err(refusal),
                Cause::DataLost => Err(ChannelError::DataLost),
            },
            LocalCommand::Abandon { .. } => Err(ChannelError::CannotAbandon),
            // Nothing is sent any more, but the preimage claims the HTLC's output.
            LocalCommand::FulfillHtlc { id, preimage } => {
                self.common.commitments.learn_preimage(id, preimage)?;
                Ok(self.with(Vec::new()))
            }
            LocalCommand::AddHtlc { .. }
            | LocalCommand::FailHtlc { .. }
            | LocalCommand::FailMalformedHtlc { .. }
            | LocalCommand::UpdateFee { .. }
            | LocalCommand::Commit
            | LocalCommand::WithdrawHtlcs
            | LocalCommand::Shutdown { .. }
            | LocalCommand::ProposeClosing { .. } => Err(refusal),
        }
    }

    fn chain(mut self, event: ChainEvent, refusal: ChannelError) -> Next {
        match event {
            ChainEvent::OpeningConfirmed { .. } => {
                // Nothing is left to refuse where it does not fit: the close goes on.
                self.common.confirm_opening(&event)?;
                Ok(self.with(Vec::new()))
            }
            ChainEvent::OpeningReorged => {
                self.common.reorg_opening();
                Ok(self.with(Vec::new()))
            }
            ChainEvent::FundingSpent {
                transaction,
                block_height,
            } => {
                let kind = identify(&self.common, &transaction, self.scripts())?;
                self.spend = Some(Spend {
                    transaction,
                    block_height,
                    kind,
                });
                Ok(self.with(Vec::new()))
            }
            // BOLT 5: after a reorg the same or another spend may confirm, so what this node wants is broadcast again.
            ChainEvent::SpendReorged => match self.spend.take() {
                None => Err(refusal),
                Some(_) => {
                    let actions = self.broadcasts();
                    Ok(self.with(actions))
                }
            },
            ChainEvent::SpendBuried { block_height } => self.buried(block_height),
        }
    }

    fn scripts(&self) -> Option<&ShutdownScripts> {
        match &self.cause {
            Cause::Mutual { scripts, .. } => Some(scripts),
            Cause::Alone { .. } | Cause::Seen | Cause::DataLost => None,
        }
    }

    /// What this node wants in the chain while nothing else is there.
    fn broadcasts(&self) -> Vec<Action> {
        let closing = match &self.cause {
            Cause::Mutual { .. } => Some(Broadcast::Closing),
            // A close that was only seen and went away again is done by this node's own commitment.
            Cause::Alone { .. } | Cause::Seen => Some(Broadcast::HolderCommitment),
            Cause::DataLost => None,
        };
        let opening = self.common.opening_broadcast();
        opening
            .into_iter()
            .chain(closing.map(Action::Broadcast))
            .collect()
    }

    fn buried(self, block_height: u32) -> Next {
        let Some(spend) = self.spend else {
            return Err(ChainError::NotSpent.into());
        };
        let actions = unreachable_htlcs(&self.common, spend.kind);
        let closed = Closed::new(self.common, spend, block_height);
        Ok((Channel::Closed(Box::new(closed)), actions))
    }

    /// What the state still owes without any peer.
    pub(super) fn resume(&self) -> Vec<Action> {
        let standing = self.common.commitments.standing_events();
        match self.spend {
            None => self.broadcasts().into_iter().chain(standing).collect(),
            Some(_) => standing,
        }
    }

    /// Whether the opening transaction is in the chain as far as is known.
    pub fn is_opening_confirmed(&self) -> bool {
        match self.common.opening {
            OpeningStatus::Unconfirmed { .. } | OpeningStatus::Reorged => false,
            OpeningStatus::Confirmed(_) => true,
        }
    }
}

fn error(text: String) -> Action {
    Action::Send(OutgoingMessage::Error { text })
}

/// HTLCs of this node's that the buried transaction has no output for: nobody can claim them any more (BOLT 5). Those
/// whose preimage is known have been paid.
fn unreachable_htlcs(common: &Established, kind: SpendKind) -> Vec<Action> {
    let outputs = kind.htlcs(common);
    let has_output = |id| {
        outputs
            .iter()
            .any(|(side, other)| *side == Side::Holder && *other == id)
    };
    let offered = common.commitments.htlcs().iter().filter(|htlc| {
        htlc.offered_by == Side::Holder && htlc.preimage.is_none() && !has_output(htlc.id)
    });
    let reason = FailureReason::OnChain;
    offered
        .map(|htlc| {
            Action::Tell(Event::HtlcFailed {
                id: htlc.id,
                reason: reason.clone(),
            })
        })
        .collect()
}
