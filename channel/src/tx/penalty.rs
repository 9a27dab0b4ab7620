//! Penalty transactions (BOLT 5, "Revoked Transaction Close Handling"): everything that a counterparty which broadcast a
//! revoked commitment transaction could have taken.
//!
//! Weights: see [`spend`](super::spend). All 966 HTLCs and to_local in one transaction stay below the 400,000 that
//! relay: the reason for BOLT 2's limit of 483. Where the counterparty can still move an output by a second stage,
//! separate transactions keep one such move from making the others void.

use bitcoin::{Amount, OutPoint, ScriptBuf, Sequence, Transaction};

use super::after_timelock::require_broadcaster;
use super::commitment::{CommitmentTx, HtlcOutput};
use super::spend::{second_stage_outputs, SpendKey, SpendTx, SpendableOutput, WshSpend};
use super::TxError;
use crate::keys::TxKeys;
use crate::params::{ChannelParams, Side};
use crate::script;
use crate::secrets::is_secret_of_point;

/// Evidence that a commitment of the counterparty is revoked: its secret is known.
#[derive(Debug, PartialEq, Eq)]
pub struct RevokedCommitment {
    commitment: CommitmentTx,
}

impl RevokedCommitment {
    /// Checks `secret`, which the counterparty revealed in revoke_and_ack, against the commitment's point. The secret
    /// is not kept: the signer gets it from the [`SecretStore`](crate::secrets::SecretStore).
    ///
    /// # Errors
    ///
    /// [`TxError::WrongBroadcaster`] for this node's own commitment, [`TxError::WrongSecret`].
    pub fn new(commitment: CommitmentTx, secret: &[u8; 32]) -> Result<Self, TxError> {
        require_broadcaster(&commitment, Side::Counterparty)?;
        if !is_secret_of_point(secret, &commitment.keys().per_commitment_point) {
            return Err(TxError::WrongSecret {
                number: commitment.number(),
            });
        }
        Ok(Self { commitment })
    }

    /// The commitment transaction.
    pub fn commitment(&self) -> &CommitmentTx {
        &self.commitment
    }

    /// The counterparty's own balance, `None` where it was dust.
    pub fn to_local(&self, params: &ChannelParams) -> Option<SpendableOutput> {
        let vout = self.commitment.to_broadcaster_vout()?;
        let value = self.commitment.amounts().to_broadcaster;
        Some(self.delayed(params, self.commitment.outpoint(vout), value))
    }

    /// All HTLC outputs, offered and received, in output order.
    pub fn htlcs(&self, params: &ChannelParams) -> Vec<SpendableOutput> {
        let outputs = self.commitment.htlc_outputs();
        outputs.iter().map(|o| self.htlc(params, o)).collect()
    }

    /// Outputs of the counterparty's HTLC-timeout and HTLC-success transactions in `tx`, which has spent HTLC outputs
    /// of this commitment. Empty where `tx` has none.
    pub fn second_stage(&self, params: &ChannelParams, tx: &Transaction) -> Vec<SpendableOutput> {
        let outputs = second_stage_outputs(params, &self.commitment, tx);
        outputs
            .into_iter()
            .map(|(outpoint, value)| self.delayed(params, outpoint, value))
            .collect()
    }

    /// BOLT 3: `<revocation_sig> 1`, at once.
    fn delayed(
        &self,
        params: &ChannelParams,
        outpoint: OutPoint,
        value: Amount,
    ) -> SpendableOutput {
        self.revoked().delayed(params, outpoint, value)
    }

    /// BOLT 3: `<revocation_sig> <revocationpubkey>`, at once.
    fn htlc(&self, params: &ChannelParams, output: &HtlcOutput) -> SpendableOutput {
        let redeemscript = self.commitment.htlc_redeemscript(params, &output.htlc);
        let outpoint = self.commitment.outpoint(output.vout);
        let value = output.htlc.amount.to_sat_floor();
        self.revoked().htlc(redeemscript, outpoint, value)
    }

    fn revoked(&self) -> Revoked {
        Revoked {
            number: self.commitment.number(),
            keys: *self.commitment.keys(),
        }
    }
}

/// A revoked commitment of the counterparty's of which only the number and the keys are known: its content is forgotten,
/// and its outputs are read from the chain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Revoked {
    /// Its number.
    pub number: u64,
    /// Its keys, which follow from its secret.
    pub keys: TxKeys,
}

impl Revoked {
    /// The witness script of to_local and of second-stage outputs.
    pub(crate) fn delayed_redeemscript(&self, params: &ChannelParams) -> ScriptBuf {
        script::broadcaster_redeemscript(params, Side::Counterparty, &self.keys)
    }

    /// to_local, or a second-stage output. BOLT 3: `<revocation_sig> 1`, at once.
    pub(crate) fn delayed(
        &self,
        params: &ChannelParams,
        outpoint: OutPoint,
        value: Amount,
    ) -> SpendableOutput {
        self.spend(outpoint, value, self.delayed_redeemscript(params), vec![1])
    }

    /// An HTLC output. BOLT 3: `<revocation_sig> <revocationpubkey>`, at once.
    pub(crate) fn htlc(
        &self,
        redeemscript: ScriptBuf,
        outpoint: OutPoint,
        value: Amount,
    ) -> SpendableOutput {
        let key = self.keys.revocation.serialize().to_vec();
        self.spend(outpoint, value, redeemscript, key)
    }

    fn spend(
        &self,
        outpoint: OutPoint,
        value: Amount,
        redeemscript: ScriptBuf,
        item: Vec<u8>,
    ) -> SpendableOutput {
        let spend = WshSpend {
            redeemscript,
            items: vec![item],
            sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
            lock_time: 0,
            key: SpendKey::Revocation {
                commitment: self.number,
            },
            public_key: self.keys.revocation,
        };
        SpendableOutput::wsh(outpoint, value, spend)
    }
}

/// Spends outputs of [`RevokedCommitment`] to one script; this node's own
/// [`to_remote`](super::after_timelock::to_remote_output) may be among them.
///
/// # Errors
///
/// [`TxError::Dust`] or [`TxError::FeeExceedsInputs`] where the fee leaves too little, [`TxError::NoInputs`],
/// [`TxError::DuplicateInput`].
pub fn create_penalty_transaction(
    outputs: Vec<SpendableOutput>,
    destination: ScriptBuf,
    feerate_per_kw: u32,
) -> Result<SpendTx, TxError> {
    SpendTx::new(outputs, destination, feerate_per_kw)
}
