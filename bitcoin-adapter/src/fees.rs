//! What to pay per weight, by how soon a transaction is needed. Estimates are kept inside bounds that the node sets.

use std::sync::{Arc, PoisonError, RwLock};

use bitcoin::{FeeRate, Network};

use crate::error::ChainError;
use crate::source::{ChainSource, USUAL_INCREMENT};

/// How soon a transaction should confirm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FeeTarget {
    /// Within a day: sweeps that nobody contests.
    Background,
    /// Within a few hours: openings, closings by agreement, sends.
    Normal,
    /// Within the next blocks: commitments, and whatever races a timelock.
    Urgent,
}

const TARGETS: [FeeTarget; 3] = [FeeTarget::Background, FeeTarget::Normal, FeeTarget::Urgent];

impl FeeTarget {
    /// As a number of blocks.
    pub fn blocks(self) -> u16 {
        match self {
            Self::Background => 144,
            Self::Normal => 12,
            Self::Urgent => 2,
        }
    }

    fn slot(self) -> usize {
        match self {
            Self::Background => 0,
            Self::Normal => 1,
            Self::Urgent => 2,
        }
    }
}

/// What this node is ready to pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeBounds {
    /// Never less. 253 per kwu is the least that is relayed whatever way weight is rounded to virtual bytes.
    pub floor: FeeRate,
    /// Never more, whatever an estimate says. The mempool's minimum goes above it, up to four times as much: less would not be
    /// relayed at all.
    pub ceiling: FeeRate,
    /// Where the source has too little to estimate from, as on a young regtest chain.
    pub fallback: FeeRate,
}

impl FeeBounds {
    /// Sensible bounds: 253 per kwu up to 500 sat/vB; without estimates 1 sat/vB on regtest, 10 elsewhere.
    pub fn of(network: Network) -> Self {
        let floor = FeeRate::from_sat_per_kwu(253);
        let fallback = if network == Network::Regtest {
            floor
        } else {
            FeeRate::from_sat_per_kwu(2500)
        };
        Self {
            floor,
            ceiling: FeeRate::from_sat_per_kwu(125_000),
            fallback,
        }
    }
}

/// Times the ceiling: what is asked for beyond that is a fault of who asks, or a lie.
const MOST_CEILINGS: u64 = 4;

/// The newest estimates. Reading them asks nobody and never fails: before the first answer they are the fallback.
#[derive(Clone, Debug)]
pub struct FeeEstimates {
    bounds: FeeBounds,
    rates: Arc<RwLock<Rates>>,
}

#[derive(Clone, Copy, Debug)]
struct Rates {
    minimum: FeeRate,
    increment: FeeRate,
    estimates: [Option<FeeRate>; TARGETS.len()],
}

impl FeeEstimates {
    /// Without any estimate yet.
    pub(crate) fn new(bounds: FeeBounds) -> Self {
        Self {
            bounds,
            rates: Arc::new(RwLock::new(Rates {
                minimum: bounds.floor,
                increment: USUAL_INCREMENT,
                estimates: [None; TARGETS.len()],
            })),
        }
    }

    /// The feerate for `target`, inside the bounds and never below what the mempool takes.
    pub fn rate(&self, target: FeeTarget) -> FeeRate {
        let rates = self.read();
        let estimate = rates
            .estimates
            .get(target.slot())
            .copied()
            .flatten()
            .unwrap_or(self.bounds.fallback);
        estimate
            .min(self.bounds.ceiling)
            .max(self.bounds.floor)
            .max(rates.minimum.min(self.most()))
    }

    fn most(&self) -> FeeRate {
        let ceiling = self.bounds.ceiling.to_sat_per_kwu();
        FeeRate::from_sat_per_kwu(ceiling.saturating_mul(MOST_CEILINGS))
    }

    /// The least that is relayed at this moment.
    pub fn minimum(&self) -> FeeRate {
        let minimum = self.read().minimum.min(self.most());
        minimum.max(self.bounds.floor)
    }

    /// What a replacement pays at least for its own weight, beside what it replaces.
    pub fn increment(&self) -> FeeRate {
        self.read().increment.min(self.most())
    }

    /// Asks anew. An estimate that could not be asked for stays as it was.
    pub(crate) fn refresh(&self, source: &dyn ChainSource) -> Result<(), ChainError> {
        let mut fresh = Rates {
            minimum: source.mempool_min_fee()?,
            increment: source.replacement_increment()?,
            estimates: [None; TARGETS.len()],
        };
        for target in TARGETS {
            let estimate = source.estimate_fee(target.blocks())?;
            if let Some(slot) = fresh.estimates.get_mut(target.slot()) {
                *slot = estimate;
            }
        }
        *self.rates.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// `Rates` is written in one assignment: a panic elsewhere leaves it whole.
    fn read(&self) -> Rates {
        *self.rates.read().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    fn set(&self, minimum: u64, estimate: Option<u64>) {
        let estimate = estimate.map(FeeRate::from_sat_per_kwu);
        *self.rates.write().unwrap() = Rates {
            minimum: FeeRate::from_sat_per_kwu(minimum),
            increment: USUAL_INCREMENT,
            estimates: [estimate; TARGETS.len()],
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_stays_between_floor_and_ceiling() {
        let fees = FeeEstimates::new(FeeBounds::of(Network::Bitcoin));
        assert_eq!(
            fees.rate(FeeTarget::Normal),
            FeeRate::from_sat_per_kwu(2500),
            "fallback before the first answer"
        );
        fees.set(0, Some(1));
        assert_eq!(fees.rate(FeeTarget::Urgent), FeeRate::from_sat_per_kwu(253));
        fees.set(0, Some(9_000_000));
        assert_eq!(
            fees.rate(FeeTarget::Urgent),
            FeeRate::from_sat_per_kwu(125_000)
        );
        fees.set(300, Some(260));
        assert_eq!(
            fees.rate(FeeTarget::Background),
            FeeRate::from_sat_per_kwu(300),
            "the mempool's minimum counts"
        );
        fees.set(9_000_000, None);
        let most = FeeRate::from_sat_per_kwu(500_000);
        assert_eq!(fees.rate(FeeTarget::Urgent), most, "up to a bound");
        assert_eq!(fees.minimum(), most);
    }

    #[test]
    fn rate_without_estimates_is_the_fallback_of_the_network() {
        let fees = FeeEstimates::new(FeeBounds::of(Network::Regtest));
        fees.set(250, None);
        assert_eq!(fees.rate(FeeTarget::Urgent), FeeRate::from_sat_per_kwu(253));
    }
}
