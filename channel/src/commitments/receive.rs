//! What the counterparty proposes, commits and revokes. Nothing of it is believed.

use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::PublicKey;

use super::propose::{check_feerate, BADONION};
use super::{afford, Commitments, CounterpartyCommitment, HolderCommitment, MAX_FAILURE_LENGTH};
use crate::action::{Action, Event, FailureReason};
use crate::error::{ChannelError, UpdateError};
use crate::htlc::{Htlc, HtlcState, Resolution, Stage, Step, View};
use crate::ids::{HtlcId, PaymentPreimage};
use crate::limits::Limits;
use crate::message::{OutgoingMessage, UpdateAddHtlc};
use crate::params::{ChannelParams, Side};
use crate::tx::commitment::create_commitment_tx;
use crate::validate::{validate_tx, SignatureVerifier};

fn refused(source: UpdateError) -> ChannelError {
    ChannelError::Update {
        by: Side::Counterparty,
        source,
    }
}

/// A commitment_signed and what goes with it.
pub(crate) struct ReceivedCommitment<'a> {
    pub signature: Signature,
    pub htlc_signatures: Vec<Signature>,
    /// This node's point of the commitment after the one that is signed.
    pub next_holder_point: Option<PublicKey>,
    pub verifier: &'a dyn SignatureVerifier,
}

impl Commitments {
    /// update_add_htlc.
    pub(crate) fn receive_add(
        &mut self,
        params: &ChannelParams,
        limits: &Limits,
        add: UpdateAddHtlc,
    ) -> Result<(), ChannelError> {
        let expected = self.next_ids.counterparty;
        if add.id != expected {
            let got = add.id;
            return Err(refused(UpdateError::WrongHtlcId { expected, got }));
        }
        afford::check_expiry(add.cltv_expiry).map_err(refused)?;
        let over_exposure = self
            .check_receiving(params, limits, add.amount)
            .map_err(refused)?;
        let next = add
            .id
            .0
            .checked_add(1)
            .ok_or_else(|| refused(UpdateError::Overflow))?;
        self.next_ids.counterparty = HtlcId(next);
        self.htlcs.push(Htlc {
            offered_by: Side::Counterparty,
            id: add.id,
            amount: add.amount,
            payment_hash: add.payment_hash,
            cltv_expiry: add.cltv_expiry,
            over_exposure,
            preimage: None,
            state: HtlcState::Adding(Stage::Proposed),
        });
        Ok(())
    }

    /// update_fulfill_htlc. The preimage counts at once, whatever becomes of the commitment.
    pub(crate) fn receive_fulfill(
        &mut self,
        id: HtlcId,
        preimage: PaymentPreimage,
    ) -> Result<Vec<Action>, ChannelError> {
        let htlc = self.removable_by_counterparty(id)?;
        // BOLT 2, update_fulfill_htlc: it must hash to the HTLC's payment_hash.
        if preimage.payment_hash() != htlc.payment_hash {
            return Err(refused(UpdateError::WrongPreimage { id }));
        }
        let is_news = htlc.preimage.replace(preimage).is_none();
        htlc.remove(Resolution::Fulfilled(preimage));
        let told = Action::Tell(Event::HtlcFulfilled { id, preimage });
        Ok(is_news.then_some(told).into_iter().collect())
    }

    /// update_fail_htlc.
    pub(crate) fn receive_fail(
        &mut self,
        id: HtlcId,
        mut reason: Vec<u8>,
    ) -> Result<(), ChannelError> {
        let htlc = self.removable_by_counterparty(id)?;
        // Its origin cannot read so long an onion anyway, and a peer shall not fill the disk with it.
        reason.truncate(MAX_FAILURE_LENGTH);
        htlc.remove(Resolution::Failed { reason });
        Ok(())
    }

    /// update_fail_malformed_htlc.
    pub(crate) fn receive_malformed(
        &mut self,
        id: HtlcId,
        sha256_of_onion: [u8; 32],
        failure_code: u16,
    ) -> Result<(), ChannelError> {
        // BOLT 2: BADONION must be set.
        if failure_code & BADONION == 0 {
            return Err(refused(UpdateError::NotBadOnion { failure_code }));
        }
        self.removable_by_counterparty(id)?
            .remove(Resolution::Malformed {
                sha256_of_onion,
                failure_code,
            });
        Ok(())
    }

