//! Which claims share a transaction, and what a transaction may cost. Pure.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};

use bitcoin::sighash::EcdsaSighashType;
use bitcoin::{Amount, OutPoint, Script, TxOut};
use zarnitsa_channel::state::{Claim, ClaimKind, ClaimSpend};

/// Inputs of one transaction: far below what relays, and so few that one contested input spoils little.
const MAX_INPUTS: usize = 100;

/// Second stages of one transaction: each that somebody else takes has the others made anew.
const MAX_STAGES: usize = 20;

/// So near its deadline a claim is raised with every block; before that every six blocks.
const NEAR_BLOCKS: u32 = 18;

/// The part of its value that a claim may cost, in percent: in time, and near its deadline.
pub(super) const BUDGET_PERCENT: (u64, u64) = (50, 90);

/// The step by which a fee is raised. Replacement asks for a step of its own besides (BIP 125).
const RAISE: (u64, u64) = (5, 4);

/// What an input of the wallet and its change weigh.
pub(super) const WALLET_PART_WEIGHT: u64 = 276 + 172;

/// The largest output that pays to the wallet, to a taproot key.
const WIDEST_OUTPUT_WEIGHT: u64 = 172;

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
    /// Blocks since the same transaction was last made; `None` where it is another one.
    pub age: Option<u32>,
    pub blocks_left: Option<u32>,
    /// The mempool took it not for its fee.
    pub refused: bool,
    /// What a replacement must pay more.
    pub increment: u32,
}

/// Never lower than before, and higher by a step where the last offer was refused, or has waited for too long before a
/// deadline. What has no deadline pays what blocks ask and no more, however long it waits.
pub(super) fn feerate(bid: &Bid) -> u32 {
    let Some(last) = bid.last else {
        return bid.estimate;
    };
    // Another set of outputs is another transaction: it must beat those that it replaces.
    let waited = match (bid.age, bid.blocks_left) {
        (None, _) => true,
        (Some(age), Some(left)) if left <= NEAR_BLOCKS => age >= 1,
        (Some(age), Some(_)) => age >= 6,
        (Some(_), None) => false,
    };
    let part = u64::from(last).saturating_mul(RAISE.0).div_ceil(RAISE.1);
    let step = u64::from(last).saturating_add(bid.increment.into());
    let raised = u32::try_from(part.max(step)).unwrap_or(u32::MAX);
    if bid.refused || waited {
        return raised.max(bid.estimate);
    }
    // A small rise of the estimate is not worth a replacement.
    match bid.estimate >= raised {
        true => bid.estimate,
        false => last,
    }
}

/// The part of a value that may be spent for it, by how many blocks are left.
pub(super) fn budget_percent(blocks_left: Option<u32>) -> u64 {
    match blocks_left {
        Some(left) if left <= NEAR_BLOCKS => BUDGET_PERCENT.1,
        Some(_) | None => BUDGET_PERCENT.0,
    }
}

/// Claims that may share a transaction. In the order of their urgency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    /// HTLC-success or HTLC-timeout transactions, which have one lock time.
    Stages { lock_time: u32 },
    /// What the cheater may move.
    HtlcPenalties,
    /// What the cheater cannot take before a delay: nothing that it moves makes this void.
    Penalties,
    /// What nobody contests.
    Sweeps,
}

/// Who is after what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rivals<'a> {
    /// Outputs that somebody else is after at this moment.
    pub contested: &'a HashSet<OutPoint>,
    /// The cheater has begun to move what is to be taken from it.
    pub cheater_moves: bool,
}

