//! Which claims share a transaction, and what a transaction may cost. Pure.

use std::collections::HashSet;

use bitcoin::OutPoint;
use zarnitsa_channel::state::{Claim, ClaimKind, ClaimSpend};

/// Inputs of one transaction: far below what relays, and so few that one contested input spoils little.
const MAX_INPUTS: usize = 100;

/// Blocks that an expired HTLC of this node's is given to be taken back: the peer may find its preimage at any moment, and the
/// HTLC that pays for it upstream expires in its turn.
const TIMEOUT_BLOCKS: u32 = 18;

/// So near its deadline a claim is raised with every block; before that every six blocks.
const NEAR_BLOCKS: u32 = 18;

/// The part of its value that a claim may cost, in percent: in time, and near its deadline.
const BUDGET_PERCENT: (u64, u64) = (50, 90);

/// The step by which a fee is raised: what replacement asks for (BIP 125), and more than a trifle.
const RAISE: (u64, u64) = (5, 4);

/// What an input of the wallet and its change weigh.
pub(super) const WALLET_PART_WEIGHT: u64 = 276 + 172;

/// Claims that share one transaction.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    pub claims: Vec<Claim>,
}

/// What a feerate is reckoned from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bid {
    /// What blocks ask now.
    pub estimate: u32,
    /// What was offered before for any of these outputs.
    pub last: Option<u32>,
    /// Blocks since the same transaction was last made.
    pub age: Option<u32>,
    pub blocks_left: Option<u32>,
    /// The mempool took it not for its fee.
    pub refused: bool,
}

/// Never lower than before, and higher by a step where the last offer was refused or has waited for too long.
pub(super) fn feerate(bid: &Bid) -> u32 {
    let Some(last) = bid.last else {
        return bid.estimate;
    };
    let patience = match bid.blocks_left {
        Some(left) if left <= NEAR_BLOCKS => 1,
        Some(_) | None => 6,
    };
    // Another set of outputs is another transaction: it must beat those that it replaces.
    let waited = bid.age.is_none_or(|age| age >= patience);
    let raised = u64::from(last).saturating_mul(RAISE.0).div_ceil(RAISE.1);
    let raised = u32::try_from(raised).unwrap_or(u32::MAX);
    if bid.refused || waited {
        return raised.max(bid.estimate);
    }
    // A small rise of the estimate is not worth a replacement.
    match bid.estimate >= raised {
        true => bid.estimate,
        false => last,
    }
}

/// Balances that nobody contests go together, and so do penalties until somebody contests one; every HTLC goes alone, so that
/// no other transaction can make its claim void.
pub(super) fn offers(claims: Vec<Claim>, contested: &HashSet<OutPoint>) -> Vec<Offer> {
    let (mut sweep, mut penalty, mut alone) = (Vec::new(), Vec::new(), Vec::new());
    for claim in claims {
        match claim.kind {
            ClaimKind::Delayed | ClaimKind::Balance => sweep.push(claim),
            ClaimKind::Penalty if !contested.contains(&claim.outpoint) => penalty.push(claim),
            ClaimKind::Penalty | ClaimKind::Timeout(_) | ClaimKind::Success(_) => alone.push(claim),
        }
    }
    let together = [sweep, penalty];
    let together = together
        .iter()
        .flat_map(|claims| claims.chunks(MAX_INPUTS))
        .map(|claims| Offer {
            claims: claims.to_vec(),
        });
    let alone = alone.into_iter().map(|claim| Offer {
        claims: vec![claim],
    });
    // Those with the nearest deadline first.
    let mut offers: Vec<Offer> = together.chain(alone).collect();
    offers.sort_by_key(|offer| offer.deadline().unwrap_or(u32::MAX));
    offers
}

impl Offer {
    fn deadline(&self) -> Option<u32> {
        self.claims.iter().filter_map(deadline).min()
    }

    pub(super) fn blocks_left(&self, height: u32) -> Option<u32> {
        self.deadline()
            .map(|deadline| deadline.saturating_sub(height))
    }

    fn weight(&self) -> u64 {
        let inputs = self.claims.iter().map(|claim| match &claim.spend {
            // 41 bytes of input without its witness.
            ClaimSpend::Output(output) => output.witness_weight().saturating_add(164),
            ClaimSpend::SecondStage { stage, .. } => {
                stage.max_weight().saturating_add(WALLET_PART_WEIGHT)
            }
        });
        // Fields and one output.
        inputs.sum::<u64>().saturating_add(42 + 172)
    }

    /// The highest feerate that the value at stake is worth.
    pub(super) fn most_feerate_per_kw(&self, height: u32) -> u32 {
        let value = self.claims.iter().map(|claim| claim.value.to_sat());
        let percent = match self.blocks_left(height) {
            Some(left) if left <= NEAR_BLOCKS => BUDGET_PERCENT.1,
            Some(_) | None => BUDGET_PERCENT.0,
        };
        let budget = value.sum::<u64>().saturating_mul(percent) / 100;
        let most = budget.saturating_mul(1_000) / self.weight().max(1);
        u32::try_from(most).unwrap_or(u32::MAX)
    }
}

fn deadline(claim: &Claim) -> Option<u32> {
    match claim.kind {
        ClaimKind::Timeout(terms) => Some(terms.cltv_expiry.saturating_add(TIMEOUT_BLOCKS)),
        ClaimKind::Delayed | ClaimKind::Balance | ClaimKind::Success(_) | ClaimKind::Penalty => {
            claim.deadline
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bid(last: Option<u32>, age: Option<u32>, blocks_left: Option<u32>) -> Bid {
        Bid {
            estimate: 1_000,
            last,
            age,
            blocks_left,
            refused: false,
        }
    }

    #[test]
    fn feerate_first_offer_is_the_estimate() {
        assert_eq!(feerate(&bid(None, None, Some(3))), 1_000);
    }

    #[test]
    fn feerate_is_never_lower_than_before() {
        assert_eq!(feerate(&bid(Some(4_000), Some(0), None)), 4_000);
        assert_eq!(feerate(&bid(Some(4_000), None, None)), 5_000);
    }

    #[test]
    fn feerate_rises_with_each_block_near_the_deadline_and_with_every_sixth_before() {
        assert_eq!(feerate(&bid(Some(1_000), Some(1), Some(18))), 1_250);
        assert_eq!(feerate(&bid(Some(1_000), Some(1), Some(19))), 1_000);
        assert_eq!(feerate(&bid(Some(1_000), Some(6), None)), 1_250);
    }

    #[test]
    fn feerate_refused_for_its_fee_rises_at_once() {
        let refused = Bid {
            refused: true,
            ..bid(Some(1_000), Some(0), None)
        };
        assert_eq!(feerate(&refused), 1_250);
    }
}
