//! Transactions that bring a closed channel's outputs home: what their inputs need, what they weigh, what signs them.
//!
//! [`after_timelock`](super::after_timelock), [`claim`](super::claim) and [`penalty`](super::penalty) say which output is
//! spent by which path; this module builds the transaction.
//!
//! # Weights
//!
//! The fee is that of the signed transaction's greatest weight, rounded up: 4 times its bytes without witnesses, 2 for
//! marker and flag, and for each input its witness: a count, a signature of up to 72 bytes with its length, what the path
//! adds, and the witness script, each with its length ([`SpendableOutput::witness_weight`]).
//!
//! | input | witness |
//! |---|---|
//! | to_local or second stage, after its delay | 1 + 73 + 1 + 1 + 77..79 |
//! | to_local or second stage, revoked | 1 + 73 + 2 + 1 + 77..79 |
//! | to_remote without anchors (P2WPKH) | 1 + 73 + 34 |
//! | to_remote with anchors | 1 + 73 + 1 + 37 |
//! | HTLC, by preimage | 1 + 73 + 33 + 1 + 133..143 |
//! | HTLC, after its expiry | 1 + 73 + 1 + 1 + 136..143 |
//! | HTLC, revoked | 1 + 73 + 34 + 1 + 133..143 |

use std::collections::BTreeSet;
use std::fmt;

use bitcoin::absolute::LockTime;
use bitcoin::ecdsa::Signature as InputSignature;
use bitcoin::hashes::Hash;
use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::{Message, PublicKey};
use bitcoin::sighash::{EcdsaSighashType, SighashCache};
use bitcoin::transaction::Version;
use bitcoin::{Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, Witness};

use super::commitment::CommitmentTx;
use super::{p2wsh_sighash, TxError, MAX_SIGNATURE_SIZE};
use crate::fees::ANCHOR_VALUE;
use crate::params::{ChannelParams, CommitmentFormat, Side};
use crate::script;

/// Which key of this node's signs an input. The signer derives it; see [`keys`](crate::keys).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpendKey {
    /// The delayed payment base secret with this point.
    DelayedPayment {
        /// Of this node's commitment.
        per_commitment_point: PublicKey,
    },
    /// The HTLC base secret with this point.
    Htlc {
        /// Of the counterparty's commitment.
        per_commitment_point: PublicKey,
    },
    /// The revocation base secret with the secret that the counterparty revealed of this commitment.
    Revocation {
        /// Number of the counterparty's commitment.
        commitment: u64,
    },
    /// The payment base secret, which no point changes.
    Payment,
    /// The funding secret: an anchor.
    Funding,
}

/// The script by which an output is spent.
#[derive(Clone, PartialEq, Eq)]
enum Path {
    Wpkh,
    Wsh {
        redeemscript: ScriptBuf,
        /// Witness items between the signature and the script.
        items: Vec<Vec<u8>>,
    },
}

impl fmt::Debug for Path {
    /// Without the items, among which may be a preimage.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wpkh => f.write_str("Wpkh"),
            Self::Wsh { redeemscript, .. } => write!(f, "Wsh({redeemscript})"),
        }
    }
}

/// An output of a closed channel, and how this node may spend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpendableOutput {
    outpoint: OutPoint,
    output: TxOut,
    sequence: Sequence,
    lock_time: u32,
    key: SpendKey,
    public_key: PublicKey,
    path: Path,
}

/// How an input of a P2WSH output is spent; an argument of [`SpendableOutput::wsh`].
pub(super) struct WshSpend {
    pub(super) redeemscript: ScriptBuf,
    pub(super) items: Vec<Vec<u8>>,
    pub(super) sequence: Sequence,
    pub(super) lock_time: u32,
    pub(super) key: SpendKey,
    pub(super) public_key: PublicKey,
}

impl SpendableOutput {
    /// An output to the hash of a witness script.
    pub(super) fn wsh(outpoint: OutPoint, value: Amount, spend: WshSpend) -> Self {
        Self {
            outpoint,
            output: TxOut {
                value,
                script_pubkey: spend.redeemscript.to_p2wsh(),
            },
            sequence: spend.sequence,
            lock_time: spend.lock_time,
            key: spend.key,
            public_key: spend.public_key,
            path: Path::Wsh {
                redeemscript: spend.redeemscript,
                items: spend.items,
            },
        }
    }

    /// The plain to_remote output, to the hash of a payment basepoint.
    pub(super) fn wpkh(outpoint: OutPoint, output: TxOut, public_key: PublicKey) -> Self {
        Self {
            outpoint,
            output,
            sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
            lock_time: 0,
            key: SpendKey::Payment,
            public_key,
            path: Path::Wpkh,
        }
    }

    /// What is spent.
    pub fn outpoint(&self) -> OutPoint {
        self.outpoint
    }

    /// The output: value and script.
    pub fn output(&self) -> &TxOut {
        &self.output
    }

    /// Which key signs.
    pub fn key(&self) -> SpendKey {
        self.key
    }

