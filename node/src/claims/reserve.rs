//! On-chain coins that are held back, so that every channel could be closed at the worst time. With anchors a commitment and
//! its HTLCs are paid for when they are broadcast: whoever has no coins then may lose what they claim.
//!
//! It is asked of whoever opens a channel; and of whoever accepts one and passes payments on, for an HTLC of others that such
//! a node claims too late is one that it pays for itself. A node that only pays and is paid may accept with an empty wallet,
//! or nobody could begin: its own coins in the channel are safe without, as commitments pay for themselves at the feerate
//! that was agreed on, and what is at stake is a payment to it that the peer tries to take back in the same hours.
//!
//! What the operator sends on chain leaves them where they are, unless the order says that they go too.

use bitcoin::Amount;
use zarnitsa_bitcoin_adapter::FeeTarget;
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::params::Side;
use zarnitsa_channel::state::Channel;
use zarnitsa_service::read;
use zarnitsa_service::records::ChannelRecord;

use crate::api::{ApiError, ErrorCode};
use crate::shared::Shared;

use super::plan::{BUDGET_PERCENT, WALLET_PART_WEIGHT};

/// A commitment without HTLCs and the child that pays for it.
const CLOSE_WEIGHT: u64 = 1_124 + 400 + WALLET_PART_WEIGHT;

/// HTLCs of one channel that are reckoned with where fewer stand, and what a second stage and its part of the wallet weigh.
const HTLCS: u64 = 2;
const HTLC_WEIGHT: u64 = 706 + WALLET_PART_WEIGHT;

/// An opening transaction with a few inputs and its change, and each output of 43 bytes that pays a channel.
const BATCH_WEIGHT: u64 = 2_000;
const OPENING_WEIGHT: u64 = 4 * 43;

/// How much dearer than now blocks may be by then.
const RISE: u64 = 2;

/// In a quiet time twice of now says nothing of a busy one: 10 sat for a virtual byte are reckoned with at least, which makes
/// what LND keeps of each channel with anchors, some 10,000 sat.
const FLOOR_PER_KW: u64 = 2_500;
/// As there, what that makes of many channels ends here: in such a time they would not all have to close.
const FLOOR_MOST: Amount = Amount::from_sat(100_000);

/// Channels that this node may have to pay for when they close: of each, the HTLCs that would have an output.
#[derive(Clone, Debug, Default)]
pub(crate) struct ToClose(Vec<Vec<Amount>>);

impl ToClose {
    /// How many channels.
    pub(crate) fn channels(&self) -> usize {
        self.0.len()
    }

    fn add(&mut self, machine: &Channel) {
        let dust = machine.params().side(Side::Holder).dust_limit;
        let amounts = machine.htlcs().map(|htlc| htlc.amount.to_sat_floor());
        self.0.push(amounts.filter(|it| *it >= dust).collect());
    }

    /// One of the ledger's. One that cannot be read counts, as if nothing stood in it.
    fn add_record(&mut self, record: &ChannelRecord) {
        match Channel::decode(&record.machine) {
            Ok(machine) => self.add(&machine),
            Err(_) => self.0.push(Vec::new()),
        }
    }

    /// These, and so many new ones.
    pub(crate) fn and(mut self, new: usize) -> Self {
        self.0
            .resize_with(self.0.len().saturating_add(new), Vec::new);
        self
    }

    /// What they take at this feerate. Nobody pays more for an HTLC than a part of what it holds.
    fn cost(&self, feerate_per_kw: u64) -> Amount {
        let at = |weight: u64| weight.saturating_mul(feerate_per_kw).div_ceil(1_000);
        let (close, htlc) = (at(CLOSE_WEIGHT), at(HTLC_WEIGHT));
        let worth = |amount: &Amount| amount.to_sat().saturating_mul(BUDGET_PERCENT.1) / 100;
        let costs = self.0.iter().map(|htlcs| {
            let standing = htlcs.iter().map(|amount| worth(amount).min(htlc));
            let standing = standing.fold(0, u64::saturating_add);
            close.saturating_add(standing.max(htlc.saturating_mul(HTLCS)))
        });
        Amount::from_sat(costs.fold(0, u64::saturating_add))
    }

