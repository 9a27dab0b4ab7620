//! The end: everything of this node's is settled. What is kept is what people ask about, and until no reorg can undo the
//! close (BOLT 5: 100 blocks) what it takes to go on with it.

use bitcoin::Txid;
use serde::{Deserialize, Serialize};

use super::closing::Closing;
use super::names::wrong_state;
use super::query::Balances;
use super::spend::SpendKind;
use super::{Channel, Context, Next};
use crate::action::Action;
use crate::command::{ChainEvent, Command, LocalCommand};
use crate::error::{ChainError, ChannelError};
use crate::message::{OutgoingMessage, PeerMessage};
use crate::params::ChannelParams;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    pub(crate) params: ChannelParams,
    pub(crate) numbers: (u64, u64),
    pub(crate) balances: Balances,
    /// What closed the channel.
    pub kind: SpendKind,
    /// By which transaction.
    pub txid: Txid,
    /// Confirmed in the block of this height.
    pub block_height: u32,
    /// The height at which it was deep enough.
    pub buried_height: u32,
    /// The state to go on from where a reorg undoes the close; none once no reorg can.
    watched: Option<Box<Closing>>,
}

/// What an older program stored of a closed channel.
#[derive(Deserialize)]
pub(super) struct ClosedV1 {
    params: ChannelParams,
    numbers: (u64, u64),
    balances: Balances,
    kind: SpendKind,
    txid: Txid,
    block_height: u32,
    buried_height: u32,
}

impl From<ClosedV1> for Closed {
    fn from(stored: ClosedV1) -> Self {
        Self {
            params: stored.params,
            numbers: stored.numbers,
            balances: stored.balances,
            kind: stored.kind,
            txid: stored.txid,
            block_height: stored.block_height,
            buried_height: stored.buried_height,
            watched: None,
        }
    }
}

impl Closed {
    pub(super) fn new(closing: Closing, buried_height: u32) -> Result<Self, ChannelError> {
        let spend = closing.spend().ok_or(ChainError::NotSpent)?;
        let common = &closing.common;
        Ok(Self {
            numbers: common.commitments.numbers(),
            balances: Balances::of(&common.params, &common.commitments),
            kind: spend.kind,
            txid: spend.transaction.compute_txid(),
            block_height: spend.block_height,
            buried_height,
            params: common.params.clone(),
            watched: Some(Box::new(closing)),
        })
    }

    /// The state to go on from where a reorg undoes the close.
    pub(super) fn watched(&self) -> Option<&Closing> {
        self.watched.as_deref()
    }

    fn with(self, actions: Vec<Action>) -> (Channel, Vec<Action>) {
        (Channel::Closed(Box::new(self)), actions)
    }

    pub(super) fn handle(self, command: Command, context: &Context<'_>) -> Next {
        let refusal = wrong_state("closed", &command);
        match command {
            Command::Peer { message, .. } => self.peer(&message, refusal),
            Command::Local(command) => self.local(command, context, refusal),
            Command::Chain(event) => self.chain(event, refusal),
        }
    }

    fn peer(self, message: &PeerMessage, refusal: ChannelError) -> Next {
        match message {
            // BOLT 2, Message Retransmission: the peer is told once more.
            PeerMessage::ChannelReestablish(_) => {
                let text = "the channel is closed".to_owned();
                Ok(self.with(vec![Action::Send(OutgoingMessage::Error { text })]))
            }
            PeerMessage::Error { .. } => Ok(self.with(Vec::new())),
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
        }
    }

    fn local(self, command: LocalCommand, context: &Context<'_>, refusal: ChannelError) -> Next {
        match command {
            // A preimage that comes late may still claim an output that the counterparty has left.
            LocalCommand::FulfillHtlc { .. } => match self.watched {
                Some(closing) => closing.handle(Command::Local(command), context),
                None => Err(refusal),
            },
            LocalCommand::AddHtlc { .. }
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
        }
    }

    fn chain(mut self, event: ChainEvent, refusal: ChannelError) -> Next {
        let Some(mut closing) = self.watched.take() else {
            return Err(refusal);
        };
        match event {
            ChainEvent::SpendBuried { block_height } => {
                let actions = closing.fail_buried(block_height)?;
                let is_over = closing
                    .resolution()
                    .is_none_or(|resolution| resolution.is_over(block_height));
                self.watched = (!is_over).then_some(closing);
                Ok(self.with(actions))
            }
            // The close is not what it was: it goes on.
            ChainEvent::OpeningConfirmed { .. }
            | ChainEvent::OpeningReorged
            | ChainEvent::SpendReorged
            | ChainEvent::OutputSpent { .. }
            | ChainEvent::OutputReorged { .. }
            | ChainEvent::PastHtlcs { .. }
            | ChainEvent::PreimageSeen { .. } => closing.chain(event, refusal),
            ChainEvent::FundingSpent { .. } => Err(refusal),
        }
    }
}
