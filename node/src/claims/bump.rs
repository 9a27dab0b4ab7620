//! Pays for a commitment by this node's anchor, while no spend of the funding output is in a block (BOLT 3, "to_local_anchor
//! and to_remote_anchor Output"): for its own, and for the peer's where that is the one that waits.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use bitcoin::absolute::LockTime;
use bitcoin::{Amount, Sequence, Transaction, Txid, Weight};
use zarnitsa_bitcoin_adapter::{FeeGoal, FeeRequest, ForeignInput};
use zarnitsa_channel::fees;
use zarnitsa_channel::htlc::Htlc;
use zarnitsa_channel::params::Side;
use zarnitsa_channel::state::Channel;
use zarnitsa_channel::tx::commitment::CommitmentTx;
use zarnitsa_channel::tx::spend::{anchor_output, SpendableOutput};

use crate::funding::fee_rate;

use super::plan::{self, Bid};
use super::recall::per_kw;
use super::{ClaimError, Claimer, Made};

/// The part of this node's own balance that a commitment may cost, in percent. Nobody takes it meanwhile: it only waits.
const PATIENT_PERCENT: u64 = 10;

/// A commitment that waits for a block.
struct Waiting {
    commitment: CommitmentTx,
    /// The peer's, complete as the mempool showed it.
    theirs: Option<Transaction>,
}

/// Whose child is to be made.
struct Family {
    parent: Transaction,
    fee: Amount,
    weight: u64,
    anchor: SpendableOutput,
}

impl Claimer {
    /// Gives the commitment a child where its own fee is too low, and the child a higher fee where that does not help.
    pub(super) fn bump_commitment(
        &mut self,
        channel: &Channel,
        height: u32,
    ) -> Result<(), ClaimError> {
        let Some(family) = self.family(channel)? else {
            return Ok(());
        };
        let (id, anchor) = (channel.id(), family.anchor.outpoint());
        let outputs = BTreeMap::from([(anchor, family.anchor.output().value)]);
        let parent = (family.fee, Weight::from_wu(family.weight));
        self.recall(id, &outputs, parent, height);
        let pursuit = self.pursuits.entry(id).or_default();
        let parent_txid = family.parent.compute_txid();
        if pursuit.waiting.is_none_or(|(txid, _)| txid != parent_txid) {
            pursuit.waiting = Some((parent_txid, height));
        }
        let since = pursuit.waiting.map_or(height, |(_, since)| since);
        let mut earlier = pursuit.made.clone();
        earlier.retain(|made| made.outpoints.contains(&anchor));
        let ours = pursuit.ours.clone();
        let last = earlier.iter().max_by_key(|made| made.feerate_per_kw);

        let own = per_kw(family.fee, family.weight);
        let blocks_left = channel.htlc_deadline().map(|at| at.saturating_sub(height));
        let estimate = self.estimate(Some(blocks_left.unwrap_or(u32::MAX)));
        let offered = last.map_or(own, |made| made.feerate_per_kw);
        // The two are refused together: the child then has no parent in the mempool.
        let refused = self.is_refused(&parent_txid)
            || last.is_some_and(|made| self.is_refused(&made.txid))
            || offered < self.least_feerate();
        let wanted = plan::feerate(&Bid {
            estimate,
            last: Some(offered),
            age: Some(height.saturating_sub(last.map_or(since, |made| made.height))),
            blocks_left,
            refused,
            increment: self.increment(),
        });
        let budget = budget(channel, blocks_left);
        let most = family.most_feerate(budget);
        let wanted = wanted.min(most).max(offered);
        if wanted <= offered {
            return Ok(());
        }
        let goal = FeeGoal {
            feerate: fee_rate(wanted),
            parent: Some(parent),
            least: self.least_fee(&earlier, family.child_weight()),
        };
        let (child, mut made) =
            self.child(channel, &family.anchor, goal, (&earlier, ours), wanted)?;
        if made.fee > budget {
            self.shared.wallet.release(&made.txid);
            tracing::warn!(channel = %id, fee = %made.fee, %budget, "a child would cost more than the channel is worth");
            return Ok(());
        }
        made.height = height;
        made.outpoints = BTreeSet::from([anchor]);
        self.replace(id, &earlier, made, vec![family.parent, child]);
        Ok(())
    }

