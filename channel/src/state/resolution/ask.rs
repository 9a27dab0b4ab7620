//! What can be asked of a channel whose funding output is spent.

use bitcoin::Transaction;

use super::{Claim, HtlcTerms, Resolution};
use crate::ids::{HtlcId, PaymentPreimage};
use crate::state::closing::Closing;
use crate::state::Channel;

impl Channel {
    /// The close that is under way, or that a reorg could bring back.
    pub fn close(&self) -> Option<&Closing> {
        match self {
            Self::Closing(state) => Some(state),
            Self::Closed(state) => state.watched(),
            Self::AwaitingFundingSigned(_)
            | Self::AwaitingConfirmations(_)
            | Self::AwaitingPeerReady(_)
            | Self::Normal(_)
            | Self::ShuttingDown(_)
            | Self::NegotiatingClosing(_)
            | Self::Failed(_) => None,
        }
    }

    /// What became of the outputs of the transaction that spent the funding output.
    pub fn resolution(&self) -> Option<&Resolution> {
        self.close()?.resolution()
    }

    /// Everything unspent on the chain that this node may take, now or later.
    pub fn claims(&self) -> Vec<Claim> {
        let claims = |close: &Closing| Some(close.resolution()?.claims(&close.common));
        self.close().and_then(claims).unwrap_or_default()
    }

    /// Whether [`SpendBuried`](crate::command::ChainEvent::SpendBuried) with this height changes anything.
    pub fn is_due(&self, block_height: u32) -> bool {
        let Some((close, resolution)) = self
            .close()
            .and_then(|close| Some((close, close.resolution()?)))
        else {
            return false;
        };
        let mut failed = resolution.failed(&close.common, block_height);
        failed.retain(|id| !close.failed().contains(id));
        if !failed.is_empty() {
            return true;
        }
        match self {
            Self::Closed(_) => resolution.is_over(block_height),
            Self::AwaitingFundingSigned(_)
            | Self::AwaitingConfirmations(_)
            | Self::AwaitingPeerReady(_)
            | Self::Normal(_)
            | Self::ShuttingDown(_)
            | Self::NegotiatingClosing(_)
            | Self::Closing(_)
            | Self::Failed(_) => resolution.is_settled(&close.common, close.failed(), block_height),
        }
    }

    /// Whether the close is under way, or could still be undone by a reorg.
    pub fn is_closing(&self) -> bool {
        self.close().is_some()
    }

    /// Whether nothing on the chain can ask anything of this channel any more.
    pub fn is_over(&self) -> bool {
        match self {
            Self::Closed(state) => state.watched().is_none(),
            Self::Failed(_) => true,
            Self::AwaitingFundingSigned(_)
            | Self::AwaitingConfirmations(_)
            | Self::AwaitingPeerReady(_)
            | Self::Normal(_)
            | Self::ShuttingDown(_)
            | Self::NegotiatingClosing(_)
            | Self::Closing(_) => false,
        }
    }

    /// Preimages of this node's HTLCs that a transaction shows, confirmed or not, and that are not known yet.
    pub fn shown_preimages(&self, transaction: &Transaction) -> Vec<(HtlcId, PaymentPreimage)> {
        self.close()
            .map_or_else(Vec::new, |close| close.shown(transaction))
    }

    /// How many HTLCs each side ever offered: this node, the counterparty.
    pub fn htlc_counts(&self) -> (u64, u64) {
        self.close()
            .map_or((0, 0), |close| close.common.commitments.htlc_counts())
    }

    /// Those of `past` that outputs of a revoked commitment on the chain are of.
    pub fn fitting_past_htlcs(&self, past: impl IntoIterator<Item = HtlcTerms>) -> Vec<HtlcTerms> {
        let close = self.close();
        close
            .and_then(|close| Some(close.resolution()?.fitting(&close.common, past)))
            .unwrap_or_default()
    }
}
