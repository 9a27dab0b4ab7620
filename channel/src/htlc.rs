//! The life of an HTLC, and of any update, in the two-way dance of BOLT 2, "Normal Operation".
//!
//! An update goes first into the commitment of the side that receives it and, once that side has revoked its older
//! one, into the commitment of the side that proposed it. An HTLC is two updates: its offerer adds it, its
//! receiver removes it. There is one list of HTLCs; each commitment is the [`View`] of that list that the stages give.

use serde::{Deserialize, Serialize};

use crate::amount::Msat;
use crate::ids::{HtlcId, PaymentHash, PaymentPreimage};
use crate::message::UpdateAddHtlc;
use crate::params::Side;

/// How far an update has come, seen from this node.
///
/// This node's updates go Proposed, Signed, Acknowledged; the counterparty's go Proposed, Acknowledged, Signed.
/// After the last stage the update is in both sides' commitments for good ("irrevocably committed").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// In no commitment yet.
    Proposed,
    /// This node's newest commitment_signed put it into the counterparty's commitment, and the revoke_and_ack that
    /// answers is awaited.
    Signed,
    /// The receiver's commitment has it for good; the proposer's lacks it until the receiver signs again.
    Acknowledged,
}

/// What moves updates from stage to stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// This node signed the counterparty's next commitment.
    HolderSigned,
    /// The counterparty signed this node's next commitment and this node revoked the one before: one step, because
    /// the state that accepts the signature is the state that gives up the old commitment.
    CounterpartySigned,
    /// The counterparty revoked its older commitment.
    CounterpartyRevoked,
}

impl Stage {
    /// The stage after `step`, `None` once the update is irrevocably committed.
    pub(crate) fn advance(self, proposer: Side, step: Step) -> Option<Self> {
        match (proposer, self, step) {
            (Side::Holder, Self::Proposed, Step::HolderSigned) => Some(Self::Signed),
            (Side::Holder, Self::Signed, Step::CounterpartyRevoked) => Some(Self::Acknowledged),
            (Side::Holder, Self::Acknowledged, Step::CounterpartySigned) => None,
            (Side::Counterparty, Self::Proposed, Step::CounterpartySigned) => {
                Some(Self::Acknowledged)
            }
            (Side::Counterparty, Self::Acknowledged, Step::HolderSigned) => Some(Self::Signed),
            (Side::Counterparty, Self::Signed, Step::CounterpartyRevoked) => None,
            (Side::Holder | Side::Counterparty, stage, _) => Some(stage),
        }
    }
}

/// A selection of updates: what one commitment contains, or would contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// This node's commitment: the newest that the counterparty signed.
    HolderCurrent,
    /// What the counterparty's next commitment_signed must cover.
    HolderNext,
    /// The counterparty's commitment that it has not revoked yet, while a newer one is signed.
    CounterpartyCurrent,
    /// The newest commitment that this node signed for the counterparty.
    CounterpartyNewest,
    /// What this node's next commitment_signed would cover.
    CounterpartyNext,
    /// All that anybody proposed: where both commitments arrive if nothing more is said.
    All,
}

impl View {
    /// Whether an update of `proposer` at `stage` is in.
    pub(crate) fn includes(self, proposer: Side, stage: Stage) -> bool {
        match (self, proposer) {
            (Self::HolderCurrent, Side::Holder)
            | (Self::CounterpartyCurrent, Side::Counterparty) => false,
            (Self::HolderCurrent, Side::Counterparty)
            | (Self::CounterpartyNewest, Side::Holder)
            | (Self::CounterpartyNext, Side::Counterparty) => match stage {
                Stage::Proposed => false,
                Stage::Signed | Stage::Acknowledged => true,
            },
            (Self::HolderNext | Self::CounterpartyCurrent, Side::Holder) => match stage {
                Stage::Proposed | Stage::Signed => false,
                Stage::Acknowledged => true,
            },
            (Self::CounterpartyNewest, Side::Counterparty) => match stage {
                Stage::Proposed | Stage::Acknowledged => false,
                Stage::Signed => true,
            },
            (Self::HolderNext, Side::Counterparty)
            | (Self::CounterpartyNext, Side::Holder)
            | (Self::All, Side::Holder | Side::Counterparty) => true,
        }
    }
}

