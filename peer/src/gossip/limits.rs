//! How much of BOLT 7 is taken from whom, and how often.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bitcoin::secp256k1::PublicKey;

use crate::bucket::Bucket;

/// Bounds of what strangers can make this node hold and do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GossipLimits {
    /// Channels in the graph. The public network has some 50,000.
    pub channels: usize,
    /// Updates of one direction of a channel that are passed on at once...
    pub updates: u32,
    /// ... and how long it takes until one more is.
    pub update_interval: Duration,
    /// query_channel_range of one peer that are answered at once...
    pub queries: u32,
    /// ... and how long it takes until one more is.
    pub query_interval: Duration,
}

impl Default for GossipLimits {
    fn default() -> Self {
        Self {
            channels: 400_000,
            updates: 12,
            update_interval: Duration::from_secs(600),
            queries: 8,
            query_interval: Duration::from_secs(30),
        }
    }
}

/// One channel's direction.
pub(super) type Direction = (u64, u8);

/// What was used up. There is an entry for a channel only if its own node has signed updates of it, and for a peer only
/// while it is connected: so the graph and the connections bound both maps.
#[derive(Debug, Default)]
pub(super) struct Rates {
    updates: HashMap<Direction, Bucket>,
    queries: HashMap<PublicKey, Bucket>,
}

impl Rates {
    /// An update that was taken: whether it is passed on.
    pub(super) fn update(&mut self, direction: Direction, limits: &GossipLimits) -> bool {
        let now = Instant::now();
        // Two directions for each channel that can be in the graph: over that, buckets of channels that are gone are left.
        if self.updates.len() >= limits.channels.saturating_mul(2) {
            self.updates
                .retain(|_, bucket| bucket.was_used_within(limits.update_interval, now));
        }
        let full = Bucket::full(limits.updates, now);
        let bucket = self.updates.entry(direction).or_insert(full);
        bucket.take(limits.updates, limits.update_interval, now)
    }

    /// A query: whether it is answered.
    pub(super) fn query(&mut self, peer: PublicKey, limits: &GossipLimits) -> bool {
        let now = Instant::now();
        let full = Bucket::full(limits.queries, now);
        let bucket = self.queries.entry(peer).or_insert(full);
        bucket.take(limits.queries, limits.query_interval, now)
    }

    /// The peer is gone.
    pub(super) fn forget(&mut self, peer: &PublicKey) {
        self.queries.remove(peer);
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> (usize, usize) {
        (self.updates.len(), self.queries.len())
    }
}
