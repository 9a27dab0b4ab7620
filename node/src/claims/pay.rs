//! Builds and signs claims.

use std::collections::BTreeSet;

use bitcoin::absolute::LockTime;
use bitcoin::{Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxOut};
use zarnitsa_bitcoin_adapter::{FeeGoal, FeeRequest, FeeTarget, ForeignInput, FundedPsbt};
use zarnitsa_channel::ids::PaymentPreimage;
use zarnitsa_channel::params::CommitmentFormat;
use zarnitsa_channel::state::{Channel, ClaimKind, ClaimSpend};
use zarnitsa_channel::tx::after_timelock::create_after_timelock_transaction;
use zarnitsa_channel::tx::claim::create_claim_transaction;
use zarnitsa_channel::tx::htlc::HtlcTx;
use zarnitsa_channel::tx::penalty::create_penalty_transaction;
use zarnitsa_channel::tx::spend::SpendableOutput;
use zarnitsa_signer::HolderHtlc;

use crate::funding::fee_rate;

use super::plan::Offer;
use super::recall::per_kw;
use super::{ClaimError, Claimer, Earlier, Made};

/// Within so many blocks a claim must be in a block: the next ones are paid for.
const URGENT_BLOCKS: u32 = 12;

impl Claimer {
    /// What blocks ask now, by how many there are.
    pub(super) fn estimate(&self, blocks_left: Option<u32>) -> u32 {
        let target = match blocks_left {
            Some(left) if left <= URGENT_BLOCKS => FeeTarget::Urgent,
            Some(_) => FeeTarget::Normal,
            None => FeeTarget::Background,
        };
        let rate = self.shared.chain.fees().rate(target).to_sat_per_kwu();
        u32::try_from(rate).unwrap_or(u32::MAX)
    }

    /// The least that the mempool takes now.
    pub(super) fn least_feerate(&self) -> u32 {
        let least = self.shared.chain.fees().minimum().to_sat_per_kwu();
        u32::try_from(least).unwrap_or(u32::MAX)
    }

    /// What a replacement must pay more for its own weight.
    pub(super) fn increment(&self) -> u32 {
        let increment = self.shared.chain.fees().increment().to_sat_per_kwu();
        u32::try_from(increment).unwrap_or(u32::MAX)
    }

    /// BIP 125: a replacement of this weight pays more than all that it replaces.
    pub(super) fn least_fee(&self, replaced: &[Made], weight: u64) -> Amount {
        if replaced.is_empty() {
            return Amount::ZERO;
        }
        let paid: u64 = replaced.iter().map(|made| made.fee.to_sat()).sum();
        // A little more than asked for: weights are rounded to virtual bytes.
        let own = u64::from(self.increment()).saturating_mul(weight.saturating_add(8));
        Amount::from_sat(paid.saturating_add(own.div_ceil(1_000)))
    }

    /// The transaction of one offer, signed, in the place of what was made `earlier`, whose coins of the wallet it uses
    /// again.
    pub(super) fn build(
        &self,
        channel: &Channel,
        offer: &Offer,
        feerate_per_kw: u32,
        earlier: &Earlier,
    ) -> Result<(Transaction, Made), ClaimError> {
        let mut outputs = Vec::with_capacity(offer.claims.len());
        let mut stages: Vec<(&HtlcTx, Option<&PaymentPreimage>)> = Vec::new();
        for claim in &offer.claims {
            match &claim.spend {
                ClaimSpend::Output(output) => outputs.push((**output).clone()),
                ClaimSpend::SecondStage { stage, preimage } => {
                    stages.push((stage, preimage.as_ref()));
                }
            }
        }
        if !stages.is_empty() {
            let least = self.least_fee(&earlier.living, offer.weight());
            return self.second_stages(channel, &stages, (feerate_per_kw, least), earlier);
        }
        let kind = offer.claims.first().map(|claim| claim.kind);
        self.spend(channel, kind, outputs, (feerate_per_kw, &earlier.living))
    }

    fn spend(
        &self,
        channel: &Channel,
        kind: Option<ClaimKind>,
        outputs: Vec<SpendableOutput>,
        (feerate_per_kw, replaced): (u32, &[Made]),
    ) -> Result<(Transaction, Made), ClaimError> {
        let destination = self.destination(channel)?;
        let create = match kind {
            Some(ClaimKind::Delayed | ClaimKind::Balance) => create_after_timelock_transaction,
            Some(ClaimKind::Penalty | ClaimKind::HtlcPenalty) => create_penalty_transaction,
            Some(ClaimKind::Timeout(_) | ClaimKind::Success(_)) | None => create_claim_transaction,
        };
        let mut feerate_per_kw = feerate_per_kw;
        let mut spend = create(outputs.clone(), destination.clone(), feerate_per_kw)?;
        let witnesses: u64 = outputs.iter().map(SpendableOutput::witness_weight).sum();
        let weight = spend.tx().weight().to_wu().saturating_add(2 + witnesses);
        let least = self.least_fee(replaced, weight);
        if spend.fee() < least {
            feerate_per_kw = feerate_per_kw.max(per_kw(least, weight));
            spend = create(outputs, destination, feerate_per_kw)?;
        }
        let transaction = self.shared.signer.sign_spend(&channel.id(), &spend)?;
        let made = made(&transaction, feerate_per_kw, spend.fee(), Vec::new());
        Ok((transaction, made))
    }

