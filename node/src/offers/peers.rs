//! Who is at the other end of which channel: a blinded path for messages may name the next node by a channel of this one's.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use bitcoin::secp256k1::PublicKey;
use lightning::blinded_path::NodeIdLookUp;

/// The peers by their channels' numbers and aliases. A cache: the driver says again what it knows whenever a channel is in
/// step.
#[derive(Debug, Default)]
pub(crate) struct ChannelPeers(RwLock<HashMap<u64, PublicKey>>);

impl ChannelPeers {
    /// A channel with the peer is called by these.
    pub(crate) fn learn(&self, peer: PublicKey, names: impl Iterator<Item = u64>) {
        // Single entries are put and taken: a panic elsewhere leaves the map whole.
        let mut peers = self.0.write().unwrap_or_else(PoisonError::into_inner);
        peers.extend(names.map(|name| (name, peer)));
    }

    /// The channel is over.
    pub(crate) fn forget(&self, names: impl Iterator<Item = u64>) {
        let mut peers = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for name in names {
            peers.remove(&name);
        }
    }
}

impl NodeIdLookUp for ChannelPeers {
    fn next_node_id(&self, short_channel_id: u64) -> Option<PublicKey> {
        let peers = self.0.read().unwrap_or_else(PoisonError::into_inner);
        peers.get(&short_channel_id).copied()
    }
}
