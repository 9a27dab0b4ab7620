//! From a request to paths, and what arrives where on them.

use bitcoin::secp256k1::PublicKey;
use lightning::ln::channel_state::ChannelDetails;
use lightning::routing::router::{find_route, Path};
use lightning::routing::scoring::ProbabilisticScoringFeeParameters;
use rand::rngs::OsRng;
use rand::RngCore;

use super::request::{FirstHop, RouteRequest};
use super::Router;
use crate::logger::TracingLogger;

/// Why there is no route.
#[derive(Debug, thiserror::Error)]
pub enum NoRoute {
    /// No channel of this node can carry anything now.
    #[error("no channel can carry a payment now")]
    NoChannel,
    /// The route finder's words.
    #[error("{0}")]
    NotFound(&'static str),
    /// No randomness for the search.
    #[error("the system gives no randomness: {0}")]
    Randomness(#[source] rand::Error),
}

impl Router {
    /// Paths that together carry the amount, one HTLC each. It may take a tenth of a second over the public network: not
    /// for a task that others wait for.
    ///
    /// # Errors
    /// Where none is known within the limits of fee, time and parts.
    pub fn find(&self, request: &RouteRequest, first: &[FirstHop]) -> Result<Vec<Path>, NoRoute> {
        let first: Vec<ChannelDetails> = first
            .iter()
            .filter(|hop| hop.spendable_msat > 0 && hop.spendable_msat >= hop.minimum_msat)
            .map(FirstHop::details)
            .collect();
        if first.is_empty() {
            return Err(NoRoute::NoChannel);
        }
        let first: Vec<&ChannelDetails> = first.iter().collect();
        let mut seed = [0; 32];
        OsRng
            .try_fill_bytes(&mut seed)
            .map_err(NoRoute::Randomness)?;
        let scorer = self.scorer();
        let request = request.beyond(&self.node_id);
        let route = find_route(
            &self.node_id,
            &request.0,
            &self.graph,
            Some(&first),
            &TracingLogger,
            &*scorer,
            &ProbabilisticScoringFeeParameters::default(),
            &seed,
        )
        .map_err(NoRoute::NotFound)?;
        Ok(route.paths)
    }
}

/// What arrives at one node of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The node.
    pub node_id: PublicKey,
    /// By which channel.
    pub short_channel_id: u64,
    /// How much.
    pub amount_msat: u64,
    /// When that HTLC expires.
    pub cltv_expiry: u32,
}

/// What arrives at each node of a path that begins at `block_height`, the first peer first. `None` where sums overflow.
///
/// BOLT 4, "Packet Construction": a hop gets what all after it get and keep, and an expiry later by their deltas.
pub fn arrivals(path: &Path, block_height: u32) -> Option<Vec<Arrival>> {
    // As in the onion: the payee's expiry counts from the next block.
    let mut cltv_expiry = block_height.checked_add(1)?;
    // The last hop that is known keeps the blinded path's fee, and the payee behind it gets the rest.
    let tail = path.blinded_tail.as_ref();
    let mut amount_msat = tail.map_or(0, |tail| tail.final_value_msat);
    let mut arrivals = Vec::with_capacity(path.hops.len());
    for hop in path.hops.iter().rev() {
        amount_msat = amount_msat.checked_add(hop.fee_msat)?;
        cltv_expiry = cltv_expiry.checked_add(hop.cltv_expiry_delta)?;
        arrivals.push(Arrival {
            node_id: hop.pubkey,
            short_channel_id: hop.short_channel_id,
            amount_msat,
            cltv_expiry,
        });
    }
    arrivals.reverse();
    Some(arrivals)
}
