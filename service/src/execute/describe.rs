//! What a command is, for a channel's history.

use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::command::{Command, LocalCommand};
use zarnitsa_channel::ids::HtlcId;
use zarnitsa_channel::message::PeerMessage;

use crate::records::{Actor, HistoryKind};

/// What a step was, and who made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StepKind {
    pub(super) kind: HistoryKind,
    pub(super) by: Actor,
}

impl StepKind {
    /// Whether the step is about one HTLC.
    pub(super) fn is_of_htlc(self) -> bool {
        match self.kind {
            HistoryKind::HtlcAdd | HistoryKind::HtlcFulfill | HistoryKind::HtlcFail => true,
            HistoryKind::Opening
            | HistoryKind::Ready
            | HistoryKind::Fee
            | HistoryKind::Commitment
            | HistoryKind::Revocation
            | HistoryKind::Reestablish
            | HistoryKind::Closing
            | HistoryKind::Chain => false,
        }
    }
}

/// The HTLC that a step is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HtlcMark {
    pub(super) id: HtlcId,
    pub(super) amount: Msat,
}

/// What the command is, and who makes it.
pub(super) fn kind_of(command: &Command) -> StepKind {
    match command {
        Command::Local(command) => StepKind {
            kind: kind_of_local(command),
            by: Actor::Holder,
        },
        Command::Peer { message, .. } => StepKind {
            kind: kind_of_message(message),
            by: Actor::Counterparty,
        },
        Command::Chain(_) => StepKind {
            kind: HistoryKind::Chain,
            by: Actor::Chain,
        },
    }
}

fn kind_of_local(command: &LocalCommand) -> HistoryKind {
    match command {
        LocalCommand::AddHtlc { .. } => HistoryKind::HtlcAdd,
        LocalCommand::FulfillHtlc { .. } => HistoryKind::HtlcFulfill,
        LocalCommand::FailHtlc { .. }
        | LocalCommand::FailMalformedHtlc { .. }
        | LocalCommand::WithdrawHtlcs => HistoryKind::HtlcFail,
        LocalCommand::UpdateFee { .. } => HistoryKind::Fee,
        LocalCommand::Commit => HistoryKind::Commitment,
        LocalCommand::Shutdown { .. }
        | LocalCommand::ProposeClosing { .. }
        | LocalCommand::ForceClose { .. }
        | LocalCommand::Abandon { .. } => HistoryKind::Closing,
    }
}

fn kind_of_message(message: &PeerMessage) -> HistoryKind {
    match message {
        PeerMessage::FundingSigned { .. } | PeerMessage::ChannelReady { .. } => HistoryKind::Ready,
        PeerMessage::UpdateAddHtlc(_) => HistoryKind::HtlcAdd,
        PeerMessage::UpdateFulfillHtlc { .. } => HistoryKind::HtlcFulfill,
        PeerMessage::UpdateFailHtlc { .. } | PeerMessage::UpdateFailMalformedHtlc { .. } => {
            HistoryKind::HtlcFail
        }
        PeerMessage::UpdateFee { .. } => HistoryKind::Fee,
        PeerMessage::CommitmentSigned { .. } => HistoryKind::Commitment,
        PeerMessage::RevokeAndAck { .. } => HistoryKind::Revocation,
        PeerMessage::ChannelReestablish(_) => HistoryKind::Reestablish,
        PeerMessage::Shutdown { .. }
        | PeerMessage::ClosingSigned(_)
        | PeerMessage::Error { .. } => HistoryKind::Closing,
    }
}