/// How an HTLC ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Resolution {
    /// Its receiver released the preimage.
    Fulfilled(PaymentPreimage),
    /// Its receiver failed it, with an encrypted failure onion (BOLT 4).
    Failed {
        /// The onion.
        reason: Vec<u8>,
    },
    /// Its receiver could not read the onion.
    Malformed {
        /// Which onion.
        sha256_of_onion: [u8; 32],
        /// What is wrong with it, BADONION set.
        failure_code: u16,
    },
}

/// Where an HTLC stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HtlcState {
    /// Its offerer's update_add_htlc is on its way.
    Adding(Stage),
    /// In both commitments for good.
    Live,
    /// Its receiver's removal is on its way.
    Removing {
        /// How far.
        stage: Stage,
        /// With what.
        resolution: Resolution,
    },
}

/// One HTLC of a channel, from its proposal until no commitment that can still be broadcast has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Htlc {
    /// Who pays.
    pub offered_by: Side,
    /// Its number among those of its offerer, from 0.
    pub id: HtlcId,
    /// How much.
    pub amount: Msat,
    /// What claims it.
    pub payment_hash: PaymentHash,
    /// The height from which its offerer may take it back on chain.
    pub cltv_expiry: u32,
    /// Received while it took this node's exposure to trimmed HTLCs over the limit: it is to be failed once committed
    /// (BOLT 2, "Bounding exposure to trimmed in-flight HTLCs").
    pub over_exposure: bool,
    /// What update_fulfill_htlc gave, by whichever side. It stays known although the counterparty may disconnect before
    /// it signs the removal, and such an HTLC never counts as failed any more.
    pub preimage: Option<PaymentPreimage>,
    /// Where it stands.
    pub state: HtlcState,
}

/// What an HTLC is in one view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// Not there, and its money is its offerer's.
    Absent,
    /// An HTLC of that commitment.
    Present,
    /// Not there any more, and its money is its receiver's.
    Fulfilled,
}

impl Htlc {
    /// What it is in `view`.
    pub(crate) fn presence(&self, view: View) -> Presence {
        let remover = self.offered_by.other();
        match &self.state {
            HtlcState::Adding(stage) if view.includes(self.offered_by, *stage) => Presence::Present,
            HtlcState::Adding(_) => Presence::Absent,
            HtlcState::Live => Presence::Present,
            HtlcState::Removing { stage, resolution } if view.includes(remover, *stage) => {
                match resolution {
                    Resolution::Fulfilled(_) => Presence::Fulfilled,
                    Resolution::Failed { .. } | Resolution::Malformed { .. } => Presence::Absent,
                }
            }
            HtlcState::Removing { .. } => Presence::Present,
        }
    }

    /// The update that is under way: who proposed it and how far it is.
    pub(crate) fn pending(&self) -> Option<(Side, Stage)> {
        match &self.state {
            HtlcState::Adding(stage) => Some((self.offered_by, *stage)),
            HtlcState::Live => None,
            HtlcState::Removing { stage, .. } => Some((self.offered_by.other(), *stage)),
        }
    }

    /// Whether its removal pays its receiver.
    pub(crate) fn is_fulfilled(&self) -> bool {
        match &self.state {
            HtlcState::Removing { resolution, .. } => match resolution {
                Resolution::Fulfilled(_) => true,
                Resolution::Failed { .. } | Resolution::Malformed { .. } => false,
            },
            HtlcState::Adding(_) | HtlcState::Live => false,
        }
    }

    /// Whether both sides are bound by it and nobody has begun to remove it: it may be claimed, forwarded or failed.
    pub fn is_live(&self) -> bool {
        match self.state {
            HtlcState::Live => true,
            HtlcState::Adding(_) | HtlcState::Removing { .. } => false,
        }
    }

    /// update_add_htlc as it was or will be sent.
    pub fn update_add(&self) -> UpdateAddHtlc {
        UpdateAddHtlc {
            id: self.id,
            amount: self.amount,
            payment_hash: self.payment_hash,
            cltv_expiry: self.cltv_expiry,
        }
    }
}
