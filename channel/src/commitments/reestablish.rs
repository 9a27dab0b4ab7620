//! channel_reestablish: what this side says and how it answers (BOLT 2, "Message Retransmission").

use bitcoin::secp256k1::PublicKey;

use super::{Commitments, CounterpartyCommitment};
use crate::action::Action;
use crate::error::ChannelError;
use crate::htlc::Stage;
use crate::message::{ChannelReestablish, OutgoingMessage};
use crate::params::ChannelParams;
use crate::secrets::{is_secret_of_point, MAX_COMMITMENT_NUMBER};

/// How the two sides stand to one another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Agreement {
    /// They agree, but for messages that were lost and are sent again in this order.
    Agreed(Vec<Action>),
    /// The peer proves that this node has revoked more than it knows of: whatever it would broadcast is punishable.
    HolderIsBehind,
    /// The peer has lost state. It knows that now, and asks for a close by an error.
    PeerIsBehind,
}

impl Commitments {
    /// The channel_reestablish to send on a new connection.
    pub(crate) fn reestablish(&self) -> ChannelReestablish {
        let next_revocation_number = self.next_revocation_number();
        let last = next_revocation_number.checked_sub(1);
        ChannelReestablish {
            next_commitment_number: self.holder.number.saturating_add(1), // numbers end at 2^48
            next_revocation_number,
            // BOLT 2: zeroes where nothing has been revoked yet.
            your_last_per_commitment_secret: last
                .and_then(|number| self.secrets.get(number))
                .unwrap_or([0; 32]),
            my_current_per_commitment_point: self.holder.point,
        }
    }

    /// The number of the commitment that the counterparty revokes next: as many as it has revoked.
    fn next_revocation_number(&self) -> u64 {
        self.secrets.len()
    }

    /// Which of this node's points is needed to judge a peer's message: see [`Self::compare`].
    pub(crate) fn reestablish_point(message: &ChannelReestablish) -> Option<u64> {
        let claimed = message.next_revocation_number.checked_sub(1)?;
        (claimed <= MAX_COMMITMENT_NUMBER).then_some(claimed)
    }

    /// Compares the peer's channel_reestablish with this state. `claimed_point` is this node's point of
    /// [`Self::reestablish_point`].
    pub(crate) fn compare(
        &self,
        params: &ChannelParams,
        message: &ChannelReestablish,
        claimed_point: Option<PublicKey>,
    ) -> Result<Agreement, ChannelError> {
        // BOLT 2: commitment 0 is made while opening, so nobody waits for it.
        if message.next_commitment_number == 0 {
            return Err(ChannelError::Reestablish {
                what: "next_commitment_number",
                expected: self.counterparty.number().saturating_add(1),
                got: 0,
            });
        }
        self.check_secret(message, claimed_point)?;
        let (revoked, claimed) = (self.holder.number, message.next_revocation_number);
        // The secret is proven: more of this node's commitments are revoked than this state knows of.
        if claimed > revoked {
            return Ok(Agreement::HolderIsBehind);
        }
        let signed = self.counterparty.number();
        let wanted = message.next_commitment_number;
        // More commitments than this node has signed, without the proof that it has.
        if wanted > signed.saturating_add(1) {
            return Err(ChannelError::Reestablish {
                what: "next_commitment_number",
                expected: signed.saturating_add(1),
                got: wanted,
            });
        }
        let resend_revocation = claimed.checked_add(1) == Some(revoked);
        if claimed < revoked && !resend_revocation {
            return Ok(Agreement::PeerIsBehind);
        }
        let resend_commitment = match &self.counterparty {
            // The peer has a revoke_and_ack that left after this commitment_signed, so what it calls missing came before
            // and was lost on the way or refused. It would judge the same signatures by another content, always.
            CounterpartyCommitment::AwaitingRevocation { holder_number, .. }
                if wanted == signed && claimed > *holder_number =>
            {
                return Err(ChannelError::Reestablish {
                    what: "next_commitment_number",
                    expected: signed.saturating_add(1),
                    got: wanted,
                })
            }
            CounterpartyCommitment::AwaitingRevocation { .. } if wanted == signed => true,
            CounterpartyCommitment::First { .. }
            | CounterpartyCommitment::Acknowledged { .. }
            | CounterpartyCommitment::AwaitingRevocation { .. }
                if wanted <= signed =>
            {
                return Ok(Agreement::PeerIsBehind)
            }
            CounterpartyCommitment::First { .. }
            | CounterpartyCommitment::Acknowledged { .. }
            | CounterpartyCommitment::AwaitingRevocation { .. } => false,
        };
        Ok(Agreement::Agreed(self.resend(
            params,
            resend_revocation,
            resend_commitment,
        )))
    }

    /// BOLT 2: the secret that the peer sends back must be the one of the last revocation that it has seen.
    fn check_secret(
        &self,
        message: &ChannelReestablish,
        claimed_point: Option<PublicKey>,
    ) -> Result<(), ChannelError> {
        let secret = &message.your_last_per_commitment_secret;
        let Some(number) = message.next_revocation_number.checked_sub(1) else {
            // BOLT 2: nothing is revoked, so zeroes are due.
            return match *secret == [0; 32] {
                true => Ok(()),
                false => Err(ChannelError::ReestablishSecretEarly),
            };
        };
        if number > MAX_COMMITMENT_NUMBER {
            return Err(ChannelError::ReestablishSecret { number });
        }
        let point = claimed_point.ok_or(ChannelError::PointMissing { number })?;
        if !is_secret_of_point(secret, &point) {
            return Err(ChannelError::ReestablishSecret { number });
        }
        Ok(())
    }

    /// BOLT 2: revoke_and_ack and commitment_signed are sent again in the order in which they were sent first.
    fn resend(&self, params: &ChannelParams, revocation: bool, commitment: bool) -> Vec<Action> {
        let revocations = revocation.then(|| OutgoingMessage::RevokeAndAck {
            revoked: self.holder.number.saturating_sub(1), // a revocation was sent, so the number is not 0
            next_per_commitment_point: self.holder.next_point,
        });
        let mut signed = Vec::new();
        if commitment {
            // As they were sent: everything this node signed and the counterparty has not acknowledged.
            signed = self.updates_at(Stage::Signed, params);
            signed.push(OutgoingMessage::CommitmentSigned {
                number: self.counterparty.number(),
            });
        }
        let messages: Vec<OutgoingMessage> = if self.signed_before_last_revocation() {
            signed.into_iter().chain(revocations).collect()
        } else {
            revocations.into_iter().chain(signed).collect()
        };
        messages.into_iter().map(Action::Send).collect()
    }

    /// Whether the outstanding commitment_signed left before the latest revoke_and_ack.
    fn signed_before_last_revocation(&self) -> bool {
        match self.counterparty {
            CounterpartyCommitment::First { .. } | CounterpartyCommitment::Acknowledged { .. } => {
                false
            }
            CounterpartyCommitment::AwaitingRevocation { holder_number, .. } => {
                holder_number < self.holder.number
            }
        }
    }
}
