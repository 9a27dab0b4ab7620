//! Peer storage (BOLT 1): what peers keep for this node, and it for them.
//!
//! This node gives each peer with a channel how far its ledger has come. A peer shows what it keeps before it speaks of
//! any channel; only then a newer head is given to it, so that an older ledger does not wipe out what would tell on it.
//!
//! Whoever's channel has moved is told within a second, the others in turn: a hub with many peers would otherwise speak to
//! all of them for each payment.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use bitcoin::secp256k1::PublicKey;
use lightning::ln::msgs::{self, MessageSendEvent};
use zarnitsa_channel::state::Channel;
use zarnitsa_peer::{Connection, PeerEvent, WireMessage};

use super::effects::{Batch, Effect};
use super::{Driver, Turn};
use crate::peer_storage::PeerStorage;

/// Peers that are told each second though nothing has happened with them.
const TOLD_IN_TURN: usize = 32;

/// Which peers keep something, and what they were given.
pub(super) struct Heads {
    /// What this node keeps for peers.
    kept: PeerStorage,
    /// Peers that keep something for others, with the height that they were given; `None` while they have not shown
    /// what they have.
    told: HashMap<Connection, Option<u64>>,
    /// Peers with whom something has happened since they were last told.
    moved: HashSet<PublicKey>,
    /// Peers with a channel of an older ledger, which the driver does not take up.
    of_older: HashSet<PublicKey>,
}

impl Heads {
    pub(super) fn new(kept: PeerStorage) -> Self {
        Self {
            kept,
            told: HashMap::new(),
            moved: HashSet::new(),
            of_older: HashSet::new(),
        }
    }

    pub(super) fn waits(&self, height: u64) -> bool {
        let told = self.told.values().flatten();
        self.kept.waits()
            || self.kept.is_untidy(Instant::now())
            || told.into_iter().any(|told| *told < height)
    }

    pub(super) fn stop(&mut self) {
        self.kept.write_all();
    }

    /// A channel with this peer has another state now.
    pub(super) fn moved(&mut self, peer: PublicKey) {
        self.moved.insert(peer);
    }

    /// Who of those with an older head is told now; the first of the others are those who have the oldest.
    fn due(&mut self, height: u64, has_channel: impl Fn(&PublicKey) -> bool) -> Vec<Connection> {
        let behind = self.told.iter().filter_map(|(connection, told)| {
            let told = told.filter(|told| *told < height)?;
            has_channel(&connection.node_id).then_some((told, *connection))
        });
        let moved = std::mem::take(&mut self.moved);
        let (mut due, mut others): (Vec<_>, Vec<_>) =
            behind.partition(|(_, connection)| moved.contains(&connection.node_id));
        others.sort_unstable_by_key(|(told, connection)| (*told, connection.number));
        others.truncate(TOLD_IN_TURN);
        due.append(&mut others);
        due.into_iter().map(|(_, connection)| connection).collect()
    }
}

/// Whether something is kept for this channel's peer. A stranger can have any number of channels whose opening transaction
/// does not exist: they cost it nothing, and each could come with another name and another blob. A channel that may be used
/// before it is confirmed is only of peers that the policy names.
fn keeps_for(channel: &Channel) -> bool {
    !channel.is_over() && (!channel.is_unproven() || channel.params().channel_type.zero_conf)
}

impl Driver {
    /// BOLT 1, peer_storage_retrieval: what a peer has this node keep is shown to it before anything else. After the end of
    /// its last channel too: just then an older copy of the peer's may believe in one that is no more.
    pub(super) fn show_kept(&mut self, connection: Connection, keeps: bool) {
        if let Some(data) = self.heads.kept.kept(&connection.node_id) {
            let msg = msgs::PeerStorageRetrieval { data };
            let node_id = connection.node_id;
            let event = MessageSendEvent::SendPeerStorageRetrieval { node_id, msg };
            self.shared.send(connection, event);
        }
        if keeps {
            self.heads.told.insert(connection, None);
        }
    }

