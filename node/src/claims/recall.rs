//! What earlier runs made. It is in the wallet's file, for every claim pays to the wallet or with its coins: so a claim that is
//! made anew never pays less than before, and a claim of this node's is not taken for somebody else's.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use bitcoin::{Amount, OutPoint, Transaction, Weight};
use zarnitsa_channel::ids::ChannelId;

use super::{Claimer, Made};

impl Claimer {
    /// Looks up what was made for outputs that this run has not dealt with, given what they hold, and fee and weight of the
    /// unconfirmed parent that their spend pays for.
    pub(super) fn recall(
        &mut self,
        id: ChannelId,
        outputs: &BTreeMap<OutPoint, Amount>,
        parent: (Amount, Weight),
        height: u32,
    ) {
        let pursuit = self.pursuits.entry(id).or_default();
        let all = outputs.keys().copied();
        let fresh: Vec<OutPoint> = all.filter(|at| pursuit.recalled.insert(*at)).collect();
        if fresh.is_empty() {
            return;
        }
        let wallet = &self.shared.wallet;
        let value = |outpoint: &OutPoint| {
            let known = outputs.get(outpoint).copied();
            known.or_else(|| wallet.value_of(outpoint))
        };
        let mut found = Vec::new();
        for transaction in wallet.unconfirmed_spends(&fresh) {
            if pursuit.ours.insert(transaction.compute_txid()) {
                found.extend(earlier(&transaction, outputs, value, parent, height));
            }
        }
        // Of those that spend the same, the one in the mempool pays the most.
        found.sort_by_key(|made| Reverse(made.fee));
        for made in found {
            let mut known = pursuit.made.iter();
            if known.all(|known| known.outpoints.is_disjoint(&made.outpoints)) {
                tracing::info!(channel = %id, txid = %made.txid, fee = %made.fee, "an earlier run made a claim");
                pursuit.note(made);
            }
        }
    }
}

fn earlier(
    transaction: &Transaction,
    outputs: &BTreeMap<OutPoint, Amount>,
    value: impl Fn(&OutPoint) -> Option<Amount>,
    (parent_fee, parent_weight): (Amount, Weight),
    height: u32,
) -> Option<Made> {
    let inputs = || transaction.input.iter().map(|input| input.previous_output);
    let mut values = inputs().map(|input| value(&input));
    let total = values.try_fold(Amount::ZERO, |sum, value| sum.checked_add(value?))?;
    let paid = transaction.output.iter().map(|output| output.value);
    let fee = total.checked_sub(paid.sum())?;
    let weight = transaction.weight().checked_add(parent_weight)?.to_wu();
    let both = fee.checked_add(parent_fee)?;
    let (outpoints, coins): (BTreeSet<OutPoint>, Vec<OutPoint>) = (
        inputs().filter(|at| outputs.contains_key(at)).collect(),
        inputs().filter(|at| !outputs.contains_key(at)).collect(),
    );
    Some(Made {
        outpoints,
        txid: transaction.compute_txid(),
        feerate_per_kw: per_kw(both, weight),
        fee,
        height,
        coins,
    })
}

/// What a fee is for each 1,000 units of weight, rounded up.
pub(super) fn per_kw(fee: Amount, weight: u64) -> u32 {
    let rate = fee.to_sat().saturating_mul(1_000).div_ceil(weight.max(1));
    u32::try_from(rate).unwrap_or(u32::MAX)
}
