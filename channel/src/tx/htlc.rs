//! HTLC-timeout and HTLC-success (BOLT 3, "HTLC-Timeout and HTLC-Success Transactions"): the broadcaster's way to take
//! an HTLC output of its own commitment transaction, into an output that waits and that a revocation can take.
//!
//! # Weights
//!
//! Expected weights and fees are in [`fees`]. With anchors the transaction pays no fee: the counterparty
//! signs `SIGHASH_SINGLE|SIGHASH_ANYONECANPAY`, so the broadcaster adds inputs and outputs of its own
//! ([`HtlcTx::with_added`]) before it signs with `SIGHASH_ALL`.
//! [`HtlcTx::max_weight`] is what the pair of input and output weighs at most once signed.

use bitcoin::absolute::LockTime;
use bitcoin::ecdsa::Signature as InputSignature;
use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::{Message, PublicKey};
use bitcoin::sighash::EcdsaSighashType;
use bitcoin::transaction::Version;
use bitcoin::{Amount, OutPoint, Script, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Witness};

use super::commitment::{CommitmentHtlc, CommitmentTx, HtlcOutput};
use super::{p2wsh_sighash, with_first_witness, TxError, MAX_SIGNATURE_SIZE};
use crate::fees;
use crate::ids::PaymentPreimage;
use crate::params::{ChannelParams, CommitmentFormat};
use crate::script;

/// An HTLC-timeout or HTLC-success transaction, without signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HtlcTx {
    tx: Transaction,
    htlc: CommitmentHtlc,
    format: CommitmentFormat,
    redeemscript: ScriptBuf,
    output_redeemscript: ScriptBuf,
    countersignatory_htlc: PublicKey,
    broadcaster_htlc: PublicKey,
}

impl HtlcTx {
    /// The second stage of one output of `commitment`.
    pub(crate) fn new(
        params: &ChannelParams,
        commitment: &CommitmentTx,
        output: HtlcOutput,
    ) -> Result<Self, TxError> {
        let format = params.channel_type.format;
        let htlc = output.htlc;
        let keys = commitment.keys();
        let value = second_stage_value(format, commitment.spec().feerate_per_kw, &htlc)?;
        let output_redeemscript =
            script::broadcaster_redeemscript(params, commitment.broadcaster(), keys);
        let tx = Transaction {
            version: Version::TWO,
            lock_time: LockTime::from_consensus(if htlc.offered_by_broadcaster {
                htlc.cltv_expiry
            } else {
                0
            }),
            input: vec![TxIn {
                previous_output: commitment.outpoint(output.vout),
                script_sig: ScriptBuf::new(),
                sequence: sequence(format),
                witness: Witness::new(),
            }],
            output: vec![TxOut {
                value,
                script_pubkey: output_redeemscript.to_p2wsh(),
            }],
        };
        Ok(Self {
            tx,
            htlc,
            format,
            redeemscript: commitment.htlc_redeemscript(params, &htlc),
            output_redeemscript,
            countersignatory_htlc: keys.countersignatory_htlc,
            broadcaster_htlc: keys.broadcaster_htlc,
        })
    }

    /// The transaction, without its witness.
    pub fn tx(&self) -> &Transaction {
        &self.tx
    }

    /// The HTLC that it settles. HTLC-timeout where the broadcaster offered it, HTLC-success otherwise.
    pub fn htlc(&self) -> &CommitmentHtlc {
        &self.htlc
    }

    /// The HTLC output that it spends.
    pub fn spends(&self) -> OutPoint {
        self.tx
            .input
            .first()
            .map_or_else(OutPoint::null, |input| input.previous_output)
    }

    /// What it pays into the delayed output.
    pub fn output_value(&self) -> Amount {
        self.tx
            .output
            .first()
            .map_or(Amount::ZERO, |output| output.value)
    }

    /// The witness script of the output that it spends.
    pub fn redeemscript(&self) -> &Script {
        &self.redeemscript
    }

    /// The witness script of the delayed output that it makes.
    pub fn output_redeemscript(&self) -> &Script {
        &self.output_redeemscript
    }

    /// The key that must have signed [`sighash`](Self::sighash): the other side's derived HTLC key.
    pub fn countersignatory_key(&self) -> &PublicKey {
        &self.countersignatory_htlc
    }

    /// The key that signs [`broadcaster_sighash`](Self::broadcaster_sighash).
    pub fn broadcaster_key(&self) -> &PublicKey {
        &self.broadcaster_htlc
    }

    /// How the side that does not broadcast signs (BOLT 5, "Generation of HTLC Transactions").
    pub fn countersignatory_sighash_type(&self) -> EcdsaSighashType {
        match self.format {
            CommitmentFormat::StaticRemoteKey => EcdsaSighashType::All,
            CommitmentFormat::Anchors => EcdsaSighashType::SinglePlusAnyoneCanPay,
        }
    }

