//! Both sides' commitments of one channel, as one state: ONE list of HTLCs and ONE fee state, from which the content of
//! every commitment follows (BOLT 2, "Normal Operation").
//!
//! | file | subject |
//! |---|---|
//! | `propose` | what this node proposes and commits |
//! | `receive` | what the counterparty proposes, commits and revokes |
//! | `afford` | reserves, fees, limits and exposure: the one place that computes them, for sending and receiving alike |
//! | `reestablish` | what is said after a reconnection |
//! | `fee` | the feerate and its updates |
//! | `first` | commitment 0 of both sides, before it is signed |
//!
//! Nothing of this node's is sent before it is committed: updates wait as `Proposed` and leave together with the
//! commitment_signed that covers them. So this node never has a sent update that a disconnection would erase.

mod afford;
mod fee;
mod first;
mod propose;
mod receive;
mod reestablish;

use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::PublicKey;
use serde::{Deserialize, Serialize};

use crate::amount::Msat;
use crate::error::ChannelError;
use crate::htlc::{Htlc, HtlcState, Presence, Stage, Step, View};
use crate::ids::HtlcId;
use crate::params::{ChannelParams, Side};
use crate::secrets::SecretStore;
use crate::tx::commitment::{create_commitment_tx, CommitmentHtlc, CommitmentSpec, CommitmentTx};

use fee::FeeState;

pub(crate) use first::FirstCommitments;
pub(crate) use receive::ReceivedCommitment;
pub(crate) use reestablish::Agreement;

/// The longest failure onion that is kept. BOLT 4 makes 292 bytes; more is no onion that its origin could read.
pub const MAX_FAILURE_LENGTH: usize = 4_096;

/// This node's newest commitment with the counterparty's signatures: what a force close broadcasts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HolderCommitment {
    /// Its number.
    pub number: u64,
    /// This node's point of `number`.
    pub point: PublicKey,
    /// This node's point of `number + 1`, which the counterparty has been told.
    pub next_point: PublicKey,
    /// Over the commitment transaction.
    pub signature: Signature,
    /// Over its HTLC transactions, in output order.
    pub htlc_signatures: Vec<Signature>,
}

/// What is signed for the counterparty and what it has revoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum CounterpartyCommitment {
    /// Commitment 0 only: the counterparty has not said channel_ready, so no next point is known.
    First { point: PublicKey },
    /// All before `number` are revoked.
    Acknowledged {
        number: u64,
        point: PublicKey,
        next_point: PublicKey,
    },
    /// `number` is signed and `number - 1` is not revoked yet: either may be broadcast.
    AwaitingRevocation {
        number: u64,
        point: PublicKey,
        previous_point: PublicKey,
        /// The number of this node's commitment when `number` was signed. It tells in which order
        /// commitment_signed and a revoke_and_ack went out (BOLT 2, Message Retransmission).
        holder_number: u64,
    },
}

/// Balances after all that is settled for good; an HTLC's money counts as its offerer's until it is fulfilled and gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settled {
    pub holder: Msat,
    pub counterparty: Msat,
}

/// The next HTLC id of each side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NextIds {
    pub holder: HtlcId,
    pub counterparty: HtlcId,
}

/// Both sides' commitments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Commitments {
    holder: HolderCommitment,
    counterparty: CounterpartyCommitment,
    secrets: SecretStore,
    settled: Settled,
    /// In the order of proposal.
    htlcs: Vec<Htlc>,
    next_ids: NextIds,
    fee: FeeState,
}

impl Settled {
    /// `(side's, the other's)`.
    fn of_both(&self, side: Side) -> (Msat, Msat) {
        match side {
            Side::Holder => (self.holder, self.counterparty),
            Side::Counterparty => (self.counterparty, self.holder),
        }
    }

    fn of_mut(&mut self, side: Side) -> &mut Msat {
        match side {
            Side::Holder => &mut self.holder,
            Side::Counterparty => &mut self.counterparty,
        }
    }
}

