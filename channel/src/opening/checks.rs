//! The rules of BOLT 2 for open_channel and accept_channel, for both directions. What this node asks for must pass the
//! protocol's rules; what a peer asks for must pass this node's limits too.

use bitcoin::Amount;

use super::OpeningError;
use crate::amount::Msat;
use crate::fees;
use crate::limits::Limits;
use crate::message::{AcceptChannel, OpenChannel};
use crate::params::{ChannelType, Side, SideParams};
use crate::shutdown::is_valid_shutdown_script;

/// BOLT 2 and BOLT 3, "Dust Limits": the least dust_limit_satoshis.
pub const MIN_DUST_LIMIT: Amount = Amount::from_sat(354);

/// BOLT 2: the most of max_accepted_htlcs.
pub const MAX_ACCEPTED_HTLCS: u16 = 483;

/// All bitcoin there will be.
const MAX_MONEY: u64 = 2_100_000_000_000_000;

/// A number and its bounds.
struct Range {
    field: &'static str,
    got: u64,
    least: u64,
    most: u64,
}

impl Range {
    fn check(self, by: Side) -> Result<(), OpeningError> {
        if (self.least..=self.most).contains(&self.got) {
            return Ok(());
        }
        Err(OpeningError::OutOfRange {
            by,
            field: self.field,
            got: self.got,
            least: self.least,
            most: self.most,
        })
    }
}

fn at_least(field: &'static str, got: u64, least: u64) -> Range {
    let most = u64::MAX;
    Range {
        field,
        got,
        least,
        most,
    }
}

fn at_most(field: &'static str, got: u64, most: u64) -> Range {
    let least = 0;
    Range {
        field,
        got,
        least,
        most,
    }
}

fn between(field: &'static str, got: u64, least: u64, most: u64) -> Range {
    Range {
        field,
        got,
        least,
        most,
    }
}

/// open_channel of `by`.
pub(super) fn check_open(
    by: Side,
    open: &OpenChannel,
    limits: &Limits,
) -> Result<(), OpeningError> {
    check_type(by, open.channel_type, open.announce, limits)?;
    let capacity = open.funding_amount.to_sat();
    at_most("funding_satoshis", capacity, MAX_MONEY).check(by)?;
    at_most(
        "push_msat",
        open.push.to_msat(),
        capacity.saturating_mul(1_000),
    )
    .check(by)?;
    let (least, most) = (limits.min_feerate_per_kw, limits.max_feerate_per_kw);
    between(
        "feerate_per_kw",
        open.feerate_per_kw.into(),
        least.into(),
        most.into(),
    )
    .check(by)?;
    let (least, most) = (limits.min_capacity.to_sat(), limits.max_capacity.to_sat());
    between("funding_satoshis", capacity, least, most).check(by)?;
    // BOLT 2, open_channel: dust_limit_satoshis is at most channel_reserve_satoshis.
    let reserve = open.side.channel_reserve.to_sat();
    at_most(
        "dust_limit_satoshis",
        open.side.dust_limit.to_sat(),
        reserve,
    )
    .check(by)?;
    check_side(by, &open.side, open.funding_amount, limits)
}

/// accept_channel of `by`, as an answer to `open`.
pub(super) fn check_accept(
    by: Side,
    open: &OpenChannel,
    accept: &AcceptChannel,
    limits: &Limits,
) -> Result<(), OpeningError> {
    if accept.temporary_channel_id != open.temporary_channel_id {
        return Err(OpeningError::WrongTemporaryId {
            expected: open.temporary_channel_id,
            got: accept.temporary_channel_id,
        });
    }
    if accept.channel_type != open.channel_type {
        return Err(OpeningError::ChannelTypeChanged {
            expected: open.channel_type,
            got: accept.channel_type,
        });
    }
    let depth = u64::from(accept.minimum_depth);
    match accept.channel_type.zero_conf {
        // BOLT 2, accept_channel: option_zeroconf means a minimum_depth of zero.
        true => between("minimum_depth", depth, 0, 0).check(by)?,
        false => at_most("minimum_depth", depth, limits.max_minimum_depth.into()).check(by)?,
    }
    // BOLT 2, accept_channel: each reserve is at least each dust limit.
    let theirs = accept.side.channel_reserve.to_sat();
    at_least(
        "channel_reserve_satoshis",
        theirs,
        open.side.dust_limit.to_sat(),
    )
    .check(by)?;
    let dust_limit = accept.side.dust_limit.to_sat();
    at_most(
        "dust_limit_satoshis",
        dust_limit,
        open.side.channel_reserve.to_sat(),
    )
    .check(by)?;
    at_most("dust_limit_satoshis", dust_limit, theirs).check(by)?;
    check_side(by, &accept.side, open.funding_amount, limits)
}

