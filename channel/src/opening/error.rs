//! Why a channel is not opened.

use bitcoin::{Amount, OutPoint, ScriptBuf, TxOut};

use crate::amount::Msat;
use crate::error::{ChannelError, Fault};
use crate::ids::TemporaryChannelId;
use crate::params::{ChannelType, Side};

/// Why an opening was refused. `by` is the side whose message or wish is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpeningError {
    /// A number outside of what BOLT 2 or this node's limits allow.
    #[error("{field} of the {by:?} is {got}, allowed is {least} to {most}")]
    OutOfRange {
        /// Who said it.
        by: Side,
        /// Which field of open_channel or accept_channel.
        field: &'static str,
        /// What it is, in the field's own unit.
        got: u64,
        /// The least allowed.
        least: u64,
        /// The most allowed.
        most: u64,
    },
    /// Another channel type than was proposed.
    #[error("channel type {got:?} where {expected:?} was proposed")]
    ChannelTypeChanged {
        /// Of open_channel.
        expected: ChannelType,
        /// Of accept_channel.
        got: ChannelType,
    },
    /// A channel type that this node does not take from a peer.
    #[error("channel type {got:?} is not suitable")]
    ChannelTypeUnsuitable {
        /// Who proposed it.
        by: Side,
        /// What it is.
        got: ChannelType,
    },
    /// accept_channel or funding_created of another opening.
    #[error("temporary channel id {got} where {expected} was due")]
    WrongTemporaryId {
        /// Of open_channel.
        expected: TemporaryChannelId,
        /// What came.
        got: TemporaryChannelId,
    },
    /// The opener cannot pay for the first commitment transaction.
    #[error("the opener has {available}, fee and anchors of the first commitment are {needed}")]
    OpenerCannotPay {
        /// The opener's balance.
        available: Msat,
        /// Fee and anchors.
        needed: Msat,
    },
    /// Neither side would have more than its reserve.
    #[error("neither side starts with more than the reserve of {reserve}")]
    BothBelowReserve {
        /// The lower of both reserves.
        reserve: Amount,
    },
    /// A shutdown script that no cooperative close may use.
    #[error("upfront shutdown script {script} of the {by:?} is no standard segwit script")]
    ShutdownScript {
        /// Who promised it.
        by: Side,
        /// The script.
        script: ScriptBuf,
    },
    /// The funding transaction does not pay the channel at its outpoint.
    #[error("output {funding} is {got:?}, the channel needs {expected:?}")]
    FundingOutput {
        /// The outpoint.
        funding: OutPoint,
        /// What the channel needs there.
        expected: TxOut,
        /// What is there.
        got: Option<TxOut>,
    },
    /// The outpoint's index does not fit the two bytes of funding_created, or it names another transaction.
    #[error("{funding} cannot fund a channel")]
    FundingOutpoint {
        /// Who chose it.
        by: Side,
        /// The outpoint.
        funding: OutPoint,
    },
    /// The first commitments or their signature.
    #[error("first commitment refused")]
    Commitment(#[from] ChannelError),
}

impl OpeningError {
    /// Who is at fault. A peer's fault is answered with an error for the temporary channel id.
    pub fn fault(&self) -> Fault {
        let of = |by: &Side| match by {
            Side::Holder => Fault::Ours,
            Side::Counterparty => Fault::PeerFailsChannel,
        };
        match self {
            Self::OutOfRange { by, .. }
            | Self::ChannelTypeUnsuitable { by, .. }
            | Self::ShutdownScript { by, .. }
            | Self::FundingOutpoint { by, .. } => of(by),
            Self::ChannelTypeChanged { .. }
            | Self::WrongTemporaryId { .. }
            | Self::OpenerCannotPay { .. }
            | Self::BothBelowReserve { .. } => Fault::PeerFailsChannel,
            Self::FundingOutput { .. } => Fault::Ours,
            Self::Commitment(error) => error.fault(),
        }
    }
}
