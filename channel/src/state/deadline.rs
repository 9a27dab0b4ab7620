//! When a channel must be closed on chain because an HTLC would otherwise be lost (BOLT 2, "`cltv_expiry_delta` Selection").

use super::Channel;
use crate::htlc::{Htlc, HtlcState, Stage};
use crate::params::Side;

/// Blocks after its expiry that an HTLC of this node's is given to be failed by the peer: BOLT 2's grace period.
pub const OFFERED_GRACE_BLOCKS: u32 = 3;

/// Blocks before its expiry by which an HTLC that this node claims must be settled: BOLT 2 reckons twice the depth of a
/// reorganisation, the grace period and the time to confirm.
pub const CLAIM_MARGIN_BLOCKS: u32 = 18;

impl Channel {
    /// The block height from which the channel must be closed unilaterally if nothing changes: an HTLC that this node
    /// offered has expired and is still there, or one that it claims is about to. `None` where no HTLC sets one.
    pub fn close_deadline(&self) -> Option<u32> {
        match self {
            Self::Normal(_) | Self::ShuttingDown(_) => self.htlcs().filter_map(deadline).min(),
            Self::AwaitingFundingSigned(_)
            | Self::AwaitingConfirmations(_)
            | Self::AwaitingPeerReady(_)
            | Self::NegotiatingClosing(_)
            | Self::Closing(_)
            | Self::Closed(_)
            | Self::Failed(_) => None,
        }
    }
}

fn deadline(htlc: &Htlc) -> Option<u32> {
    match (htlc.offered_by, &htlc.state) {
        // Never sent, so in nobody's commitment.
        (Side::Holder, HtlcState::Adding(Stage::Proposed)) => None,
        (Side::Holder, HtlcState::Adding(_) | HtlcState::Live | HtlcState::Removing { .. }) => {
            Some(htlc.cltv_expiry.saturating_add(OFFERED_GRACE_BLOCKS))
        }
        (Side::Counterparty, HtlcState::Removing { .. }) => htlc
            .preimage
            .map(|_| htlc.cltv_expiry.saturating_sub(CLAIM_MARGIN_BLOCKS)),
        // The peer's risk.
        (Side::Counterparty, HtlcState::Adding(_) | HtlcState::Live) => None,
    }
}