/// What both messages have.
fn check_side(
    by: Side,
    side: &SideParams,
    capacity: Amount,
    limits: &Limits,
) -> Result<(), OpeningError> {
    let dust_limit = side.dust_limit.to_sat();
    at_least("dust_limit_satoshis", dust_limit, MIN_DUST_LIMIT.to_sat()).check(by)?;
    let accepted = u64::from(side.max_accepted_htlcs);
    at_most("max_accepted_htlcs", accepted, MAX_ACCEPTED_HTLCS.into()).check(by)?;
    // A reserve above the capacity could never be met.
    at_most(
        "channel_reserve_satoshis",
        side.channel_reserve.to_sat(),
        capacity.to_sat(),
    )
    .check(by)?;
    if let Some(script) = &side.upfront_shutdown_script {
        if !is_valid_shutdown_script(script) {
            return Err(OpeningError::ShutdownScript {
                by,
                script: script.clone(),
            });
        }
    }
    match by {
        Side::Holder => Ok(()),
        Side::Counterparty => check_side_limits(side, capacity, limits),
    }
}

/// What this node demands of a peer, beyond the protocol.
fn check_side_limits(
    side: &SideParams,
    capacity: Amount,
    limits: &Limits,
) -> Result<(), OpeningError> {
    let by = Side::Counterparty;
    let dust_limit = side.dust_limit.to_sat();
    at_most(
        "dust_limit_satoshis",
        dust_limit,
        limits.max_dust_limit.to_sat(),
    )
    .check(by)?;
    let percent = capacity.to_sat() / 100;
    let most = percent.saturating_mul(limits.max_reserve_percent.into());
    let most = most.max(limits.max_dust_limit.to_sat());
    at_most(
        "channel_reserve_satoshis",
        side.channel_reserve.to_sat(),
        most,
    )
    .check(by)?;
    let delay = u64::from(side.to_self_delay);
    at_most("to_self_delay", delay, limits.max_to_self_delay.into()).check(by)?;
    let accepted = u64::from(side.max_accepted_htlcs);
    at_least(
        "max_accepted_htlcs",
        accepted,
        limits.min_accepted_htlcs.into(),
    )
    .check(by)?;
    let in_flight = side.max_htlc_value_in_flight.to_msat();
    let least = limits.min_htlc_value_in_flight.to_msat();
    at_least("max_htlc_value_in_flight_msat", in_flight, least).check(by)?;
    let minimum = side.htlc_minimum.to_msat();
    at_most(
        "htlc_minimum_msat",
        minimum,
        limits.max_htlc_minimum.to_msat(),
    )
    .check(by)
}

fn check_type(
    by: Side,
    channel_type: ChannelType,
    announce: bool,
    limits: &Limits,
) -> Result<(), OpeningError> {
    let unsuitable = OpeningError::ChannelTypeUnsuitable {
        by,
        got: channel_type,
    };
    // BOLT 2, open_channel: a channel that is announced has no secret short channel id.
    if announce && channel_type.scid_alias {
        return Err(unsuitable);
    }
    // BOLT 2, open_channel: option_zeroconf needs trust in the opener.
    if by == Side::Counterparty && channel_type.zero_conf && !limits.allow_zero_conf {
        return Err(unsuitable);
    }
    Ok(())
}

/// BOLT 2, open_channel: the opener can pay for the first commitment transaction, and at least one side has more than
/// its reserve, so that there is an output.
pub(super) fn check_first_balances(
    open: &OpenChannel,
    accept: &AcceptChannel,
) -> Result<(Msat, Msat), OpeningError> {
    let capacity = Msat::from_sat(open.funding_amount);
    let opener = capacity.and_then(|capacity| capacity.checked_sub(open.push));
    let opener = opener.unwrap_or(Msat::ZERO); // check_open has seen that the push is at most the capacity
    let needed = fees::opener_cost(open.channel_type.format, open.feerate_per_kw, 0);
    let left = opener
        .checked_sub(needed)
        .ok_or(OpeningError::OpenerCannotPay {
            available: opener,
            needed,
        })?;
    // The reserve that each side keeps is the one that the other demands.
    let reserve_of_opener = accept.side.channel_reserve;
    let reserve_of_acceptor = open.side.channel_reserve;
    let opener_has_more = left.to_sat_floor() > reserve_of_opener;
    let acceptor_has_more = open.push.to_sat_floor() > reserve_of_acceptor;
    if !opener_has_more && !acceptor_has_more {
        return Err(OpeningError::BothBelowReserve {
            reserve: reserve_of_opener.min(reserve_of_acceptor),
        });
    }
    Ok((opener, open.push))
}