    /// What they may need when this is today's feerate.
    fn worst_case(&self, feerate_per_kw: u64) -> Amount {
        let risen = self.cost(feerate_per_kw.saturating_mul(RISE));
        risen.max(self.cost(FLOOR_PER_KW).min(FLOOR_MOST))
    }
}

/// Those of these channels that this node may have to pay for.
impl<'a> FromIterator<&'a Channel> for ToClose {
    fn from_iter<I: IntoIterator<Item = &'a Channel>>(machines: I) -> Self {
        let mut all = Self::default();
        for machine in machines.into_iter().filter(|it| it.may_cost_to_close()) {
            all.add(machine);
        }
        all
    }
}

/// The same of the ledger's records.
impl<'a> FromIterator<&'a ChannelRecord> for ToClose {
    fn from_iter<I: IntoIterator<Item = &'a ChannelRecord>>(records: I) -> Self {
        let mut all = Self::default();
        for record in records.into_iter().filter(|it| may_cost_to_close(it)) {
            // A channel in which nothing stands need not be read.
            match record.offered_msat == Msat::ZERO && record.received_msat == Msat::ZERO {
                true => all.0.push(Vec::new()),
                false => all.add_record(record),
            }
        }
        all
    }
}

/// Whether the ledger has a channel whose close this node may have to pay for. One that cannot be read counts.
fn may_cost_to_close(record: &ChannelRecord) -> bool {
    match record.state.as_str() {
        "closed" | "failed" => false,
        "normal" | "shutting_down" => true,
        _ => Channel::decode(&record.machine).map_or(true, |machine| machine.may_cost_to_close()),
    }
}

/// Why coins do not leave the wallet.
pub(crate) fn kept_refusal(channels: usize, available: Amount, keep: Amount) -> ApiError {
    let what = match channels {
        1 => "the channel".to_owned(),
        channels => format!("{channels} channels"),
    };
    let over = available.checked_sub(keep).unwrap_or(Amount::ZERO);
    let message = format!(
        "reserve_missing: of {available} that can be spent {keep} stay on chain, to pay for closing {what} at the worst time: \
         at most {over} can be sent, less the fee. `all` sends just that; `--spend-reserve` (`spend_reserve`) sends what is kept \
         too, and until there are coins again a payment under way may be lost when a channel closes"
    );
    ApiError::new(ErrorCode::ReserveMissing, message)
}

impl Shared {
    /// The channels of the ledger that this node may have to pay for when they close.
    pub(crate) fn channels_to_pay_for(&self) -> ToClose {
        read::channel_records(&*self.ledger.snapshot())
            .iter()
            .collect()
    }

    /// The coins to be held back for these channels.
    pub(crate) fn close_reserve(&self, channels: &ToClose) -> Amount {
        let rate = self.chain.fees().rate(FeeTarget::Urgent).to_sat_per_kwu();
        channels.worst_case(rate)
    }

    /// What so many channels of a batch may take together beside the others.
    pub(crate) fn spendable_for_batch(&self, channels: ToClose, batch: usize) -> Amount {
        let reserve = self.close_reserve(&channels.and(batch));
        let outputs = u64::try_from(batch).unwrap_or(u64::MAX);
        let weight = BATCH_WEIGHT.saturating_add(outputs.saturating_mul(OPENING_WEIGHT));
        let feerate = u64::from(self.opening_feerate_per_kw());
        let fee = Amount::from_sat(weight.saturating_mul(feerate).div_ceil(1_000));
        let kept = reserve.checked_add(fee).unwrap_or(Amount::MAX_MONEY);
        let have = self.wallet.spendable();
        have.checked_sub(kept).unwrap_or(Amount::ZERO)
    }

