//! Updates, commitments and revocations: what the states that carry HTLCs do alike.

use bitcoin::secp256k1::PublicKey;

use super::established::Established;
use super::Context;
use crate::action::Action;
use crate::command::LocalCommand;
use crate::commitments::ReceivedCommitment;
use crate::error::ChannelError;
use crate::ids::HtlcId;
use crate::message::{PeerMessage, UpdateAddHtlc};

impl Established {
    /// A message of normal operation from the peer; any other gives `refusal`.
    pub(super) fn update(
        &mut self,
        message: PeerMessage,
        holder_point: Option<PublicKey>,
        context: &Context<'_>,
        refusal: ChannelError,
    ) -> Result<Vec<Action>, ChannelError> {
        let (params, limits) = (&self.params, context.limits);
        let commitments = &mut self.commitments;
        match message {
            PeerMessage::UpdateAddHtlc(add) => commitments.receive_add(params, limits, add)?,
            PeerMessage::UpdateFulfillHtlc { id, preimage } => {
                return commitments.receive_fulfill(id, preimage)
            }
            PeerMessage::UpdateFailHtlc { id, reason } => commitments.receive_fail(id, reason)?,
            PeerMessage::UpdateFailMalformedHtlc {
                id,
                sha256_of_onion,
                failure_code,
            } => commitments.receive_malformed(id, sha256_of_onion, failure_code)?,
            PeerMessage::UpdateFee { feerate_per_kw } => {
                commitments.receive_fee(params, limits, feerate_per_kw)?;
            }
            PeerMessage::CommitmentSigned {
                signature,
                htlc_signatures,
            } => {
                let received = ReceivedCommitment {
                    signature,
                    htlc_signatures,
                    next_holder_point: holder_point,
                    verifier: context.verifier,
                };
                return commitments.receive_commitment(params, received);
            }
            PeerMessage::RevokeAndAck {
                per_commitment_secret,
                next_per_commitment_point,
            } => {
                let (secret, point) = (per_commitment_secret, next_per_commitment_point);
                return commitments.receive_revocation(params, secret, point);
            }
            PeerMessage::FundingSigned { .. }
            | PeerMessage::ChannelReady { .. }
            | PeerMessage::Shutdown { .. }
            | PeerMessage::ClosingSigned(_)
            | PeerMessage::ChannelReestablish(_)
            | PeerMessage::Error { .. } => return Err(refusal),
        }
        Ok(Vec::new())
    }

    /// An update or commitment of this node; any other command gives `refusal`.
    pub(super) fn propose(
        &mut self,
        command: LocalCommand,
        context: &Context<'_>,
        refusal: ChannelError,
    ) -> Result<Vec<Action>, ChannelError> {
        let (params, limits) = (&self.params, context.limits);
        let commitments = &mut self.commitments;
        match command {
            LocalCommand::AddHtlc {
                amount,
                payment_hash,
                cltv_expiry,
            } => {
                let id = HtlcId::default(); // the next one is given
                let add = UpdateAddHtlc {
                    id,
                    amount,
                    payment_hash,
                    cltv_expiry,
                };
                commitments.propose_add(params, limits, add)?;
            }
            LocalCommand::FulfillHtlc { id, preimage } => {
                commitments.propose_fulfill(id, preimage)?
            }
            LocalCommand::FailHtlc { id, reason } => commitments.propose_fail(id, reason)?,
            LocalCommand::FailMalformedHtlc {
                id,
                sha256_of_onion,
                failure_code,
            } => commitments.propose_malformed(id, sha256_of_onion, failure_code)?,
            LocalCommand::UpdateFee { feerate_per_kw } => {
                commitments.propose_fee(params, limits, feerate_per_kw)?;
            }
            LocalCommand::Commit => return commitments.commit(params, limits),
            LocalCommand::WithdrawHtlcs => return Ok(commitments.withdraw_unsent_adds()),
            LocalCommand::Shutdown { .. }
            | LocalCommand::ProposeClosing { .. }
            | LocalCommand::ForceClose { .. }
            | LocalCommand::LoseData { .. }
            | LocalCommand::Abandon { .. } => return Err(refusal),
        }
        Ok(Vec::new())
    }
}
