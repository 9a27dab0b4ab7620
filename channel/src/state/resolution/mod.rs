//! What becomes of every output of a transaction that spent the funding output (BOLT 5).
//!
//! The spend is identified once; each of its outputs in which this node has a part is tracked from then on, with whatever
//! spends it, and with the outputs of second-stage transactions. What this node claims is never stored: it is reckoned
//! from the outputs that are unspent at the moment, so that after each block and each reorg the claims fit the chain.
//!
//! | file | subject |
//! |---|---|
//! | `outputs` | which outputs a commitment has |
//! | `revoked` | the outputs of a revoked commitment, whose content is forgotten |
//! | `spends` | what the spend of an output means, and its reorg |
//! | `claims` | how this node takes what is its own |
//! | `burial` | what is irrevocable at which height |
//! | `ask` | what can be asked of the channel |

mod ask;
mod burial;
mod claims;
mod outputs;
mod revoked;
mod spends;

use bitcoin::{Amount, OutPoint, Txid};
use serde::{Deserialize, Serialize};

use super::spend::Spend;
use crate::htlc::Htlc;
use crate::ids::{HtlcId, PaymentHash};
use crate::params::Side;

pub use burial::{FAIL_DEPTH, FORGET_DEPTH, SETTLED_DEPTH};
pub use claims::{Claim, ClaimKind, ClaimSpend};

pub(super) use spends::shown;

/// What an HTLC's script depends on, and which HTLC it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HtlcTerms {
    /// Who pays.
    pub offered_by: Side,
    /// Its number among those of its offerer.
    pub id: HtlcId,
    /// What claims it.
    pub payment_hash: PaymentHash,
    /// The height from which its offerer may take it back.
    pub cltv_expiry: u32,
}

impl From<&Htlc> for HtlcTerms {
    fn from(htlc: &Htlc) -> Self {
        Self {
            offered_by: htlc.offered_by,
            id: htlc.id,
            payment_hash: htlc.payment_hash,
            cltv_expiry: htlc.cltv_expiry,
        }
    }
}

/// What an output is. Whose it is follows from the spend's kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// The broadcaster's balance, which waits: this node's own, or a revoked one.
    ToLocal,
    /// This node's balance in a commitment of the counterparty's.
    ToRemote,
    /// An HTLC.
    Htlc(HtlcTerms),
    /// The output of the broadcaster's HTLC-timeout or HTLC-success transaction: this node's own, or a revoked one.
    SecondStage(HtlcTerms),
    /// An HTLC of a revoked commitment whose terms this state has forgotten. The ledger has them:
    /// [`ChainEvent::PastHtlcs`](crate::command::ChainEvent::PastHtlcs).
    Forgotten,
}

/// The confirmed spend of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputSpend {
    /// The transaction.
    pub txid: Txid,
    /// Its block's height.
    pub block_height: u32,
    /// Who took it.
    pub by: Side,
}

/// An output in which this node has a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackedOutput {
    /// Where it is.
    pub outpoint: OutPoint,
    /// What it holds.
    pub value: Amount,
    /// What it is.
    pub role: Role,
    /// The height of the block that has it.
    pub confirmed_at: u32,
    /// What spent it.
    pub spent: Option<OutputSpend>,
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolution {
    spend: Spend,
    /// Those of the spend, then those of later stages as they come.
    outputs: Vec<TrackedOutput>,
}

impl Resolution {
    /// What spent the funding output.
    pub fn spend(&self) -> &Spend {
        &self.spend
    }

    /// All outputs in which this node has a part.
    pub fn outputs(&self) -> &[TrackedOutput] {
        &self.outputs
    }

    /// Whether the broadcaster has moved an HTLC's output to a second stage.
    pub fn has_moved(&self) -> bool {
        let is_second = |output: &TrackedOutput| matches!(output.role, Role::SecondStage(_));
        self.outputs.iter().any(is_second)
    }

    /// Whether an output of a revoked commitment waits for terms that only the ledger has.
    pub(in crate::state) fn has_forgotten(&self) -> bool {
        self.outputs
            .iter()
            .any(|output| output.role == Role::Forgotten && output.spent.is_none())
    }
}
