//! Making channels public (BOLT 7): announcement_signatures to the peer, then channel_announcement to all.
//!
//! None of it is in the ledger: whether a channel is public follows from its opening and the chain, and what the peer has
//! signed it signs again on the next connection.

use std::collections::HashMap;

use bitcoin::hashes::{sha256d, Hash};
use bitcoin::secp256k1::{Message, SECP256K1};
use bitcoin::TxOut;
use lightning::ln::msgs::{
    AnnouncementSignatures, ChannelAnnouncement, ChannelUpdate, MessageSendEvent,
    UnsignedChannelAnnouncement,
};
use lightning::routing::gossip::NodeId;
use lightning::types::features::ChannelFeatures;
use lightning::util::ser::Writeable;
use zarnitsa_channel::ids::ChannelId;
use zarnitsa_channel::message::OutgoingMessage;
use zarnitsa_channel::script::funding_script_pubkey;
use zarnitsa_channel::state::Channel;
use zarnitsa_peer::Connection;
use zarnitsa_signer::AnnouncementSignatures as Announcement;

use super::live::Live;
use super::Driver;
use crate::wire::ldk_channel_id;

/// BOLT 7, announcement_signatures: not before the opening transaction is buried this deep.
const DEPTH: u32 = 6;

/// How far a channel is with becoming public.
#[derive(Debug, Default)]
pub(super) struct Announcing {
    /// The connection on which this node has said its announcement_signatures.
    said: Option<Connection>,
    /// The peer's, checked.
    theirs: Option<AnnouncementSignatures>,
    /// The peer's newest update for all.
    update: Option<ChannelUpdate>,
    /// The channel has become public since the last block.
    is_new: bool,
}

/// Of each channel that is to be public.
pub(super) type Announcings = HashMap<ChannelId, Announcing>;

impl Driver {
    /// A block came: channels may be deep enough now.
    pub(super) fn announce_what_is_deep(&mut self) {
        let ids: Vec<_> = self
            .channels
            .iter()
            .filter(|(_, live)| live.is_ready() && live.machine.params().announce)
            .map(|(id, _)| *id)
            .collect();
        for id in ids {
            self.announce(id, false);
        }
    }

    /// Says announcement_signatures once a connection, until the channel is public; `asked`: also where it is, for the
    /// peer may not know.
    pub(super) fn announce(&mut self, id: ChannelId, asked: bool) {
        let Some((connection, short_channel_id)) = self.announceable(id) else {
            return;
        };
        if self.shared.gossip.is_announced(short_channel_id) && !asked {
            return;
        }
        let is_said = self.announcings.entry(id).or_default().said == Some(connection);
        let signed = match self.shared.signer.sign_announcement(&id) {
            Ok(signed) => signed,
            // The ledger is a step behind the machine: its next block asks again.
            Err(error) => {
                tracing::debug!(channel = %id, %error, "not announced yet");
                self.announcement_waits = true;
                return;
            }
        };
        if !is_said {
            self.say_signatures(id, connection, &signed);
        }
        self.complete_announcement(id, &signed);
    }

    /// The channel is usable, deep enough, and meant to be public.
    fn announceable(&self, id: ChannelId) -> Option<(Connection, u64)> {
        let live = self.channels.get(&id).filter(|live| live.is_ready())?;
        let machine = &live.machine;
        let public = machine.is_usable() && machine.params().announce;
        let confirmation = machine.confirmation().filter(|_| public)?;
        let depth = self
            .block_height
            .checked_sub(confirmation.block_height)?
            .checked_add(1)?;
        (depth >= DEPTH)
            .then(|| Some((live.connection()?, machine.short_channel_id()?)))
            .flatten()
    }

    fn say_signatures(&mut self, id: ChannelId, connection: Connection, signed: &Announcement) {
        let msg = AnnouncementSignatures {
            channel_id: ldk_channel_id(id),
            short_channel_id: signed.short_channel_id,
            node_signature: signed.node,
            bitcoin_signature: signed.bitcoin,
        };
        let node_id = connection.node_id;
        let event = MessageSendEvent::SendAnnouncementSignatures { node_id, msg };
        if let Some(live) = self.channels.get(&id) {
            self.say_after(live, event);
        }
        self.announcings.entry(id).or_default().said = Some(connection);
    }

    /// The ledger has moved: what could not be signed before may be signed now.
    pub(super) fn announce_what_waits(&mut self) {
        if std::mem::take(&mut self.announcement_waits) {
            self.announce_what_is_deep();
        }
    }

    /// The peer's announcement_signatures. BOLT 7: it is answered, so that a peer that has lost ours learns it.
    pub(super) fn signatures_received(
        &mut self,
        connection: Connection,
        message: &AnnouncementSignatures,
    ) {
        let id = ChannelId(message.channel_id.0);
        let theirs = self
            .channels
            .get(&id)
            .filter(|live| live.connection() == Some(connection));
        let Some(live) = theirs else {
            return;
        };
        let Some(contents) = self.announcement_of(&live.machine) else {
            return; // private, or not confirmed here: it is said again
        };
        if !is_signed(&contents, message, &live.machine) {
            tracing::warn!(channel = %id, "announcement_signatures that do not fit");
            let text = "announcement_signatures do not fit the channel".to_owned();
            return self.say(live, OutgoingMessage::Warning { text });
        }
        let announcing = self.announcings.entry(id).or_default();
        announcing.theirs = Some(message.clone());
        self.announce(id, true);
    }

