//! What a command is, for a channel's history.

use bitcoin::Txid;
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::command::{ChainEvent, Command, LocalCommand};
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

/// Which Bitcoin transaction a step is about, and why it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Detail {
    pub(super) txid: Option<Txid>,
    pub(super) note: String,
}

/// The transaction and the reason that a command carries.
pub(super) fn detail_of(command: &Command) -> Detail {
    match command {
        Command::Local(
            LocalCommand::ForceClose { reason }
            | LocalCommand::LoseData { reason }
            | LocalCommand::Abandon { reason },
        ) => Detail {
            txid: None,
            note: reason.clone(),
        },
        Command::Peer {
            message: PeerMessage::Error { text },
            ..
        } => Detail {
            txid: None,
            note: format!("the peer sent an error: {}", shown(text)),
        },
        Command::Chain(event) => chain_detail(event),
        Command::Local(_) | Command::Peer { .. } => Detail::default(),
    }
}

/// What a peer wrote, without what could disturb a screen.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

fn chain_detail(event: &ChainEvent) -> Detail {
    let (txid, note) = match event {
        ChainEvent::OpeningConfirmed { block_height, .. } => (
            None,
            format!("the opening transaction is in block {block_height}"),
        ),
        ChainEvent::OpeningReorged => (None, "a reorg took the opening transaction".to_owned()),
        ChainEvent::FundingSpent {
            transaction,
            block_height,
        } => (
            Some(transaction.compute_txid()),
            format!("the funding output is spent in block {block_height}"),
        ),
        ChainEvent::SpendReorged => (None, "a reorg took the funding output's spend".to_owned()),
        ChainEvent::SpendBuried { block_height } => {
            (None, format!("the chain has reached height {block_height}"))
        }
        ChainEvent::OutputSpent {
            outpoint,
            transaction,
            block_height,
        } => (
            Some(transaction.compute_txid()),
            format!("output {outpoint} is spent in block {block_height}"),
        ),
        ChainEvent::OutputReorged { outpoint } => {
            (None, format!("a reorg took the spend of output {outpoint}"))
        }
        ChainEvent::PastHtlcs { htlcs } => (
            None,
            format!(
                "{} HTLCs of a revoked commitment are known again",
                htlcs.len()
            ),
        ),
        ChainEvent::PreimageSeen { id, .. } => (
            None,
            format!("a transaction shows the preimage of HTLC {}", id.0),
        ),
    };
    Detail { txid, note }
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
        | LocalCommand::LoseData { .. }
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
