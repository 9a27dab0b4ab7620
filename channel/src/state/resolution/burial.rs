//! What is irrevocable at which height.
//!
//! | depth | what follows | why |
//! |---|---|---|
//! | 1 | a preimage on the chain counts | it is known, whatever becomes of the transaction |
//! | 6 | the channel is called closed, where everything of this node's is settled so deep | what people wait for |
//! | 7 | an HTLC of this node's is failed | a reorg of six blocks leaves its resolution where it is |
//! | 100 | nothing is watched any more | BOLT 5: irrevocably resolved |

use super::{Resolution, Role, TrackedOutput};
use crate::htlc::Htlc;
use crate::ids::HtlcId;
use crate::params::Side;
use crate::state::established::Established;
use crate::state::spend::SpendKind;

/// Blocks, its own included, that bury the settlement of an output for people to call the channel closed.
pub const SETTLED_DEPTH: u32 = 6;

/// Blocks that bury a resolution before an HTLC of this node's counts as failed. BOLT 5 leaves it to the node.
pub const FAIL_DEPTH: u32 = 7;

/// Blocks that bury everything before the channel is forgotten (BOLT 5, "irrevocably resolved").
pub const FORGET_DEPTH: u32 = 100;

/// Blocks after its expiry that a counterparty is given to take back its HTLC, whose preimage this node may still learn.
const ABANDONED_AFTER_BLOCKS: u32 = 144;

/// 1 in the tip itself, 0 above it.
fn depth(block_height: u32, tip: u32) -> u32 {
    tip.saturating_add(1).saturating_sub(block_height)
}

impl Resolution {
    /// HTLCs of this node's that have irrevocably come to nothing: no preimage is known, and what resolves them is buried
    /// (BOLT 5, "HTLC Output Handling").
    pub(in crate::state) fn failed(&self, common: &Established, tip: u32) -> Vec<HtlcId> {
        let offered = common
            .commitments
            .htlcs()
            .iter()
            .filter(|htlc| htlc.offered_by == Side::Holder && htlc.preimage.is_none());
        offered
            .filter(|htlc| self.is_failed(common, htlc, tip))
            .map(|htlc| htlc.id)
            .collect()
    }

    fn is_failed(&self, common: &Established, htlc: &Htlc, tip: u32) -> bool {
        if depth(self.spend.block_height, tip) < self.depth_to_fail() || self.has_forgotten() {
            return false;
        }
        let has_it = |output: &&TrackedOutput| match output.role {
            Role::Htlc(terms) => terms.offered_by == Side::Holder && terms.id == htlc.id,
            Role::ToLocal | Role::ToRemote | Role::SecondStage(_) | Role::Forgotten => false,
        };
        match self.outputs.iter().find(has_it) {
            // BOLT 5: what has no output in the confirmed commitment can never be claimed.
            None => true,
            Some(output) => match output.spent {
                Some(spent) => {
                    spent.by == Side::Holder && depth(spent.block_height, tip) >= FAIL_DEPTH
                }
                // Not worth a claim of anybody: it is given up once it has expired, lest the HTLC that pays for it hangs.
                None => {
                    depth(htlc.cltv_expiry, tip) > FAIL_DEPTH && !self.is_claimed(common, output)
                }
            },
        }
    }

    /// Of a state that this node has lost it cannot know whether an HTLC was fulfilled: it says nothing before the end.
    fn depth_to_fail(&self) -> u32 {
        match self.spend.kind {
            SpendKind::Future { .. } | SpendKind::Unknown => FORGET_DEPTH,
            SpendKind::Mutual
            | SpendKind::Holder { .. }
            | SpendKind::Counterparty { .. }
            | SpendKind::Revoked { .. } => FAIL_DEPTH,
        }
    }

    /// Whether an unspent output is worth a claim of this node's.
    fn is_claimed(&self, common: &Established, output: &TrackedOutput) -> bool {
        self.claims(common)
            .iter()
            .any(|claim| claim.outpoint == output.outpoint && claim.is_worthwhile())
    }

    /// Whether everything of this node's is where it is to be, six blocks deep. `failed` are the HTLCs that count as such.
    pub(in crate::state) fn is_settled(
        &self,
        common: &Established,
        failed: &[HtlcId],
        tip: u32,
    ) -> bool {
        if depth(self.spend.block_height, tip) < SETTLED_DEPTH {
            return false;
        }
        let open = |htlc: &Htlc| {
            htlc.offered_by == Side::Holder
                && htlc.preimage.is_none()
                && !failed.contains(&htlc.id)
                && self.depth_to_fail() == FAIL_DEPTH
        };
        let claims = self.claims(common);
        let is_claimed = |output: &TrackedOutput| {
            claims
                .iter()
                .any(|claim| claim.outpoint == output.outpoint && claim.is_worthwhile())
        };
        let is_settled = |output: &TrackedOutput| match output.spent {
            Some(spent) => depth(spent.block_height, tip) >= SETTLED_DEPTH,
            None => !is_claimed(output) && depth(last_use(output), tip) > 0,
        };
        !common.commitments.htlcs().iter().any(open) && self.outputs.iter().all(is_settled)
    }

    /// Whether no reorg can ask anything of this channel any more.
    pub(in crate::state) fn is_over(&self, tip: u32) -> bool {
        let buried = |height| depth(height, tip) >= FORGET_DEPTH;
        let spent =
            |output: &TrackedOutput| output.spent.is_none_or(|spent| buried(spent.block_height));
        buried(self.spend.block_height) && self.outputs.iter().all(spent)
    }
}

/// The height from which an output that this node cannot claim is given up as the counterparty's.
fn last_use(output: &TrackedOutput) -> u32 {
    match output.role {
        Role::Htlc(terms) if terms.offered_by == Side::Counterparty => {
            terms.cltv_expiry.saturating_add(ABANDONED_AFTER_BLOCKS)
        }
        Role::Forgotten => output.confirmed_at.saturating_add(ABANDONED_AFTER_BLOCKS),
        Role::Htlc(_) | Role::ToLocal | Role::ToRemote | Role::SecondStage(_) => 0,
    }
}
