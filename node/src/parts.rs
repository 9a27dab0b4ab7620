//! Payments to this node that come in several parts (BOLT 4, "Basic Multi-Part Payments"). Pure: the time is given.
//!
//! Parts that wait are in no record: after a restart they are read again from the HTLCs that live.

use std::collections::BTreeMap;

use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::{ChannelId, HtlcId, PaymentHash};

/// BOLT 4: at least 60 seconds after the first part.
const TIMEOUT_SECONDS: u64 = 60;

/// One HTLC, and what its onion says of the payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub channel: ChannelId,
    pub htlc: HtlcId,
    /// What the payer meant it to carry; the HTLC carries no less.
    pub meant: Msat,
    /// All parts together.
    pub total: Msat,
    pub cltv_expiry: u32,
}

/// What is to be done about a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Others are to come.
    Waits,
    /// All are here, this one too.
    Complete(Vec<Part>),
    /// The parts contradict one another: all that are here, this one too, are to be failed.
    Contradicts(Vec<Part>),
}

#[derive(Debug)]
struct Set {
    parts: Vec<Part>,
    /// Unix time.
    since: u64,
}

/// The payments that wait for parts.
#[derive(Debug, Default)]
pub(crate) struct Parts(BTreeMap<PaymentHash, Set>);

impl Parts {
    /// A part has come. One that is told again, as after a reconnection, counts once.
    pub(crate) fn take(&mut self, hash: PaymentHash, part: Part, now: u64) -> Taken {
        let set = self.0.entry(hash).or_insert_with(|| Set {
            parts: Vec::new(),
            since: now,
        });
        set.parts
            .retain(|other| (other.channel, other.htlc) != (part.channel, part.htlc));
        let agrees = set.parts.iter().all(|other| other.total == part.total);
        set.parts.push(part);
        let sum = Msat::checked_sum(set.parts.iter().map(|part| part.meant));
        let complete = sum.is_some_and(|sum| sum >= part.total);
        if agrees && sum.is_some() && !complete {
            return Taken::Waits;
        }
        let parts = self.0.remove(&hash).map_or_else(Vec::new, |set| set.parts);
        if agrees && complete {
            Taken::Complete(parts)
        } else {
            Taken::Contradicts(parts)
        }
    }

    /// Takes out the payments that have waited long enough: their parts are to be failed with mpp_timeout.
    pub(crate) fn overdue(&mut self, now: u64) -> Vec<Part> {
        let waited = |set: &Set| now.saturating_sub(set.since) >= TIMEOUT_SECONDS;
        let over: Vec<PaymentHash> = self
            .0
            .iter()
            .filter(|(_, set)| waited(set))
            .map(|(hash, _)| *hash)
            .collect();
        over.iter()
            .filter_map(|hash| self.0.remove(hash))
            .flat_map(|set| set.parts)
            .collect()
    }

    /// A part that came by a channel which is no more in hand cannot be waited with.
    pub(crate) fn forget(&mut self, channel: ChannelId) {
        for set in self.0.values_mut() {
            set.parts.retain(|part| part.channel != channel);
        }
        self.0.retain(|_, set| !set.parts.is_empty());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: PaymentHash = PaymentHash([1; 32]);

    fn part(htlc: u64, meant: u64, total: u64) -> Part {
        Part {
            channel: ChannelId([2; 32]),
            htlc: HtlcId(htlc),
            meant: Msat::new(meant),
            total: Msat::new(total),
            cltv_expiry: 500,
        }
    }

    #[test]
    fn payment_of_one_part_is_complete_at_once() {
        let mut parts = Parts::default();
        let only = part(0, 1_000, 1_000);
        assert_eq!(parts.take(HASH, only, 0), Taken::Complete(vec![only]));
        assert!(parts.is_empty());
    }

    #[test]
    fn payment_of_three_parts_waits_for_the_last() {
        let mut parts = Parts::default();
        let all = [
            part(0, 400, 1_000),
            part(1, 400, 1_000),
            part(2, 200, 1_000),
        ];
        assert_eq!(parts.take(HASH, all[0], 0), Taken::Waits);
        assert_eq!(parts.take(HASH, all[1], 1), Taken::Waits);
        assert_eq!(parts.take(HASH, all[2], 2), Taken::Complete(all.to_vec()));
    }

    #[test]
    fn payment_part_that_is_told_twice_counts_once() {
        let mut parts = Parts::default();
        assert_eq!(parts.take(HASH, part(0, 500, 1_000), 0), Taken::Waits);
        assert_eq!(parts.take(HASH, part(0, 500, 1_000), 1), Taken::Waits);
        let complete = parts.take(HASH, part(1, 500, 1_000), 2);
        assert!(matches!(complete, Taken::Complete(parts) if parts.len() == 2));
    }

    #[test]
    fn payment_whose_parts_name_other_totals_contradicts_itself() {
        let mut parts = Parts::default();
        let (first, second) = (part(0, 500, 1_000), part(1, 500, 1_001));
        assert_eq!(parts.take(HASH, first, 0), Taken::Waits);
        let taken = parts.take(HASH, second, 0);
        assert_eq!(taken, Taken::Contradicts(vec![first, second]));
        assert!(parts.is_empty());
    }

    #[test]
    fn payment_whose_sum_overflows_contradicts_itself() {
        let mut parts = Parts::default();
        let total = u64::MAX;
        assert_eq!(parts.take(HASH, part(0, total - 1, total), 0), Taken::Waits);
        let taken = parts.take(HASH, part(1, 2, total), 0);
        assert!(matches!(taken, Taken::Contradicts(_)));
    }

    #[test]
    fn payment_that_waits_is_overdue_after_sixty_seconds_from_its_first_part() {
        let mut parts = Parts::default();
        let (first, second) = (part(0, 1, 1_000), part(1, 1, 1_000));
        parts.take(HASH, first, 100);
        parts.take(HASH, second, 150);
        assert_eq!(parts.overdue(159), []);
        assert_eq!(parts.overdue(160), [first, second]);
        assert_eq!(parts.overdue(161), []);
    }

    #[test]
    fn payment_of_a_channel_that_is_gone_is_forgotten() {
        let mut parts = Parts::default();
        parts.take(HASH, part(0, 1, 1_000), 100);
        parts.forget(ChannelId([2; 32]));
        assert!(parts.is_empty());
    }
}
