//! Names of states and commands, and the refusal of a command that does not fit a state.

use super::Channel;
use crate::command::{ChainEvent, Command, LocalCommand};
use crate::error::{ChannelError, Fault};
use crate::message::PeerMessage;

impl Channel {
    /// The state's name as people and programs outside see it. Several states share one.
    pub fn state_name(&self) -> &'static str {
        match self {
            Self::AwaitingFundingSigned(_) => "opening",
            Self::AwaitingConfirmations(_) => "awaiting_confirmations",
            Self::AwaitingPeerReady(_) => "awaiting_peer_ready",
            Self::Normal(_) => "normal",
            Self::ShuttingDown(_) | Self::NegotiatingClosing(_) => "shutting_down",
            Self::Closing(_) => "closing",
            Self::Closed(_) => "closed",
            Self::Failed(_) => "failed",
        }
    }

    /// The state's own name, unique.
    pub fn variant_name(&self) -> &'static str {
        match self {
            Self::AwaitingFundingSigned(_) => "awaiting funding_signed",
            Self::AwaitingConfirmations(_) => "awaiting confirmations",
            Self::AwaitingPeerReady(_) => "awaiting channel_ready",
            Self::Normal(_) => "normal",
            Self::ShuttingDown(_) => "shutting down",
            Self::NegotiatingClosing(_) => "negotiating its closing fee",
            Self::Closing(_) => "closing",
            Self::Closed(_) => "closed",
            Self::Failed(_) => "failed",
        }
    }
}

/// The refusal of `command` by a state that has no use for it.
pub(super) fn wrong_state(state: &'static str, command: &Command) -> ChannelError {
    let (command, fault) = match command {
        Command::Peer { message, .. } => (peer_name(message), Fault::PeerWarning),
        Command::Local(command) => (local_name(command), Fault::Ours),
        Command::Chain(event) => (chain_name(event), Fault::Ours),
    };
    ChannelError::WrongState {
        state,
        command,
        fault,
    }
}

fn peer_name(message: &PeerMessage) -> &'static str {
    match message {
        PeerMessage::FundingSigned { .. } => "funding_signed",
        PeerMessage::ChannelReady { .. } => "channel_ready",
        PeerMessage::UpdateAddHtlc(_) => "update_add_htlc",
        PeerMessage::UpdateFulfillHtlc { .. } => "update_fulfill_htlc",
        PeerMessage::UpdateFailHtlc { .. } => "update_fail_htlc",
        PeerMessage::UpdateFailMalformedHtlc { .. } => "update_fail_malformed_htlc",
        PeerMessage::UpdateFee { .. } => "update_fee",
        PeerMessage::CommitmentSigned { .. } => "commitment_signed",
        PeerMessage::RevokeAndAck { .. } => "revoke_and_ack",
        PeerMessage::Shutdown { .. } => "shutdown",
        PeerMessage::ClosingSigned(_) => "closing_signed",
        PeerMessage::ChannelReestablish(_) => "channel_reestablish",
        PeerMessage::Error { .. } => "error",
    }
}

fn local_name(command: &LocalCommand) -> &'static str {
    match command {
        LocalCommand::AddHtlc { .. } => "adding an HTLC",
        LocalCommand::FulfillHtlc { .. } => "fulfilling an HTLC",
        LocalCommand::FailHtlc { .. } => "failing an HTLC",
        LocalCommand::FailMalformedHtlc { .. } => "failing a malformed HTLC",
        LocalCommand::UpdateFee { .. } => "a change of the feerate",
        LocalCommand::Commit => "a commitment",
        LocalCommand::WithdrawHtlcs => "a withdrawal of HTLCs",
        LocalCommand::Shutdown { .. } => "a cooperative close",
        LocalCommand::ProposeClosing { .. } => "a closing fee",
        LocalCommand::ForceClose { .. } => "a unilateral close",
        LocalCommand::LoseData { .. } => "loss of data",
        LocalCommand::Abandon { .. } => "abandonment",
    }
}

fn chain_name(event: &ChainEvent) -> &'static str {
    match event {
        ChainEvent::OpeningConfirmed { .. } => "the opening transaction's confirmation",
        ChainEvent::OpeningReorged => "the opening transaction's reorg",
        ChainEvent::FundingSpent { .. } => "a spend of the funding output",
        ChainEvent::SpendReorged => "the spend's reorg",
        ChainEvent::SpendBuried { .. } => "the spend's burial",
        ChainEvent::OutputSpent { .. } => "the spend of a closing output",
        ChainEvent::OutputReorged { .. } => "the reorg of a closing output's spend",
        ChainEvent::PastHtlcs { .. } => "forgotten HTLCs",
        ChainEvent::PreimageSeen { .. } => "a preimage on the chain",
    }
}