    /// The digest that the side which does not broadcast signs: what htlc_signatures of commitment_signed are over.
    pub fn sighash(&self) -> Message {
        let kind = self.countersignatory_sighash_type();
        self.digest(&self.tx, 0, kind)
            .expect("an HTLC transaction is built with one input")
    }

    /// The digest that the broadcaster signs (`SIGHASH_ALL`), with this HTLC at input and output `index` of `tx`:
    /// [`tx`](Self::tx) itself at 0, or one that [`with_added`](Self::with_added) made.
    ///
    /// # Errors
    ///
    /// Where that input does not spend this HTLC's output.
    pub fn broadcaster_sighash(&self, tx: &Transaction, index: usize) -> Result<Message, TxError> {
        let expected = self.spends();
        match tx.input.get(index) {
            Some(input) if input.previous_output == expected => {
                self.digest(tx, index, EcdsaSighashType::All)
            }
            Some(_) => Err(TxError::NotASpendOf { expected }),
            None => Err(TxError::NoSuchInput {
                index,
                inputs: tx.input.len(),
            }),
        }
    }

    fn digest(
        &self,
        tx: &Transaction,
        index: usize,
        kind: EcdsaSighashType,
    ) -> Result<Message, TxError> {
        let value = self.htlc.amount.to_sat_floor();
        p2wsh_sighash(tx, index, &self.redeemscript, value, kind)
    }

    /// With anchors: this transaction with inputs that pay its fee, and outputs for their change, after its own.
    pub fn with_added(&self, inputs: Vec<TxIn>, outputs: Vec<TxOut>) -> Transaction {
        let mut tx = self.tx.clone();
        tx.input.extend(inputs);
        tx.output.extend(outputs);
        tx
    }

    /// `0 <remotehtlcsig> <localhtlcsig> <payment_preimage or empty> <script>` (BOLT 3).
    ///
    /// # Errors
    ///
    /// [`TxError::WrongPreimage`]: HTLC-success needs the one of its hash, HTLC-timeout none.
    pub fn witness(
        &self,
        countersignatory: &Signature,
        broadcaster: &Signature,
        preimage: Option<&PaymentPreimage>,
    ) -> Result<Witness, TxError> {
        let fits = match preimage {
            Some(preimage) => {
                !self.htlc.offered_by_broadcaster
                    && preimage.payment_hash() == self.htlc.payment_hash
            }
            None => self.htlc.offered_by_broadcaster,
        };
        if !fits {
            return Err(TxError::WrongPreimage { id: self.htlc.id });
        }
        let mut witness = Witness::new();
        witness.push([]);
        witness.push_ecdsa_signature(&InputSignature {
            signature: *countersignatory,
            sighash_type: self.countersignatory_sighash_type(),
        });
        witness.push_ecdsa_signature(&InputSignature::sighash_all(*broadcaster));
        // BIP 141's minimal-if policy: where there is no preimage, exactly the empty vector.
        witness.push(preimage.map_or(&[][..], |preimage| &preimage.0));
        witness.push(&self.redeemscript);
        Ok(witness)
    }

    /// The complete transaction as it stands, without added inputs.
    ///
    /// # Errors
    ///
    /// As [`witness`](Self::witness).
    pub fn with_signatures(
        &self,
        countersignatory: &Signature,
        broadcaster: &Signature,
        preimage: Option<&PaymentPreimage>,
    ) -> Result<Transaction, TxError> {
        let witness = self.witness(countersignatory, broadcaster, preimage)?;
        Ok(with_first_witness(self.tx.clone(), witness))
    }

    /// The most that this transaction weighs once signed, alone: below BOLT 3's expected weight, which takes
    /// signatures for one byte longer.
    pub fn max_weight(&self) -> u64 {
        let preimage = if self.htlc.offered_by_broadcaster {
            1
        } else {
            33
        };
        let script = 1 + u64::try_from(self.redeemscript.len()).unwrap_or(u64::MAX);
        let signatures = 2 * (1 + MAX_SIGNATURE_SIZE);
        // Count of witness items, the empty first item, marker and flag.
        let witness = 1 + 1 + 2 + signatures + preimage + script;
        // The unsigned transaction is serialised without marker and flag.
        self.tx.weight().to_wu() + witness
    }
}

/// BOLT 3: the input's sequence, 1 with anchors for the one block that its script demands, else 0.
fn sequence(format: CommitmentFormat) -> Sequence {
    match format {
        CommitmentFormat::StaticRemoteKey => Sequence::ZERO,
        CommitmentFormat::Anchors => Sequence::from_consensus(1),
    }
}

/// BOLT 3: the HTLC's amount in whole satoshis less the second stage's fee.
fn second_stage_value(
    format: CommitmentFormat,
    feerate_per_kw: u32,
    htlc: &CommitmentHtlc,
) -> Result<Amount, TxError> {
    let balance = htlc.amount.to_sat_floor();
    let fee = fees::htlc_fee(format, feerate_per_kw, htlc.offered_by_broadcaster);
    balance
        .checked_sub(fee)
        .ok_or(TxError::FeeExceedsBalance { fee, balance })
}