impl CounterpartyCommitment {
    /// The newest number signed.
    pub(crate) fn number(&self) -> u64 {
        match self {
            Self::First { .. } => 0,
            Self::Acknowledged { number, .. } | Self::AwaitingRevocation { number, .. } => *number,
        }
    }

    /// Its point.
    pub(crate) fn point(&self) -> &PublicKey {
        match self {
            Self::First { point }
            | Self::Acknowledged { point, .. }
            | Self::AwaitingRevocation { point, .. } => point,
        }
    }
}

/// Balances of one view: `(holder, counterparty)` without HTLCs. `None` where one would be negative.
type ViewBalances = Option<(Msat, Msat)>;

impl Commitments {
    pub(crate) fn holder(&self) -> &HolderCommitment {
        &self.holder
    }

    pub(crate) fn secrets(&self) -> &SecretStore {
        &self.secrets
    }

    pub(crate) fn htlcs(&self) -> &[Htlc] {
        &self.htlcs
    }

    /// `(holder, counterparty)`: how many each offered, those that are gone included.
    pub(crate) fn htlc_counts(&self) -> (u64, u64) {
        (self.next_ids.holder.0, self.next_ids.counterparty.0)
    }

    /// `(holder, counterparty)`: the newest signed of each.
    pub(crate) fn numbers(&self) -> (u64, u64) {
        (self.holder.number, self.counterparty.number())
    }

    /// The feerate of a view.
    pub(crate) fn feerate(&self, params: &ChannelParams, view: View) -> u32 {
        self.fee.feerate(view, params.opener)
    }

    /// The counterparty's channel_ready told its point of commitment 1. Repeated ones change nothing.
    pub(crate) fn learn_next_point(&mut self, second: PublicKey) -> Result<(), ChannelError> {
        match &self.counterparty {
            CounterpartyCommitment::First { point } => {
                self.counterparty = CounterpartyCommitment::Acknowledged {
                    number: 0,
                    point: *point,
                    next_point: second,
                };
                Ok(())
            }
            CounterpartyCommitment::Acknowledged {
                number: 0,
                next_point,
                ..
            } if *next_point != second => Err(ChannelError::PointChanged),
            // BOLT 2, Message Retransmission: a redundant channel_ready is ignored.
            CounterpartyCommitment::Acknowledged { .. }
            | CounterpartyCommitment::AwaitingRevocation { .. } => Ok(()),
        }
    }

    /// Whether the counterparty has said channel_ready.
    pub(crate) fn is_peer_ready(&self) -> bool {
        match self.counterparty {
            CounterpartyCommitment::First { .. } => false,
            CounterpartyCommitment::Acknowledged { .. }
            | CounterpartyCommitment::AwaitingRevocation { .. } => true,
        }
    }

    /// Balances of `view`, in one pass over the list.
    fn balances_in(&self, view: View) -> ViewBalances {
        let mut left = self.settled;
        // All credits before all debits: what was fulfilled may have been spent again.
        for htlc in &self.htlcs {
            if htlc.presence(view) == Presence::Fulfilled {
                let receiver = left.of_mut(htlc.offered_by.other());
                *receiver = receiver.checked_add(htlc.amount)?;
            }
        }
        for htlc in &self.htlcs {
            if htlc.presence(view) != Presence::Absent {
                let offerer = left.of_mut(htlc.offered_by);
                *offerer = offerer.checked_sub(htlc.amount)?;
            }
        }
        Some((left.holder, left.counterparty))
    }

    /// What `broadcaster`'s commitment has in `view`.
    pub(crate) fn spec(
        &self,
        params: &ChannelParams,
        view: View,
        broadcaster: Side,
    ) -> Result<CommitmentSpec, ChannelError> {
        let (holder, counterparty) = self.balances_in(view).ok_or(ChannelError::NotConserved {
            capacity: params.capacity,
            total: None,
        })?;
        let (own, other) = Settled {
            holder,
            counterparty,
        }
        .of_both(broadcaster);
        let present = self
            .htlcs
            .iter()
            .filter(|htlc| htlc.presence(view) == Presence::Present);
        Ok(CommitmentSpec {
            feerate_per_kw: self.feerate(params, view),
            to_broadcaster: own,
            to_countersignatory: other,
            htlcs: present
                .map(|htlc| commitment_htlc(htlc, broadcaster))
                .collect(),
        })
    }

