//! What this node proposes, and the commitment_signed that carries it.

use super::{afford, Commitments, CounterpartyCommitment, MAX_FAILURE_LENGTH};
use crate::action::{Action, Event, FailureReason};
use crate::error::{ChannelError, UpdateError};
use crate::htlc::{Htlc, HtlcState, Resolution, Stage, Step};
use crate::ids::{HtlcId, PaymentPreimage};
use crate::limits::Limits;
use crate::message::{OutgoingMessage, UpdateAddHtlc};
use crate::params::{ChannelParams, Side};

/// BOLT 4: the failure codes of onions that could not be read have this bit.
pub(super) const BADONION: u16 = 0x8000;

/// A refusal of what this node itself asked for.
fn refused(source: UpdateError) -> ChannelError {
    ChannelError::Update {
        by: Side::Holder,
        source,
    }
}

impl Commitments {
    /// Offers an HTLC; `add.id` is ignored, the next id is given.
    pub(crate) fn propose_add(
        &mut self,
        params: &ChannelParams,
        limits: &Limits,
        add: UpdateAddHtlc,
    ) -> Result<(), ChannelError> {
        afford::check_expiry(add.cltv_expiry).map_err(refused)?;
        self.check_sending(params, limits, add.amount)
            .map_err(refused)?;
        let id = self.next_ids.holder;
        // BOLT 2, update_add_htlc: ids count up by one; 2^64 of them do not happen.
        let next =
            id.0.checked_add(1)
                .ok_or_else(|| refused(UpdateError::Overflow))?;
        self.next_ids.holder = HtlcId(next);
        self.htlcs.push(Htlc {
            offered_by: Side::Holder,
            id,
            amount: add.amount,
            payment_hash: add.payment_hash,
            cltv_expiry: add.cltv_expiry,
            over_exposure: false,
            preimage: None,
            state: HtlcState::Adding(Stage::Proposed),
        });
        Ok(())
    }

    /// Claims an HTLC of the counterparty's.
    pub(crate) fn propose_fulfill(
        &mut self,
        id: HtlcId,
        preimage: PaymentPreimage,
    ) -> Result<(), ChannelError> {
        let htlc = self.removable(id)?;
        if preimage.payment_hash() != htlc.payment_hash {
            return Err(refused(UpdateError::WrongPreimage { id }));
        }
        // BOLT 2, "Bounding exposure": its preimage is not revealed.
        if htlc.over_exposure {
            return Err(refused(UpdateError::OverExposure { id }));
        }
        htlc.preimage = Some(preimage);
        htlc.remove(Resolution::Fulfilled(preimage));
        Ok(())
    }

    /// Keeps the preimage of an HTLC of the counterparty's that can only be claimed on chain any more (BOLT 5). One that
    /// this node has failed stays failed.
    pub(crate) fn learn_preimage(
        &mut self,
        id: HtlcId,
        preimage: PaymentPreimage,
    ) -> Result<(), ChannelError> {
        let position = self.position(Side::Counterparty, id);
        let htlc = position.and_then(|position| self.htlcs.get_mut(position));
        let htlc = htlc.ok_or_else(|| refused(UpdateError::UnknownHtlc { id }))?;
        if preimage.payment_hash() != htlc.payment_hash {
            return Err(refused(UpdateError::WrongPreimage { id }));
        }
        match htlc.state {
            HtlcState::Adding(_) | HtlcState::Live => {
                htlc.preimage = Some(preimage);
                Ok(())
            }
            HtlcState::Removing { .. } => Err(refused(UpdateError::NotRemovable { id })),
        }
    }

    /// The chain, or a transaction on its way there, shows the preimage of an HTLC of this node's. Whether it is news.
    pub(crate) fn learn_shown_preimage(&mut self, id: HtlcId, preimage: PaymentPreimage) -> bool {
        let position = self.position(Side::Holder, id);
        let htlc = position.and_then(|position| self.htlcs.get_mut(position));
        match htlc {
            Some(htlc)
                if htlc.preimage.is_none() && preimage.payment_hash() == htlc.payment_hash =>
            {
                htlc.preimage = Some(preimage);
                true
            }
            Some(_) | None => false,
        }
    }

