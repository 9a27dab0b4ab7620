//! LDK's view of [`Gossip`]: each message is checked here, and then handled by `P2PGossipSync`.

use bitcoin::secp256k1::PublicKey;
use lightning::ln::msgs::{
    BaseMessageHandler, ChannelAnnouncement, ChannelUpdate, Init, LightningError, MessageSendEvent,
    NodeAnnouncement, QueryChannelRange, QueryShortChannelIds, ReplyChannelRange,
    ReplyShortChannelIdsEnd, RoutingMessageHandler,
};
use lightning::routing::gossip::NodeId;
use lightning::types::features::{InitFeatures, NodeFeatures};

use super::{ignored, Gossip};

impl RoutingMessageHandler for Gossip {
    fn handle_node_announcement(
        &self,
        from: Option<PublicKey>,
        message: &NodeAnnouncement,
    ) -> Result<bool, LightningError> {
        // BOLT 7, node_announcement: the timestamp is greater than zero.
        if message.contents.timestamp == 0 {
            return Err(ignored("a node_announcement with the timestamp 0"));
        }
        let taken = self.sync.handle_node_announcement(from, message);
        if let Err(refused) = &taken {
            self.early().keep(message, refused);
        }
        taken
    }

    fn handle_channel_announcement(
        &self,
        from: Option<PublicKey>,
        message: &ChannelAnnouncement,
    ) -> Result<bool, LightningError> {
        if self.is_full_for(message.contents.short_channel_id) {
            return Err(ignored("the graph has as many channels as it may"));
        }
        let taken = self.sync.handle_channel_announcement(from, message);
        self.early().graph_grew();
        taken
    }

    fn handle_channel_update(
        &self,
        from: Option<PublicKey>,
        message: &ChannelUpdate,
    ) -> Result<bool, LightningError> {
        // BOLT 7, channel_update: the timestamp is greater than zero.
        if message.contents.timestamp == 0 {
            return Err(ignored("a channel_update with the timestamp 0"));
        }
        // The signature is verified by then: nobody but the channel's node uses its rate up.
        let relayed = self.sync.handle_channel_update(from, message)?;
        Ok(relayed && self.may_pass_on(from, message))
    }

    fn get_next_channel_announcement(
        &self,
        starting_point: u64,
    ) -> Option<(
        ChannelAnnouncement,
        Option<ChannelUpdate>,
        Option<ChannelUpdate>,
    )> {
        self.sync.get_next_channel_announcement(starting_point)
    }

    fn get_next_node_announcement(
        &self,
        starting_point: Option<&NodeId>,
    ) -> Option<NodeAnnouncement> {
        self.sync.get_next_node_announcement(starting_point)
    }

    fn handle_reply_channel_range(
        &self,
        peer: PublicKey,
        message: ReplyChannelRange,
    ) -> Result<(), LightningError> {
        self.sync.handle_reply_channel_range(peer, message)
    }

    fn handle_reply_short_channel_ids_end(
        &self,
        peer: PublicKey,
        message: ReplyShortChannelIdsEnd,
    ) -> Result<(), LightningError> {
        self.sync.handle_reply_short_channel_ids_end(peer, message)
    }

    fn handle_query_channel_range(
        &self,
        peer: PublicKey,
        message: QueryChannelRange,
    ) -> Result<(), LightningError> {
        if message.chain_hash != self.graph.get_chain_hash() {
            return Err(ignored("query_channel_range for another chain"));
        }
        // Each answer may be a million bytes for a question of forty.
        if !self.rates().query(peer, &self.limits) {
            return Err(ignored("query_channel_range too often"));
        }
        self.sync.handle_query_channel_range(peer, message)
    }

    fn handle_query_short_channel_ids(
        &self,
        peer: PublicKey,
        message: QueryShortChannelIds,
    ) -> Result<(), LightningError> {
        self.sync.handle_query_short_channel_ids(peer, message)
    }

    fn processing_queue_high(&self) -> bool {
        self.sync.processing_queue_high()
    }
}

impl BaseMessageHandler for Gossip {
    fn get_and_clear_pending_msg_events(&self) -> Vec<MessageSendEvent> {
        let mut events = self.sync.get_and_clear_pending_msg_events();
        events.extend(self.early().due(&self.graph));
        events
    }

    fn peer_disconnected(&self, peer: PublicKey) {
        self.rates().forget(&peer);
        self.sync.peer_disconnected(peer);
    }

    fn provided_node_features(&self) -> NodeFeatures {
        self.sync.provided_node_features()
    }

    fn provided_init_features(&self, peer: PublicKey) -> InitFeatures {
        self.sync.provided_init_features(peer)
    }

    fn peer_connected(&self, peer: PublicKey, init: &Init, inbound: bool) -> Result<(), ()> {
        self.sync.peer_connected(peer, init, inbound)
    }
}
