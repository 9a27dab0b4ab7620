//! channel_update of channels' ends (BOLT 7): this node's of public channels to all, and what peers say of theirs.

use std::collections::HashMap;

use bitcoin::hashes::{sha256d, Hash};
use bitcoin::secp256k1::{Message, SECP256K1};
use lightning::ln::msgs::{ChannelUpdate, MessageSendEvent};
use lightning::util::ser::Writeable;
use zarnitsa_channel::ids::ChannelId;
use zarnitsa_peer::Connection;

use super::live::Live;
use super::Driver;
use crate::channel_update::NamedBy;

/// Of each public channel, when its newest update for all was made. It is a new one whenever it says something else.
pub(super) type Published = HashMap<ChannelId, u32>;

impl Driver {
    /// BOLT 7, channel_update: all hear on what terms a public channel carries payments, anew before two weeks are over. A
    /// channel whose peer is away is told of as disabled, but only where that is so when a block comes: a peer that is
    /// away for moments is nobody's business.
    pub(super) fn publish_terms(&mut self, id: ChannelId) {
        let Some(msg) = self.public_update(id) else {
            return;
        };
        let made = msg.contents.timestamp;
        if self.published.insert(id, made) == Some(made) {
            return;
        }
        let event = MessageSendEvent::BroadcastChannelUpdate { msg };
        self.shared.peers.broadcast([event]);
    }

    /// Of all public channels.
    pub(super) fn publish_all_terms(&mut self) {
        let public = self.channels.iter();
        let public = public.filter(|(_, live)| live.machine.params().announce);
        let ids: Vec<_> = public.map(|(id, _)| *id).collect();
        for id in ids {
            self.publish_terms(id);
        }
    }

    /// For all, where the channel is announced.
    pub(super) fn public_update(&self, id: ChannelId) -> Option<ChannelUpdate> {
        let live = self.channels.get(&id)?;
        let number = live.machine.short_channel_id()?;
        if !self.shared.gossip.is_announced(number) {
            return None;
        }
        let able = live.is_ready() && live.machine.is_usable();
        let enabled = able && self.carries_for_others(live);
        self.shared
            .channel_update(&live.machine, NamedBy::Everybody, enabled)
    }

    /// A channel_update that came for one of our channels: the peer's terms, where it is really the peer's.
    pub(super) fn update_received(&mut self, connection: Connection, message: &ChannelUpdate) {
        let with_peer = self.channels_with(&connection.node_id).into_iter();
        let meant = with_peer.filter_map(|id| Some((id, self.channels.get(&id)?)));
        let named = meant
            .into_iter()
            .find(|(_, live)| is_named(live, message.contents.short_channel_id));
        let Some((id, live)) = named else {
            return; // of another's channel, which only the graph may know
        };
        if message.contents.chain_hash == self.shared.chain_hash()
            && message.contents.timestamp != 0
            && is_of_peer(live, message)
        {
            self.shared.peer_terms.learn(id, message);
            let number = live.machine.short_channel_id();
            let for_all =
                live.machine.params().announce && number == Some(message.contents.short_channel_id);
            if for_all {
                self.keep_for_all(id, message);
            }
        }
    }
}

/// By its number, or by the alias of either side.
fn is_named(live: &Live, short_channel_id: u64) -> bool {
    let machine = &live.machine;
    let names = [
        machine.short_channel_id(),
        machine.holder_alias(),
        machine.counterparty_alias(),
    ];
    names.contains(&Some(short_channel_id))
}

/// Signed by the peer, and of the peer's end: our own update may come back to us.
fn is_of_peer(live: &Live, update: &ChannelUpdate) -> bool {
    let digest = sha256d::Hash::hash(&update.contents.encode()).to_byte_array();
    SECP256K1
        .verify_ecdsa(
            &Message::from_digest(digest),
            &update.signature,
            &live.machine.params().peer,
        )
        .is_ok()
}