    /// update_fee.
    pub(crate) fn receive_fee(
        &mut self,
        params: &ChannelParams,
        limits: &Limits,
        feerate_per_kw: u32,
    ) -> Result<(), ChannelError> {
        // BOLT 2, update_fee: only the side that pays it.
        if params.opener != Side::Counterparty {
            return Err(refused(UpdateError::NotTheOpener));
        }
        check_feerate(limits, feerate_per_kw).map_err(refused)?;
        self.check_receiving_fee(params, limits, feerate_per_kw)
            .map_err(refused)?;
        self.fee.propose(feerate_per_kw);
        Ok(())
    }

    /// BOLT 2: the counterparty removes only HTLCs of this node's that are irrevocably committed, and once.
    fn removable_by_counterparty(&mut self, id: HtlcId) -> Result<&mut Htlc, ChannelError> {
        let position = self.position(Side::Holder, id);
        match position.and_then(|position| self.htlcs.get_mut(position)) {
            None => Err(refused(UpdateError::UnknownHtlc { id })),
            Some(htlc) if htlc.is_live() => Ok(htlc),
            Some(_) => Err(refused(UpdateError::NotRemovable { id })),
        }
    }

    /// commitment_signed: this node's next commitment becomes its current one, and the one before is given up.
    pub(crate) fn receive_commitment(
        &mut self,
        params: &ChannelParams,
        received: ReceivedCommitment<'_>,
    ) -> Result<Vec<Action>, ChannelError> {
        // BOLT 2, commitment_signed: not without updates.
        if !self.has_changes(params, Side::Counterparty) {
            return Err(ChannelError::NothingToCommit {
                by: Side::Counterparty,
            });
        }
        let revoked = self.holder.number;
        let number = revoked.saturating_add(1); // bounded by 2^48 when the transaction is built
        let next_point = received
            .next_holder_point
            .ok_or(ChannelError::PointMissing {
                number: number.saturating_add(1),
            })?;
        let spec = self.spec(params, View::HolderNext, Side::Holder)?;
        let point = self.holder.next_point;
        let tx = create_commitment_tx(params, Side::Holder, number, &point, &spec)?;
        let evidence = validate_tx(
            tx,
            params,
            received.signature,
            received.htlc_signatures,
            received.verifier,
        )?;
        let (_, signature, htlc_signatures) = evidence.into_parts();
        self.holder = HolderCommitment {
            number,
            point,
            next_point,
            signature,
            htlc_signatures,
        };
        let advanced = self.advance(params, Step::CounterpartySigned)?;
        let mut actions = vec![Action::Send(OutgoingMessage::RevokeAndAck {
            revoked,
            next_per_commitment_point: next_point,
        })];
        // What is gone here are HTLCs of the counterparty's that this node removed.
        actions.extend(advanced.gone.iter().map(removed));
        Ok(actions)
    }

    /// revoke_and_ack: the counterparty's older commitment is punishable from now on.
    pub(crate) fn receive_revocation(
        &mut self,
        params: &ChannelParams,
        secret: [u8; 32],
        next_point: PublicKey,
    ) -> Result<Vec<Action>, ChannelError> {
        let (number, point, previous_point) = match &self.counterparty {
            CounterpartyCommitment::First { .. } | CounterpartyCommitment::Acknowledged { .. } => {
                return Err(ChannelError::NoRevocationAwaited {
                    number: self.counterparty.number(),
                })
            }
            CounterpartyCommitment::AwaitingRevocation {
                number,
                point,
                previous_point,
                ..
            } => (*number, *point, *previous_point),
        };
        // BOLT 2, revoke_and_ack: the secret is that of the announced point, and of one seed with all earlier ones.
        let revoked = number.saturating_sub(1); // a commitment that has one before it is not number 0
        self.secrets
            .insert_checked(revoked, secret, &previous_point)?;
        self.counterparty = CounterpartyCommitment::Acknowledged {
            number,
            point,
            next_point,
        };
        let advanced = self.advance(params, Step::CounterpartyRevoked)?;
        let mut actions = Vec::new();
        for htlc in &advanced.gone {
            actions.extend(failed(htlc));
            actions.push(removed(htlc));
        }
        for (offered_by, id) in advanced.live {
            actions.extend(
                self.position(offered_by, id)
                    .and_then(|position| self.htlcs.get(position).and_then(accepted)),
            );
        }
        Ok(actions)
    }

