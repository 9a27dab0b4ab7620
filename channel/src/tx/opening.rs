//! The opening (funding) transaction (BOLT 3, "Funding Transaction Output").
//!
//! # Weights
//!
//! 10 bytes of fields, 41 bytes an input, 9 bytes and its script an output, all times 4; what the inputs' scripts and
//! witnesses need ([`OpeningInput::satisfaction_weight`]); and 2 for marker and flag where an input has a witness.

use std::collections::BTreeSet;

use bitcoin::absolute::LockTime;
use bitcoin::secp256k1::PublicKey;
use bitcoin::transaction::Version;
use bitcoin::{Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Witness};

use super::{output_order, TxError};
use crate::fees::fee_for_weight;
pub use crate::script::{funding_redeemscript, funding_script_pubkey};

/// A coin that pays for an opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpeningInput {
    /// The coin.
    pub outpoint: OutPoint,
    /// What it is worth.
    pub value: Amount,
    /// Weight of what will satisfy it: script_sig bytes times 4 (without its length byte), witness bytes once.
    pub satisfaction_weight: u64,
    /// Whether that is a witness. BOLT 2 wants it so: a script_sig would change the txid.
    pub segwit: bool,
    /// [`Sequence::ENABLE_RBF_NO_LOCKTIME`] as a rule: replaceable.
    pub sequence: Sequence,
}

/// What an opening transaction is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpeningRequest {
    /// The channel's capacity.
    pub capacity: Amount,
    /// Both sides' funding keys, in either order.
    pub funding_keys: [PublicKey; 2],
    /// The coins.
    pub inputs: Vec<OpeningInput>,
    /// Where the change goes.
    pub change_script: ScriptBuf,
    /// Satoshis for 1000 weight units.
    pub feerate_per_kw: u32,
    /// Usually the chain's height, against fee sniping; zero for none.
    pub lock_time: LockTime,
}

/// The opening transaction, without the signatures of its inputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpeningTx {
    /// The transaction.
    pub tx: Transaction,
    /// Its output that holds the channel.
    pub funding: OutPoint,
    /// What it pays to miners.
    pub fee: Amount,
}

/// Builds the opening transaction: the capacity to a 2-of-2 of both funding keys, the rest less the fee to the change
/// script. Where the change would be dust it goes to the fee.
///
/// # Errors
///
/// [`TxError`] where inputs are missing, repeated or too few, or amounts overflow.
pub fn create_opening_tx(request: &OpeningRequest) -> Result<OpeningTx, TxError> {
    let inputs_value = check_inputs(&request.inputs)?;
    let [one, other] = &request.funding_keys;
    let funding = TxOut {
        value: request.capacity,
        script_pubkey: funding_script_pubkey(one, other),
    };
    let change_script = &request.change_script;
    let fee_with = |outputs: &[&ScriptBuf]| {
        fee_for_weight(
            request.feerate_per_kw,
            opening_weight(&request.inputs, outputs),
        )
    };
    let fee_alone = fee_with(&[&funding.script_pubkey]);
    let rest = inputs_value
        .checked_sub(request.capacity)
        .filter(|rest| *rest >= fee_alone)
        .ok_or(TxError::FeeExceedsInputs {
            fee: fee_alone,
            feerate_per_kw: request.feerate_per_kw,
            inputs: inputs_value,
        })?;
    let change = rest
        .checked_sub(fee_with(&[&funding.script_pubkey, change_script]))
        .filter(|change| *change >= change_script.minimal_non_dust())
        .map(|value| TxOut {
            value,
            script_pubkey: change_script.clone(),
        });
    let fee = match &change {
        Some(change) => rest.checked_sub(change.value).unwrap_or(Amount::ZERO),
        None => rest,
    };
    let tx = assemble(request, funding, change);
    let funding = find_funding_output(&tx, &request.funding_keys, request.capacity)?;
    Ok(OpeningTx { tx, funding, fee })
}

/// The output of `tx` that holds a channel of this capacity between these keys. For an opening transaction that a
/// wallet built.
///
/// # Errors
///
/// [`TxError::FundingOutput`] where there is none, or several.
pub fn find_funding_output(
    tx: &Transaction,
    funding_keys: &[PublicKey; 2],
    capacity: Amount,
) -> Result<OutPoint, TxError> {
    let [one, other] = funding_keys;
    let wanted = TxOut {
        value: capacity,
        script_pubkey: funding_script_pubkey(one, other),
    };
    let mut found = (0u32..)
        .zip(&tx.output)
        .filter(|(_, output)| **output == wanted);
    match (found.next(), found.count()) {
        (Some((vout, _)), 0) => Ok(OutPoint {
            txid: tx.compute_txid(),
            vout,
        }),
        (first, more) => Err(TxError::FundingOutput {
            found: usize::from(first.is_some()) + more,
            value: capacity,
        }),
    }
}

fn check_inputs(inputs: &[OpeningInput]) -> Result<Amount, TxError> {
    if inputs.is_empty() {
        return Err(TxError::NoInputs);
    }
    let mut seen = BTreeSet::new();
    inputs.iter().try_fold(Amount::ZERO, |sum, input| {
        if !seen.insert(input.outpoint) {
            return Err(TxError::DuplicateInput {
                outpoint: input.outpoint,
            });
        }
        sum.checked_add(input.value).ok_or(TxError::AmountOverflow)
    })
}

/// The weight of an opening transaction with these inputs and outputs to these scripts, all signed.
pub fn opening_weight(inputs: &[OpeningInput], outputs: &[&ScriptBuf]) -> u64 {
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    // Counts of more than 252 would take two bytes more; no wallet joins so many coins for a channel.
    let base =
        10 + 41 * count(inputs.len()) + outputs.iter().map(|s| 9 + count(s.len())).sum::<u64>();
    let satisfaction = inputs
        .iter()
        .fold(0u64, |sum, i| sum.saturating_add(i.satisfaction_weight));
    let flags = if inputs.iter().any(|input| input.segwit) {
        2
    } else {
        0
    };
    (4 * base + flags).saturating_add(satisfaction)
}

/// Version 2, outputs in BIP 69's order.
fn assemble(request: &OpeningRequest, funding: TxOut, change: Option<TxOut>) -> Transaction {
    let mut outputs: Vec<_> = [funding].into_iter().chain(change).collect();
    outputs.sort_by(|one, other| output_order(&(one.clone(), 0, ()), &(other.clone(), 0, ())));
    let input = |input: &OpeningInput| TxIn {
        previous_output: input.outpoint,
        script_sig: ScriptBuf::new(),
        sequence: input.sequence,
        witness: Witness::new(),
    };
    Transaction {
        version: Version::TWO,
        lock_time: request.lock_time,
        input: request.inputs.iter().map(input).collect(),
        output: outputs,
    }
}
