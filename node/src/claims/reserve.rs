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
use zarnitsa_channel::state::Channel;
use zarnitsa_service::read;
use zarnitsa_service::records::ChannelRecord;

use crate::api::{ApiError, ErrorCode};
use crate::shared::Shared;

use super::plan::WALLET_PART_WEIGHT;

/// A commitment without HTLCs and the child that pays for it.
const CLOSE_WEIGHT: u64 = 1_124 + 400 + WALLET_PART_WEIGHT;

/// HTLCs of one channel that are reckoned with, and what a second stage and its part of the wallet weigh.
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

/// What so many channels may need when this is today's feerate.
fn worst_case(channels: u64, feerate_per_kw: u64) -> Amount {
    let weight = CLOSE_WEIGHT.saturating_add(HTLCS.saturating_mul(HTLC_WEIGHT));
    let at = |feerate_per_kw: u64| {
        let one = weight.saturating_mul(feerate_per_kw).div_ceil(1_000);
        Amount::from_sat(one.saturating_mul(channels))
    };
    let risen = at(feerate_per_kw.saturating_mul(RISE));
    risen.max(at(FLOOR_PER_KW).min(FLOOR_MOST))
}

/// Whether the ledger has a channel whose close this node may have to pay for. One that cannot be read counts.
pub(crate) fn may_cost_to_close(record: &ChannelRecord) -> bool {
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
    /// How many channels of the ledger this node may have to pay for when they close.
    pub(crate) fn channels_to_pay_for(&self) -> usize {
        let records = read::channel_records(&*self.ledger.snapshot());
        records.iter().filter(|it| may_cost_to_close(it)).count()
    }

    /// The coins to be held back for this many channels.
    pub(crate) fn close_reserve(&self, channels: usize) -> Amount {
        let rate = self.chain.fees().rate(FeeTarget::Urgent).to_sat_per_kwu();
        worst_case(u64::try_from(channels).unwrap_or(u64::MAX), rate)
    }

    /// What so many channels of a batch may take together beside `channels` others.
    pub(crate) fn spendable_for_batch(&self, channels: usize, batch: usize) -> Amount {
        let reserve = self.close_reserve(channels.saturating_add(batch));
        let outputs = u64::try_from(batch).unwrap_or(u64::MAX);
        let weight = BATCH_WEIGHT.saturating_add(outputs.saturating_mul(OPENING_WEIGHT));
        let feerate = u64::from(self.opening_feerate_per_kw());
        let fee = Amount::from_sat(weight.saturating_mul(feerate).div_ceil(1_000));
        let kept = reserve.checked_add(fee).unwrap_or(Amount::MAX_MONEY);
        let have = self.wallet.spendable();
        have.checked_sub(kept).unwrap_or(Amount::ZERO)
    }

    /// Whether a channel must not be accepted beside `channels` others.
    pub(crate) fn lacks_reserve_to_accept(&self, channels: usize) -> bool {
        let reserve = self.close_reserve(channels.saturating_add(1));
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

    /// Why a channel of this size must not be opened beside `channels` others, if it must not.
    pub(crate) fn reserve_refusal(&self, amount: Amount, channels: usize) -> Option<String> {
        let reserve = self.close_reserve(channels.saturating_add(1));
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
