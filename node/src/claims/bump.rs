//! Pays for this node's commitment by its anchor, while no spend of the funding output is in a block (BOLT 3, "to_local_anchor
//! and to_remote_anchor Output").

use std::collections::BTreeSet;

use bitcoin::absolute::LockTime;
use bitcoin::{Amount, Sequence, Transaction, Weight};
use zarnitsa_bitcoin_adapter::{FeeGoal, FeeRequest, ForeignInput};
use zarnitsa_channel::fees;
use zarnitsa_channel::state::Channel;
use zarnitsa_channel::tx::spend::{anchor_output, SpendableOutput};

use crate::funding::fee_rate;

use super::pay::least_fee;
use super::plan::{self, Bid};
use super::{ClaimError, Claimer, Made};

/// The part of what this node has in the channel that a commitment may cost, in percent.
const BUDGET_PERCENT: u64 = 50;

impl Claimer {
    /// Gives the commitment a child where its own fee is too low, and the child a higher fee where that does not help.
    pub(super) fn bump_commitment(
        &mut self,
        channel: &Channel,
        height: u32,
    ) -> Result<(), ClaimError> {
        // None where this node does not close by its commitment, or must not.
        let Some(signed) = channel.holder_commitment().filter(|_| channel.is_closing()) else {
            return Ok(());
        };
        if channel.agreed_closing().is_some() {
            return Ok(());
        }
        // A peer that opened it and never broadcast the opening transaction would have the wallet's coins tied up in
        // children of what cannot be.
        if channel.may_be_abandoned() {
            return Ok(());
        }
        let (params, commitment) = (channel.params(), &signed.commitment);
        let Some(anchor) = anchor_output(params, commitment) else {
            return Ok(());
        };
        let format = params.channel_type.format;
        let weight = fees::commitment_weight(format, commitment.htlc_outputs().len());
        let fee = commitment.fee(params);
        let earlier: Vec<Made> = self.made.get(&channel.id()).cloned().unwrap_or_default();
        let last = earlier.first();
        let blocks_left = channel.htlc_deadline().map(|at| at.saturating_sub(height));
        let wanted = plan::feerate(&Bid {
            estimate: self.estimate(Some(blocks_left.unwrap_or(0))),
            last: last.map(|made| made.feerate_per_kw),
            age: last.map(|made| height.saturating_sub(made.height)),
            blocks_left,
            refused: last.is_some_and(|made| self.is_refused(&made.txid)),
        });
        let enough = fee >= fees::fee_for_weight(wanted, weight);
        if enough || last.is_some_and(|made| made.feerate_per_kw >= wanted) {
            return Ok(());
        }
        let goal = FeeGoal {
            feerate: fee_rate(wanted),
            parent: Some((fee, Weight::from_wu(weight))),
            least: least_fee(&earlier),
        };
        let (child, mut made) = self.child(channel, &anchor, goal, &earlier, wanted)?;
        if made.fee > budget(channel) {
            self.shared.wallet.release(&made.txid);
            tracing::warn!(channel = %channel.id(), fee = %made.fee, "a child would cost more than the channel is worth");
            return Ok(());
        }
        made.height = height;
        made.outpoints = BTreeSet::from([anchor.outpoint()]);
        let id = channel.id();
        let parent = self.shared.signer.complete_holder_commitment(&id)?;
        self.replace(id, &earlier, made, vec![parent, child]);
        Ok(())
    }

    fn child(
        &self,
        channel: &Channel,
        anchor: &SpendableOutput,
        goal: FeeGoal,
        earlier: &[Made],
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
            reuse: earlier.iter().flat_map(|made| made.coins.clone()).collect(),
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

fn budget(channel: &Channel) -> Amount {
    let balances = channel.balances();
    let stake = [balances.local, balances.offered, balances.received];
    let stake: u64 = stake.iter().map(|part| part.to_sat_floor().to_sat()).sum();
    Amount::from_sat(stake.saturating_mul(BUDGET_PERCENT) / 100)
}
