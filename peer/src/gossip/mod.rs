//! BOLT 7: what peers tell of the network, checked against the chain and bounded.
//!
//! LDK's `P2PGossipSync` reads, verifies and relays; [`Gossip`] stands before it and refuses what has brought other nodes
//! down:
//!
//! - A timestamp of zero is refused: BOLT 7 has none, and it has crashed a node that took it.
//! - An update of a channel that is not known is not kept to wait for its announcement: no map grows by it.
//! - A node_announcement that comes before its channel is kept for a while, of 512 nodes at most.
//! - A channel's updates are passed on at a bounded rate. Only what its own node has signed counts, so that nobody else
//!   can use the rate up and censor it.
//! - query_channel_range is answered at a bounded rate for each peer, and not at all for other chains.
//! - A gossip_timestamp_filter is answered once a connection, by LDK, and only as fast as the peer reads.
//! - The graph has a greatest size. At most 32 announcements wait for the chain, then LDK stops reading from peers.

mod early;
mod gate;
mod limits;
mod lookup;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bitcoin::secp256k1::PublicKey;
use bitcoin::TxOut;
use lightning::ln::msgs::{ChannelAnnouncement, ChannelUpdate, ErrorAction, LightningError};
use lightning::routing::gossip::P2PGossipSync;
use lightning::util::logger::Level;
use tokio::sync::Notify;

use crate::logger::TracingLogger;
use crate::routing::Graph;

pub use limits::GossipLimits;
pub use lookup::{FundingOutputs, NotAsked};

use early::Early;
use limits::Rates;
use lookup::{KnownOutput, Lookup};

pub(crate) type Sync = P2PGossipSync<Arc<Graph>, Arc<Lookup>, Arc<TracingLogger>>;

/// The handler of BOLT 7's messages.
pub struct Gossip {
    sync: Arc<Sync>,
    graph: Arc<Graph>,
    limits: GossipLimits,
    rates: Mutex<Rates>,
    early: Mutex<Early>,
    /// Rung when an announcement has been looked up: LDK may then read on, and has something to pass on.
    looked_up: Arc<Notify>,
}

impl Gossip {
    /// Over `graph`; announced channels are looked up in `outputs`.
    pub fn new(
        graph: Arc<Graph>,
        outputs: Arc<dyn FundingOutputs>,
        limits: GossipLimits,
    ) -> Arc<Self> {
        let looked_up = Arc::new(Notify::new());
        let lookup = Lookup::start(Arc::clone(&graph), outputs, Arc::clone(&looked_up));
        let logger = Arc::new(TracingLogger);
        let sync = Arc::new(P2PGossipSync::new(
            Arc::clone(&graph),
            Some(Arc::clone(&lookup)),
            logger,
        ));
        lookup.relay_by(&sync);
        Arc::new(Self {
            sync,
            graph,
            limits,
            rates: Mutex::default(),
            early: Mutex::default(),
            looked_up,
        })
    }

    /// A channel of this node's own is announced: what it holds is known here, so nothing is looked up.
    ///
    /// # Errors
    /// LDK's words, where a signature or a key is wrong.
    pub fn announce(
        &self,
        announcement: &ChannelAnnouncement,
        output: TxOut,
    ) -> Result<(), String> {
        let known = KnownOutput(output);
        let taken = self
            .graph
            .update_channel_from_announcement(announcement, &Some(&known));
        self.early().graph_grew();
        match taken {
            Ok(()) => Ok(()),
            Err(error) if is_known(&error) => Ok(()),
            Err(error) => Err(error.err),
        }
    }

    /// Whether the network may know the channel: its announcement is in the graph.
    pub fn is_announced(&self, short_channel_id: u64) -> bool {
        let graph = self.graph.read_only();
        let channel = graph.channel(short_channel_id);
        channel.is_some_and(|channel| channel.announcement_message.is_some())
    }

    /// Forgets what was not renewed for two weeks (BOLT 7, "Pruning the Network View").
    pub fn prune(&self) {
        self.graph.remove_stale_channels_and_tracking();
    }

    /// Comes back when something was looked up.
    pub(crate) async fn looked_up(&self) {
        self.looked_up.notified().await;
        self.early().graph_grew();
    }

    fn rates(&self) -> MutexGuard<'_, Rates> {
        // A panic elsewhere leaves counts, and counts are whole at every moment.
        self.rates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn early(&self) -> MutexGuard<'_, Early> {
        // Each change is complete before the lock is let go, or costs an announcement at most.
        self.early.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The graph is as large as it may become, and this channel is not in it.
    fn is_full_for(&self, short_channel_id: u64) -> bool {
        let graph = self.graph.read_only();
        graph.channels().len() >= self.limits.channels && graph.channel(short_channel_id).is_none()
    }

    /// Whether a message that the graph has taken may be passed on. `from` is none for this node's own.
    fn may_pass_on(&self, from: Option<PublicKey>, update: &ChannelUpdate) -> bool {
        let contents = &update.contents;
        let direction = (contents.short_channel_id, contents.channel_flags & 1);
        from.is_none() || self.rates().update(direction, &self.limits)
    }
}

impl std::fmt::Debug for Gossip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gossip")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

fn is_known(error: &LightningError) -> bool {
    matches!(error.action, ErrorAction::IgnoreDuplicateGossip)
}

/// A refusal of which the peer hears nothing: it may only have passed on what it was told.
fn ignored(why: &str) -> LightningError {
    LightningError {
        err: why.to_owned(),
        action: ErrorAction::IgnoreAndLog(Level::Debug),
    }
}

#[cfg(test)]
mod tests;
