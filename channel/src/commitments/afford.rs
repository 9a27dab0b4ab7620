//! Reserves, fees, limits and exposure (BOLT 2, "Adding an HTLC" and "Updating Fees"): the one place that computes them,
//! for what this node sends, for what it receives, and for how much could be sent.

use bitcoin::Amount;

use super::Commitments;
use crate::amount::Msat;
use crate::error::UpdateError;
use crate::fees;
use crate::htlc::{Htlc, HtlcState, Presence, Stage, View};
use crate::ids::HtlcId;
use crate::limits::Limits;
use crate::params::{ChannelParams, CommitmentFormat, Side};

/// BOLT 2, update_add_htlc: an expiry from here on is a time.
const EXPIRY_LIMIT: u32 = 500_000_000;

/// HTLCs that the acceptor may add while an update_fee is on its way.
const CONCURRENT_HTLCS: usize = 2;

/// BOLT 2: the fee spike buffer of an opener that sends, in multiples of the feerate.
const FEE_SPIKE_MULTIPLE: u32 = 2;

/// What one commitment has or would have, as far as rules ask about it. Made in one pass over the HTLCs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outlook {
    format: CommitmentFormat,
    dust_limit: Amount,
    broadcaster: Side,
    feerate_per_kw: u32,
    holder: Msat,
    counterparty: Msat,
    untrimmed: usize,
    /// In HTLCs without an output, at a feerate with some room.
    dust: Msat,
    offered_by_holder: Offered,
    offered_by_counterparty: Offered,
}

/// HTLCs of one side.
#[derive(Clone, Copy, Debug, Default)]
struct Offered {
    count: usize,
    total: Msat,
}

/// A feerate that HTLCs should still be counted as dust at: without anchors a rise trims more of them.
fn exposure_feerate(feerate_per_kw: u32) -> u32 {
    // A quarter more, and 10 sat/vB at least.
    let quarter = feerate_per_kw.saturating_add(feerate_per_kw / 4);
    quarter.max(feerate_per_kw.saturating_add(2_530))
}

impl Outlook {
    /// Without HTLCs. `balances` are the holder's and the counterparty's.
    fn empty(
        params: &ChannelParams,
        broadcaster: Side,
        feerate_per_kw: u32,
        balances: (Msat, Msat),
    ) -> Self {
        Self {
            format: params.channel_type.format,
            dust_limit: params.side(broadcaster).dust_limit,
            broadcaster,
            feerate_per_kw,
            holder: balances.0,
            counterparty: balances.1,
            untrimmed: 0,
            dust: Msat::ZERO,
            offered_by_holder: Offered::default(),
            offered_by_counterparty: Offered::default(),
        }
    }

    fn balance(&self, side: Side) -> Msat {
        match side {
            Side::Holder => self.holder,
            Side::Counterparty => self.counterparty,
        }
    }

    fn offered(&self, side: Side) -> Offered {
        match side {
            Side::Holder => self.offered_by_holder,
            Side::Counterparty => self.offered_by_counterparty,
        }
    }

    fn is_trimmed_at(&self, feerate_per_kw: u32, offered_by: Side, amount: Msat) -> bool {
        let by_broadcaster = offered_by == self.broadcaster;
        fees::is_trimmed(
            self.format,
            feerate_per_kw,
            self.dust_limit,
            by_broadcaster,
            amount,
        )
    }

    fn is_trimmed(&self, offered_by: Side, amount: Msat) -> bool {
        self.is_trimmed_at(self.feerate_per_kw, offered_by, amount)
    }

    fn is_dust_exposure(&self, offered_by: Side, amount: Msat) -> bool {
        self.is_trimmed_at(exposure_feerate(self.feerate_per_kw), offered_by, amount)
    }

