//! Refusals. Each says who is at fault, what was expected and what came.

use crate::amount::Msat;
use crate::ids::HtlcId;

/// Whose fault a refusal is, which decides what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This node asked for what it must not do: nothing happened, the caller is told.
    Ours,
    /// The peer broke the protocol in a way that BOLT 2 answers with a warning and a closed connection.
    PeerWarning,
    /// The peer broke the protocol in a way that fails the channel.
    PeerFailsChannel,
}

/// Why a command was refused. The state stays what it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelError {
    #[error("{command} does not fit a channel that is {state}")]
    WrongState {
        state: &'static str,
        command: &'static str,
    },
    #[error("HTLC {got:?} where {expected:?} was next")]
    WrongHtlcId { expected: HtlcId, got: HtlcId },
    #[error("the offerer would be left with {left:?} of {needed} that reserve and fee need")]
    BelowReserve { left: Option<Msat>, needed: Msat },
}