    /// Whether a channel must not be accepted beside the others.
    pub(crate) fn lacks_reserve_to_accept(&self, channels: ToClose) -> bool {
        let reserve = self.close_reserve(&channels.and(1));
        let have = self.wallet.spendable();
        let lacks = self.policy().forward && have < reserve;
        if lacks {
            tracing::warn!(
                %have, %reserve,
                "reserve_missing: a channel is refused, for too little is on chain to pay for closing one more at the worst time"
            );
        }
        lacks
    }

    /// Why a channel of this size must not be opened, if it must not: `reserve` is what it and the others need.
    pub(crate) fn reserve_refusal(&self, amount: Amount, reserve: Amount) -> Option<String> {
        let have = self.wallet.spendable();
        let needed = amount.checked_add(reserve).unwrap_or(Amount::MAX_MONEY);
        (have < needed).then(|| {
            format!(
                "reserve_missing: {amount} leave too little of {have}: {reserve} must stay on chain, to pay for closing the \
                 channels at the worst time"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quiet(channels: usize) -> ToClose {
        ToClose::default().and(channels)
    }

    fn worst_case(channels: usize, feerate_per_kw: u64) -> Amount {
        quiet(channels).worst_case(feerate_per_kw)
    }

    fn with_htlcs(count: usize, sat: u64) -> ToClose {
        ToClose(vec![vec![Amount::from_sat(sat); count]])
    }

    #[test]
    fn worst_case_grows_with_the_htlcs_that_stand_above_those_that_are_always_reckoned_with() {
        let one = quiet(1).worst_case(5_000);
        let htlc = Amount::from_sat(HTLC_WEIGHT * RISE * 5_000 / 1_000);
        assert_eq!(with_htlcs(2, 1_000_000).worst_case(5_000), one);
        assert_eq!(with_htlcs(3, 1_000_000).worst_case(5_000), one + htlc);
        assert_eq!(with_htlcs(30, 1_000_000).worst_case(5_000), one + htlc * 28);
        // And one more channel beside it.
        let two = with_htlcs(3, 1_000_000).and(1);
        assert_eq!(two.worst_case(5_000), one * 2 + htlc);
    }

    #[test]
    fn worst_case_of_small_htlcs_is_a_part_of_what_they_hold() {
        let (one, close) = (quiet(1).cost(5_000), Amount::from_sat(CLOSE_WEIGHT * 5));
        assert_eq!(with_htlcs(3, 1_000).cost(5_000), one);
        assert_eq!(
            with_htlcs(100, 1_000).cost(5_000),
            close + Amount::from_sat(90_000)
        );
    }

    #[test]
    fn worst_case_grows_with_channels_and_feerate() {
        let one = worst_case(1, 5_000);
        assert!(one > Amount::from_sat(40_000) && one < Amount::from_sat(50_000));
        assert_eq!(worst_case(3, 5_000), one * 3);
        assert_eq!(worst_case(300, 5_000), one * 300);
        assert_eq!(worst_case(0, 5_000), Amount::ZERO);
    }

    #[test]
    fn worst_case_in_a_quiet_time_is_that_of_a_busier_one_within_bounds() {
        let one = worst_case(1, 253);
        assert!(one > Amount::from_sat(10_000) && one < Amount::from_sat(11_000));
        assert_eq!(worst_case(1, FLOOR_PER_KW / RISE), one);
        assert!(worst_case(1, FLOOR_PER_KW / RISE + 1) > one);
        assert_eq!(worst_case(9, 253), one * 9);
        assert_eq!(worst_case(10, 253), FLOOR_MOST);
        // So many that twice of now is more.
        assert_eq!(worst_case(40, 253), FLOOR_MOST);
        assert!(worst_case(100, 253) > FLOOR_MOST * 2);
        assert_eq!(worst_case(0, 253), Amount::ZERO);
    }
}