    /// Fails an HTLC of the counterparty's. One whose preimage is known is being claimed and so cannot be failed.
    pub(crate) fn propose_fail(&mut self, id: HtlcId, reason: Vec<u8>) -> Result<(), ChannelError> {
        if reason.len() > MAX_FAILURE_LENGTH {
            return Err(refused(UpdateError::ReasonTooLong {
                length: reason.len(),
                limit: MAX_FAILURE_LENGTH,
            }));
        }
        self.removable(id)?.remove(Resolution::Failed { reason });
        Ok(())
    }

    /// Fails an HTLC of the counterparty's whose onion cannot be read.
    pub(crate) fn propose_malformed(
        &mut self,
        id: HtlcId,
        sha256_of_onion: [u8; 32],
        failure_code: u16,
    ) -> Result<(), ChannelError> {
        if failure_code & BADONION == 0 {
            return Err(refused(UpdateError::NotBadOnion { failure_code }));
        }
        self.removable(id)?.remove(Resolution::Malformed {
            sha256_of_onion,
            failure_code,
        });
        Ok(())
    }

    /// Sets the feerate, as the opener may.
    pub(crate) fn propose_fee(
        &mut self,
        params: &ChannelParams,
        limits: &Limits,
        feerate_per_kw: u32,
    ) -> Result<(), ChannelError> {
        // BOLT 2, update_fee: only the side that pays it.
        if params.opener != Side::Holder {
            return Err(refused(UpdateError::NotTheOpener));
        }
        let current = self.feerate(params, crate::htlc::View::CounterpartyNext);
        if feerate_per_kw == current {
            return Err(refused(UpdateError::FeerateUnchanged { feerate_per_kw }));
        }
        check_feerate(limits, feerate_per_kw).map_err(refused)?;
        self.check_sending_fee(params, limits, feerate_per_kw)
            .map_err(refused)?;
        self.fee.propose(feerate_per_kw);
        Ok(())
    }

    /// BOLT 2: only HTLCs that are irrevocably committed on both sides are removed, and once.
    fn removable(&mut self, id: HtlcId) -> Result<&mut Htlc, ChannelError> {
        let offered = |htlc: &&mut Htlc| htlc.offered_by == Side::Counterparty && htlc.id == id;
        match self.htlcs.iter_mut().find(offered) {
            None => Err(refused(UpdateError::UnknownHtlc { id })),
            Some(htlc) if htlc.is_live() => Ok(htlc),
            Some(_) => Err(refused(UpdateError::NotRemovable { id })),
        }
    }

    /// Sends all waiting updates and commits them (BOLT 2, commitment_signed).
    pub(crate) fn commit(
        &mut self,
        params: &ChannelParams,
        limits: &Limits,
    ) -> Result<Vec<Action>, ChannelError> {
        let next = match &self.counterparty {
            CounterpartyCommitment::First { .. } => {
                return Err(ChannelError::NothingToCommit { by: Side::Holder })
            }
            CounterpartyCommitment::AwaitingRevocation { number, .. } => {
                return Err(ChannelError::RevocationAwaited { number: *number })
            }
            CounterpartyCommitment::Acknowledged {
                number,
                point,
                next_point,
            } => CounterpartyCommitment::AwaitingRevocation {
                number: number.saturating_add(1), // bounded by 2^48 when the transaction is built
                point: *next_point,
                previous_point: *point,
                holder_number: self.holder.number,
            },
        };
        // BOLT 2, commitment_signed: not without updates.
        if !self.has_changes(params, Side::Holder) {
            return Err(ChannelError::NothingToCommit { by: Side::Holder });
        }
        let mut actions = self.withdraw_unaffordable(params, limits)?;
        if !self.has_changes(params, Side::Holder) {
            return Ok(actions);
        }
        let mut messages = self.updates_at(Stage::Proposed, params);
        messages.push(OutgoingMessage::CommitmentSigned {
            number: next.number(),
        });
        self.counterparty = next;
        self.advance(params, Step::HolderSigned)?;
        actions.extend(messages.into_iter().map(Action::Send));
        Ok(actions)
    }

