//! A channel's lifecycle (BOLT 2): one type and one file per state, and a transition consumes the old state.
//!
//! ```text
//! AwaitingFundingSigned -> AwaitingConfirmations -> AwaitingPeerReady -> Normal -> ShuttingDown
//!          |                        |                      |               |            |
//!          v                        +----------------------+---------------+            v
//!        Failed                                            |                    NegotiatingClosing
//!                                                          v                            |
//!                                                       Closing <-----------------------+
//!                                                        |   ^
//!                                                        v   | a reorg
//!                                                       Closed
//! ```
//!
//! [`Channel::handle`] is the only way on. What it refuses changes nothing; what it accepts is a state to make durable
//! and a list of actions to carry out after that, in order.
//!
//! # What the caller keeps to
//!
//! - An action belongs to the connection on which its command was handled. `Send` is dropped where that connection is
//!   gone by the time the state is durable: channel_reestablish makes up for it.
//! - On a new connection the first message is [`Channel::reestablish`] of the newest state, sent once that state is
//!   durable. Until [`Event::Reestablished`] is told, nothing else of the channel is sent, errors excepted.
//! - [`Event::CommitmentDue`] is told when a commitment becomes possible and again with every reconnection; nothing is
//!   committed before `Local(Commit)`.
//! - A peer's message that is refused with [`Fault::PeerFailsChannel`](crate::error::Fault) is answered by
//!   `Local(ForceClose)`.
//! - After a restart [`Channel::resume`] says what is still owed. A channel that awaits funding_signed is abandoned then,
//!   and when its peer disconnects: its opening transaction was never broadcast.

mod awaiting_confirmations;
mod awaiting_funding_signed;
mod awaiting_peer_ready;
mod closed;
mod closing;
mod codec;
mod deadline;
mod established;
mod failed;
mod names;
mod negotiating_closing;
mod negotiation;
mod normal;
mod query;
mod resolution;
mod shutting_down;
mod spend;
mod updates;

use serde::{Deserialize, Serialize};

use crate::action::{Action, Event};
use crate::command::Command;
use crate::error::ChannelError;
use crate::limits::Limits;
use crate::validate::SignatureVerifier;

pub use awaiting_confirmations::AwaitingConfirmations;
pub use awaiting_funding_signed::AwaitingFundingSigned;
pub use awaiting_peer_ready::AwaitingPeerReady;
pub use closed::Closed;
pub use closing::{Cause, Closing};
pub use codec::{DecodeError, MAX_ENCODED_LENGTH};
pub use deadline::{CloseDue, CLAIM_MARGIN_BLOCKS, OFFERED_GRACE_BLOCKS};
pub use established::{Confirmation, OpeningStatus};
pub use failed::Failed;
pub use negotiating_closing::NegotiatingClosing;
pub use negotiation::{ClosingAgreement, ShutdownScripts};
pub use normal::Normal;
pub use query::{Balances, SignedHolderCommitment};
pub use resolution::{
    Claim, ClaimKind, ClaimSpend, HtlcTerms, OutputSpend, Resolution, Role, TrackedOutput,
    FAIL_DEPTH, FORGET_DEPTH, SETTLED_DEPTH,
};
pub use shutting_down::ShuttingDown;
pub use spend::{Spend, SpendKind};

pub(crate) use established::after_first_signature;

/// What a transition may look at beside state and command. All of it is the same at every replay.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Verifies the peer's signatures.
    pub verifier: &'a dyn SignatureVerifier,
    /// This node's policy.
    pub limits: &'a Limits,
}

/// A channel in one of its lifecycle states.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Channel {
    /// This node sent funding_created and waits for funding_signed. Nothing is broadcast.
    AwaitingFundingSigned(Box<AwaitingFundingSigned>),
    /// The opening transaction may be broadcast and is not buried deep enough.
    AwaitingConfirmations(Box<AwaitingConfirmations>),
    /// channel_ready is sent, the peer's is awaited.
    AwaitingPeerReady(Box<AwaitingPeerReady>),
    /// Payments flow.
    Normal(Box<Normal>),
    /// One side or both want to close; HTLCs are still to be removed.
    ShuttingDown(Box<ShuttingDown>),
    /// Nothing is left but to agree on the closing transaction's fee.
    NegotiatingClosing(Box<NegotiatingClosing>),
    /// A transaction that spends the funding output is broadcast, awaited or seen.
    Closing(Box<Closing>),
    /// The spend is buried, and all that is this node's is settled.
    Closed(Box<Closed>),
    /// The channel never came to be.
    Failed(Box<Failed>),
}

/// What a transition gives.
pub(crate) type Next = Result<(Channel, Vec<Action>), ChannelError>;

impl Channel {
    /// The next state and what to do once it is durable, or a refusal that changes nothing.
    ///
    /// Consumes the state: clone it before where it is still needed after a refusal. The answer may be an equal state
    /// without actions, or with actions only: then nothing has to be written.
    ///
    /// # Errors
    ///
    /// [`ChannelError`]; its [`fault`](ChannelError::fault) says what follows.
    pub fn handle(self, command: Command, context: &Context<'_>) -> Next {
        let before = self.variant_name();
        let was_due = self.commitment_due();
        let numbers_before = self.commitment_numbers();
        let (next, mut actions) = match self {
            Self::AwaitingFundingSigned(state) => state.handle(command, context),
            Self::AwaitingConfirmations(state) => state.handle(command, context),
            Self::AwaitingPeerReady(state) => state.handle(command, context),
            Self::Normal(state) => state.handle(command, context),
            Self::ShuttingDown(state) => state.handle(command, context),
            Self::NegotiatingClosing(state) => state.handle(command, context),
            Self::Closing(state) => state.handle(command, context),
            Self::Closed(state) => state.handle(command, context),
            Self::Failed(state) => state.handle(command, context),
        }?;
        next.check_conservation()?;
        check_numbers(numbers_before, next.commitment_numbers())?;
        let told = actions.contains(&Action::Tell(Event::CommitmentDue));
        if next.commitment_due() && !was_due && !told {
            actions.push(Action::Tell(Event::CommitmentDue));
        }
        if next.variant_name() != before {
            actions.push(Action::Tell(Event::StateChanged));
        }
        Ok((next, actions))
    }
}

/// A commitment number never goes back, and goes on one at a time.
fn check_numbers(before: (u64, u64), after: (u64, u64)) -> Result<(), ChannelError> {
    let steps = |before: u64, after: u64| after.checked_sub(before).is_some_and(|step| step <= 1);
    if steps(before.0, after.0) && steps(before.1, after.1) {
        return Ok(());
    }
    Err(ChannelError::NumbersNotMonotonic { before, after })
}
