//! The commitment transaction (BOLT 3, "Commitment Transaction").
//!
//! Weight: see [`fees`], which states the expected weight that the fee is computed from. The actual
//! weight is at most that, but for output counts above 252 (2 bytes more, 8 weight units).

use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::{Message, PublicKey};
use bitcoin::{Amount, OutPoint, ScriptBuf, Transaction, TxOut, Txid};
use serde::{Deserialize, Serialize};

use super::htlc::HtlcTx;
use super::MAX_HTLCS;
use super::{funding_sighash, funding_witness, output_order, with_first_witness, TxError};
use crate::amount::Msat;
use crate::fees::{self, CommitmentAmounts};
use crate::ids::{HtlcId, PaymentHash};
use crate::keys::TxKeys;
use crate::params::{ChannelParams, CommitmentFormat, Side};
use crate::script;
use crate::secrets::MAX_COMMITMENT_NUMBER;

mod number;

pub use number::commitment_number_of;

/// From here on a lock time is a time, not a height (BIP 65).
const LOCK_TIME_THRESHOLD: u32 = 500_000_000;

/// An HTLC as one commitment transaction has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitmentHtlc {
    /// Offered by the side whose commitment transaction this is.
    pub offered_by_broadcaster: bool,
    /// Its number among those that its offerer offered.
    pub id: HtlcId,
    /// What it pays; the output has whole satoshis of it.
    pub amount: Msat,
    /// SHA-256 of what claims it.
    pub payment_hash: PaymentHash,
    /// The block height at which it expires.
    pub cltv_expiry: u32,
}

/// The state of a channel as one commitment transaction shows it. Balances are those before the opener
/// pays commitment fee and anchors; with the HTLCs they sum to the capacity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitmentSpec {
    /// Satoshis for 1000 weight units.
    pub feerate_per_kw: u32,
    /// The balance of the side that can broadcast.
    pub to_broadcaster: Msat,
    /// The balance of the other side.
    pub to_countersignatory: Msat,
    /// All HTLCs in it, trimmed or not, in any order.
    pub htlcs: Vec<CommitmentHtlc>,
}

impl CommitmentSpec {
    /// Balances and HTLCs together, `None` on overflow.
    pub fn total(&self) -> Option<Msat> {
        let htlcs = self.htlcs.iter().map(|htlc| htlc.amount);
        Msat::checked_sum(htlcs.chain([self.to_broadcaster, self.to_countersignatory]))
    }
}

/// An HTLC that has an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HtlcOutput {
    /// The HTLC.
    pub htlc: CommitmentHtlc,
    /// The output's index.
    pub vout: u32,
}

/// One side's commitment transaction at one number, without signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitmentTx {
    tx: Transaction,
    txid: Txid,
    number: u64,
    broadcaster: Side,
    keys: TxKeys,
    spec: CommitmentSpec,
    amounts: CommitmentAmounts,
    htlc_outputs: Vec<HtlcOutput>,
    to_broadcaster_vout: Option<u32>,
    to_countersignatory_vout: Option<u32>,
    broadcaster_anchor_vout: Option<u32>,
    countersignatory_anchor_vout: Option<u32>,
}

/// What an output is, in the order that decides between outputs which BOLT 3 does not tell apart: two HTLCs of one
/// satoshi value, hash and expiry. Either order gives the same bytes and the same signatures.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    BroadcasterAnchor,
    CountersignatoryAnchor,
    Broadcaster,
    Countersignatory,
    /// `(id, position in the specification)`.
    Htlc(HtlcId, usize),
}

/// Builds the commitment transaction `number` of `broadcaster` (BOLT 3, "Commitment Transaction Construction").
///
/// `number` counts from 0; `per_commitment_point` is the broadcaster's of that number.
/// Where the opener cannot pay all of the fee, the transaction takes what the opener has; see
/// [`CommitmentAmounts::opener_shortfall`].
///
/// # Errors
///
/// [`TxError`] where the specification does not sum to the capacity, a number, expiry or count is out of range,
/// every output would be dust, or anchors that nobody pays for would make the outputs worth more than the channel.
pub fn create_commitment_tx(
    params: &ChannelParams,
    broadcaster: Side,
    number: u64,
    per_commitment_point: &PublicKey,
    spec: &CommitmentSpec,
) -> Result<CommitmentTx, TxError> {
    let keys = TxKeys::new(params, broadcaster, per_commitment_point);
    create_commitment_tx_with_keys(params, broadcaster, number, &keys, spec)
}