/// The part of the claims that are worth a transaction, in as few as is safe. What is contested goes alone, lest it makes
/// the others void; so do all HTLCs of a revoked commitment once its cheater moves one of them. A second stage that is worth
/// less than its part of the fee at `estimate` goes alone too, and waits for cheaper blocks.
pub(super) fn offers(claims: Vec<Claim>, rivals: Rivals<'_>, estimate: u32) -> Vec<Offer> {
    let mut groups: BTreeMap<Group, Vec<Claim>> = BTreeMap::new();
    let mut offers = Vec::new();
    for claim in claims.into_iter().filter(Claim::is_worthwhile) {
        match group(&claim, rivals, estimate) {
            Some(group) => groups.entry(group).or_default().push(claim),
            None => offers.push(Offer {
                claims: vec![claim],
            }),
        }
    }
    for (group, claims) in groups {
        let most = match group {
            Group::Stages { .. } => MAX_STAGES,
            Group::HtlcPenalties | Group::Penalties | Group::Sweeps => MAX_INPUTS,
        };
        offers.extend(claims.chunks(most).map(|claims| Offer {
            claims: claims.to_vec(),
        }));
    }
    // Those with the nearest deadline first, and of those the ones that are worth most: they get the wallet's coins.
    offers.sort_by_key(|offer| {
        let deadline = offer.deadline().unwrap_or(u32::MAX);
        (deadline, Reverse(offer.value()))
    });
    offers
}

fn group(claim: &Claim, rivals: Rivals<'_>, estimate: u32) -> Option<Group> {
    if rivals.contested.contains(&claim.outpoint) {
        return None;
    }
    match (claim.kind, &claim.spend) {
        (ClaimKind::Delayed | ClaimKind::Balance, _) => Some(Group::Sweeps),
        (ClaimKind::Penalty, _) => Some(Group::Penalties),
        (ClaimKind::HtlcPenalty, _) => (!rivals.cheater_moves).then_some(Group::HtlcPenalties),
        // One of the peer's commitment pays for itself, and the peer may be after each.
        (ClaimKind::Timeout(_) | ClaimKind::Success(_), ClaimSpend::Output(_)) => None,
        (ClaimKind::Timeout(_) | ClaimKind::Success(_), ClaimSpend::SecondStage { stage, .. }) => {
            // BOLT 5: others may join a transaction that the peer signed for one input and one output.
            let joins =
                stage.countersignatory_sighash_type() == EcdsaSighashType::SinglePlusAnyoneCanPay;
            let fee = u64::from(estimate).saturating_mul(stage.max_weight()) / 1_000;
            let worth = claim.value.to_sat().saturating_mul(BUDGET_PERCENT.0) / 100;
            (joins && worth >= fee).then(|| Group::Stages {
                lock_time: stage.tx().lock_time.to_consensus_u32(),
            })
        }
    }
}

impl Offer {
    /// Whether its fee was agreed on with the commitment: it is what it is.
    pub(super) fn is_paid_for(&self) -> bool {
        self.claims.iter().any(|claim| match &claim.spend {
            ClaimSpend::Output(_) => false,
            ClaimSpend::SecondStage { stage, .. } => {
                stage.countersignatory_sighash_type() == EcdsaSighashType::All
            }
        })
    }

    fn deadline(&self) -> Option<u32> {
        self.claims.iter().filter_map(|claim| claim.deadline).min()
    }

    pub(super) fn blocks_left(&self, height: u32) -> Option<u32> {
        self.deadline()
            .map(|deadline| deadline.saturating_sub(height))
    }

    pub(super) fn weight(&self) -> u64 {
        let inputs = self.claims.iter().map(|claim| match &claim.spend {
            // 41 bytes of input without its witness.
            ClaimSpend::Output(output) => output.witness_weight().saturating_add(164),
            ClaimSpend::SecondStage { stage, .. } => stage.max_weight(),
        });
        let has_stages = |claim: &Claim| matches!(claim.spend, ClaimSpend::SecondStage { .. });
        let wallet = match self.claims.iter().any(has_stages) {
            true => WALLET_PART_WEIGHT,
            false => 0,
        };
        // Fields and one output.
        let rest = wallet + 42 + WIDEST_OUTPUT_WEIGHT;
        inputs.sum::<u64>().saturating_add(rest)
    }

