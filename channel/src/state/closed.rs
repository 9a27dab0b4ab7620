//! The end: the spend of the funding output is buried. What is kept is what people ask about.

use bitcoin::Txid;
use serde::{Deserialize, Serialize};

use super::established::Established;
use super::names::wrong_state;
use super::query::Balances;
use super::spend::{Spend, SpendKind};
use super::{Channel, Context, Next};
use crate::action::Action;
use crate::command::{ChainEvent, Command, LocalCommand};
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
}

impl Closed {
    pub(super) fn new(common: Established, spend: Spend, buried_height: u32) -> Self {
        Self {
            numbers: common.commitments.numbers(),
            balances: Balances::of(&common.params, &common.commitments),
            kind: spend.kind,
            txid: spend.transaction.compute_txid(),
            block_height: spend.block_height,
            buried_height,
            params: common.params,
        }
    }

    pub(super) fn handle(self, command: Command, _: &Context<'_>) -> Next {
        let refusal = wrong_state("closed", &command);
        match command {
            Command::Peer { message, .. } => match message {
                // BOLT 2, Message Retransmission: the peer is told once more.
                PeerMessage::ChannelReestablish(_) => {
                    let text = "the channel is closed".to_owned();
                    let error = Action::Send(OutgoingMessage::Error { text });
                    Ok((Channel::Closed(Box::new(self)), vec![error]))
                }
                PeerMessage::Error { .. } => Ok((Channel::Closed(Box::new(self)), Vec::new())),
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
                | LocalCommand::Abandon { .. } => Err(refusal),
            },
            Command::Chain(event) => match event {
                ChainEvent::OpeningConfirmed { .. }
                | ChainEvent::OpeningReorged
                | ChainEvent::FundingSpent { .. }
                | ChainEvent::SpendReorged
                | ChainEvent::SpendBuried { .. } => Err(refusal),
            },
        }
    }
}
