//! How much room there is for channels that peers open. One rule for the node, which refuses before it answers, and for
//! the ledger.

use bitcoin::secp256k1::PublicKey as NodeId;

use super::Policy;

/// Channels of one peer whose opening transaction is not confirmed. A peer that makes more of them has no coins for them,
/// or none to spare.
const MAX_UNCONFIRMED_OF_PEER: u32 = 4;
/// The same of all peers that this node does not know. They cost their openers nothing.
const MAX_UNCONFIRMED: u32 = 100;

/// The channels that there are, closed ones left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Occupied {
    /// All.
    pub all: u32,
    /// With the peer that asks for one more.
    pub of_peer: u32,
    /// Opened by peers, and not confirmed.
    pub unconfirmed: u32,
    /// Of these, with the peer that asks.
    pub unconfirmed_of_peer: u32,
}

impl Occupied {
    /// Adds one channel.
    pub fn count(&mut self, same_peer: bool, is_unconfirmed: bool) {
        let one = |is: bool| u32::from(is);
        self.all = self.all.saturating_add(1);
        self.of_peer = self.of_peer.saturating_add(one(same_peer));
        self.unconfirmed = self.unconfirmed.saturating_add(one(is_unconfirmed));
        let both = one(same_peer && is_unconfirmed);
        self.unconfirmed_of_peer = self.unconfirmed_of_peer.saturating_add(both);
    }
}

/// Why there is no room. Its text goes to the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRoom {
    /// By policy.
    #[error("this node has as many channels as it wants ({0})")]
    Full(u32),
    /// By policy.
    #[error("you have as many channels with this node as it wants ({0})")]
    FullForPeer(u32),
    /// They cost nothing, so that anybody could take every place.
    #[error("as many channels as this node wants wait for their opening transactions ({0}): try again later")]
    Unconfirmed(u32),
    /// The same of one peer.
    #[error("{0} of your channels wait for their opening transactions: try again when they are confirmed")]
    UnconfirmedOfPeer(u32),
}

impl Policy {
    /// Whether this peer is more than a stranger: it has a channel that cost somebody something, or the operator named it.
    pub fn knows(&self, peer: &NodeId, occupied: &Occupied) -> bool {
        occupied.of_peer > occupied.unconfirmed_of_peer
            || self.accepted_peers.contains(peer)
            || self.peer(peer).is_some()
    }

    /// Whether one more channel that `peer` opens has room beside those that there are.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] where it has none.
    pub fn check_room(&self, peer: &NodeId, occupied: &Occupied) -> Result<(), NoRoom> {
        if occupied.all >= self.max_channels {
            return Err(NoRoom::Full(self.max_channels));
        }
        if occupied.of_peer >= self.max_channels_per_peer {
            return Err(NoRoom::FullForPeer(self.max_channels_per_peer));
        }
        if occupied.unconfirmed_of_peer >= MAX_UNCONFIRMED_OF_PEER {
            return Err(NoRoom::UnconfirmedOfPeer(MAX_UNCONFIRMED_OF_PEER));
        }
        // Half of a small node's places are for those who pay.
        let most = MAX_UNCONFIRMED.min(self.max_channels.div_ceil(2));
        if occupied.unconfirmed >= most && !self.knows(peer, occupied) {
            return Err(NoRoom::Unconfirmed(most));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer() -> NodeId {
        let secp = bitcoin::secp256k1::Secp256k1::new();
        let secret = bitcoin::secp256k1::SecretKey::from_slice(&[7; 32]).unwrap();
        secret.public_key(&secp)
    }

    /// So many strangers' unconfirmed channels, and those of the peer: its confirmed and unconfirmed ones.
    fn occupied(strangers: u32, confirmed: u32, unconfirmed: u32) -> Occupied {
        let mut occupied = Occupied::default();
        (0..strangers).for_each(|_| occupied.count(false, true));
        (0..confirmed).for_each(|_| occupied.count(true, false));
        (0..unconfirmed).for_each(|_| occupied.count(true, true));
        occupied
    }

    #[test]
    fn stranger_beside_many_unconfirmed_channels_has_no_room() {
        let policy = Policy::hub();
        let room = |occupied| policy.check_room(&peer(), &occupied);
        assert_eq!(room(occupied(99, 0, 0)), Ok(()));
        assert_eq!(room(occupied(100, 0, 0)), Err(NoRoom::Unconfirmed(100)));
        assert_eq!(room(occupied(97, 0, 3)), Err(NoRoom::Unconfirmed(100)));
    }

    #[test]
    fn peer_that_is_known_has_room_beside_many_unconfirmed_channels() {
        let mut policy = Policy::hub();
        let full = occupied(100, 0, 0);
        let with_one = occupied(100, 1, 0);
        assert_eq!(policy.check_room(&peer(), &with_one), Ok(()));
        policy.accepted_peers = vec![peer()];
        assert_eq!(policy.check_room(&peer(), &full), Ok(()));
        policy.accepted_peers.clear();
        assert!(policy.check_room(&peer(), &full).is_err());
    }

    #[test]
    fn peer_with_four_unconfirmed_channels_has_no_room() {
        let policy = Policy::hub();
        let room = |occupied| policy.check_room(&peer(), &occupied);
        assert_eq!(room(occupied(0, 3, 3)), Ok(()));
        assert_eq!(room(occupied(0, 3, 4)), Err(NoRoom::UnconfirmedOfPeer(4)));
    }

    #[test]
    fn node_that_is_full_by_policy_has_no_room() {
        let few = Policy {
            max_channels: 10,
            max_channels_per_peer: 3,
            ..Policy::hub()
        };
        let room = |occupied| few.check_room(&peer(), &occupied);
        assert_eq!(room(occupied(4, 2, 0)), Ok(()));
        assert_eq!(room(occupied(4, 3, 0)), Err(NoRoom::FullForPeer(3)));
        assert_eq!(room(occupied(5, 0, 0)), Err(NoRoom::Unconfirmed(5)));
        assert_eq!(room(occupied(10, 0, 0)), Err(NoRoom::Full(10)));
    }
}
