//! Amounts. Satoshis are [`bitcoin::Amount`]; millisatoshis are [`Msat`]. Both have checked arithmetic only.

use std::fmt;

use bitcoin::Amount;
use serde::{Deserialize, Serialize};

/// An amount in thousandths of a satoshi, the unit in which channels keep their balances (BOLT 2).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Msat(u64);

impl Msat {
    /// Nothing at all.
    pub const ZERO: Self = Self(0);

    /// `msat` thousandths of a satoshi.
    pub const fn new(msat: u64) -> Self {
        Self(msat)
    }

    /// `None` where the amount does not fit, which no amount below 18 million bitcoin does.
    pub fn from_sat(sat: Amount) -> Option<Self> {
        sat.to_sat().checked_mul(1_000).map(Self)
    }

    /// The number of millisatoshis.
    pub const fn to_msat(self) -> u64 {
        self.0
    }

    /// Whole satoshis, the rest dropped, as BOLT 3 rounds the outputs of a commitment transaction.
    pub const fn to_sat_floor(self) -> Amount {
        Amount::from_sat(self.0 / 1_000)
    }

    /// `None` on overflow.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// `None` where `other` is the larger.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// `None` on overflow.
    pub fn checked_sum(amounts: impl IntoIterator<Item = Self>) -> Option<Self> {
        amounts.into_iter().try_fold(Self::ZERO, Self::checked_add)
    }
}

impl fmt::Display for Msat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} msat", self.0)
    }
}
