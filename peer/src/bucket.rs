//! How often something is done for a stranger.

use std::time::{Duration, Instant};

/// So many at once, and one more after each interval.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    left: u32,
    filled: Instant,
}

impl Bucket {
    /// With all `most` of them there.
    pub(crate) fn full(most: u32, now: Instant) -> Self {
        Self {
            left: most,
            filled: now,
        }
    }

    /// It was filled up so lately.
    pub(crate) fn was_used_within(&self, interval: Duration, now: Instant) -> bool {
        now.saturating_duration_since(self.filled) < interval
    }

    /// Whether there is one left, which is taken.
    pub(crate) fn take(&mut self, most: u32, interval: Duration, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.filled);
        let more = passed.as_nanos() / interval.as_nanos().max(1);
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        if more > 0 {
            self.left = self.left.saturating_add(more).min(most);
            self.filled = now;
        }
        let taken = self.left.checked_sub(1);
        self.left = taken.unwrap_or(0);
        taken.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_empty_fills_by_one_each_interval_and_never_beyond_its_size() {
        let second = Duration::from_secs(1);
        let begin = Instant::now();
        let mut bucket = Bucket::full(2, begin);
        assert!(bucket.take(2, second, begin));
        assert!(bucket.take(2, second, begin));
        assert!(!bucket.take(2, second, begin));
        assert!(bucket.take(2, second, begin + second));
        assert!(!bucket.take(2, second, begin + second));
        let later = begin + second * 100;
        assert!(bucket.take(2, second, later));
        assert!(bucket.take(2, second, later));
        assert!(!bucket.take(2, second, later));
    }
}