    fn value(&self) -> u64 {
        let value = self.claims.iter().map(|claim| claim.value.to_sat());
        value.fold(0, u64::saturating_add)
    }

    /// What its transaction may cost. A direct one pays out of what it claims, to `destination`.
    pub(super) fn budget(&self, height: u32, destination: &Script) -> Budget {
        let percent = budget_percent(self.blocks_left(height));
        let budget = Budget::new(self.value(), percent, self.weight());
        let is_direct = |claim: &Claim| matches!(claim.spend, ClaimSpend::Output(_));
        match self.claims.iter().all(is_direct) {
            true => budget.leaving(destination),
            false => budget,
        }
    }
}

/// What a transaction of some weight may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Budget {
    value: u64,
    fee: Amount,
    weight: u64,
}

impl Budget {
    /// So many percent of what it claims.
    fn new(value: u64, percent: u64, weight: u64) -> Self {
        Self {
            value,
            fee: Amount::from_sat(value.saturating_mul(percent) / 100),
            weight,
        }
    }

    /// So much less that what is left is an output that relays: nobody takes dust.
    fn leaving(self, destination: &Script) -> Self {
        let dust = destination.minimal_non_dust().to_sat();
        let most = Amount::from_sat(self.value.saturating_sub(dust));
        let excess = WIDEST_OUTPUT_WEIGHT.saturating_sub(output_weight(destination));
        Self {
            fee: self.fee.min(most),
            weight: self.weight.saturating_sub(excess),
            ..self
        }
    }

    /// The highest feerate within it.
    fn most_feerate_per_kw(self) -> u32 {
        let most = self.fee.to_sat().saturating_mul(1_000) / self.weight.max(1);
        u32::try_from(most).unwrap_or(u32::MAX)
    }
}

fn output_weight(script: &Script) -> u64 {
    let output = TxOut {
        value: Amount::ZERO,
        script_pubkey: script.to_owned(),
    };
    output.weight().to_wu()
}

/// What stands in the way of a transaction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    /// The feerate of the one that claims the same.
    pub same: Option<u32>,
    /// What it must pay to replace those that may be in the mempool.
    pub least: Amount,
}

/// What a claim is to pay, within its budget; `None` where what stands is left standing: it pays as much, or to replace it
/// would cost more than the claim is worth.
pub(super) fn price(bid: &Bid, standing: Standing, budget: Budget) -> Option<u32> {
    let wanted = feerate(bid).min(budget.most_feerate_per_kw());
    let pays_as_much = standing.same.is_some_and(|same| same >= wanted);
    (!pays_as_much && standing.least <= budget.fee).then_some(wanted)
}

#[cfg(test)]
mod tests {
    use bitcoin::hashes::Hash;
    use bitcoin::{ScriptBuf, WPubkeyHash};

    use super::*;

    fn bid(last: Option<u32>, age: Option<u32>, blocks_left: Option<u32>) -> Bid {
        Bid {
            estimate: 1_000,
            last,
            age,
            blocks_left,
            refused: false,
            increment: 250,
        }
    }

    #[test]
    fn feerate_first_offer_is_the_estimate() {
        assert_eq!(feerate(&bid(None, None, Some(3))), 1_000);
    }

    #[test]
    fn feerate_is_never_lower_than_before() {
        assert_eq!(feerate(&bid(Some(4_000), Some(0), Some(30))), 4_000);
        assert_eq!(feerate(&bid(Some(4_000), Some(0), None)), 4_000);
        assert_eq!(feerate(&bid(Some(4_000), None, None)), 5_000);
    }

    #[test]
    fn feerate_rises_with_each_block_near_the_deadline_and_with_every_sixth_before() {
        assert_eq!(feerate(&bid(Some(1_000), Some(1), Some(18))), 1_250);
        assert_eq!(feerate(&bid(Some(1_000), Some(1), Some(19))), 1_000);
        assert_eq!(feerate(&bid(Some(1_000), Some(6), Some(19))), 1_250);
    }

