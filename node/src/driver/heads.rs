//! Peer storage (BOLT 1): what peers keep for this node, and it for them.
//!
//! This node gives each peer with a channel how far its ledger has come. A peer shows what it keeps before it speaks of
//! any channel; only then a newer head is given to it, so that an older ledger does not wipe out what would tell on it.

use std::collections::HashMap;
use std::time::Instant;

use lightning::ln::msgs::{self, MessageSendEvent};
use zarnitsa_peer::{Connection, PeerEvent, WireMessage};

use super::{Driver, Turn};
use crate::peer_storage::PeerStorage;

/// Which peers keep something, and what they were given.
pub(super) struct Heads {
    /// What this node keeps for peers.
    kept: PeerStorage,
    /// Peers that keep something for others, with the height that they were given; `None` while they have not shown
    /// what they have.
    told: HashMap<Connection, Option<u64>>,
}

impl Heads {
    pub(super) fn new(kept: PeerStorage) -> Self {
        Self {
            kept,
            told: HashMap::new(),
        }
    }

    pub(super) fn waits(&self, height: u64) -> bool {
        let told = self.told.values().flatten();
        self.kept.waits() || told.into_iter().any(|told| *told < height)
    }

    pub(super) fn stop(&mut self) {
        self.kept.write_all();
    }
}

impl Driver {
    /// BOLT 1, peer_storage_retrieval: what a peer has this node keep is shown to it before anything else.
    pub(super) fn show_kept(&mut self, connection: Connection, keeps: bool) {
        let has_channel = self.by_peer.contains_key(&connection.node_id);
        let kept = self.heads.kept.kept(&connection.node_id);
        if let Some(data) = kept.filter(|_| has_channel) {
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
                }
            }
            other => {
                self.has_shown(connection);
                return Some(other);
            }
        }
        None
    }

    /// BOLT 1, peer_storage: kept for peers with a channel only.
    fn keep_for(&mut self, connection: Connection, data: Vec<u8>) {
        if self.by_peer.contains_key(&connection.node_id) {
            self.heads
                .kept
                .keep(connection.node_id, data, Instant::now());
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
        self.heads.kept.write_due(Instant::now());
        let height = self.shared.ledger.head().height;
        let mut sealed = None;
        for (connection, told) in &mut self.heads.told {
            let has_channel = self.by_peer.contains_key(&connection.node_id);
            if !has_channel || told.is_none_or(|told| told >= height) {
                continue;
            }
            if sealed.is_none() {
                sealed = self.shared.sealed_head();
            }
            let Some(data) = sealed.clone() else { return };
            let msg = msgs::PeerStorage { data };
            let node_id = connection.node_id;
            let event = MessageSendEvent::SendPeerStorage { node_id, msg };
            self.shared.send(*connection, event);
            *told = Some(height);
        }
    }

    /// On an older ledger nothing of a channel is said, done or written down. What this node keeps for others it keeps.
    pub(super) fn take_refusing(&mut self, turn: Turn) -> Result<(), String> {
        match turn {
            Turn::Event(super::Event::LedgerStopped(error)) => return Err(error),
            Turn::Peer(PeerEvent::Message {
                connection,
                message: WireMessage::PeerStorage(data),
            }) => self.keep_for(connection, data),
            Turn::Tick => self.heads.kept.write_due(Instant::now()),
            Turn::Event(_) | Turn::Chain(_) | Turn::Block(_) | Turn::Peer(_) => {}
        }
        Ok(())
    }
}
