//! The channel's feerate and the updates of it that are under way (BOLT 2, update_fee).

use serde::{Deserialize, Serialize};

use crate::htlc::{Stage, Step, View};
use crate::params::Side;

/// One update_fee.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct PendingFee {
    feerate_per_kw: u32,
    stage: Stage,
}

/// The feerate in all of the views. Updates are the opener's, and a later one replaces an earlier one wherever both are in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FeeState {
    /// In both commitments for good, unless one of `pending` is.
    committed: u32,
    /// In the order of proposal, so the stages never rise from one to the next. At most one is `Proposed`.
    pending: Vec<PendingFee>,
}

impl FeeState {
    pub(crate) fn new(feerate_per_kw: u32) -> Self {
        Self {
            committed: feerate_per_kw,
            pending: Vec::new(),
        }
    }

    /// The feerate of a view.
    pub(crate) fn feerate(&self, view: View, opener: Side) -> u32 {
        let included = |fee: &&PendingFee| view.includes(opener, fee.stage);
        let newest = self.pending.iter().rev().find(included);
        newest.map_or(self.committed, |fee| fee.feerate_per_kw)
    }

    /// The feerate that is proposed and in no commitment yet.
    pub(crate) fn at_stage(&self, wanted: Stage) -> Option<u32> {
        let newest = self.pending.iter().rev().find(|fee| fee.stage == wanted);
        newest.map(|fee| fee.feerate_per_kw)
    }

    /// Whether no update is under way.
    pub(crate) fn is_settled(&self) -> bool {
        self.pending.is_empty()
    }

    /// Adds a proposal, in place of one that is in no commitment.
    pub(crate) fn propose(&mut self, feerate_per_kw: u32) {
        self.drop_proposed();
        self.pending.push(PendingFee {
            feerate_per_kw,
            stage: Stage::Proposed,
        });
    }

    /// Forgets a proposal that is in no commitment.
    pub(crate) fn drop_proposed(&mut self) {
        self.pending.retain(|fee| fee.stage != Stage::Proposed);
    }

    pub(crate) fn advance(&mut self, opener: Side, step: Step) {
        let committed = &mut self.committed;
        self.pending
            .retain_mut(|fee| match fee.stage.advance(opener, step) {
                Some(stage) => {
                    fee.stage = stage;
                    true
                }
                None => {
                    *committed = fee.feerate_per_kw;
                    false
                }
            });
    }
}