    /// This node's newest commitment transaction.
    pub(crate) fn holder_tx(&self, params: &ChannelParams) -> Result<CommitmentTx, ChannelError> {
        let spec = self.spec(params, View::HolderCurrent, Side::Holder)?;
        let HolderCommitment { number, point, .. } = &self.holder;
        Ok(create_commitment_tx(
            params,
            Side::Holder,
            *number,
            point,
            &spec,
        )?)
    }

    /// The newest commitment transaction that is signed for the counterparty.
    pub(crate) fn counterparty_tx(
        &self,
        params: &ChannelParams,
    ) -> Result<CommitmentTx, ChannelError> {
        let spec = self.spec(params, View::CounterpartyNewest, Side::Counterparty)?;
        let (number, point) = (self.counterparty.number(), self.counterparty.point());
        Ok(create_commitment_tx(
            params,
            Side::Counterparty,
            number,
            point,
            &spec,
        )?)
    }

    /// The counterparty's commitment before that, where it has not been revoked yet.
    pub(crate) fn counterparty_previous_tx(
        &self,
        params: &ChannelParams,
    ) -> Result<Option<CommitmentTx>, ChannelError> {
        match &self.counterparty {
            CounterpartyCommitment::First { .. } | CounterpartyCommitment::Acknowledged { .. } => {
                Ok(None)
            }
            CounterpartyCommitment::AwaitingRevocation {
                number,
                previous_point,
                ..
            } => {
                let spec = self.spec(params, View::CounterpartyCurrent, Side::Counterparty)?;
                let number = number.saturating_sub(1); // a commitment that has one before it is not number 0
                let side = Side::Counterparty;
                Ok(Some(create_commitment_tx(
                    params,
                    side,
                    number,
                    previous_point,
                    &spec,
                )?))
            }
        }
    }

    /// BOLT 2 and BOLT 3: whatever is broadcast distributes exactly the capacity. Looks at every commitment that can be
    /// broadcast and at those that come next.
    pub(crate) fn check_conservation(&self, params: &ChannelParams) -> Result<(), ChannelError> {
        let capacity = Msat::from_sat(params.capacity);
        let views = [
            View::HolderCurrent,
            View::HolderNext,
            View::CounterpartyCurrent,
            View::CounterpartyNewest,
            View::CounterpartyNext,
            View::All,
        ];
        for view in views {
            let total = self.balances_in(view).and_then(|(holder, counterparty)| {
                let present = self
                    .htlcs
                    .iter()
                    .filter(|htlc| htlc.presence(view) == Presence::Present);
                Msat::checked_sum(
                    present
                        .map(|htlc| htlc.amount)
                        .chain([holder, counterparty]),
                )
            });
            if total.is_none() || total != capacity {
                return Err(ChannelError::NotConserved {
                    capacity: params.capacity,
                    total,
                });
            }
        }
        Ok(())
    }

    /// Balances for people and for closing: `(holder, counterparty)` of this node's newest commitment, without HTLCs.
    pub(crate) fn balances(&self) -> (Msat, Msat) {
        self.balances_in(View::HolderCurrent).unwrap_or_default()
    }

    /// No HTLC anywhere, no update under way, no revocation awaited: closing_signed may begin (BOLT 2, Closing
    /// Negotiation). A revocation owed by this node does not exist: see [`Step::CounterpartySigned`].
    pub(crate) fn is_quiet(&self) -> bool {
        let acknowledged = match self.counterparty {
            CounterpartyCommitment::First { .. } | CounterpartyCommitment::Acknowledged { .. } => {
                true
            }
            CounterpartyCommitment::AwaitingRevocation { .. } => false,
        };
        acknowledged && self.htlcs.is_empty() && self.fee.is_settled()
    }