    /// Takes a message of peer storage; gives any other back.
    pub(super) fn storage_message(
        &mut self,
        connection: Connection,
        message: WireMessage,
    ) -> Option<WireMessage> {
        match message {
            WireMessage::PeerStorage(data) => self.keep_for(connection, data),
            // Of a peer without a channel too: an older ledger may lack the channel.
            WireMessage::PeerStorageRetrieval(data) => {
                if self.shared.check_kept(&data, connection.node_id) {
                    self.has_shown(connection);
                } else if self.shared.signer.refusing().is_some() {
                    self.withdraw_all();
                }
            }
            other => {
                self.has_shown(connection);
                return Some(other);
            }
        }
        None
    }

    /// The ledger is an older one: what is pursued of its channels may be revoked.
    fn withdraw_all(&self) {
        for live in self.channels.values() {
            self.outbox.enqueue(Batch {
                receipt: None,
                target: live.target(),
                connection: None,
                effects: vec![Effect::Withdraw],
            });
        }
    }

    /// BOLT 1, peer_storage: kept for peers with a channel only.
    fn keep_for(&mut self, connection: Connection, data: Vec<u8>) {
        let peer = connection.node_id;
        let mut channels = self.by_peer.get(&peer).into_iter().flatten();
        let of_channel = |id| self.channels.get(id).map(|live| &live.machine);
        if channels.any(|id| of_channel(id).is_some_and(keeps_for))
            || self.heads.of_older.contains(&peer)
        {
            self.heads.kept.keep(peer, data, Instant::now());
        }
    }

    /// On a ledger that is known to be an older one from the start: its channels are not taken up, but the peers that they
    /// are with have what they want kept.
    pub(super) fn resume_refusing(&mut self) {
        let ids = self.shared.live_channels().into_iter();
        let channels = ids.filter_map(|id| self.shared.channel(&id));
        self.heads.of_older = channels
            .filter(keeps_for)
            .map(|channel| channel.params().peer)
            .collect();
    }

    /// Drops what was kept for peers that have had no channel for long.
    pub(super) fn tidy_kept(&mut self) {
        let now = Instant::now();
        if self.heads.kept.is_untidy(now) {
            let by_peer = &self.by_peer;
            self.heads.kept.tidy(|peer| by_peer.contains_key(peer), now);
        }
    }

    /// The peer has shown what it keeps, or speaks of something else, which comes after that: it may be given a newer head.
    fn has_shown(&mut self, connection: Connection) {
        if let Some(told @ None) = self.heads.told.get_mut(&connection) {
            *told = Some(0);
        }
    }

    pub(super) fn gone(&mut self, connection: Connection) {
        self.heads.told.remove(&connection);
    }

    /// Gives the newest head to those that have an older one, and writes what is due.
    pub(super) fn tell_heads(&mut self) {
        self.tidy_kept();
        self.heads.kept.write_due(Instant::now());
        let height = self.shared.ledger.head().height;
        let by_peer = &self.by_peer;
        let due = self.heads.due(height, |peer| by_peer.contains_key(peer));
        if due.is_empty() {
            return;
        }
        let Some(data) = self.shared.sealed_head() else {
            return;
        };
        for connection in due {
            let data = data.clone();
            let msg = msgs::PeerStorage { data };
            let node_id = connection.node_id;
            let event = MessageSendEvent::SendPeerStorage { node_id, msg };
            self.shared.send(connection, event);
            self.heads.told.insert(connection, Some(height));
        }
    }