    /// The public half of that key, for the signer to check that it derived the right one.
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// The lowest height of a block that can contain its spend, given the height at which the output confirmed.
    pub fn spendable_at(&self, confirmed_at: u32) -> u32 {
        // BIP 68: counted from the block that has the output. A sequence with the disable bit demands nothing.
        let after_delay = match self.sequence.to_relative_lock_time() {
            Some(bitcoin::relative::LockTime::Blocks(blocks)) => {
                confirmed_at.saturating_add(u32::from(blocks.value()))
            }
            Some(bitcoin::relative::LockTime::Time(_)) | None => confirmed_at,
        };
        // Lock time: the block must be above it.
        let after_lock_time = match self.lock_time {
            0 => 0,
            height => height.saturating_add(1),
        };
        after_delay.max(after_lock_time)
    }

    /// The most that its witness weighs.
    pub fn witness_weight(&self) -> u64 {
        let item = |length: usize| {
            let length = u64::try_from(length).unwrap_or(u64::MAX);
            // No item is longer than 252 bytes: one byte for its length.
            length.saturating_add(1)
        };
        let rest: u64 = match &self.path {
            Path::Wpkh => item(33),
            Path::Wsh {
                redeemscript,
                items,
            } => item(redeemscript.len()) + items.iter().map(|i| item(i.len())).sum::<u64>(),
        };
        1 + 1 + MAX_SIGNATURE_SIZE + rest
    }

    fn input(&self) -> TxIn {
        TxIn {
            previous_output: self.outpoint,
            script_sig: ScriptBuf::new(),
            sequence: self.sequence,
            witness: Witness::new(),
        }
    }

    /// The digest to sign for this output, spent by input `index` of `tx`. Any transaction will do that has this
    /// output's sequence and lock time: one of [`SpendTx`], or one that raises another's fee by an anchor.
    ///
    /// # Errors
    ///
    /// Where that input does not spend this output.
    pub fn sighash(&self, tx: &Transaction, index: usize) -> Result<Message, TxError> {
        let inputs = tx.input.len();
        let no_such_input = TxError::NoSuchInput { index, inputs };
        let input = tx.input.get(index).ok_or(no_such_input.clone())?;
        if input.previous_output != self.outpoint {
            let expected = self.outpoint;
            return Err(TxError::NotASpendOf { expected });
        }
        let (value, kind) = (self.output.value, EcdsaSighashType::All);
        match &self.path {
            Path::Wsh { redeemscript, .. } => p2wsh_sighash(tx, index, redeemscript, value, kind),
            Path::Wpkh => SighashCache::new(tx)
                .p2wpkh_signature_hash(index, &self.output.script_pubkey, value, kind)
                .map(|sighash| Message::from_digest(sighash.to_byte_array()))
                .map_err(|_| no_such_input),
        }
    }

    /// The witness, from a signature over [`sighash`](Self::sighash).
    pub fn witness(&self, signature: &Signature) -> Witness {
        let mut witness = Witness::new();
        witness.push_ecdsa_signature(&InputSignature::sighash_all(*signature));
        match &self.path {
            Path::Wpkh => witness.push(self.public_key.serialize()),
            Path::Wsh {
                redeemscript,
                items,
            } => {
                for item in items {
                    witness.push(item);
                }
                witness.push(redeemscript);
            }
        }
        witness
    }
}

/// A transaction that spends outputs of a closed channel to one script, without signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpendTx {
    tx: Transaction,
    inputs: Vec<SpendableOutput>,
    fee: Amount,
}

impl SpendTx {
    /// Spends `inputs` to `destination` at `feerate_per_kw`.
    pub(super) fn new(
        inputs: Vec<SpendableOutput>,
        destination: ScriptBuf,
        feerate_per_kw: u32,
    ) -> Result<Self, TxError> {
        let total = check_inputs(&inputs)?;
        let mut output = TxOut {
            value: Amount::ZERO,
            script_pubkey: destination,
        };
        let mut tx = Transaction {
            version: Version::TWO,
            lock_time: lock_time(&inputs)?,
            input: inputs.iter().map(SpendableOutput::input).collect(),
            output: Vec::new(),
        };
        let witnesses: u64 = inputs.iter().map(SpendableOutput::witness_weight).sum();
        let output_weight = output.weight().to_wu();
        let weight = tx.weight().to_wu() + output_weight + 2 + witnesses;
        let fee = fee_rounded_up(feerate_per_kw, weight);
        output.value = total.checked_sub(fee).ok_or(TxError::FeeExceedsInputs {
            fee,
            feerate_per_kw,
            inputs: total,
        })?;
        let minimum = output.script_pubkey.minimal_non_dust();
        if output.value < minimum {
            return Err(TxError::Dust {
                value: output.value,
                minimum,
            });
        }
        tx.output.push(output);
        Ok(Self { tx, inputs, fee })
    }

    /// The transaction, without witnesses.
    pub fn tx(&self) -> &Transaction {
        &self.tx
    }

