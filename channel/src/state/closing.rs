//! A transaction that spends the funding output is broadcast, awaited or seen (BOLT 5).

use bitcoin::secp256k1::PublicKey;
use bitcoin::{Amount, Transaction};
use serde::{Deserialize, Serialize};

use super::established::{Established, OpeningStatus};
use super::names::wrong_state;
use super::negotiating_closing::send_closing;
use super::negotiation::{least_fee, ClosingAgreement, ShutdownScripts};
use super::resolution::{shown, Resolution};
use super::spend::{identify, Spend, SpendKind};
use super::{Channel, Closed, Context, Next};
use crate::action::{Action, Broadcast, Event, FailureReason};
use crate::command::{ChainEvent, Command, LocalCommand};
use crate::error::{ChainError, ChannelError, CloseError};
use crate::ids::{HtlcId, PaymentPreimage};
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
    /// The peer or the chain proved that this node's state is old. It broadcasts nothing, ever: each of its commitments
    /// may be revoked. It waits for the peer's.
    DataLost,
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    pub(crate) common: Established,
    cause: Cause,
    /// What the chain shows.
    resolution: Option<Resolution>,
    /// HTLCs of this node's that were told to have failed on the chain.
    failed: Vec<HtlcId>,
}

/// What an older program stored of a close.
#[derive(Deserialize)]
pub(super) struct ClosingV1 {
    common: Established,
    cause: Cause,
    spend: Option<Spend>,
}

impl From<ClosingV1> for Closing {
    fn from(stored: ClosingV1) -> Self {
        let mut state = Self::new(stored.common, stored.cause);
        state.resolution = stored
            .spend
            .map(|spend| Resolution::new(&state.common, spend));
        state
    }
}

impl Closing {
    pub(super) fn new(common: Established, cause: Cause) -> Self {
        Self {
            common,
            cause,
            resolution: None,
            failed: Vec::new(),
        }
    }

    /// What this node does about the close, and why.
    pub fn cause(&self) -> &Cause {
        match self.has_lost_data() {
            true => &Cause::DataLost,
            false => &self.cause,
        }
    }

    /// Whether the peer or the chain has shown that this node's state is old.
    pub fn has_lost_data(&self) -> bool {
        matches!(self.cause, Cause::DataLost) || self.shows_lost_data()
    }

    /// Whether the chain has: a commitment that both sides signed and this node does not know. Until that goes away it is
    /// in the resolution alone, so that ledgers of older programs, which kept the cause, still replay.
    fn shows_lost_data(&self) -> bool {
        let spend = self.spend();
        spend.is_some_and(|spend| matches!(spend.kind, SpendKind::Future { .. }))
    }

    /// Before what the chain has shown is given up: what it has proven stays so.
    fn remember_lost_data(&mut self) {
        if self.shows_lost_data() {
            self.cause = Cause::DataLost;
        }
    }

    /// The confirmed spend of the funding output.
    pub fn spend(&self) -> Option<&Spend> {
        self.resolution.as_ref().map(Resolution::spend)
    }

    /// What became of the outputs of that spend.
    pub fn resolution(&self) -> Option<&Resolution> {
        self.resolution.as_ref()
    }

    /// HTLCs of this node's that were told to have failed on the chain.
    pub(super) fn failed(&self) -> &[HtlcId] {
        &self.failed
    }

    pub(super) fn shown(&self, transaction: &Transaction) -> Vec<(HtlcId, PaymentPreimage)> {
        shown(&self.common, transaction)
    }

    /// Whether this node may broadcast its commitment.
    pub(super) fn may_broadcast(&self) -> bool {
        !self.has_lost_data()
    }

    /// Begins to track the outputs of a spend.
    pub(super) fn saw(&mut self, spend: Spend) -> Vec<Action> {
        self.remember_lost_data();
        let resolution = Resolution::new(&self.common, spend);
        let forgotten = resolution.has_forgotten();
        self.resolution = Some(resolution);
        let due = forgotten.then_some(Action::Tell(Event::PastHtlcsDue));
        [Action::Tell(Event::OutputsChanged)]
            .into_iter()
            .chain(due)
            .collect()
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
        }
        let actions = match (&self.cause, &self.resolution) {
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
    /// of the closing transactions will do. Where its fee would not relay it is asked for the one that was agreed to before.
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
                    let (counter, most) = counter(agreement.fee, message.fee_range, least)?;
                    self.common.closing_tx(&scripts, counter)?;
                    return Ok(self.with(vec![send_closing(counter, least, most)]));
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
                    if self.resolution.is_none() =>
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
            // A channel that closes has made its last commitment: this state is as new as any.
            LocalCommand::LoseData { .. } => Ok(self.with(Vec::new())),
            // What waits for the spend of an output that never came to be waits for ever.
            LocalCommand::Abandon { reason } => match self.resolution {
                None => self.common.abandon(reason),
                Some(_) => Err(ChannelError::CannotAbandon),
            },
            // Nothing is sent any more, but the preimage claims the HTLC's output.
            LocalCommand::FulfillHtlc { id, preimage } => {
                self.common.commitments.learn_preimage(id, preimage)?;
                let changed = self
                    .resolution
                    .as_ref()
                    .map(|_| Action::Tell(Event::OutputsChanged));
                Ok(self.with(changed.into_iter().collect()))
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

    pub(super) fn chain(mut self, event: ChainEvent, refusal: ChannelError) -> Next {
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
                let spend = Spend {
                    transaction,
                    block_height,
                    kind,
                };
                if self.spend() == Some(&spend) {
                    return Ok(self.with(Vec::new()));
                }
                let actions = self.saw(spend);
                Ok(self.with(actions))
            }
            // BOLT 5: after a reorg the same or another spend may confirm, so what this node wants is broadcast again.
            ChainEvent::SpendReorged => {
                self.remember_lost_data();
                if self.resolution.take().is_none() {
                    return Err(refusal);
                }
                let actions = self.broadcasts();
                Ok(self.with(actions))
            }
            ChainEvent::SpendBuried { block_height } => self.buried(block_height),
            ChainEvent::OutputSpent { .. }
            | ChainEvent::OutputReorged { .. }
            | ChainEvent::PastHtlcs { .. } => self.output(event),
            ChainEvent::PreimageSeen { id, preimage } => {
                let commitments = &mut self.common.commitments;
                let news = commitments.learn_shown_preimage(id, preimage);
                let told = news.then_some(Action::Tell(Event::HtlcFulfilled { id, preimage }));
                Ok(self.with(told.into_iter().collect()))
            }
        }
    }

