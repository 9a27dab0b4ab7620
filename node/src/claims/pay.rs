//! Builds and signs claims.

use std::collections::BTreeSet;

use bitcoin::{Amount, OutPoint, ScriptBuf, Transaction};
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
use super::{ClaimError, Claimer, Made};

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

    /// The transaction of one offer, signed.
    pub(super) fn build(
        &self,
        channel: &Channel,
        offer: &Offer,
        feerate_per_kw: u32,
        earlier: &[Made],
    ) -> Result<(Transaction, Made), ClaimError> {
        let mut outputs = Vec::with_capacity(offer.claims.len());
        for claim in &offer.claims {
            match &claim.spend {
                ClaimSpend::Output(output) => outputs.push((**output).clone()),
                ClaimSpend::SecondStage { stage, preimage } => {
                    let preimage = preimage.as_ref();
                    return self.second_stage(channel, stage, preimage, feerate_per_kw, earlier);
                }
            }
        }
        let kind = offer.claims.first().map(|claim| claim.kind);
        self.spend(channel, kind, outputs, feerate_per_kw)
    }

    fn spend(
        &self,
        channel: &Channel,
        kind: Option<ClaimKind>,
        outputs: Vec<SpendableOutput>,
        feerate_per_kw: u32,
    ) -> Result<(Transaction, Made), ClaimError> {
        let destination = self.destination(channel)?;
        let create = match kind {
            Some(ClaimKind::Delayed | ClaimKind::Balance) => create_after_timelock_transaction,
            Some(ClaimKind::Penalty) => create_penalty_transaction,
            Some(ClaimKind::Timeout(_) | ClaimKind::Success(_)) | None => create_claim_transaction,
        };
        let spend = create(outputs, destination, feerate_per_kw)?;
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

    /// HTLC-timeout or HTLC-success of this node's own commitment. With anchors the wallet pays for it (BOLT 5, "Generation
    /// of HTLC Transactions"); without, its fee was agreed on with the commitment.
    fn second_stage(
        &self,
        channel: &Channel,
        stage: &HtlcTx,
        preimage: Option<&PaymentPreimage>,
        feerate_per_kw: u32,
        earlier: &[Made],
    ) -> Result<(Transaction, Made), ClaimError> {
        let (shared, id) = (&self.shared, channel.id());
        let htlc = HolderHtlc {
            offered_by_us: stage.htlc().offered_by_broadcaster,
            id: stage.htlc().id,
        };
        if channel.params().channel_type.format == CommitmentFormat::StaticRemoteKey {
            let transaction = shared.signer.complete_holder_htlc(&id, htlc, preimage)?;
            let made = made(&transaction, u32::MAX, Amount::ZERO, Vec::new());
            return Ok((transaction, made));
        }
        let request = FeeRequest {
            inputs: vec![ForeignInput {
                outpoint: stage.spends(),
                output: bitcoin::TxOut {
                    value: stage.htlc().amount.to_sat_floor(),
                    script_pubkey: stage.redeemscript().to_p2wsh(),
                },
                sequence: stage
                    .tx()
                    .input
                    .first()
                    .map_or(bitcoin::Sequence::MAX, |input| input.sequence),
                witness_weight: stage
                    .max_weight()
                    .saturating_sub(stage.tx().weight().to_wu()),
            }],
            outputs: stage.tx().output.clone(),
            lock_time: stage.tx().lock_time,
            goal: FeeGoal {
                feerate: fee_rate(feerate_per_kw),
                parent: None,
                least: least_fee(earlier),
            },
            reuse: earlier.iter().flat_map(|made| made.coins.clone()).collect(),
        };
        let funded = shared.wallet.pay_fee(&request)?;
        let signed = shared.wallet.sign(&funded, |psbt| {
            let unsigned = psbt.unsigned_tx.clone();
            let witness = shared
                .signer
                .sign_holder_htlc(&id, htlc, preimage, &unsigned, 0)?;
            if let Some(input) = psbt.inputs.first_mut() {
                input.final_script_witness = Some(witness);
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

/// BIP 125: a replacement pays more than what it replaces.
pub(super) fn least_fee(earlier: &[Made]) -> Amount {
    let fees = earlier.iter().map(|made| made.fee).max();
    let raise = Amount::from_sat(300);
    fees.map_or(Amount::ZERO, |fee| fee.checked_add(raise).unwrap_or(fee))
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