    /// On an older ledger nothing of a channel is said, done or written down. What this node keeps for others it shows and
    /// keeps; it drops none of it, for the ledger may lack the channels that it is kept for.
    pub(super) fn take_refusing(&mut self, turn: Turn) -> Result<(), String> {
        match turn {
            Turn::Event(super::Event::StorageFailed(error)) => return Err(error),
            Turn::Peer(PeerEvent::Message {
                connection,
                message: WireMessage::PeerStorage(data),
            }) => self.keep_for(connection, data),
            Turn::Peer(PeerEvent::Connected { connection, .. }) => {
                self.show_kept(connection, false);
            }
            Turn::Peer(PeerEvent::Disconnected { connection }) => self.gone(connection),
            Turn::Tick => self.heads.kept.write_due(Instant::now()),
            Turn::Event(_) | Turn::Chain(_) | Turn::Block(_) | Turn::Peer(_) => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::secp256k1::{SecretKey, SECP256K1};
    use zarnitsa_channel::command::{ChainEvent, Command, LocalCommand};
    use zarnitsa_channel::message::PeerMessage;

    use super::*;
    use crate::test_party::{confirmed, next, opened, taken, Party};

    fn connection(number: u64) -> Connection {
        let mut secret = [7; 32];
        secret[..8].copy_from_slice(&number.to_be_bytes());
        let secret = SecretKey::from_slice(&secret).unwrap();
        Connection {
            node_id: secret.public_key(SECP256K1),
            number,
        }
    }

    fn heads(peers: u64, folder: &std::path::Path) -> Heads {
        let mut heads = Heads::new(PeerStorage::open(folder.to_path_buf()));
        heads.told = (1..=peers).map(|n| (connection(n), Some(0))).collect();
        heads
    }

    #[test]
    fn peer_whose_channel_moved_is_told_at_once_and_all_others_in_turn() {
        let folder = tempfile::tempdir().unwrap();
        let mut heads = heads(100, folder.path());
        let mut seen = HashSet::new();
        for height in 1..=4 {
            heads.moved(connection(100).node_id);
            let due = heads.due(height, |_| true);
            assert!(due.contains(&connection(100)), "{height}");
            assert!(due.len() <= TOLD_IN_TURN + 1, "{}", due.len());
            for connection in due {
                heads.told.insert(connection, Some(height));
                seen.insert(connection.number);
            }
        }
        assert_eq!(seen.len(), 100);
    }

    #[test]
    fn peer_without_a_channel_or_with_the_newest_head_is_not_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut heads = heads(3, folder.path());
        heads.told.insert(connection(2), Some(9));
        heads.told.insert(connection(3), None);
        let of_one = |peer: &PublicKey| *peer != connection(1).node_id;
        heads.moved(connection(2).node_id);
        assert_eq!(heads.due(9, of_one), Vec::new());
        assert_eq!(heads.due(9, |_| true), vec![connection(1)]);
    }

    #[test]
    fn peer_has_something_kept_once_its_channel_is_proven_and_not_before() {
        let (party, peer) = (Party::new(), Party::new());
        let error = Command::Peer {
            message: PeerMessage::Error {
                text: "farewell".to_owned(),
            },
            next_holder_point: None,
        };
        let (theirs, _) = taken(&party, &peer, (1, false));
        assert!(!keeps_for(&theirs), "a stranger's funding need not exist");
        let left = next(theirs.clone(), error);
        assert!(!left.is_over() && !keeps_for(&left), "{left:?}");
        let proven = next(theirs.clone(), confirmed(&theirs));
        assert!(keeps_for(&proven));
        let reorged = next(proven, Command::Chain(ChainEvent::OpeningReorged));
        assert!(keeps_for(&reorged));
        let (trusted, _) = taken(&party, &Party::new(), (2, true));
        assert!(keeps_for(&trusted), "it may be used unconfirmed");

        let (ours, _) = opened(&party, &peer, 3);
        assert!(keeps_for(&ours), "the operator has chosen the peer");
        let reason = "the peer went away".to_owned();
        let abandon = Command::Local(LocalCommand::Abandon { reason });
        assert!(!keeps_for(&next(ours, abandon)), "it is over");
    }
}