    /// Whether a commitment_signed of this node is both possible and needed.
    pub(crate) fn commitment_due(&self, params: &ChannelParams) -> bool {
        match self.counterparty {
            CounterpartyCommitment::First { .. }
            | CounterpartyCommitment::AwaitingRevocation { .. } => false,
            CounterpartyCommitment::Acknowledged { .. } => self.has_changes(params, Side::Holder),
        }
    }

    /// Whether a commitment_signed of `signer` would cover any update.
    fn has_changes(&self, params: &ChannelParams, signer: Side) -> bool {
        let covers = |proposer: Side, stage: Stage| match stage {
            Stage::Proposed => proposer == signer,
            Stage::Acknowledged => proposer != signer,
            Stage::Signed => false,
        };
        let fee_stage = match params.opener == signer {
            true => Stage::Proposed,
            false => Stage::Acknowledged,
        };
        self.fee.at_stage(fee_stage).is_some()
            || self
                .htlcs
                .iter()
                .filter_map(Htlc::pending)
                .any(|(proposer, stage)| covers(proposer, stage))
    }

    /// Moves all updates by one step. Gives the HTLCs that changed for good: those that became live, and those that
    /// are gone.
    fn advance(&mut self, params: &ChannelParams, step: Step) -> Result<Advanced, ChannelError> {
        let mut advanced = Advanced::default();
        let mut kept = Vec::with_capacity(self.htlcs.len());
        for mut htlc in std::mem::take(&mut self.htlcs) {
            match htlc
                .pending()
                .map(|(proposer, stage)| stage.advance(proposer, step))
            {
                None => kept.push(htlc),
                Some(Some(stage)) => {
                    htlc.set_stage(stage);
                    kept.push(htlc);
                }
                Some(None) => match htlc.state {
                    HtlcState::Adding(_) | HtlcState::Live => {
                        htlc.state = HtlcState::Live;
                        advanced.live.push((htlc.offered_by, htlc.id));
                        kept.push(htlc);
                    }
                    HtlcState::Removing { .. } => advanced.gone.push(htlc),
                },
            }
        }
        self.htlcs = kept;
        self.fee.advance(params.opener, step);
        self.settle(params, &advanced.gone)?;
        Ok(advanced)
    }

    /// Moves the money of fulfilled HTLCs that are in no commitment any more.
    fn settle(&mut self, params: &ChannelParams, gone: &[Htlc]) -> Result<(), ChannelError> {
        let overdrawn = || ChannelError::NotConserved {
            capacity: params.capacity,
            total: None,
        };
        for htlc in gone {
            if !htlc.is_fulfilled() {
                continue;
            }
            let receiver = self.settled.of_mut(htlc.offered_by.other());
            *receiver = receiver.checked_add(htlc.amount).ok_or_else(overdrawn)?;
        }
        for htlc in gone {
            if !htlc.is_fulfilled() {
                continue;
            }
            let offerer = self.settled.of_mut(htlc.offered_by);
            *offerer = offerer.checked_sub(htlc.amount).ok_or_else(overdrawn)?;
        }
        Ok(())
    }

    fn position(&self, offered_by: Side, id: HtlcId) -> Option<usize> {
        let wanted = |htlc: &Htlc| htlc.offered_by == offered_by && htlc.id == id;
        self.htlcs.iter().position(wanted)
    }
}

/// What one step finished.
#[derive(Default)]
struct Advanced {
    /// HTLCs that are now irrevocably committed.
    live: Vec<(Side, HtlcId)>,
    /// HTLCs that are in no commitment any more.
    gone: Vec<Htlc>,
}

impl Htlc {
    fn set_stage(&mut self, to: Stage) {
        match &mut self.state {
            HtlcState::Adding(stage) | HtlcState::Removing { stage, .. } => *stage = to,
            HtlcState::Live => {}
        }
    }
}

fn commitment_htlc(htlc: &Htlc, broadcaster: Side) -> CommitmentHtlc {
    CommitmentHtlc {
        offered_by_broadcaster: htlc.offered_by == broadcaster,
        id: htlc.id,
        amount: htlc.amount,
        payment_hash: htlc.payment_hash,
        cltv_expiry: htlc.cltv_expiry,
    }
}