/// [`create_commitment_tx`] with the keys of [`TxKeys::new`], for who keeps them: their derivation is most of the time
/// that building a commitment takes.
///
/// # Errors
///
/// As [`create_commitment_tx`].
pub fn create_commitment_tx_with_keys(
    params: &ChannelParams,
    broadcaster: Side,
    number: u64,
    keys: &TxKeys,
    spec: &CommitmentSpec,
) -> Result<CommitmentTx, TxError> {
    check(params, number, spec)?;
    let amounts = fees::commitment_amounts(params, broadcaster, spec);
    let mut outputs = main_outputs(params, broadcaster, keys, &amounts);
    outputs.extend(htlc_outputs(params, broadcaster, keys, spec));
    check_outputs(params, &outputs)?;
    outputs.sort_by(output_order);

    let roles: Vec<Role> = outputs.iter().map(|(_, _, role)| *role).collect();
    let outputs = outputs.into_iter().map(|(output, _, _)| output).collect();
    let tx = number::unsigned_tx(params, number, outputs);
    let vout = |role| {
        (0u32..)
            .zip(&roles)
            .find_map(|(vout, found)| (*found == role).then_some(vout))
    };
    Ok(CommitmentTx {
        txid: tx.compute_txid(),
        tx,
        number,
        broadcaster,
        keys: *keys,
        spec: spec.clone(),
        amounts,
        htlc_outputs: located_htlcs(spec, &roles),
        to_broadcaster_vout: vout(Role::Broadcaster),
        to_countersignatory_vout: vout(Role::Countersignatory),
        broadcaster_anchor_vout: vout(Role::BroadcasterAnchor),
        countersignatory_anchor_vout: vout(Role::CountersignatoryAnchor),
    })
}

fn check(params: &ChannelParams, number: u64, spec: &CommitmentSpec) -> Result<(), TxError> {
    if number > MAX_COMMITMENT_NUMBER {
        return Err(TxError::NumberTooLarge {
            number,
            limit: MAX_COMMITMENT_NUMBER,
        });
    }
    if spec.htlcs.len() > MAX_HTLCS {
        return Err(TxError::TooManyHtlcs {
            limit: MAX_HTLCS,
            got: spec.htlcs.len(),
        });
    }
    let total = spec.total();
    if total.is_none() || total != Msat::from_sat(params.capacity) {
        return Err(TxError::NotConserved {
            capacity: params.capacity,
            total,
        });
    }
    let time = spec
        .htlcs
        .iter()
        .find(|htlc| htlc.cltv_expiry >= LOCK_TIME_THRESHOLD);
    match time {
        Some(htlc) => Err(TxError::ExpiryNotAHeight {
            id: htlc.id,
            cltv_expiry: htlc.cltv_expiry,
        }),
        None => Ok(()),
    }
}

/// A transaction that could never be mined is not built.
fn check_outputs(params: &ChannelParams, outputs: &[(TxOut, u32, Role)]) -> Result<(), TxError> {
    if outputs.is_empty() {
        return Err(TxError::NoOutputs);
    }
    let capacity = params.capacity;
    let outputs = outputs
        .iter()
        .try_fold(Amount::ZERO, |sum, (output, _, _)| {
            sum.checked_add(output.value)
        })
        .ok_or(TxError::AmountOverflow)?;
    if outputs > capacity {
        return Err(TxError::OutputsExceedCapacity { outputs, capacity });
    }
    Ok(())
}

/// The outputs that are no HTLC's: what is left of both balances, and their anchors.
fn main_outputs(
    params: &ChannelParams,
    broadcaster: Side,
    keys: &TxKeys,
    amounts: &CommitmentAmounts,
) -> Vec<(TxOut, u32, Role)> {
    let format = params.channel_type.format;
    let own = &params.side(broadcaster).keys;
    let other = &params.side(broadcaster.other()).keys;
    let has_htlcs = amounts.untrimmed_htlcs > 0;
    let has_broadcaster = amounts.to_broadcaster > Amount::ZERO;
    let has_countersignatory = amounts.to_countersignatory > Amount::ZERO;

    let mut outputs = Vec::with_capacity(4 + amounts.untrimmed_htlcs);
    let mut add = |value, script_pubkey, role| {
        outputs.push((
            TxOut {
                value,
                script_pubkey,
            },
            0,
            role,
        ));
    };
    if has_broadcaster {
        let script = script::broadcaster_redeemscript(params, broadcaster, keys).to_p2wsh();
        add(amounts.to_broadcaster, script, Role::Broadcaster);
    }
    if has_countersignatory {
        let script = script::to_remote_script_pubkey(format, &other.payment_basepoint);
        add(amounts.to_countersignatory, script, Role::Countersignatory);
    }
    // BOLT 3: a side has an anchor where it has something to gain from confirmation: an output, or any HTLC.
    if format == CommitmentFormat::Anchors {
        if has_broadcaster || has_htlcs {
            let script = script::anchor_redeemscript(&own.funding).to_p2wsh();
            add(fees::ANCHOR_VALUE, script, Role::BroadcasterAnchor);
        }
        if has_countersignatory || has_htlcs {
            let script = script::anchor_redeemscript(&other.funding).to_p2wsh();
            add(fees::ANCHOR_VALUE, script, Role::CountersignatoryAnchor);
        }
    }
    outputs
}