    /// This node's updates at one stage as messages, in the one order in which they ever leave: removals, which only give
    /// room, then new HTLCs by id, then the fee. What is affordable is reckoned for this order.
    pub(super) fn updates_at(&self, wanted: Stage, params: &ChannelParams) -> Vec<OutgoingMessage> {
        let mut removals = Vec::new();
        let mut adds = Vec::new();
        for htlc in &self.htlcs {
            match (&htlc.state, htlc.offered_by) {
                (HtlcState::Adding(stage), Side::Holder) if *stage == wanted => {
                    adds.push(OutgoingMessage::UpdateAddHtlc(htlc.update_add()));
                }
                (HtlcState::Removing { stage, resolution }, Side::Counterparty)
                    if *stage == wanted =>
                {
                    removals.push(removal_message(htlc.id, resolution));
                }
                (
                    HtlcState::Adding(_) | HtlcState::Live | HtlcState::Removing { .. },
                    Side::Holder | Side::Counterparty,
                ) => {}
            }
        }
        let fee = match params.opener {
            Side::Holder => self.fee.at_stage(wanted),
            Side::Counterparty => None,
        };
        let fee = fee.map(|feerate_per_kw| OutgoingMessage::UpdateFee { feerate_per_kw });
        removals.into_iter().chain(adds).chain(fee).collect()
    }

    /// While updates waited, the counterparty may have used room that they counted on. What it would refuse now is not
    /// sent: a fee update is forgotten, an HTLC is taken back with all later ones, because ids have no gaps.
    fn withdraw_unaffordable(
        &mut self,
        params: &ChannelParams,
        limits: &Limits,
    ) -> Result<Vec<Action>, ChannelError> {
        let first_refused = self.first_refused_add(params).map_err(refused)?;
        let withdrawn = first_refused.map_or_else(Vec::new, |from| self.withdraw_adds_from(from));
        let payable = self
            .is_waiting_fee_payable(params, limits)
            .map_err(refused)?;
        if params.opener == Side::Holder && !payable {
            self.fee.drop_proposed();
        }
        Ok(withdrawn)
    }

    /// Takes back HTLCs that were never sent. For a channel that closes: BOLT 2, shutdown, lets nobody add an HTLC
    /// after it.
    pub(crate) fn withdraw_unsent_adds(&mut self) -> Vec<Action> {
        self.withdraw_adds_from(HtlcId(0))
    }

    fn withdraw_adds_from(&mut self, from: HtlcId) -> Vec<Action> {
        let mut actions = Vec::new();
        let mut first = self.next_ids.holder;
        self.htlcs
            .retain(|htlc| match (&htlc.state, htlc.offered_by) {
                (HtlcState::Adding(Stage::Proposed), Side::Holder) if htlc.id >= from => {
                    first = first.min(htlc.id);
                    actions.push(Action::Tell(Event::HtlcFailed {
                        id: htlc.id,
                        reason: FailureReason::Withdrawn,
                    }));
                    false
                }
                (
                    HtlcState::Adding(_) | HtlcState::Live | HtlcState::Removing { .. },
                    Side::Holder | Side::Counterparty,
                ) => true,
            });
        // Unsent HTLCs are the newest, so their ids are free again.
        self.next_ids.holder = first;
        actions
    }

    /// Forgets a fee update that was never sent.
    pub(crate) fn withdraw_unsent_fee(&mut self, params: &ChannelParams) {
        match params.opener {
            Side::Holder => self.fee.drop_proposed(),
            Side::Counterparty => {}
        }
    }
}

impl Htlc {
    pub(super) fn remove(&mut self, resolution: Resolution) {
        self.state = HtlcState::Removing {
            stage: Stage::Proposed,
            resolution,
        };
    }
}

fn removal_message(id: HtlcId, resolution: &Resolution) -> OutgoingMessage {
    match resolution {
        Resolution::Fulfilled(preimage) => OutgoingMessage::UpdateFulfillHtlc {
            id,
            preimage: *preimage,
        },
        Resolution::Failed { reason } => OutgoingMessage::UpdateFailHtlc {
            id,
            reason: reason.clone(),
        },
        Resolution::Malformed {
            sha256_of_onion,
            failure_code,
        } => OutgoingMessage::UpdateFailMalformedHtlc {
            id,
            sha256_of_onion: *sha256_of_onion,
            failure_code: *failure_code,
        },
    }
}

/// BOLT 2, update_fee: neither too low for timely processing nor unreasonably large.
pub(super) fn check_feerate(limits: &Limits, feerate_per_kw: u32) -> Result<(), UpdateError> {
    let (min, max) = (limits.min_feerate_per_kw, limits.max_feerate_per_kw);
    if !(min..=max).contains(&feerate_per_kw) {
        return Err(UpdateError::FeerateOutOfRange {
            feerate_per_kw,
            min,
            max,
        });
    }
    Ok(())
}