    /// BOLT 2, Message Retransmission: updates of the counterparty that it has not committed are undone when it
    /// disconnects. What they told stays known.
    pub(crate) fn drop_uncommitted(&mut self, params: &ChannelParams) {
        let mut first = self.next_ids.counterparty;
        self.htlcs
            .retain_mut(|htlc| match (&htlc.state, htlc.offered_by) {
                (HtlcState::Adding(Stage::Proposed), Side::Counterparty) => {
                    first = first.min(htlc.id);
                    false
                }
                (
                    HtlcState::Removing {
                        stage: Stage::Proposed,
                        ..
                    },
                    Side::Holder,
                ) => {
                    htlc.state = HtlcState::Live;
                    true
                }
                (
                    HtlcState::Adding(_) | HtlcState::Live | HtlcState::Removing { .. },
                    Side::Holder | Side::Counterparty,
                ) => true,
            });
        self.next_ids.counterparty = first;
        match params.opener {
            Side::Counterparty => self.fee.drop_proposed(),
            Side::Holder => {}
        }
    }

    /// Whether the counterparty has proposed something that it has not committed.
    pub(crate) fn has_uncommitted_of_counterparty(&self, params: &ChannelParams) -> bool {
        let fee =
            params.opener == Side::Counterparty && self.fee.at_stage(Stage::Proposed).is_some();
        fee || self
            .htlcs
            .iter()
            .any(|htlc| htlc.pending() == Some((Side::Counterparty, Stage::Proposed)))
    }

    /// HTLCs of the counterparty's that wait for this node's decision, and preimages of this node's HTLCs: told again after
    /// a restart.
    pub(crate) fn standing_events(&self) -> Vec<Action> {
        let live = self.htlcs.iter().filter(|htlc| htlc.is_live());
        let fulfilled = self.htlcs.iter().filter_map(|htlc| match htlc.offered_by {
            Side::Holder => htlc.preimage.map(|preimage| {
                Action::Tell(Event::HtlcFulfilled {
                    id: htlc.id,
                    preimage,
                })
            }),
            Side::Counterparty => None,
        });
        live.filter_map(accepted).chain(fulfilled).collect()
    }
}

fn accepted(htlc: &Htlc) -> Option<Action> {
    match (htlc.offered_by, htlc.over_exposure) {
        (Side::Holder, _) => None,
        (Side::Counterparty, false) => Some(Action::Tell(Event::HtlcAccepted { id: htlc.id })),
        (Side::Counterparty, true) => Some(Action::Tell(Event::HtlcOverExposure { id: htlc.id })),
    }
}

fn removed(htlc: &Htlc) -> Action {
    Action::Tell(Event::HtlcRemoved {
        offered_by_us: htlc.offered_by == Side::Holder,
        id: htlc.id,
    })
}

/// An HTLC of this node's that is irrevocably gone has failed, unless its preimage was ever released.
fn failed(htlc: &Htlc) -> Option<Action> {
    if htlc.offered_by == Side::Counterparty || htlc.preimage.is_some() {
        return None;
    }
    let reason = match &htlc.state {
        HtlcState::Removing { resolution, .. } => match resolution {
            Resolution::Fulfilled(_) => return None,
            Resolution::Failed { reason } => FailureReason::Onion(reason.clone()),
            Resolution::Malformed {
                sha256_of_onion,
                failure_code,
            } => FailureReason::Malformed {
                sha256_of_onion: *sha256_of_onion,
                failure_code: *failure_code,
            },
        },
        HtlcState::Adding(_) | HtlcState::Live => return None,
    };
    Some(Action::Tell(Event::HtlcFailed {
        id: htlc.id,
        reason,
    }))
}
