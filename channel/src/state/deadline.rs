//! When a channel must be closed on chain because an HTLC would otherwise be lost (BOLT 2, "`cltv_expiry_delta` Selection").

use std::fmt;

use super::Channel;
use crate::htlc::{Htlc, HtlcState, Stage};
use crate::ids::HtlcId;
use crate::params::Side;

/// Blocks after its expiry that an HTLC of this node's is given to be failed by the peer: BOLT 2's grace period.
pub const OFFERED_GRACE_BLOCKS: u32 = 3;

/// Blocks before its expiry by which an HTLC that this node claims must be settled: BOLT 2 reckons twice the depth of a
/// reorganisation, the grace period and the time to confirm.
pub const CLAIM_MARGIN_BLOCKS: u32 = 18;

/// Blocks before the HTLC upstream expires that pays for one of this node's by which the patience with that one ends: as many
/// again as a claim needs, for a node that waits for its own disk as well. Far fewer than lie between the two.
pub const UPSTREAM_MARGIN_BLOCKS: u32 = 36;

/// An HTLC that leaves no time to wait for the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseDue {
    /// Who offered it.
    pub offered_by: Side,
    /// Its number among those of its offerer.
    pub id: HtlcId,
    /// The height at which it expires.
    pub cltv_expiry: u32,
    /// The height from which the channel must be closed.
    pub from_height: u32,
}

impl fmt::Display for CloseDue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, expiry) = (self.id.0, self.cltv_expiry);
        match self.offered_by {
            Side::Holder => write!(
                f,
                "HTLC {id} of ours expired at height {expiry} and the peer has not removed it"
            ),
            Side::Counterparty => write!(
                f,
                "HTLC {id} of the peer's, whose preimage we gave, is not settled and expires at height {expiry}"
            ),
        }
    }
}

impl Channel {
    /// The block height from which the channel must be closed unilaterally if nothing changes: an HTLC that this node
    /// offered has expired and is still there, or one that it claims is about to. `None` where no HTLC sets one.
    pub fn close_deadline(&self) -> Option<u32> {
        self.risks().map(|due| due.from_height).min()
    }

    /// The HTLC for whose sake the channel must be closed at height `tip`, if there is one.
    ///
    /// `present_since` is the height from which this node has been there without a pause. An HTLC of its own that expired
    /// while it was away is the peer's to remove first: the peer is given the same time as if it had expired then. One that
    /// this node claims cannot wait, whoever was away.
    ///
    /// `upstream` is the height at which the HTLC expires that pays for one of this node's, where one does: a node that is
    /// away again and again, and never there for long, closes all the same before that one is taken back. A payment of this
    /// node's own loses nothing by waiting.
    pub fn close_due(
        &self,
        tip: u32,
        present_since: u32,
        upstream: impl Fn(HtlcId) -> Option<u32>,
    ) -> Option<CloseDue> {
        let patient = |due: CloseDue| match due.offered_by {
            Side::Holder => {
                let patience = present_since.saturating_add(OFFERED_GRACE_BLOCKS);
                let latest = upstream(due.id)
                    .map_or(u32::MAX, |at| at.saturating_sub(UPSTREAM_MARGIN_BLOCKS));
                CloseDue {
                    from_height: due.from_height.max(patience.min(latest)),
                    ..due
                }
            }
            Side::Counterparty => due,
        };
        let due = self.risks().map(patient);
        due.filter(|due| due.from_height <= tip)
            .min_by_key(|due| due.from_height)
    }

    /// The height by which a close that is not in a block yet must be, for no HTLC to be lost: before the first of the HTLCs
    /// that this node claims expires, and soon after the first of those that it offered does.
    pub fn htlc_deadline(&self) -> Option<u32> {
        let deadline = |htlc: &Htlc| match htlc.offered_by {
            Side::Holder => Some(htlc.cltv_expiry.saturating_add(CLAIM_MARGIN_BLOCKS)),
            Side::Counterparty => htlc.preimage.map(|_| htlc.cltv_expiry),
        };
        self.htlcs().filter_map(deadline).min()
    }

    /// Every HTLC that may force a close, with the height at which it does.
    fn risks(&self) -> impl Iterator<Item = CloseDue> + '_ {
        let lives = match self {
            Self::Normal(_) | Self::ShuttingDown(_) => true,
            Self::AwaitingFundingSigned(_)
            | Self::AwaitingConfirmations(_)
            | Self::AwaitingPeerReady(_)
            | Self::NegotiatingClosing(_)
            | Self::Closing(_)
            | Self::Closed(_)
            | Self::Failed(_) => false,
        };
        let htlcs = self.htlcs().filter(move |_| lives);
        htlcs.filter_map(|htlc| {
            Some(CloseDue {
                offered_by: htlc.offered_by,
                id: htlc.id,
                cltv_expiry: htlc.cltv_expiry,
                from_height: deadline(htlc)?,
            })
        })
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
