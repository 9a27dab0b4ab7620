//! The chain of all earlier states of one side.

use bitcoin::secp256k1::PublicKey;

use crate::amount::Msat;
use crate::params::ChannelParams;
use crate::secrets::{is_secret_of_point, SecretStore};

/// One commitment of the past, as the history keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PastState {
    /// Its number.
    pub number: u64,
    /// Its broadcaster's point.
    pub per_commitment_point: PublicKey,
    /// The broadcaster's balance, before fee and anchors.
    pub to_broadcaster: Msat,
    /// The other side's balance, before fee and anchors.
    pub to_countersignatory: Msat,
    /// The sum of its HTLCs, trimmed ones too.
    pub htlcs: Msat,
}

/// What is wrong with a history.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// A state is missing or repeated.
    #[error("commitment {got} where {expected} was next")]
    WrongNumber {
        /// The next number.
        expected: u64,
        /// What stands there.
        got: u64,
    },
    /// Money appeared or vanished.
    #[error("commitment {number} holds {total:?} of {capacity}")]
    NotConserved {
        /// The commitment.
        number: u64,
        /// Balances and HTLCs, `None` where their sum overflows.
        total: Option<Msat>,
        /// The channel's capacity.
        capacity: Msat,
    },
    /// A revoked state cannot be punished: its secret is not the one behind its point.
    #[error("the secret kept for commitment {number} is not that of its point")]
    WrongSecret {
        /// The commitment.
        number: u64,
    },
    /// Nothing is left in force.
    #[error(
        "{revoked} commitments are revoked, {states} are known, one at least must be in force"
    )]
    TooManyRevoked {
        /// How many secrets are kept.
        revoked: u64,
        /// How many states the history has.
        states: u64,
    },
    /// BOLT 2 leaves at most two commitments of one side unrevoked: the current one and the next.
    #[error("{states} commitments are known and only {revoked} are revoked")]
    NotRevoked {
        /// How many secrets are kept.
        revoked: u64,
        /// How many states the history has.
        states: u64,
    },
    /// Not even commitment 0.
    #[error("the history is empty")]
    Empty,
}

/// Evidence that a side's earlier commitments are whole: numbered without a gap, conserving the capacity, and all
/// revoked but the last one or two.
#[derive(Debug, PartialEq, Eq)]
pub struct CheckedHistory {
    states: u64,
    revoked: u64,
}

impl CheckedHistory {
    /// How many commitments there are.
    pub fn states(&self) -> u64 {
        self.states
    }

    /// How many of them are revoked.
    pub fn revoked(&self) -> u64 {
        self.revoked
    }
}

/// Checks all earlier commitments of one side, from number 0 on: numbers without a gap, balances that sum to the
/// capacity, and for each revoked one a secret that fits its point, so that it can be punished.
///
/// Takes `states` in order and keeps none, so a long history costs time but no memory.
///
/// # Errors
///
/// [`HistoryError`]: the first thing that is wrong.
pub fn check_all_prev_tx(
    params: &ChannelParams,
    states: impl IntoIterator<Item = PastState>,
    secrets: &SecretStore,
) -> Result<CheckedHistory, HistoryError> {
    let mut next = 0;
    for state in states {
        check_state(params, next, &state, secrets)?;
        next += 1;
    }
    let (states, revoked) = (next, secrets.len());
    if states == 0 {
        return Err(HistoryError::Empty);
    }
    // BOLT 2: there is always a commitment in force, and a new one is signed only after the one before the current
    // has been revoked.
    match states.checked_sub(revoked) {
        None | Some(0) => Err(HistoryError::TooManyRevoked { revoked, states }),
        Some(1 | 2) => Ok(CheckedHistory { states, revoked }),
        Some(_) => Err(HistoryError::NotRevoked { revoked, states }),
    }
}

fn check_state(
    params: &ChannelParams,
    expected: u64,
    state: &PastState,
    secrets: &SecretStore,
) -> Result<(), HistoryError> {
    let number = state.number;
    if number != expected {
        return Err(HistoryError::WrongNumber {
            expected,
            got: number,
        });
    }
    let total = Msat::checked_sum([state.to_broadcaster, state.to_countersignatory, state.htlcs]);
    let capacity = Msat::from_sat(params.capacity).unwrap_or_default();
    if total != Some(capacity) {
        return Err(HistoryError::NotConserved {
            number,
            total,
            capacity,
        });
    }
    match secrets.get(number) {
        Some(secret) if !is_secret_of_point(&secret, &state.per_commitment_point) => {
            Err(HistoryError::WrongSecret { number })
        }
        Some(_) | None => Ok(()),
    }
}