    /// Where the channel's coins go: one address, so that a claim that is made anew pays where the one before did.
    fn destination(&self, channel: &Channel) -> Result<ScriptBuf, ClaimError> {
        let upfront = &channel.params().holder.upfront_shutdown_script;
        match upfront {
            Some(script) => Ok(script.clone()),
            None => Ok(self.shared.fresh_script()?),
        }
    }

    /// HTLC-timeout or HTLC-success transactions of this node's own commitment. With anchors several of one lock time may be
    /// one transaction, and the wallet pays for it (BOLT 5, "Generation of HTLC Transactions"); without, each is alone, and
    /// its fee was agreed on with the commitment.
    fn second_stages(
        &self,
        channel: &Channel,
        stages: &[(&HtlcTx, Option<&PaymentPreimage>)],
        (feerate_per_kw, least): (u32, Amount),
        earlier: &Earlier,
    ) -> Result<(Transaction, Made), ClaimError> {
        let (shared, id) = (&self.shared, channel.id());
        let format = channel.params().channel_type.format;
        if let ([(stage, preimage)], CommitmentFormat::StaticRemoteKey) = (stages, format) {
            let htlc = holder_htlc(stage);
            let transaction = shared.signer.complete_holder_htlc(&id, htlc, *preimage)?;
            let made = made(&transaction, u32::MAX, Amount::ZERO, Vec::new());
            return Ok((transaction, made));
        }
        let first = stages.first().map(|(stage, _)| stage.tx().lock_time);
        let outputs = stages.iter().flat_map(|(stage, _)| &stage.tx().output);
        let request = FeeRequest {
            inputs: stages.iter().map(|(stage, _)| input(stage)).collect(),
            outputs: outputs.cloned().collect(),
            lock_time: first.unwrap_or(LockTime::ZERO),
            goal: FeeGoal {
                feerate: fee_rate(feerate_per_kw),
                parent: None,
                least,
            },
            reuse: earlier.coins.clone(),
            replaced: earlier.ours.clone(),
        };
        let funded = shared.wallet.pay_fee(&request)?;
        let signed = shared.wallet.sign(&funded, |psbt| {
            let unsigned = psbt.unsigned_tx.clone();
            for (index, (stage, preimage)) in stages.iter().enumerate() {
                let htlc = holder_htlc(stage);
                let signer = &shared.signer;
                let witness = signer.sign_holder_htlc(&id, htlc, *preimage, &unsigned, index)?;
                if let Some(input) = psbt.inputs.get_mut(index) {
                    input.final_script_witness = Some(witness);
                }
            }
            shared.signer.sign_psbt(psbt)?;
            Ok(())
        });
        self.finish(signed, &funded, &request, feerate_per_kw)
    }

    pub(super) fn finish(
        &self,
        signed: Result<Transaction, zarnitsa_bitcoin_adapter::WalletError>,
        funded: &FundedPsbt,
        request: &FeeRequest,
        feerate_per_kw: u32,
    ) -> Result<(Transaction, Made), ClaimError> {
        if signed.is_err() {
            self.shared.wallet.release(&funded.txid);
        }
        let transaction = signed?;
        let foreign: BTreeSet<OutPoint> = request.inputs.iter().map(|i| i.outpoint).collect();
        let inputs = transaction.input.iter().map(|input| input.previous_output);
        let coins = inputs.filter(|coin| !foreign.contains(coin)).collect();
        let made = made(&transaction, feerate_per_kw, funded.fee, coins);
        Ok((transaction, made))
    }
}

fn holder_htlc(stage: &HtlcTx) -> HolderHtlc {
    HolderHtlc {
        offered_by_us: stage.htlc().offered_by_broadcaster,
        id: stage.htlc().id,
    }
}

fn input(stage: &HtlcTx) -> ForeignInput {
    let own = stage.tx().input.first();
    ForeignInput {
        outpoint: stage.spends(),
        output: TxOut {
            value: stage.htlc().amount.to_sat_floor(),
            script_pubkey: stage.redeemscript().to_p2wsh(),
        },
        sequence: own.map_or(Sequence::MAX, |input| input.sequence),
        witness_weight: stage
            .max_weight()
            .saturating_sub(stage.tx().weight().to_wu()),
    }
}

fn made(transaction: &Transaction, feerate_per_kw: u32, fee: Amount, coins: Vec<OutPoint>) -> Made {
    Made {
        outpoints: BTreeSet::new(),
        txid: transaction.compute_txid(),
        feerate_per_kw,
        fee,
        height: 0,
        coins,
    }
}