    /// The commitment that this node wants in a block, with its anchor on it.
    fn family(&self, channel: &Channel) -> Result<Option<Family>, ClaimError> {
        let Some(waiting) = self.waiting(channel) else {
            return Ok(None);
        };
        let (params, commitment) = (channel.params(), &waiting.commitment);
        let Some(anchor) = anchor_output(params, commitment) else {
            return Ok(None);
        };
        let format = params.channel_type.format;
        let parent = match waiting.theirs {
            Some(theirs) => theirs,
            None => self
                .shared
                .signer
                .complete_holder_commitment(&channel.id())?,
        };
        Ok(Some(Family {
            parent,
            fee: commitment.fee(params),
            weight: fees::commitment_weight(format, commitment.htlc_outputs().len()),
            anchor,
        }))
    }

    /// The peer's commitment where the mempool has shown it, and a deadline or this node's own close needs it in a block: this
    /// node's own would conflict with it. Else its own, where it closes by it.
    fn waiting(&self, channel: &Channel) -> Option<Waiting> {
        let closes = channel.is_closing() && channel.agreed_closing().is_none();
        let seen = self.shared.chain.waiting_spend(&channel.params().funding);
        if let Some(seen) = seen.filter(|_| closes || channel.htlc_deadline().is_some()) {
            let txid = seen.compute_txid();
            let mut theirs = channel.counterparty_unrevoked().into_iter();
            if let Some(commitment) = theirs.find(|commitment| commitment.txid() == txid) {
                return Some(Waiting {
                    commitment,
                    theirs: Some((*seen).clone()),
                });
            }
        }
        // A peer that opened it and never broadcast the opening transaction would have the wallet's coins tied up in
        // children of what cannot be.
        if channel.may_be_abandoned() {
            return None;
        }
        // None where it must not be broadcast.
        let signed = channel.holder_commitment().filter(|_| closes)?;
        Some(Waiting {
            commitment: signed.commitment,
            theirs: None,
        })
    }

    fn child(
        &self,
        channel: &Channel,
        anchor: &SpendableOutput,
        goal: FeeGoal,
        (earlier, ours): (&[Made], HashSet<Txid>),
        feerate_per_kw: u32,
    ) -> Result<(Transaction, Made), ClaimError> {
        let (shared, id) = (&self.shared, channel.id());
        let request = FeeRequest {
            inputs: vec![ForeignInput {
                outpoint: anchor.outpoint(),
                output: anchor.output().clone(),
                sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
                witness_weight: anchor.witness_weight(),
            }],
            outputs: Vec::new(),
            lock_time: LockTime::ZERO,
            goal,
            reuse: self.coins_of(earlier),
            replaced: ours,
        };
        let funded = shared.wallet.pay_fee(&request)?;
        let signed = shared.wallet.sign(&funded, |psbt| {
            let unsigned = psbt.unsigned_tx.clone();
            let witness = shared.signer.sign_spend_input(&id, anchor, &unsigned, 0)?;
            if let Some(input) = psbt.inputs.first_mut() {
                input.final_script_witness = Some(witness);
            }
            shared.signer.sign_psbt(psbt)?;
            Ok(())
        });
        self.finish(signed, &funded, &request, feerate_per_kw)
    }
}

impl Family {
    fn child_weight(&self) -> u64 {
        let input = self.anchor.witness_weight().saturating_add(164 + 42);
        input.saturating_add(plan::WALLET_PART_WEIGHT)
    }

    /// What both together pay where the child pays all of a budget.
    fn most_feerate(&self, budget: Amount) -> u32 {
        let both = budget.checked_add(self.fee).unwrap_or(budget);
        let weight = self.weight.saturating_add(self.child_weight());
        let rate = both.to_sat().saturating_mul(1_000) / weight.max(1);
        u32::try_from(rate).unwrap_or(u32::MAX)
    }
}

/// What the child may cost: a part of the HTLCs that are lost by waiting, and a small one of the balance that only waits.
fn budget(channel: &Channel, blocks_left: Option<u32>) -> Amount {
    let at_risk = |htlc: &&Htlc| match htlc.offered_by {
        Side::Holder => htlc.preimage.is_none(),
        Side::Counterparty => htlc.preimage.is_some(),
    };
    let htlcs = channel.htlcs().filter(at_risk);
    let htlcs = htlcs.map(|htlc| htlc.amount.to_sat_floor().to_sat());
    let urgent = htlcs
        .sum::<u64>()
        .saturating_mul(plan::budget_percent(blocks_left));
    let balance = channel.balances().local.to_sat_floor().to_sat();
    let patient = balance.saturating_mul(PATIENT_PERCENT);
    Amount::from_sat(urgent.saturating_add(patient) / 100)
}