/// One output for each HTLC that is not trimmed.
fn htlc_outputs<'a>(
    params: &'a ChannelParams,
    broadcaster: Side,
    keys: &'a TxKeys,
    spec: &'a CommitmentSpec,
) -> impl Iterator<Item = (TxOut, u32, Role)> + 'a {
    let format = params.channel_type.format;
    let positions = (0..).zip(&spec.htlcs);
    positions
        .filter(move |(_, htlc)| !fees::is_htlc_trimmed(params, broadcaster, spec, htlc))
        .map(move |(position, htlc)| {
            let output = TxOut {
                value: htlc.amount.to_sat_floor(),
                script_pubkey: htlc_redeemscript(format, keys, htlc).to_p2wsh(),
            };
            (output, htlc.cltv_expiry, Role::Htlc(htlc.id, position))
        })
}

/// HTLCs with their outputs' indexes, in the order of outputs: that of their signatures in commitment_signed.
fn located_htlcs(spec: &CommitmentSpec, roles: &[Role]) -> Vec<HtlcOutput> {
    let located = (0u32..).zip(roles).filter_map(|(vout, role)| match role {
        Role::Htlc(_, position) => spec
            .htlcs
            .get(*position)
            .map(|htlc| HtlcOutput { htlc: *htlc, vout }),
        Role::BroadcasterAnchor
        | Role::CountersignatoryAnchor
        | Role::Broadcaster
        | Role::Countersignatory => None,
    });
    located.collect()
}

/// The witness script of an HTLC's output.
pub(crate) fn htlc_redeemscript(
    format: CommitmentFormat,
    keys: &TxKeys,
    htlc: &CommitmentHtlc,
) -> ScriptBuf {
    if htlc.offered_by_broadcaster {
        script::offered_htlc_redeemscript(format, keys, &htlc.payment_hash)
    } else {
        script::received_htlc_redeemscript(format, keys, &htlc.payment_hash, htlc.cltv_expiry)
    }
}

impl CommitmentTx {
    /// The transaction, without its witness.
    pub fn tx(&self) -> &Transaction {
        &self.tx
    }

    /// Its txid, which signatures do not change.
    pub fn txid(&self) -> Txid {
        self.txid
    }

    /// Its number, from 0.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Whose commitment it is.
    pub fn broadcaster(&self) -> Side {
        self.broadcaster
    }

    /// Its derived keys.
    pub fn keys(&self) -> &TxKeys {
        &self.keys
    }

    /// What it was built from.
    pub fn spec(&self) -> &CommitmentSpec {
        &self.spec
    }

    /// Fee and main outputs.
    pub fn amounts(&self) -> &CommitmentAmounts {
        &self.amounts
    }

    /// HTLCs with an output, in output order, which is the order of htlc_signatures (BOLT 2, commitment_signed).
    pub fn htlc_outputs(&self) -> &[HtlcOutput] {
        &self.htlc_outputs
    }

    /// Index of to_local.
    pub fn to_broadcaster_vout(&self) -> Option<u32> {
        self.to_broadcaster_vout
    }

    /// Index of to_remote.
    pub fn to_countersignatory_vout(&self) -> Option<u32> {
        self.to_countersignatory_vout
    }

    /// Index of `side`'s anchor.
    pub fn anchor_vout(&self, side: Side) -> Option<u32> {
        if side == self.broadcaster {
            self.broadcaster_anchor_vout
        } else {
            self.countersignatory_anchor_vout
        }
    }

    /// What miners get: the base fee, trimmed HTLCs, dropped outputs and fractions of satoshis.
    pub fn fee(&self, params: &ChannelParams) -> Amount {
        let outputs = self.tx.output.iter().map(|output| output.value).sum();
        params.capacity.checked_sub(outputs).unwrap_or(Amount::ZERO)
    }

    /// The digest that both sides sign with their funding keys.
    pub fn sighash(&self, params: &ChannelParams) -> Message {
        funding_sighash(&self.tx, params)
    }

    /// The second-stage transactions of all HTLC outputs, in the order of [`htlc_outputs`](Self::htlc_outputs).
    ///
    /// # Errors
    ///
    /// None for a value that [`create_commitment_tx`] made with the same parameters: what a second stage cannot pay
    /// for is trimmed.
    pub fn htlc_transactions(&self, params: &ChannelParams) -> Result<Vec<HtlcTx>, TxError> {
        self.htlc_outputs
            .iter()
            .map(|output| HtlcTx::new(params, self, *output))
            .collect()
    }

    /// The witness script of an HTLC output of this transaction.
    pub fn htlc_redeemscript(&self, params: &ChannelParams, htlc: &CommitmentHtlc) -> ScriptBuf {
        htlc_redeemscript(params.channel_type.format, &self.keys, htlc)
    }

    /// The outpoint of one of its outputs.
    pub fn outpoint(&self, vout: u32) -> OutPoint {
        OutPoint {
            txid: self.txid,
            vout,
        }
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
