//! Fees and trimming of commitment and HTLC transactions (BOLT 3, "Fees", "Trimmed Outputs"): the one place that
//! computes them, for construction and for every check alike.
//!
//! # Weights
//!
//! BOLT 3 fixes *expected* weights, on which both sides agree without looking at signatures (73 bytes assumed,
//! both main outputs assumed, both anchors assumed):
//!
//! | transaction | static_remotekey | anchors |
//! |---|---|---|
//! | commitment | 724 + 172 per untrimmed HTLC | 1124 + 172 per untrimmed HTLC |
//! | HTLC-timeout | 663 | 666, but no fee |
//! | HTLC-success | 703 | 706, but no fee |
//!
//! A fee is `feerate_per_kw * weight / 1000` satoshis, rounded down.

use bitcoin::Amount;

use crate::amount::Msat;
use crate::params::{ChannelParams, CommitmentFormat, Side};
use crate::tx::commitment::{CommitmentHtlc, CommitmentSpec};

const ANCHOR_SAT: u64 = 330;

/// The value of an anchor output, always (BOLT 3).
pub const ANCHOR_VALUE: Amount = Amount::from_sat(ANCHOR_SAT);

/// The expected weight that each untrimmed HTLC adds to a commitment transaction.
pub const COMMITMENT_WEIGHT_PER_HTLC: u64 = 172;

/// `feerate_per_kw` satoshis for 1000 weight units, rounded down.
pub fn fee_for_weight(feerate_per_kw: u32, weight: u64) -> Amount {
    // A u32 times any weight below 2^32 fits; nothing that relays is heavier than 400,000.
    Amount::from_sat(u64::from(feerate_per_kw).saturating_mul(weight) / 1_000)
}

/// BOLT 3, "Fee Calculation": expected weight of a commitment transaction with so many HTLC outputs.
pub fn commitment_weight(format: CommitmentFormat, untrimmed_htlcs: usize) -> u64 {
    let base: u64 = match format {
        CommitmentFormat::StaticRemoteKey => 724,
        CommitmentFormat::Anchors => 1_124,
    };
    // A channel has at most 966 HTLCs; a count that does not fit u64 does not exist.
    let htlcs = u64::try_from(untrimmed_htlcs).unwrap_or(u64::MAX);
    base.saturating_add(COMMITMENT_WEIGHT_PER_HTLC.saturating_mul(htlcs))
}

/// BOLT 3, "Fee Calculation": the base fee of a commitment transaction, which the opener pays.
pub fn commitment_fee(
    format: CommitmentFormat,
    feerate_per_kw: u32,
    untrimmed_htlcs: usize,
) -> Amount {
    fee_for_weight(feerate_per_kw, commitment_weight(format, untrimmed_htlcs))
}

/// What both anchors cost the opener, beside the fee: nothing without option_anchors.
pub const fn anchors_cost(format: CommitmentFormat) -> Amount {
    match format {
        CommitmentFormat::StaticRemoteKey => Amount::ZERO,
        CommitmentFormat::Anchors => Amount::from_sat(2 * ANCHOR_SAT),
    }
}

/// BOLT 3: all that the opener pays for a commitment transaction, fee and anchors.
pub fn opener_cost(format: CommitmentFormat, feerate_per_kw: u32, untrimmed_htlcs: usize) -> Msat {
    let fee = commitment_fee(format, feerate_per_kw, untrimmed_htlcs);
    let sat = fee.to_sat().saturating_add(anchors_cost(format).to_sat());
    Msat::new(sat.saturating_mul(1_000))
}

/// Expected weight of an HTLC-timeout transaction (BOLT 3).
pub const fn htlc_timeout_weight(format: CommitmentFormat) -> u64 {
    match format {
        CommitmentFormat::StaticRemoteKey => 663,
        CommitmentFormat::Anchors => 666,
    }
}

/// Expected weight of an HTLC-success transaction (BOLT 3).
pub const fn htlc_success_weight(format: CommitmentFormat) -> u64 {
    match format {
        CommitmentFormat::StaticRemoteKey => 703,
        CommitmentFormat::Anchors => 706,
    }
}

/// The fee of an HTLC-timeout transaction: none with anchors, where whoever broadcasts it adds an input for the fee.
pub fn htlc_timeout_fee(format: CommitmentFormat, feerate_per_kw: u32) -> Amount {
    match format {
        CommitmentFormat::StaticRemoteKey => {
            fee_for_weight(feerate_per_kw, htlc_timeout_weight(format))
        }
        CommitmentFormat::Anchors => Amount::ZERO,
    }
}

/// The fee of an HTLC-success transaction: none with anchors.
pub fn htlc_success_fee(format: CommitmentFormat, feerate_per_kw: u32) -> Amount {
    match format {
        CommitmentFormat::StaticRemoteKey => {
            fee_for_weight(feerate_per_kw, htlc_success_weight(format))
        }
        CommitmentFormat::Anchors => Amount::ZERO,
    }
}

