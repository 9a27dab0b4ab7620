//! What this node's policy allows: the bounds that BOLT 2 leaves to each node.

use bitcoin::Amount;
use serde::{Deserialize, Serialize};

use crate::amount::Msat;

/// Bounds on what a peer may ask for. They come from the policy in the ledger, so that every replay applies the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// The least feerate of commitment transactions, satoshis for 1000 weight units. 253 is what relays.
    pub min_feerate_per_kw: u32,
    /// The highest.
    pub max_feerate_per_kw: u32,
    /// The most that may stand in HTLCs too small for an output of their own, in either commitment.
    pub max_dust_exposure: Msat,
    /// The longest that a peer may make this node wait for its own coins.
    pub max_to_self_delay: u16,
    /// The highest dust limit of a peer.
    pub max_dust_limit: Amount,
    /// The smallest channel.
    pub min_capacity: Amount,
    /// The largest channel. Below 2^24 sat unless both sides know option_support_large_channel.
    pub max_capacity: Amount,
    /// The highest reserve that a peer may demand, in hundredths of the capacity. One that equals the dust limits is
    /// always allowed.
    pub max_reserve_percent: u8,
    /// The least that a peer must let this node have in flight.
    pub min_htlc_value_in_flight: Msat,
    /// The highest least HTLC of a peer.
    pub max_htlc_minimum: Msat,
    /// The fewest HTLCs that a peer must accept.
    pub min_accepted_htlcs: u16,
    /// The most confirmations that an acceptor may ask for.
    pub max_minimum_depth: u32,
    /// Whether a peer may open a channel that is usable unconfirmed.
    pub allow_zero_conf: bool,
    /// The least feerate of a closing transaction that the acceptor agrees to, satoshis for 1000 weight units.
    pub min_closing_feerate_per_kw: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            min_feerate_per_kw: 253,
            max_feerate_per_kw: 100_000,
            max_dust_exposure: Msat::new(50_000_000),
            max_to_self_delay: 2_016,
            max_dust_limit: Amount::from_sat(1_000),
            min_capacity: Amount::from_sat(20_000),
            max_capacity: Amount::from_sat((1 << 24) - 1),
            max_reserve_percent: 10,
            min_htlc_value_in_flight: Msat::new(1_000_000),
            max_htlc_minimum: Msat::new(1_000_000),
            min_accepted_htlcs: 5,
            max_minimum_depth: 144,
            allow_zero_conf: false,
            min_closing_feerate_per_kw: 253,
        }
    }
}
