//! On-chain money: what openings and closings cost, and the wallet's part in them.

use bitcoin::constants::COINBASE_MATURITY;
use bitcoin::hashes::Hash;
use bitcoin::{Amount, FeeRate, OutPoint, ScriptBuf, Transaction, TxOut, Txid};
use std::sync::Arc;

use zarnitsa_bitcoin_adapter::{
    BlockRef, FeeTarget, ReportedSpend, SpendWatch, TransactionWatch, WalletError, Watch,
};
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::{ChannelId, KeysId};
use zarnitsa_channel::params::{CommitmentFormat, SideParams};
use zarnitsa_channel::script::funding_script_pubkey;
use zarnitsa_channel::state::{Channel, TrackedOutput};
use zarnitsa_signer::SignerError;

use crate::shared::Shared;

/// BOLT 3: the least dust limit that any kind of output allows.
const DUST_LIMIT: Amount = Amount::from_sat(354);
/// BOLT 2's usual reserve: a hundredth of the capacity.
const RESERVE_DIVISOR: u64 = 100;
/// Confirmations at which the adapter tells that a spend is final. What follows from which depth is the machine's to say.
const SPEND_BURIED: u32 = 6;
/// BOLT 2: an opening transaction that is not in a block after so many is forgotten.
pub(crate) const FORGOTTEN_AFTER: u32 = 2_016;