    /// Its txid, which signatures do not change.
    pub fn txid(&self) -> Txid {
        self.tx.compute_txid()
    }

    /// What it spends, in the order of its inputs.
    pub fn inputs(&self) -> &[SpendableOutput] {
        &self.inputs
    }

    /// What it pays to miners.
    pub fn fee(&self) -> Amount {
        self.fee
    }

    /// The digest to sign for input `index`, with [`SpendableOutput::key`].
    ///
    /// # Errors
    ///
    /// [`TxError::NoSuchInput`].
    pub fn sighash(&self, index: usize) -> Result<Message, TxError> {
        let input = self.inputs.get(index).ok_or(TxError::NoSuchInput {
            index,
            inputs: self.inputs.len(),
        })?;
        input.sighash(&self.tx, index)
    }

    /// The complete transaction, from one signature for each input in their order.
    ///
    /// # Errors
    ///
    /// [`TxError::SignatureCount`].
    pub fn with_signatures(&self, signatures: &[Signature]) -> Result<Transaction, TxError> {
        if signatures.len() != self.inputs.len() {
            return Err(TxError::SignatureCount {
                expected: self.inputs.len(),
                got: signatures.len(),
            });
        }
        let mut tx = self.tx.clone();
        let spends = self.inputs.iter().zip(signatures);
        for (input, (spend, signature)) in tx.input.iter_mut().zip(spends) {
            input.witness = spend.witness(signature);
        }
        Ok(tx)
    }
}

fn check_inputs(inputs: &[SpendableOutput]) -> Result<Amount, TxError> {
    if inputs.is_empty() {
        return Err(TxError::NoInputs);
    }
    let mut seen = BTreeSet::new();
    inputs.iter().try_fold(Amount::ZERO, |sum, input| {
        let outpoint = input.outpoint;
        if !seen.insert(outpoint) {
            return Err(TxError::DuplicateInput { outpoint });
        }
        sum.checked_add(input.output.value)
            .ok_or(TxError::AmountOverflow)
    })
}

/// The highest that any input demands.
fn lock_time(inputs: &[SpendableOutput]) -> Result<LockTime, TxError> {
    let lock_time = inputs.iter().map(|i| i.lock_time).max().unwrap_or(0);
    LockTime::from_height(lock_time).map_err(|_| TxError::LockTimeNotAHeight { lock_time })
}

fn fee_rounded_up(feerate_per_kw: u32, weight: u64) -> Amount {
    Amount::from_sat(
        u64::from(feerate_per_kw)
            .saturating_mul(weight)
            .div_ceil(1_000),
    )
}

/// Sequence of an HTLC input: with anchors its script demands one block (BOLT 3); else it only signals replacement.
pub(super) fn htlc_sequence(format: CommitmentFormat) -> Sequence {
    match format {
        CommitmentFormat::StaticRemoteKey => Sequence::ENABLE_RBF_NO_LOCKTIME,
        CommitmentFormat::Anchors => Sequence::from_consensus(1),
    }
}

/// Outputs of HTLC-timeout and HTLC-success transactions in `tx`, which spends outputs of `commitment`.
///
/// BOLT 5: with anchors, `tx` may settle several HTLCs and have other inputs and outputs. A signature of
/// `SIGHASH_SINGLE` binds each HTLC's input to the output of the same index.
pub(super) fn second_stage_outputs(
    params: &ChannelParams,
    commitment: &CommitmentTx,
    tx: &Transaction,
) -> Vec<(OutPoint, Amount)> {
    let script =
        script::broadcaster_redeemscript(params, commitment.broadcaster(), commitment.keys())
            .to_p2wsh();
    let is_htlc = |outpoint: &OutPoint| {
        let vouts = commitment.htlc_outputs().iter().map(|output| output.vout);
        outpoint.txid == commitment.txid() && vouts.into_iter().any(|vout| vout == outpoint.vout)
    };
    let txid = tx.compute_txid();
    let pairs = (0u32..).zip(tx.input.iter().zip(&tx.output));
    pairs
        .filter(|(_, (input, output))| {
            is_htlc(&input.previous_output) && output.script_pubkey == script
        })
        .map(|(vout, (_, output))| (OutPoint { txid, vout }, output.value))
        .collect()
}

/// The holder's anchor of either side's commitment transaction, whose spend pays for the commitment's confirmation.
pub fn anchor_output(params: &ChannelParams, commitment: &CommitmentTx) -> Option<SpendableOutput> {
    let vout = commitment.anchor_vout(Side::Holder)?;
    let public_key = params.holder.keys.funding;
    let spend = WshSpend {
        redeemscript: script::anchor_redeemscript(&public_key),
        items: Vec::new(),
        sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
        lock_time: 0,
        key: SpendKey::Funding,
        public_key,
    };
    Some(SpendableOutput::wsh(
        commitment.outpoint(vout),
        ANCHOR_VALUE,
        spend,
    ))
}