    /// The least amount that `offered_by` would get an output for.
    fn least_untrimmed(&self, offered_by: Side) -> Option<Msat> {
        let by_broadcaster = offered_by == self.broadcaster;
        let fee = fees::htlc_fee(self.format, self.feerate_per_kw, by_broadcaster);
        Msat::from_sat(self.dust_limit.checked_add(fee)?)
    }

    /// What the opener pays with this many HTLC outputs more.
    fn opener_cost(&self, more: usize, multiple: u32) -> Msat {
        let feerate = self.feerate_per_kw.saturating_mul(multiple);
        fees::opener_cost(self.format, feerate, self.untrimmed.saturating_add(more))
    }

    fn count(&mut self, htlc: &Htlc) -> Result<(), UpdateError> {
        let side = htlc.offered_by;
        let trimmed = self.is_trimmed(side, htlc.amount);
        if !trimmed {
            self.untrimmed += 1;
        }
        if self.is_dust_exposure(side, htlc.amount) {
            self.dust = add(self.dust, htlc.amount)?;
        }
        let offered = match side {
            Side::Holder => &mut self.offered_by_holder,
            Side::Counterparty => &mut self.offered_by_counterparty,
        };
        offered.count += 1;
        offered.total = add(offered.total, htlc.amount)?;
        Ok(())
    }
}

fn add(one: Msat, other: Msat) -> Result<Msat, UpdateError> {
    one.checked_add(other).ok_or(UpdateError::Overflow)
}

/// What the other side demanded that `side` keeps (BOLT 2, channel_reserve_satoshis).
fn reserve_of(params: &ChannelParams, side: Side) -> Result<Msat, UpdateError> {
    Msat::from_sat(params.side(side.other()).channel_reserve).ok_or(UpdateError::Overflow)
}

/// Both sides of the question whether an HTLC may be offered: which commitments, and how strict.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Strictness {
    /// What the receiver must insist on.
    Receiving,
    /// What a careful sender keeps to: buffers for fee rises, and nothing that would make the other side unable to pay.
    Sending,
}

impl Commitments {
    /// The outlook of `broadcaster`'s commitment in `view`, at another feerate where one is given.
    fn outlook(
        &self,
        params: &ChannelParams,
        view: View,
        broadcaster: Side,
        feerate_per_kw: Option<u32>,
    ) -> Result<Outlook, UpdateError> {
        let balances = self.balances_in(view).ok_or(UpdateError::Overflow)?;
        let feerate = feerate_per_kw.unwrap_or_else(|| self.feerate(params, view));
        let mut outlook = Outlook::empty(params, broadcaster, feerate, balances);
        let present = |htlc: &&Htlc| htlc.presence(view) == Presence::Present;
        self.htlcs
            .iter()
            .filter(present)
            .try_for_each(|htlc| outlook.count(htlc))?;
        Ok(outlook)
    }

    /// What a sender looks at: the receiver's next commitment, and both once everything under way has arrived.
    fn sending_outlooks(
        &self,
        params: &ChannelParams,
        by: Side,
        feerate_per_kw: Option<u32>,
    ) -> Result<[Outlook; 3], UpdateError> {
        let (receivers, before) = match by {
            Side::Holder => (View::CounterpartyNext, View::CounterpartyNewest),
            Side::Counterparty => (View::HolderNext, View::HolderCurrent),
        };
        // Its own update_fee goes out after its HTLCs: they must be affordable before a cut as well as after a rise.
        let dearer = self
            .feerate(params, receivers)
            .max(self.feerate(params, before));
        let feerate_per_kw = match params.opener == by {
            true => feerate_per_kw.or(Some(dearer)),
            false => feerate_per_kw,
        };
        Ok([
            self.outlook(params, receivers, by.other(), feerate_per_kw)?,
            self.outlook(params, View::All, Side::Holder, feerate_per_kw)?,
            self.outlook(params, View::All, Side::Counterparty, feerate_per_kw)?,
        ])
    }