    #[test]
    fn feerate_without_a_deadline_is_what_blocks_ask_however_long_it_waits() {
        assert_eq!(feerate(&bid(Some(1_000), Some(2_016), None)), 1_000);
        assert_eq!(feerate(&bid(Some(700), Some(0), None)), 1_000);
    }

    #[test]
    fn feerate_of_a_replacement_is_higher_by_what_replacing_costs() {
        let low = Bid {
            estimate: 253,
            ..bid(Some(253), Some(1), Some(3))
        };
        assert_eq!(feerate(&low), 503, "a quarter would be refused");
    }

    #[test]
    fn feerate_refused_for_its_fee_rises_at_once() {
        let refused = Bid {
            refused: true,
            ..bid(Some(1_000), Some(0), None)
        };
        assert_eq!(feerate(&refused), 1_250);
    }

    fn budget(value: u64, percent: u64) -> Budget {
        Budget::new(value, percent, 2_000)
    }

    /// Nothing stands in the way.
    const FREE: Standing = Standing {
        same: None,
        least: Amount::ZERO,
    };

    #[test]
    fn price_of_what_is_made_anew_goes_on_from_before_within_its_own_budget() {
        // Of an aggregate that was worth far more.
        let after = bid(Some(60_000), Some(0), Some(10));
        assert_eq!(price(&after, FREE, budget(1_000_000, 90)), Some(60_000));
        assert_eq!(price(&after, FREE, budget(20_000, 90)), Some(9_000));
        let first = bid(None, None, Some(10));
        assert_eq!(price(&first, FREE, budget(20_000, 90)), Some(1_000));
        assert_eq!(price(&first, FREE, budget(1_000, 50)), Some(250));
    }

    #[test]
    fn price_of_the_same_is_never_lower_than_what_stands() {
        let same = |rate| Standing {
            same: Some(rate),
            least: Amount::from_sat(100),
        };
        let aged = bid(Some(8_000), Some(1), Some(10));
        assert_eq!(price(&aged, same(8_000), budget(50_000, 90)), Some(10_000));
        assert_eq!(price(&aged, same(8_000), budget(20_000, 90)), Some(9_000));
        // At the end of its budget, and where the budget has become smaller since.
        assert_eq!(price(&aged, same(9_000), budget(20_000, 90)), None);
        assert_eq!(price(&aged, same(8_000), budget(20_000, 50)), None);
    }

    #[test]
    fn price_of_what_would_cost_more_than_it_is_worth_to_replace_is_none() {
        let standing = |least| Standing {
            same: None,
            least: Amount::from_sat(least),
        };
        let other = bid(Some(2_000), None, Some(10));
        let worth = budget(20_000, 90);
        assert_eq!(price(&other, standing(18_000), worth), Some(2_500));
        assert_eq!(price(&other, standing(18_001), worth), None);
    }

    #[test]
    fn budget_of_a_direct_claim_leaves_an_output_that_is_not_dust() {
        let wallet = ScriptBuf::new_p2wpkh(&WPubkeyHash::from_byte_array([0; 20]));
        let dust = wallet.minimal_non_dust();
        for value in [400, 800, 1_000, 2_000, 2_939] {
            let budget = Budget::new(value, 90, 700).leaving(&wallet);
            assert_eq!(
                budget.fee.to_sat(),
                value - dust.to_sat(),
                "a tenth is dust"
            );
            // A smaller output than the widest.
            assert_eq!(budget.weight, 700 - 48);
            let fee = u64::from(budget.most_feerate_per_kw()) * 652;
            assert!(fee.div_ceil(1_000) <= budget.fee.to_sat());
        }
        let large = Budget::new(2_941, 90, 700);
        assert_eq!(large.leaving(&wallet).fee, large.fee);
        let nothing = Budget::new(200, 90, 700).leaving(&wallet);
        assert_eq!(nothing.fee, Amount::ZERO, "all of it is dust");
        assert_eq!(nothing.most_feerate_per_kw(), 0);
    }
}