/// The fee of the second-stage transaction with which the broadcaster would take this HTLC's output:
/// HTLC-timeout where it offered the HTLC, HTLC-success where it received it.
pub fn htlc_fee(
    format: CommitmentFormat,
    feerate_per_kw: u32,
    offered_by_broadcaster: bool,
) -> Amount {
    if offered_by_broadcaster {
        htlc_timeout_fee(format, feerate_per_kw)
    } else {
        htlc_success_fee(format, feerate_per_kw)
    }
}

/// BOLT 3, "Trimmed Outputs": whether an HTLC gets no output, because what its second stage would leave is below
/// the broadcaster's dust limit. Less than a satoshi never gets one.
pub fn is_trimmed(
    format: CommitmentFormat,
    feerate_per_kw: u32,
    dust_limit: Amount,
    offered_by_broadcaster: bool,
    amount: Msat,
) -> bool {
    let fee = htlc_fee(format, feerate_per_kw, offered_by_broadcaster);
    let sat = amount.to_sat_floor();
    match dust_limit.checked_add(fee) {
        Some(least) => sat == Amount::ZERO || sat < least,
        None => true,
    }
}

/// What a commitment transaction's outputs and fee come to, in whole satoshis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitmentAmounts {
    /// HTLCs that get an output.
    pub untrimmed_htlcs: usize,
    /// The base fee by BOLT 3's formula. What miners get may be more: trimmed outputs and roundings go to them too.
    pub base_fee: Amount,
    /// to_local, after fee and anchors if the broadcaster opened the channel; zero where it is left out as dust.
    pub to_broadcaster: Amount,
    /// to_remote, likewise.
    pub to_countersignatory: Amount,
    /// What the opener's balance lacks of fee and anchors. Not zero is a state that BOLT 2 lets nobody propose;
    /// construction then takes all that the opener has.
    pub opener_shortfall: Msat,
}

/// BOLT 3, "Commitment Transaction Construction", steps 2 to 7: trims HTLCs, charges the opener and drops dust.
///
/// Total: it gives an answer for every input, so that a check can look at the shortfall.
pub fn commitment_amounts(
    params: &ChannelParams,
    broadcaster: Side,
    spec: &CommitmentSpec,
) -> CommitmentAmounts {
    let format = params.channel_type.format;
    let dust_limit = params.side(broadcaster).dust_limit;
    let untrimmed_htlcs = untrimmed_htlcs(params, broadcaster, spec);
    let cost = opener_cost(format, spec.feerate_per_kw, untrimmed_htlcs);

    let opener_is_broadcaster = params.opener == broadcaster;
    let opener_has = if opener_is_broadcaster {
        spec.to_broadcaster
    } else {
        spec.to_countersignatory
    };
    // BOLT 3, "Fee Payment": fee and anchors come out of the opener's amount, as far as it goes.
    let opener_left = opener_has.checked_sub(cost).unwrap_or(Msat::ZERO);
    let opener_shortfall = cost.checked_sub(opener_has).unwrap_or(Msat::ZERO);
    let (to_broadcaster, to_countersignatory) = if opener_is_broadcaster {
        (opener_left, spec.to_countersignatory)
    } else {
        (spec.to_broadcaster, opener_left)
    };
    CommitmentAmounts {
        untrimmed_htlcs,
        base_fee: commitment_fee(format, spec.feerate_per_kw, untrimmed_htlcs),
        to_broadcaster: zero_if_dust(to_broadcaster, dust_limit),
        to_countersignatory: zero_if_dust(to_countersignatory, dust_limit),
        opener_shortfall,
    }
}

/// Whether this HTLC of a specification gets no output in `broadcaster`'s commitment transaction.
pub fn is_htlc_trimmed(
    params: &ChannelParams,
    broadcaster: Side,
    spec: &CommitmentSpec,
    htlc: &CommitmentHtlc,
) -> bool {
    is_trimmed(
        params.channel_type.format,
        spec.feerate_per_kw,
        params.side(broadcaster).dust_limit,
        htlc.offered_by_broadcaster,
        htlc.amount,
    )
}

/// How many HTLCs of a specification get an output in `broadcaster`'s commitment transaction.
pub fn untrimmed_htlcs(params: &ChannelParams, broadcaster: Side, spec: &CommitmentSpec) -> usize {
    let kept = |htlc: &&CommitmentHtlc| !is_htlc_trimmed(params, broadcaster, spec, htlc);
    spec.htlcs.iter().filter(kept).count()
}

/// BOLT 3, "Trimmed Outputs": the broadcaster's dust limit decides over both main outputs. An output of nothing is
/// left out even where that limit is zero.
fn zero_if_dust(amount: Msat, dust_limit: Amount) -> Amount {
    let sat = amount.to_sat_floor();
    if sat < dust_limit {
        Amount::ZERO
    } else {
        sat
    }
}
