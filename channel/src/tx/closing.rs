//! The closing transaction of closing_signed (BOLT 3, "Legacy Closing Transaction").
//!
//! # Weights
//!
//! Signed, it weighs at most [`closing_weight`]: 10 bytes of fields and an input of 41 bytes, each times 4; outputs of
//! 9 bytes and their script, times 4; and 222 of witness with its two flag bytes, less a byte for each signature's low S.

use bitcoin::absolute::LockTime;
use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::Message;
use bitcoin::transaction::Version;
use bitcoin::{Amount, Script, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, Witness};

use super::{
    funding_sighash, funding_witness, output_order, with_first_witness, TxError, MAX_SIGNATURE_SIZE,
};
use crate::amount::Msat;
use crate::params::{ChannelParams, Side};

/// A cooperative closing transaction, without signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosingTx {
    tx: Transaction,
    to_holder: Option<TxOut>,
    to_counterparty: Option<TxOut>,
}

/// Builds the closing transaction that pays `fee` (the fee_satoshis of closing_signed).
///
/// BOLT 3: amounts are rounded down, the fee comes out of the opener's output, and outputs below this node's own
/// dust limit are left out. A peer may have left out its own output: see [`ClosingTx::without_output`].
///
/// # Errors
///
/// [`TxError::NotConserved`] where the balances are not all of the capacity, [`TxError::FeeExceedsBalance`] where the
/// opener cannot pay the fee, [`TxError::NoOutputs`] where both outputs are dust.
pub fn create_closing_tx(
    params: &ChannelParams,
    to_holder: Msat,
    to_counterparty: Msat,
    holder_script: ScriptBuf,
    counterparty_script: ScriptBuf,
    fee: Amount,
) -> Result<ClosingTx, TxError> {
    let total = to_holder.checked_add(to_counterparty);
    if total.is_none() || total != Msat::from_sat(params.capacity) {
        return Err(TxError::NotConserved {
            capacity: params.capacity,
            total,
        });
    }
    let charge = |side: Side, balance: Msat| {
        let balance = balance.to_sat_floor();
        if side != params.opener {
            return Ok(balance);
        }
        balance
            .checked_sub(fee)
            .ok_or(TxError::FeeExceedsBalance { fee, balance })
    };
    let output = |value: Amount, script_pubkey: ScriptBuf| {
        (value > Amount::ZERO && value >= params.holder.dust_limit).then_some(TxOut {
            value,
            script_pubkey,
        })
    };
    ClosingTx::new(
        params,
        output(charge(Side::Holder, to_holder)?, holder_script),
        output(
            charge(Side::Counterparty, to_counterparty)?,
            counterparty_script,
        ),
    )
}

/// The most that a closing transaction with outputs to these scripts weighs once signed; to turn a feerate into a fee.
pub fn closing_weight<'a>(scripts: impl IntoIterator<Item = &'a Script>) -> u64 {
    let outputs: u64 = scripts.into_iter().map(output_size).sum();
    // Version, lock time, two counts; one input without script.
    let base = 10 + 41 + outputs;
    // Marker and flag, item count, empty item, two signatures, 71 bytes of script.
    let witness = 2 + 1 + 1 + 2 * (1 + MAX_SIGNATURE_SIZE) + 1 + 71;
    4 * base + witness
}

fn output_size(script: &Script) -> u64 {
    // Scripts of shutdown are at most 42 bytes: one byte for the length.
    9 + u64::try_from(script.len()).unwrap_or(u64::MAX)
}

impl ClosingTx {
    fn new(
        params: &ChannelParams,
        to_holder: Option<TxOut>,
        to_counterparty: Option<TxOut>,
    ) -> Result<Self, TxError> {
        let mut outputs: Vec<_> = to_holder
            .iter()
            .chain(&to_counterparty)
            .map(|output| (output.clone(), 0, ()))
            .collect();
        if outputs.is_empty() {
            return Err(TxError::NoOutputs);
        }
        outputs.sort_by(output_order);
        let tx = Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: vec![TxIn {
                previous_output: params.funding,
                script_sig: ScriptBuf::new(),
                sequence: Sequence::MAX,
                witness: Witness::new(),
            }],
            output: outputs.into_iter().map(|(output, _, ())| output).collect(),
        };
        Ok(Self {
            tx,
            to_holder,
            to_counterparty,
        })
    }

    /// The variant in which `side` gives up its own output (BOLT 3: it may), at the same fee_satoshis.
    ///
    /// # Errors
    ///
    /// [`TxError::NoOutputs`] where that was the only one.
    pub fn without_output(&self, params: &ChannelParams, side: Side) -> Result<Self, TxError> {
        match side {
            Side::Holder => Self::new(params, None, self.to_counterparty.clone()),
            Side::Counterparty => Self::new(params, self.to_holder.clone(), None),
        }
    }

    /// The variants that the counterparty may have signed at this fee: this one; that without its own output, which it
    /// may give up (BOLT 3); and that without this node's output, where the counterparty's dust limit forbids it.
    pub fn variants(&self, params: &ChannelParams) -> Vec<Self> {
        let theirs_forbids = |output: &TxOut| output.value < params.counterparty.dust_limit;
        let mut variants = vec![self.clone()];
        if self.to_counterparty.is_some() {
            variants.extend(self.without_output(params, Side::Counterparty));
        }
        if self.to_holder.as_ref().is_some_and(theirs_forbids) {
            variants.extend(self.without_output(params, Side::Holder));
        }
        variants
    }

    /// The transaction, without its witness.
    pub fn tx(&self) -> &Transaction {
        &self.tx
    }

    /// Its txid, which signatures do not change.
    pub fn txid(&self) -> Txid {
        self.tx.compute_txid()
    }

    /// What it pays to `side`, if anything.
    pub fn output(&self, side: Side) -> Option<&TxOut> {
        match side {
            Side::Holder => self.to_holder.as_ref(),
            Side::Counterparty => self.to_counterparty.as_ref(),
        }
    }

    /// What miners get: fee_satoshis, dropped outputs and fractions of satoshis.
    pub fn fee(&self, params: &ChannelParams) -> Amount {
        let outputs = self.tx.output.iter().map(|output| output.value).sum();
        params.capacity.checked_sub(outputs).unwrap_or(Amount::ZERO)
    }

    /// The digest that both sides sign with their funding keys.
    pub fn sighash(&self, params: &ChannelParams) -> Message {
        funding_sighash(&self.tx, params)
    }

    /// The complete transaction, from both sides' signatures over [`sighash`](Self::sighash).
    pub fn with_signatures(
        &self,
        params: &ChannelParams,
        holder: &Signature,
        counterparty: &Signature,
    ) -> Transaction {
        with_first_witness(
            self.tx.clone(),
            funding_witness(params, holder, counterparty),
        )
    }
}