    /// The peer's update of a channel that is to be public, checked to be the peer's: it is for all once the channel is.
    pub(super) fn keep_for_all(&mut self, id: ChannelId, update: &ChannelUpdate) {
        let public = self
            .shared
            .gossip
            .is_announced(update.contents.short_channel_id);
        if public {
            let msg = update.clone();
            let event = MessageSendEvent::BroadcastChannelUpdate { msg };
            self.shared.peers.broadcast([event]);
        } else {
            self.announcings.entry(id).or_default().update = Some(update.clone());
        }
    }

    /// With both sides' signatures the channel is public.
    fn complete_announcement(&mut self, id: ChannelId, ours: &Announcement) {
        let theirs = self.announcings.get(&id).and_then(|it| it.theirs.as_ref());
        let (Some(theirs), Some(live)) = (theirs, self.channels.get(&id)) else {
            return;
        };
        let Some(contents) = self.announcement_of(&live.machine) else {
            return;
        };
        if self.shared.gossip.is_announced(contents.short_channel_id) {
            return;
        }
        let ours_first = contents.node_id_1 == NodeId::from_pubkey(&self.shared.signer.node_id());
        let (node, funding) = (
            (ours.node, theirs.node_signature),
            (ours.bitcoin, theirs.bitcoin_signature),
        );
        let order = |(ours, theirs)| {
            if ours_first {
                (ours, theirs)
            } else {
                (theirs, ours)
            }
        };
        let ((node_signature_1, node_signature_2), (bitcoin_signature_1, bitcoin_signature_2)) =
            (order(node), order(funding));
        let announcement = ChannelAnnouncement {
            node_signature_1,
            node_signature_2,
            bitcoin_signature_1,
            bitcoin_signature_2,
            contents,
        };
        self.make_public(id, announcement);
    }

    fn make_public(&mut self, id: ChannelId, announcement: ChannelAnnouncement) {
        let Some(output) = self.channels.get(&id).map(funding_output) else {
            return;
        };
        if let Err(error) = self.shared.gossip.announce(&announcement, output) {
            tracing::error!(channel = %id, error, "an announcement of our own was refused");
            return;
        }
        tracing::info!(channel = %id, "announced");
        let event = MessageSendEvent::BroadcastChannelAnnouncement {
            msg: announcement,
            update_msg: self.public_update(id),
        };
        // The peer has told its terms before there was a public channel for them.
        let theirs = self.announcings.get(&id).and_then(|it| it.update.clone());
        let theirs = theirs.map(|msg| MessageSendEvent::BroadcastChannelUpdate { msg });
        self.shared
            .peers
            .broadcast([event].into_iter().chain(theirs));
        self.shared.announce_node();
        self.announcings.entry(id).or_default().is_new = true;
    }

    /// A block came: what was said of channels that the block before made public is said again. An update that overtakes
    /// its announcement on the way is ignored by whoever hears it (BOLT 7), and nobody would tell it that node again.
    pub(super) fn renew_what_is_new(&mut self) {
        for (id, announcing) in &mut self.announcings {
            if std::mem::take(&mut announcing.is_new) {
                self.shared.channel_updates.renew(id);
            }
        }
    }

    /// BOLT 7, channel_announcement, without its signatures.
    fn announcement_of(&self, machine: &Channel) -> Option<UnsignedChannelAnnouncement> {
        let params = machine.params();
        if !params.announce {
            return None;
        }
        let id = |key| NodeId::from_pubkey(&key);
        let ours = (
            id(self.shared.signer.node_id()),
            id(params.holder.keys.funding),
        );
        let theirs = (id(params.peer), id(params.counterparty.keys.funding));
        let (one, two) = if ours.0 < theirs.0 {
            (ours, theirs)
        } else {
            (theirs, ours)
        };
        Some(UnsignedChannelAnnouncement {
            features: ChannelFeatures::empty(),
            chain_hash: self.shared.chain_hash(),
            short_channel_id: machine.short_channel_id()?,
            node_id_1: one.0,
            node_id_2: two.0,
            bitcoin_key_1: one.1,
            bitcoin_key_2: two.1,
            excess_data: Vec::new(),
        })
    }
}

/// What the chain has, as the channel's parameters say it.
fn funding_output(live: &Live) -> TxOut {
    let params = live.machine.params();
    TxOut {
        value: params.capacity,
        script_pubkey: funding_script_pubkey(
            &params.holder.keys.funding,
            &params.counterparty.keys.funding,
        ),
    }
}

/// BOLT 7, announcement_signatures: both signatures are the peer's, over the announcement as this node would make it.
fn is_signed(
    contents: &UnsignedChannelAnnouncement,
    message: &AnnouncementSignatures,
    machine: &Channel,
) -> bool {
    let digest = sha256d::Hash::hash(&contents.encode()).to_byte_array();
    let digest = Message::from_digest(digest);
    let params = machine.params();
    let signed = [
        (&message.node_signature, &params.peer),
        (
            &message.bitcoin_signature,
            &params.counterparty.keys.funding,
        ),
    ];
    message.short_channel_id == contents.short_channel_id
        && signed
            .iter()
            .all(|(signature, key)| SECP256K1.verify_ecdsa(&digest, signature, key).is_ok())
}