    /// Something became of a tracked output.
    fn output(mut self, event: ChainEvent) -> Next {
        let Self {
            common, resolution, ..
        } = &mut self;
        let resolution = resolution.as_mut().ok_or(ChainError::NotSpent)?;
        let changed = || vec![Action::Tell(Event::OutputsChanged)];
        let actions = match event {
            ChainEvent::OutputSpent {
                outpoint,
                transaction,
                block_height,
            } => resolution.output_spent(common, outpoint, &transaction, block_height)?,
            ChainEvent::OutputReorged { outpoint } => match resolution.output_reorged(outpoint)? {
                true => changed(),
                false => Vec::new(),
            },
            ChainEvent::PastHtlcs { htlcs } => {
                resolution.recall(common, &htlcs);
                changed()
            }
            ChainEvent::OpeningConfirmed { .. }
            | ChainEvent::OpeningReorged
            | ChainEvent::FundingSpent { .. }
            | ChainEvent::SpendReorged
            | ChainEvent::SpendBuried { .. }
            | ChainEvent::PreimageSeen { .. } => Vec::new(),
        };
        Ok(self.with(actions))
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

    /// The chain has grown: HTLCs may be irrevocably lost, and the channel may be settled.
    fn buried(mut self, block_height: u32) -> Next {
        let actions = self.fail_buried(block_height)?;
        let settled = self.resolution.as_ref().is_some_and(|resolution| {
            resolution.is_settled(&self.common, &self.failed, block_height)
        });
        match settled {
            true => Ok((
                Channel::Closed(Box::new(Closed::new(self, block_height)?)),
                actions,
            )),
            false => Ok(self.with(actions)),
        }
    }

    /// Tells of HTLCs of this node's that have irrevocably come to nothing, each once.
    pub(super) fn fail_buried(&mut self, block_height: u32) -> Result<Vec<Action>, ChannelError> {
        let resolution = self.resolution.as_ref().ok_or(ChainError::NotSpent)?;
        let mut failed = resolution.failed(&self.common, block_height);
        failed.retain(|id| !self.failed.contains(id));
        self.failed.extend(&failed);
        Ok(failed.into_iter().map(failed_on_chain).collect())
    }

    /// What the state still owes without any peer.
    pub(super) fn resume(&self) -> Vec<Action> {
        let standing = self.common.commitments.standing_events();
        let Some(resolution) = &self.resolution else {
            return self.broadcasts().into_iter().chain(standing).collect();
        };
        let failed = self.failed.iter().copied().map(failed_on_chain);
        let forgotten = resolution.has_forgotten();
        let due = forgotten.then_some(Action::Tell(Event::PastHtlcsDue));
        standing.into_iter().chain(failed).chain(due).collect()
    }

    /// What became of this node's HTLCs: told again after a restart, for whoever had not dealt with it.
    pub(super) fn outcomes(&self) -> Vec<Action> {
        let is_outcome = |action: &Action| match action {
            Action::Tell(event) => {
                matches!(
                    event,
                    Event::HtlcFulfilled { .. } | Event::HtlcFailed { .. }
                )
            }
            Action::Send(_) | Action::Broadcast(_) => false,
        };
        let mut actions = self.resume();
        actions.retain(is_outcome);
        actions
    }

    /// Whether the opening transaction is in the chain as far as is known.
    pub fn is_opening_confirmed(&self) -> bool {
        match self.common.opening {
            OpeningStatus::Unconfirmed { .. } | OpeningStatus::Reorged => false,
            OpeningStatus::Confirmed(_) => true,
        }
    }
}

/// What to propose to an opener that proposes too little now: the fee that was agreed to, as near as its range lets it, and
/// the most that suits this node.
fn counter(
    agreed: Amount,
    range: Option<(Amount, Amount)>,
    least: Amount,
) -> Result<(Amount, Amount), CloseError> {
    let Some((low, high)) = range else {
        let fee = agreed.max(least);
        return Ok((fee, fee));
    };
    if high < least {
        return Err(CloseError::NoOverlap { least, most: high });
    }
    Ok((agreed.max(low).max(least).min(high), high))
}

fn error(text: String) -> Action {
    Action::Send(OutgoingMessage::Error { text })
}

fn failed_on_chain(id: HtlcId) -> Action {
    let reason = FailureReason::OnChain;
    Action::Tell(Event::HtlcFailed { id, reason })
}
