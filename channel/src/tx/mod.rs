//! Transactions of a channel (BOLT 3), built from parameters and state, unsigned.
//!
//! Each transaction is a type of its own with private fields: whoever holds one knows that it was built by the
//! rules. It gives the digests to sign (`sighash`) and takes signatures (`with_signatures`), so that
//! the signer signs digests and knows no formats.

pub mod after_timelock;
pub mod claim;
pub mod closing;
pub mod commitment;
pub mod htlc;
pub mod opening;
pub mod penalty;
pub mod spend;

use bitcoin::ecdsa::Signature as InputSignature;
use bitcoin::hashes::Hash;
use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::Message;
use bitcoin::sighash::{EcdsaSighashType, SighashCache};
use bitcoin::{Amount, OutPoint, Script, Transaction, TxOut, Witness};

use crate::amount::Msat;
use crate::ids::HtlcId;
use crate::params::{ChannelParams, Side};

/// BOLT 2, max_accepted_htlcs: 483 in each direction, so that a penalty for all of them still fits a transaction.
pub const MAX_HTLCS: usize = 2 * 483;

/// The length of the longest standard signature in a witness: 71 bytes of DER with low S, and the sighash type.
pub(crate) const MAX_SIGNATURE_SIZE: u64 = 72;

/// Why a transaction cannot be built or completed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TxError {
    /// A channel ends before its commitment numbers do.
    #[error("commitment number {number} is above {limit}")]
    NumberTooLarge {
        /// What was asked for.
        number: u64,
        /// The highest there is.
        limit: u64,
    },
    /// Money would appear or vanish.
    #[error("balances and HTLCs sum to {total:?}, the channel holds {capacity}")]
    NotConserved {
        /// What the funding output holds.
        capacity: Amount,
        /// The sum, `None` where it overflows.
        total: Option<Msat>,
    },
    /// More HTLCs than two sides may have together.
    #[error("{got} HTLCs in a commitment, {limit} at most")]
    TooManyHtlcs {
        /// The most there can be.
        limit: usize,
        /// How many came.
        got: usize,
    },
    /// BOLT 2, update_add_htlc: an expiry of 500,000,000 or more is no block height.
    #[error("expiry {cltv_expiry} of HTLC {id:?} is no block height")]
    ExpiryNotAHeight {
        /// The HTLC.
        id: HtlcId,
        /// Its expiry.
        cltv_expiry: u32,
    },
    /// Nothing would be paid to anybody.
    #[error("all outputs are dust")]
    NoOutputs,
    /// The opener cannot even pay for the anchors: the outputs are worth more than the channel.
    #[error("outputs are worth {outputs}, the channel holds {capacity}")]
    OutputsExceedCapacity {
        /// The sum of all outputs.
        outputs: Amount,
        /// What the funding output holds.
        capacity: Amount,
    },
    /// The payer of the fee does not have it.
    #[error("fee {fee} exceeds the {balance} that it comes from")]
    FeeExceedsBalance {
        /// The fee.
        fee: Amount,
        /// What there is.
        balance: Amount,
    },
    /// What is left after the fee would not relay.
    #[error("{value} is left after the fee, and {minimum} is the least that relays")]
    Dust {
        /// What is left.
        value: Amount,
        /// Dust limit of its script.
        minimum: Amount,
    },
    /// The fee at this feerate is more than all the inputs.
    #[error("fee {fee} at {feerate_per_kw} sat/kw exceeds inputs of {inputs}")]
    FeeExceedsInputs {
        /// The fee.
        fee: Amount,
        /// The feerate that was asked for.
        feerate_per_kw: u32,
        /// The sum of the inputs.
        inputs: Amount,
    },
    /// Amounts beyond all bitcoin there will be.
    #[error("amounts overflow")]
    AmountOverflow,
    /// A transaction without inputs.
    #[error("nothing to spend")]
    NoInputs,
    /// Two inputs spend one output.
    #[error("{outpoint} is spent twice")]
    DuplicateInput {
        /// The output.
        outpoint: OutPoint,
    },
    /// Inputs demand lock times of two kinds, or a lock time that is none.
    #[error("lock time {lock_time} is no block height")]
    LockTimeNotAHeight {
        /// The lock time.
        lock_time: u32,
    },
    /// There is no input of this index.
    #[error("no input {index}, there are {inputs}")]
    NoSuchInput {
        /// The index.
        index: usize,
        /// How many there are.
        inputs: usize,
    },
    /// Each input takes one signature.
    #[error("{got} signatures for {expected} inputs")]
    SignatureCount {
        /// One each.
        expected: usize,
        /// How many came.
        got: usize,
    },
    /// The preimage is missing, not needed, or of another hash.
    #[error("HTLC {id:?} does not take this preimage")]
    WrongPreimage {
        /// The HTLC.
        id: HtlcId,
    },
    /// The transaction has no output that pays the channel, or several.
    #[error("{found} outputs pay {value} to the channel's funding script, not one")]
    FundingOutput {
        /// How many do.
        found: usize,
        /// The channel's capacity.
        value: Amount,
    },
    /// The transaction is not the one that was to be spent or completed.
    #[error("the transaction does not spend {expected}")]
    NotASpendOf {
        /// What it should spend.
        expected: OutPoint,
    },
    /// The secret is not the one behind the commitment's point.
    #[error("the secret is not that of commitment {number}")]
    WrongSecret {
        /// The commitment.
        number: u64,
    },
    /// The output belongs to the other side's transactions, or the other way round.
    #[error("this is done with a commitment of the {expected:?}, not of the {got:?}")]
    WrongBroadcaster {
        /// Whose commitment it must be.
        expected: Side,
        /// Whose it is.
        got: Side,
    },
}