/// Why money could not be moved.
#[derive(Debug, thiserror::Error)]
pub enum FundingError {
    /// The wallet.
    #[error(transparent)]
    Wallet(#[from] WalletError),
    /// The signer.
    #[error(transparent)]
    Signer(#[from] SignerError),
}

impl Shared {
    pub(crate) fn new_keys_id(&self) -> KeysId {
        KeysId(rand::random())
    }

    /// What this node says of itself in open_channel and accept_channel. Where its coins go at the end is added when all
    /// else is known to suit.
    pub(crate) fn side_params(
        &self,
        capacity: Amount,
        keys_id: &KeysId,
    ) -> Result<SideParams, FundingError> {
        let policy = self.policy();
        let reserve = Amount::from_sat(capacity.to_sat() / RESERVE_DIVISOR).max(DUST_LIMIT);
        let in_flight = capacity
            .to_sat()
            .saturating_mul(10) // a hundredth of the capacity in millisatoshis
            .saturating_mul(policy.max_in_flight_percent.into());
        Ok(SideParams {
            keys: self.signer.channel_public_keys(keys_id)?,
            dust_limit: DUST_LIMIT,
            max_htlc_value_in_flight: Msat::new(in_flight),
            channel_reserve: reserve,
            htlc_minimum: policy.htlc_minimum_msat,
            max_accepted_htlcs: policy.max_accepted_htlcs,
            to_self_delay: policy.to_self_delay,
            upfront_shutdown_script: None,
        })
    }

    /// Anchors let a commitment be paid for when it is broadcast, so its own feerate need only enter mempools. Without
    /// them it must do for the worst moment.
    pub(crate) fn commitment_feerate_per_kw(&self, format: CommitmentFormat) -> u32 {
        self.feerate(match format {
            CommitmentFormat::Anchors => FeeTarget::Normal,
            CommitmentFormat::StaticRemoteKey => FeeTarget::Urgent,
        })
    }

    /// What confirms within a day.
    pub(crate) fn slow_feerate_per_kw(&self) -> u32 {
        self.feerate(FeeTarget::Background)
    }

    pub(crate) fn opening_feerate_per_kw(&self) -> u32 {
        self.feerate(FeeTarget::Normal)
    }

    pub(crate) fn closing_feerate_per_kw(&self) -> u32 {
        self.feerate(FeeTarget::Normal)
    }

    fn feerate(&self, target: FeeTarget) -> u32 {
        u32::try_from(self.chain.fees().rate(target).to_sat_per_kwu()).unwrap_or(u32::MAX)
    }

    /// The largest channel that the wallet can pay for.
    pub(crate) fn wallet_all(&self, feerate_per_kw: u32) -> Result<Amount, FundingError> {
        // Any script of the funding output's length weighs the same.
        let like_funding = ScriptBuf::new_p2wsh(&bitcoin::WScriptHash::all_zeros());
        let most = self
            .wallet
            .max_fundable(like_funding, fee_rate(feerate_per_kw))?;
        Ok(most.min(self.policy().max_channel_sat))
    }

    /// The opening transaction, signed, and its output for the channel. Its coins are held back until it is seen or
    /// released.
    pub(crate) fn fund_opening(
        &self,
        output: &TxOut,
        feerate_per_kw: u32,
    ) -> Result<(OutPoint, Transaction), FundingError> {
        let funded = self.wallet.fund(
            output.script_pubkey.clone(),
            output.value,
            fee_rate(feerate_per_kw),
        )?;
        let signed = self.wallet.sign(&funded, |psbt| {
            self.signer.sign_psbt(psbt)?;
            Ok(())
        });
        if signed.is_err() {
            self.wallet.release(&funded.txid);
        }
        Ok((funded.output, signed?))
    }

    /// The same for the outputs of a batch: one transaction, and where in it each output is.
    pub(crate) fn fund_batch(
        &self,
        outputs: &[TxOut],
        feerate_per_kw: u32,
    ) -> Result<(Vec<OutPoint>, Transaction), FundingError> {
        let asked: Vec<_> = outputs
            .iter()
            .map(|output| (output.script_pubkey.clone(), output.value))
            .collect();
        let (funded, places) = self.wallet.fund_all(&asked, fee_rate(feerate_per_kw))?;
        let signed = self.wallet.sign(&funded, |psbt| {
            self.signer.sign_psbt(psbt)?;
            Ok(())
        });
        if signed.is_err() {
            self.wallet.release(&funded.txid);
        }
        Ok((places, signed?))
    }

    pub(crate) fn release_coins(&self, opening: &Txid) {
        self.wallet.release(opening);
    }

    /// An address of the wallet that nobody has been told.
    pub(crate) fn fresh_script(&self) -> Result<ScriptBuf, FundingError> {
        Ok(self.wallet.address(None)?.script_pubkey())
    }

    /// Confirmations at which the opening transaction is told of.
    pub(crate) fn watch_depth(&self, id: &ChannelId, coinbase: bool) -> u32 {
        let depth = self
            .channel(id)
            .map_or(1, |channel| channel.params().minimum_depth.max(1));
        match coinbase {
            true => depth.max(COINBASE_MATURITY),
            false => depth,
        }
    }

    /// Has the chain watched for what matters to a channel. Nothing of it is in a block below `from_height`.
    pub(crate) fn watch_channel(&self, channel: &Channel, from_height: u32) {
        self.watch_from(channel, from_height, from_height);
    }

    /// The opening transaction is in no block below `opening_from`, what spends it in none below `spend_from`.
    fn watch_from(&self, channel: &Channel, opening_from: u32, spend_from: u32) {
        let params = channel.params();
        let confirmed = channel.confirmation();
        self.chain.watch(Watch::Transaction(TransactionWatch {
            outpoint: params.funding,
            script: funding_script_pubkey(
                &params.holder.keys.funding,
                &params.counterparty.keys.funding,
            ),
            depth: params.minimum_depth.max(1),
            from_height: confirmed.map_or(opening_from, |at| at.block_height),
            reported: confirmed.map(|at| BlockRef {
                height: at.block_height,
                hash: at.block_hash,
            }),
        }));
        let reported = channel.spend().map(|spend| ReportedSpend {
            spender: spend.transaction.compute_txid(),
            height: spend.block_height,
        });
        self.chain.watch(Watch::Spend(SpendWatch {
            outpoint: params.funding,
            depth: SPEND_BURIED,
            from_height: spend_from,
            reported,
        }));
    }

    /// Has the chain watched for the spend of an output of a close.
    pub(crate) fn watch_output(&self, output: &TrackedOutput) {
        self.chain.watch(Watch::Spend(SpendWatch {
            outpoint: output.outpoint,
            depth: SPEND_BURIED,
            from_height: output.confirmed_at,
            reported: output.spent.map(|spent| ReportedSpend {
                spender: spent.txid,
                height: spent.block_height,
            }),
        }));
    }

    /// After a start: as [`watch_channel`](Self::watch_channel), for all channels. A funding output that is unspent at
    /// this height needs no search for a spend; for others the blocks are searched from where the channel can first be.
    /// The opening transaction may have come into a block while the node was down, spent or not.
    pub(crate) fn watch_again(self: &Arc<Self>, channels: Vec<Channel>, height: u32) {
        let shared = self.clone();
        tokio::task::spawn_blocking(move || {
            for channel in channels {
                let first = channel
                    .confirmation()
                    .map_or(height.saturating_sub(FORGOTTEN_AFTER), |at| at.block_height);
                let unspent = shared.source.unspent(&channel.params().funding);
                let spend_from = if matches!(unspent, Ok(Some(_))) {
                    height
                } else {
                    first
                };
                shared.watch_from(&channel, first.min(height), spend_from.min(height));
            }
        });
    }

    /// Hands a transaction to the network. The adapter keeps at it until it is confirmed or replaced.
    pub(crate) fn broadcast(&self, transaction: Transaction) {
        let chain = self.chain.clone();
        tokio::spawn(async move {
            let txid = transaction.compute_txid();
            match chain.broadcast_tx(transaction).await {
                Ok(outcome) => tracing::info!(%txid, ?outcome, "broadcast"),
                Err(rejection) => tracing::error!(%txid, %rejection, "rejected by the network"),
            }
        });
    }
}

pub(crate) fn fee_rate(feerate_per_kw: u32) -> FeeRate {
    FeeRate::from_sat_per_kwu(feerate_per_kw.into())
}
