//! This node opens: funding_created is sent, funding_signed is awaited. Nothing has been broadcast, so the channel can
//! still be given up for free, and is when the peer disconnects (BOLT 2, Message Retransmission).

use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::Transaction;
use serde::{Deserialize, Serialize};

use super::names::wrong_state;
use super::{after_first_signature, Channel, Context, Failed, Next};
use crate::command::{ChainEvent, Command, LocalCommand};
use crate::commitments::FirstCommitments;
use crate::message::PeerMessage;
use crate::params::ChannelParams;
use crate::validate::validate_tx;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwaitingFundingSigned {
    pub(crate) params: ChannelParams,
    pub(crate) first: FirstCommitments,
    transaction: Transaction,
}

impl AwaitingFundingSigned {
    pub(crate) fn new(
        params: ChannelParams,
        first: FirstCommitments,
        transaction: Transaction,
    ) -> Self {
        Self {
            params,
            first,
            transaction,
        }
    }

    pub(super) fn handle(self, command: Command, context: &Context<'_>) -> Next {
        let refusal = wrong_state("awaiting funding_signed", &command);
        match command {
            Command::Peer { message, .. } => match message {
                PeerMessage::FundingSigned { signature } => self.funding_signed(signature, context),
                PeerMessage::Error { text } => {
                    let shown: String =
                        text.chars().filter(|c| !c.is_control()).take(200).collect();
                    Ok(self.fail(format!("the peer sent an error: {shown}")))
                }
                PeerMessage::ChannelReady { .. }
                | PeerMessage::UpdateAddHtlc(_)
                | PeerMessage::UpdateFulfillHtlc { .. }
                | PeerMessage::UpdateFailHtlc { .. }
                | PeerMessage::UpdateFailMalformedHtlc { .. }
                | PeerMessage::UpdateFee { .. }
                | PeerMessage::CommitmentSigned { .. }
                | PeerMessage::RevokeAndAck { .. }
                | PeerMessage::Shutdown { .. }
                | PeerMessage::ClosingSigned(_)
                | PeerMessage::ChannelReestablish(_) => Err(refusal),
            },
            Command::Local(command) => match command {
                LocalCommand::Abandon { reason } | LocalCommand::ForceClose { reason } => {
                    Ok(self.fail(reason))
                }
                LocalCommand::AddHtlc { .. }
                | LocalCommand::FulfillHtlc { .. }
                | LocalCommand::FailHtlc { .. }
                | LocalCommand::FailMalformedHtlc { .. }
                | LocalCommand::UpdateFee { .. }
                | LocalCommand::Commit
                | LocalCommand::WithdrawHtlcs
                | LocalCommand::LoseData { .. }
                | LocalCommand::Shutdown { .. }
                | LocalCommand::ProposeClosing { .. } => Err(refusal),
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

    /// BOLT 2, funding_signed: the signature must be valid for this node's first commitment; only then the opening
    /// transaction may be broadcast.
    fn funding_signed(self, signature: Signature, context: &Context<'_>) -> Next {
        let tx = self.first.holder_tx(&self.params)?;
        let evidence = validate_tx(tx, &self.params, signature, Vec::new(), context.verifier)?;
        let commitments = self.first.signed(evidence);
        let transaction = Some(self.transaction);
        Ok(after_first_signature(self.params, commitments, transaction))
    }

    fn fail(self, reason: String) -> (Channel, Vec<crate::action::Action>) {
        let failed = Failed::new(self.params, reason);
        (Channel::Failed(Box::new(failed)), Vec::new())
    }
}