/// BIP 143 digest of a P2WSH input. The value and script of other inputs do not enter it.
pub(crate) fn p2wsh_sighash(
    tx: &Transaction,
    index: usize,
    script: &Script,
    value: Amount,
    kind: EcdsaSighashType,
) -> Result<Message, TxError> {
    SighashCache::new(tx)
        .p2wsh_signature_hash(index, script, value, kind)
        .map(|sighash| Message::from_digest(sighash.to_byte_array()))
        .map_err(|_| TxError::NoSuchInput {
            index,
            inputs: tx.input.len(),
        })
}

/// The digest that both sides sign of a transaction whose only input is the channel's funding output.
pub(crate) fn funding_sighash(tx: &Transaction, params: &ChannelParams) -> Message {
    let script = crate::script::channel_funding_redeemscript(params);
    p2wsh_sighash(tx, 0, &script, params.capacity, EcdsaSighashType::All)
        .expect("commitment and closing transactions are built with one input")
}

/// BOLT 3: `0 <signature_for_pubkey1> <signature_for_pubkey2> <script>`, in the order of the keys in the script.
pub(crate) fn funding_witness(
    params: &ChannelParams,
    holder: &Signature,
    counterparty: &Signature,
) -> Witness {
    let holder_first =
        params.holder.keys.funding.serialize() < params.counterparty.keys.funding.serialize();
    let (first, second) = if holder_first {
        (holder, counterparty)
    } else {
        (counterparty, holder)
    };
    let mut witness = Witness::new();
    witness.push([]);
    witness.push_ecdsa_signature(&InputSignature::sighash_all(*first));
    witness.push_ecdsa_signature(&InputSignature::sighash_all(*second));
    witness.push(crate::script::channel_funding_redeemscript(params));
    witness
}

/// `tx` with this witness in its first input.
pub(crate) fn with_first_witness(mut tx: Transaction, witness: Witness) -> Transaction {
    if let Some(input) = tx.input.first_mut() {
        input.witness = witness;
    }
    tx
}

/// BOLT 3, "Transaction Output Ordering": value, then script, then expiry. `rest` decides between outputs that are
/// alike even so.
pub(crate) fn output_order<K: Ord>(
    one: &(TxOut, u32, K),
    other: &(TxOut, u32, K),
) -> std::cmp::Ordering {
    let (a, b) = (&one.0, &other.0);
    a.value
        .cmp(&b.value)
        .then_with(|| a.script_pubkey.cmp(&b.script_pubkey))
        .then_with(|| one.1.cmp(&other.1))
        .then_with(|| one.2.cmp(&other.2))
}