    /// Whether this node may offer an HTLC. It is not yet in the list.
    pub(super) fn check_sending(
        &self,
        params: &ChannelParams,
        limits: &Limits,
        amount: Msat,
    ) -> Result<(), UpdateError> {
        let outlooks = self.sending_outlooks(params, Side::Holder, None)?;
        check_offers(params, limits, Side::Holder, &outlooks, amount)
    }

    /// Whether the counterparty may offer an HTLC, which is not yet in the list. `Ok(true)` where it takes the exposure
    /// to trimmed HTLCs over the limit, so that it is to be failed once committed.
    pub(super) fn check_receiving(
        &self,
        params: &ChannelParams,
        limits: &Limits,
        amount: Msat,
    ) -> Result<bool, UpdateError> {
        let by = Side::Counterparty;
        let outlook = self.outlook(params, View::HolderNext, Side::Holder, None)?;
        check_offer(params, Strictness::Receiving, by, &outlook, amount)?;
        // BOLT 2, "Bounding exposure": both commitments count.
        for broadcaster in [Side::Holder, Side::Counterparty] {
            let all = self.outlook(params, View::All, broadcaster, None)?;
            if check_exposure(limits, by, &all, amount).is_err() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// BOLT 2, update_fee: whether this node, the opener, can pay it in either commitment.
    pub(super) fn check_sending_fee(
        &self,
        params: &ChannelParams,
        limits: &Limits,
        feerate_per_kw: u32,
    ) -> Result<(), UpdateError> {
        let outlooks = self.sending_outlooks(params, Side::Holder, Some(feerate_per_kw))?;
        let rises = feerate_per_kw > self.feerate(params, View::CounterpartyNext);
        for outlook in &outlooks {
            if rises {
                check_fee(params, Side::Holder, outlook, CONCURRENT_HTLCS)?;
                check_exposure(limits, Side::Holder, outlook, Msat::ZERO)?;
            }
        }
        Ok(())
    }

    /// BOLT 2, update_fee: whether the counterparty, the opener, can pay it in this node's commitment.
    pub(super) fn check_receiving_fee(
        &self,
        params: &ChannelParams,
        limits: &Limits,
        feerate_per_kw: u32,
    ) -> Result<(), UpdateError> {
        if feerate_per_kw <= self.feerate(params, View::HolderNext) {
            return Ok(());
        }
        let feerate = Some(feerate_per_kw);
        let outlook = self.outlook(params, View::HolderNext, Side::Holder, feerate)?;
        check_fee(params, Side::Counterparty, &outlook, 0)?;
        // BOLT 2, update_fee: without anchors a rise trims more HTLCs. Only what the sender can know of counts against it;
        // HTLCs of this node's that cross its message do not.
        check_exposure(limits, Side::Counterparty, &outlook, Msat::ZERO)?;
        Ok(())
    }

    /// Whether the counterparty would accept the fee update that waits, given all that it knows by now and the HTLCs that
    /// go before it. `true` where none waits.
    pub(super) fn is_waiting_fee_payable(
        &self,
        params: &ChannelParams,
        limits: &Limits,
    ) -> Result<bool, UpdateError> {
        let Some(feerate) = self.fee.at_stage(Stage::Proposed) else {
            return Ok(true);
        };
        if feerate <= self.feerate(params, View::CounterpartyNewest) {
            return Ok(true);
        }
        let (view, side) = (View::CounterpartyNext, Side::Counterparty);
        let outlook = self.outlook(params, view, side, Some(feerate))?;
        let payable = check_fee(params, Side::Holder, &outlook, 0);
        Ok(payable
            .and(check_exposure(limits, Side::Holder, &outlook, Msat::ZERO))
            .is_ok())
    }

    /// The first HTLC that waits and that the counterparty would refuse, given all that it knows by now.
    pub(super) fn first_refused_add(
        &self,
        params: &ChannelParams,
    ) -> Result<Option<HtlcId>, UpdateError> {
        let mut outlook = self.outlook_without_waiting_adds(params)?;
        for htlc in self.htlcs.iter().filter(|htlc| is_waiting_add(htlc)) {
            let (strictness, by) = (Strictness::Receiving, Side::Holder);
            if check_offer(params, strictness, by, &outlook, htlc.amount).is_err() {
                return Ok(Some(htlc.id));
            }
            outlook.count(htlc)?;
            outlook.holder = outlook
                .holder
                .checked_sub(htlc.amount)
                .ok_or(UpdateError::Overflow)?;
        }
        Ok(None)
    }

    /// The counterparty's next commitment as it will see it before this node's waiting HTLCs arrive, and before an
    /// update_fee that follows them.
    fn outlook_without_waiting_adds(&self, params: &ChannelParams) -> Result<Outlook, UpdateError> {
        let (view, side) = (View::CounterpartyNext, Side::Counterparty);
        let (holder, counterparty) = self.balances_in(view).ok_or(UpdateError::Overflow)?;
        let waiting = self.htlcs.iter().filter(|htlc| is_waiting_add(htlc));
        let waiting = Msat::checked_sum(waiting.map(|htlc| htlc.amount));
        let holder = waiting.and_then(|waiting| holder.checked_add(waiting));
        let feerate = match params.opener {
            Side::Holder => self.feerate(params, View::CounterpartyNewest),
            Side::Counterparty => self.feerate(params, view),
        };
        let holder = holder.ok_or(UpdateError::Overflow)?;
        let mut outlook = Outlook::empty(params, side, feerate, (holder, counterparty));
        let present =
            |htlc: &&Htlc| htlc.presence(view) == Presence::Present && !is_waiting_add(htlc);
        self.htlcs
            .iter()
            .filter(present)
            .try_for_each(|htlc| outlook.count(htlc))?;
        Ok(outlook)
    }

    /// The most that `by` could offer in one HTLC now, zero where nothing.
    pub(crate) fn most_offerable(&self, params: &ChannelParams, limits: &Limits, by: Side) -> Msat {
        let Ok(outlooks) = self.sending_outlooks(params, by, None) else {
            return Msat::ZERO;
        };
        let allowed =
            |msat: u64| check_offers(params, limits, by, &outlooks, Msat::new(msat)).is_ok();
        // Whether an amount is allowed changes from yes to no once within each range in which the same outputs are
        // trimmed, so the highest allowed one is found by halving each range, from the top.
        let thresholds = outlooks
            .iter()
            .filter_map(|outlook| outlook.least_untrimmed(by));
        let mut bounds: Vec<u64> = thresholds.map(Msat::to_msat).collect();
        let top = outlooks.iter().map(|outlook| outlook.balance(by).to_msat());
        bounds.push(params.side(by.other()).htlc_minimum.to_msat().max(1));
        bounds.push(top.max().unwrap_or(0).saturating_add(1));
        bounds.sort_unstable();
        bounds.dedup();
        for range in bounds.windows(2).rev() {
            if let [low, high] = *range {
                if let Some(most) = last_allowed(low, high, &allowed) {
                    return Msat::new(most);
                }
            }
        }
        Msat::ZERO
    }
}

/// The highest of `low..high` that is allowed, where all allowed ones come first.
fn last_allowed(low: u64, high: u64, allowed: &dyn Fn(u64) -> bool) -> Option<u64> {
    if low >= high || !allowed(low) {
        return None;
    }
    let (mut yes, mut no) = (low, high);
    while no - yes > 1 {
        let middle = yes + (no - yes) / 2;
        if allowed(middle) {
            yes = middle;
        } else {
            no = middle;
        }
    }
    Some(yes)
}

fn check_offers(
    params: &ChannelParams,
    limits: &Limits,
    by: Side,
    outlooks: &[Outlook],
    amount: Msat,
) -> Result<(), UpdateError> {
    for outlook in outlooks {
        check_offer(params, Strictness::Sending, by, outlook, amount)?;
        check_exposure(limits, by, outlook, amount)?;
    }
    Ok(())
}

/// BOLT 2, update_add_htlc, rules about amounts and counts, for one commitment.
fn check_offer(
    params: &ChannelParams,
    strictness: Strictness,
    by: Side,
    outlook: &Outlook,
    amount: Msat,
) -> Result<(), UpdateError> {
    let receiver = params.side(by.other());
    // More than 0 and at least the receiver's htlc_minimum_msat.
    let minimum = receiver.htlc_minimum.max(Msat::new(1));
    if amount < minimum {
        return Err(UpdateError::BelowMinimum { amount, minimum });
    }
    let offered = outlook.offered(by);
    if offered.count >= usize::from(receiver.max_accepted_htlcs) {
        return Err(UpdateError::TooManyHtlcs {
            limit: receiver.max_accepted_htlcs,
        });
    }
    let total = add(offered.total, amount)?;
    let limit = receiver.max_htlc_value_in_flight;
    if total > limit {
        return Err(UpdateError::TooMuchInFlight { total, limit });
    }
    check_balances(params, strictness, by, outlook, amount)
}

/// BOLT 2, update_add_htlc, rules about what both sides are left with.
fn check_balances(
    params: &ChannelParams,
    strictness: Strictness,
    by: Side,
    outlook: &Outlook,
    amount: Msat,
) -> Result<(), UpdateError> {
    let more = usize::from(!outlook.is_trimmed(by, amount));
    let cost = match (params.opener == by, strictness) {
        (false, Strictness::Receiving | Strictness::Sending) => Msat::ZERO,
        (true, Strictness::Receiving) => outlook.opener_cost(more, 1),
        // The fee spike buffer: one more HTLC at twice the feerate.
        (true, Strictness::Sending) => outlook.opener_cost(more + 1, FEE_SPIKE_MULTIPLE),
    };
    let needed = add(add(amount, reserve_of(params, by)?)?, cost)?;
    let available = outlook.balance(by);
    if available < needed {
        return Err(UpdateError::BelowReserve { available, needed });
    }
    // An output more is paid for by the opener, who must have it beside its reserve, whoever offers.
    if more > 0 && params.opener != by {
        check_fee(params, params.opener, outlook, more)?;
    }
    Ok(())
}

/// Whether the opener can pay for `more` HTLC outputs beside its reserve.
fn check_fee(
    params: &ChannelParams,
    opener: Side,
    outlook: &Outlook,
    more: usize,
) -> Result<(), UpdateError> {
    let needed = add(reserve_of(params, opener)?, outlook.opener_cost(more, 1))?;
    let available = outlook.balance(opener);
    if available < needed {
        return Err(UpdateError::OpenerCannotPay { available, needed });
    }
    Ok(())
}

/// BOLT 2, "Bounding exposure to trimmed in-flight HTLCs", with one HTLC more, or none where `amount` is zero.
fn check_exposure(
    limits: &Limits,
    by: Side,
    outlook: &Outlook,
    amount: Msat,
) -> Result<(), UpdateError> {
    if amount > Msat::ZERO && !outlook.is_dust_exposure(by, amount) {
        return Ok(());
    }
    let total = add(outlook.dust, amount)?;
    let limit = limits.max_dust_exposure;
    if total > limit {
        return Err(UpdateError::DustExposure { total, limit });
    }
    Ok(())
}

/// An HTLC of this node's that has not been sent.
fn is_waiting_add(htlc: &Htlc) -> bool {
    htlc.offered_by == Side::Holder && htlc.state == HtlcState::Adding(Stage::Proposed)
}

/// BOLT 2, update_add_htlc: cltv_expiry is a block height.
pub(super) fn check_expiry(cltv_expiry: u32) -> Result<(), UpdateError> {
    if cltv_expiry >= EXPIRY_LIMIT {
        return Err(UpdateError::ExpiryNotAHeight { cltv_expiry });
    }
    Ok(())
}
