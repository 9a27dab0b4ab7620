//! What earlier runs made. It is in the wallet's file, for every claim pays to the wallet or with its coins: so a claim that is
//! made anew never pays less than before, and a claim of this node's is not taken for somebody else's; nor somebody else's for
//! one of this node's because it pays to the wallet too.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use bitcoin::{Amount, OutPoint, ScriptBuf, Transaction, Weight};
use zarnitsa_channel::ids::ChannelId;
use zarnitsa_channel::state::{Channel, ClaimSpend, Resolution};

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
        let spends = self.own_spends(&id, &fresh);
        let wallet = &self.shared.wallet;
        let value = |outpoint: &OutPoint| {
            let known = outputs.get(outpoint).copied();
            known.or_else(|| wallet.value_of(outpoint))
        };
        let mut found = Vec::new();
        let pursuit = self.pursuits.entry(id).or_default();
        for transaction in spends {
            if pursuit.ours.insert(transaction.compute_txid()) {
                let made = earlier(&transaction, outputs, value, parent, height);
                found.extend(made.map(|made| (made, transaction)));
            }
        }
        // Of those that spend the same, the one in the mempool pays the most.
        found.sort_by_key(|(made, _)| Reverse(made.fee));
        for (made, transaction) in found {
            let mut known = pursuit.made.iter();
            if known.all(|known| known.outpoints.is_disjoint(&made.outpoints)) {
                tracing::info!(channel = %id, txid = %made.txid, fee = %made.fee, "an earlier run made a claim");
                pursuit.note(made);
                // It may have been written down and not been sent, or bitcoind may have lost it. What the wallet pays for the
                // adapter goes on with by itself.
                if !wallet.pays(&transaction) {
                    self.outbox.push(id, vec![(*transaction).clone()]);
                }
            }
        }
    }

    /// The claims of these outputs that this node has made: of what the wallet knows that is in no block, for it knows each
    /// transaction that pays to it, whoever made that.
    pub(super) fn own_spends(&self, id: &ChannelId, outputs: &[OutPoint]) -> Vec<Arc<Transaction>> {
        let wallet = &self.shared.wallet;
        let mut spends = wallet.unconfirmed_spends(outputs);
        if spends.is_empty() {
            return spends;
        }
        let mut direct = None;
        let channel = self.shared.channel(id);
        let upfront = channel
            .as_ref()
            .and_then(|channel| channel.params().holder.upfront_shutdown_script.as_ref());
        spends.retain(|transaction| {
            wallet.pays(transaction) || {
                let known = || channel.as_ref().map(direct_claims).unwrap_or_default();
                let direct = direct.get_or_insert_with(known);
                takes_all(transaction, direct, |script| {
                    Some(script) == upfront || wallet.is_mine(script)
                })
            }
        });
        spends
    }
}

/// The outputs of a close that this node takes by transactions that pay for themselves.
fn direct_claims(channel: &Channel) -> HashSet<OutPoint> {
    let outputs = channel.resolution().map_or(&[][..], Resolution::outputs);
    let mut direct: HashSet<OutPoint> = outputs.iter().map(|output| output.outpoint).collect();
    for claim in channel.claims() {
        // The wallet pays for these: a rival's claim may look like anything.
        if matches!(claim.spend, ClaimSpend::SecondStage { .. }) {
            direct.remove(&claim.outpoint);
        }
    }
    direct
}

/// Whether a transaction is one that only this node makes: it takes nothing but its direct claims, and pays to nobody else. Who
/// makes another may well have it pay something to this node, whose script the peer knows.
fn takes_all(
    transaction: &Transaction,
    direct: &HashSet<OutPoint>,
    is_ours: impl Fn(&ScriptBuf) -> bool,
) -> bool {
    let mut inputs = transaction.input.iter();
    let mut outputs = transaction.output.iter();
    inputs.all(|input| direct.contains(&input.previous_output))
        && outputs.all(|output| is_ours(&output.script_pubkey))
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

#[cfg(test)]
mod tests {
    use bitcoin::absolute::LockTime;
    use bitcoin::hashes::Hash;
    use bitcoin::transaction::Version;
    use bitcoin::{Sequence, TxIn, TxOut, Txid, Witness};

    use super::*;

    fn at(vout: u32) -> OutPoint {
        OutPoint::new(Txid::from_byte_array([1; 32]), vout)
    }

    fn spend(inputs: &[OutPoint], scripts: &[&ScriptBuf]) -> Transaction {
        let input = |previous_output: &OutPoint| TxIn {
            previous_output: *previous_output,
            script_sig: ScriptBuf::new(),
            sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
            witness: Witness::new(),
        };
        let output = |script: &&ScriptBuf| TxOut {
            value: Amount::from_sat(1_000),
            script_pubkey: (*script).clone(),
        };
        Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: inputs.iter().map(input).collect(),
            output: scripts.iter().map(output).collect(),
        }
    }

    #[test]
    fn takes_all_is_true_of_direct_claims_that_pay_to_nobody_else() {
        let (ours, theirs) = (ScriptBuf::new_op_return([1]), ScriptBuf::new_op_return([2]));
        let direct = HashSet::from([at(0), at(1)]);
        let is_own = |inputs: &[OutPoint], scripts: &[&ScriptBuf]| {
            let transaction = spend(inputs, scripts);
            takes_all(&transaction, &direct, |script| *script == ours)
        };
        assert!(is_own(&[at(0)], &[&ours]));
        assert!(is_own(&[at(0), at(1)], &[&ours]));
        // A rival's that pays something to the script that the peer knows.
        assert!(!is_own(&[at(0)], &[&ours, &theirs]));
        assert!(!is_own(&[at(0)], &[&theirs, &ours]));
        assert!(!is_own(&[at(0)], &[&theirs]));
        // A rival's that gives all of it away, beside what it alone can spend, or of an output that is no direct claim.
        assert!(!is_own(&[at(0), at(7)], &[&ours]));
        assert!(!is_own(&[at(7)], &[&ours]));
    }
}
