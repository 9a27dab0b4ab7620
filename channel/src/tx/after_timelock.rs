//! Spends of outputs that wait for a relative timelock (BOLT 3, "to_local Output"; BOLT 5, "Unilateral Close Handling"):
//! this node's own balance after its unilateral close, the outputs of its second-stage HTLC transactions, and, with
//! anchors, its balance in the counterparty's commitment transaction.
//!
//! Weights: see [`spend`](super::spend).

use bitcoin::{Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxOut};

use super::commitment::CommitmentTx;
use super::spend::{second_stage_outputs, SpendKey, SpendTx, SpendableOutput, WshSpend};
use super::TxError;
use crate::params::{ChannelParams, CommitmentFormat, Side};
use crate::script;

/// Spends delayed outputs, of [`to_local_output`], [`own_second_stage_outputs`] and [`to_remote_output`], to one script.
///
/// Valid only from the highest [`SpendableOutput::spendable_at`] of them.
///
/// # Errors
///
/// [`TxError::Dust`] or [`TxError::FeeExceedsInputs`] where the fee leaves too little, [`TxError::NoInputs`],
/// [`TxError::DuplicateInput`].
pub fn create_after_timelock_transaction(
    outputs: Vec<SpendableOutput>,
    destination: ScriptBuf,
    feerate_per_kw: u32,
) -> Result<SpendTx, TxError> {
    SpendTx::new(outputs, destination, feerate_per_kw)
}

/// This node's balance in its own commitment transaction, `None` where it was dust.
///
/// # Errors
///
/// [`TxError::WrongBroadcaster`] for the counterparty's commitment.
pub fn to_local_output(
    params: &ChannelParams,
    commitment: &CommitmentTx,
) -> Result<Option<SpendableOutput>, TxError> {
    require_broadcaster(commitment, Side::Holder)?;
    let value = commitment.amounts().to_broadcaster;
    let output = commitment
        .to_broadcaster_vout()
        .map(|vout| delayed(params, commitment, commitment.outpoint(vout), value));
    Ok(output)
}

/// Outputs of this node's HTLC-timeout and HTLC-success transactions in `tx`, which spends outputs of its `commitment`.
/// Empty where `tx` has none.
///
/// # Errors
///
/// [`TxError::WrongBroadcaster`] for the counterparty's commitment.
pub fn own_second_stage_outputs(
    params: &ChannelParams,
    commitment: &CommitmentTx,
    tx: &Transaction,
) -> Result<Vec<SpendableOutput>, TxError> {
    require_broadcaster(commitment, Side::Holder)?;
    let outputs = second_stage_outputs(params, commitment, tx);
    Ok(outputs
        .into_iter()
        .map(|(outpoint, value)| delayed(params, commitment, outpoint, value))
        .collect())
}

/// This node's balance in the counterparty's commitment transaction, `None` where it was dust. Revoked or not: no
/// revocation touches it. Waits one block with anchors, not at all without.
///
/// # Errors
///
/// [`TxError::WrongBroadcaster`] for this node's own commitment.
pub fn to_remote_output(
    params: &ChannelParams,
    commitment: &CommitmentTx,
) -> Result<Option<SpendableOutput>, TxError> {
    require_broadcaster(commitment, Side::Counterparty)?;
    let Some(vout) = commitment.to_countersignatory_vout() else {
        return Ok(None);
    };
    let value = commitment.amounts().to_countersignatory;
    Ok(Some(to_remote(params, commitment.outpoint(vout), value)))
}

/// This node's balance in a transaction of the counterparty's whose number and state it does not know: a commitment
/// from after a loss of data (BOLT 2, "Message Retransmission"). Its script never changes, which is what
/// option_static_remotekey is for. `None` where `tx` has no such output.
pub fn find_to_remote_output(params: &ChannelParams, tx: &Transaction) -> Option<SpendableOutput> {
    let key = &params.holder.keys.payment_basepoint;
    let script = script::to_remote_script_pubkey(params.channel_type.format, key);
    let txid = tx.compute_txid();
    (0u32..)
        .zip(&tx.output)
        .find(|(_, output)| output.script_pubkey == script)
        .map(|(vout, output)| to_remote(params, OutPoint { txid, vout }, output.value))
}

/// This node's balance at a known place.
pub(crate) fn to_remote(
    params: &ChannelParams,
    outpoint: OutPoint,
    value: Amount,
) -> SpendableOutput {
    let public_key = params.holder.keys.payment_basepoint;
    let format = params.channel_type.format;
    match format {
        CommitmentFormat::StaticRemoteKey => {
            let script_pubkey = script::to_remote_script_pubkey(format, &public_key);
            let output = TxOut {
                value,
                script_pubkey,
            };
            SpendableOutput::wpkh(outpoint, output, public_key)
        }
        CommitmentFormat::Anchors => SpendableOutput::wsh(
            outpoint,
            value,
            WshSpend {
                redeemscript: script::to_remote_anchors_redeemscript(&public_key),
                items: Vec::new(),
                // BOLT 3, "to_remote Output": one block.
                sequence: Sequence::from_consensus(1),
                lock_time: 0,
                key: SpendKey::Payment,
                public_key,
            },
        ),
    }
}

pub(super) fn require_broadcaster(
    commitment: &CommitmentTx,
    expected: Side,
) -> Result<(), TxError> {
    let got = commitment.broadcaster();
    if got == expected {
        Ok(())
    } else {
        Err(TxError::WrongBroadcaster { expected, got })
    }
}

/// BOLT 3: `<local_delayedsig> <>`, with the sequence that the counterparty's to_self_delay demands.
pub(crate) fn delayed(
    params: &ChannelParams,
    commitment: &CommitmentTx,
    outpoint: OutPoint,
    value: Amount,
) -> SpendableOutput {
    let keys = commitment.keys();
    SpendableOutput::wsh(
        outpoint,
        value,
        WshSpend {
            redeemscript: script::broadcaster_redeemscript(params, commitment.broadcaster(), keys),
            items: vec![Vec::new()],
            sequence: Sequence::from_height(params.counterparty.to_self_delay),
            lock_time: 0,
            key: SpendKey::DelayedPayment {
                per_commitment_point: keys.per_commitment_point,
            },
            public_key: keys.broadcaster_delayed,
        },
    )
}
