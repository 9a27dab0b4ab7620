//! Direct claims of HTLC outputs in the counterparty's commitment transaction (BOLT 3, "Offered HTLC Outputs" and
//! "Received HTLC Outputs"; BOLT 5, "Unilateral Close Handling: Remote Commitment Transaction"): by preimage what it
//! offered, after expiry what this node offered.
//!
//! Weights: see [`spend`](super::spend).

use bitcoin::ScriptBuf;

use super::after_timelock::require_broadcaster;
use super::commitment::{CommitmentTx, HtlcOutput};
use super::spend::{htlc_sequence, SpendKey, SpendTx, SpendableOutput, WshSpend};
use super::TxError;
use crate::ids::PaymentPreimage;
use crate::params::{ChannelParams, Side};

/// Spends HTLC outputs of the counterparty's commitment, of [`by_preimage`] and [`by_timeout`], to one script.
///
/// # Errors
///
/// [`TxError::Dust`] or [`TxError::FeeExceedsInputs`] where the fee leaves too little, [`TxError::NoInputs`],
/// [`TxError::DuplicateInput`].
pub fn create_claim_transaction(
    outputs: Vec<SpendableOutput>,
    destination: ScriptBuf,
    feerate_per_kw: u32,
) -> Result<SpendTx, TxError> {
    SpendTx::new(outputs, destination, feerate_per_kw)
}

/// An HTLC that the counterparty offered, claimed with its preimage: `<remotehtlcsig> <payment_preimage>`.
///
/// # Errors
///
/// [`TxError::WrongPreimage`] for another preimage or an HTLC of this node, [`TxError::WrongBroadcaster`] for this
/// node's own commitment.
pub fn by_preimage(
    params: &ChannelParams,
    commitment: &CommitmentTx,
    output: &HtlcOutput,
    preimage: &PaymentPreimage,
) -> Result<SpendableOutput, TxError> {
    require_broadcaster(commitment, Side::Counterparty)?;
    let htlc = &output.htlc;
    if !htlc.offered_by_broadcaster || preimage.payment_hash() != htlc.payment_hash {
        return Err(TxError::WrongPreimage { id: htlc.id });
    }
    Ok(claim(params, commitment, output, preimage.0.to_vec(), 0))
}

/// An HTLC that this node offered, taken back after its expiry: `<remotehtlcsig> <>`.
///
/// # Errors
///
/// [`TxError::WrongPreimage`] for an HTLC of the counterparty, which only a preimage claims;
/// [`TxError::WrongBroadcaster`] for this node's own commitment.
pub fn by_timeout(
    params: &ChannelParams,
    commitment: &CommitmentTx,
    output: &HtlcOutput,
) -> Result<SpendableOutput, TxError> {
    require_broadcaster(commitment, Side::Counterparty)?;
    let htlc = &output.htlc;
    if htlc.offered_by_broadcaster {
        return Err(TxError::WrongPreimage { id: htlc.id });
    }
    let lock_time = htlc.cltv_expiry;
    Ok(claim(params, commitment, output, Vec::new(), lock_time))
}

fn claim(
    params: &ChannelParams,
    commitment: &CommitmentTx,
    output: &HtlcOutput,
    item: Vec<u8>,
    lock_time: u32,
) -> SpendableOutput {
    let keys = commitment.keys();
    SpendableOutput::wsh(
        commitment.outpoint(output.vout),
        output.htlc.amount.to_sat_floor(),
        WshSpend {
            redeemscript: commitment.htlc_redeemscript(params, &output.htlc),
            items: vec![item],
            sequence: htlc_sequence(params.channel_type.format),
            lock_time,
            key: SpendKey::Htlc {
                per_commitment_point: keys.per_commitment_point,
            },
            public_key: keys.countersignatory_htlc,
        },
    )
}
