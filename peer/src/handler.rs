//! LDK's view of this node's channels: every callback becomes an event in the inbox.

use std::sync::Arc;

use bitcoin::constants::ChainHash;
use bitcoin::secp256k1::PublicKey;
use lightning::ln::msgs::{self, BaseMessageHandler, ChannelMessageHandler, MessageSendEvent};
use lightning::ln::types::ChannelId;
use lightning::types::features::{InitFeatures, NodeFeatures};

use crate::event::WireMessage;
use crate::features::node_features;
use crate::gossip::Gossip;
use crate::inbox::Inbox;
use crate::printable;

/// Turns callbacks into events. Never blocks, never fails.
pub(crate) struct Handler {
    inbox: Arc<Inbox>,
    features: InitFeatures,
    chain: ChainHash,
    gossip: Option<Arc<Gossip>>,
}

impl Handler {
    pub(crate) fn new(
        inbox: Arc<Inbox>,
        features: InitFeatures,
        chain: ChainHash,
        gossip: Option<Arc<Gossip>>,
    ) -> Self {
        Self {
            inbox,
            features,
            chain,
            gossip,
        }
    }

    fn take(&self, node_id: PublicKey, message: WireMessage) {
        self.inbox.message(node_id, message);
    }

    /// BOLT 1, "Lightning Message Format": a message of an even type that we do not know ends the connection. The
    /// codec knows these, this node does not: their features are not offered in its init.
    fn unknown_even(&self, node_id: PublicKey, channel_id: ChannelId, name: &str) {
        let why = format!("{name} belongs to a feature that is not offered");
        self.inbox.refuse(node_id, channel_id, &why);
    }

    /// BOLT 1, "Lightning Message Format": one of an odd type is left unread.
    fn unknown_odd(&self, node_id: PublicKey, name: &str) {
        tracing::debug!(peer = %node_id, "ignoring {name}, which belongs to a feature that is not offered");
    }
}

impl BaseMessageHandler for Handler {
    fn get_and_clear_pending_msg_events(&self) -> Vec<MessageSendEvent> {
        self.inbox.take_outgoing()
    }

    fn peer_disconnected(&self, node_id: PublicKey) {
        self.inbox.disconnected(node_id);
    }

    fn provided_node_features(&self) -> NodeFeatures {
        node_features()
    }

    fn provided_init_features(&self, _node_id: PublicKey) -> InitFeatures {
        self.features.clone()
    }

    fn peer_connected(
        &self,
        node_id: PublicKey,
        init: &msgs::Init,
        inbound: bool,
    ) -> Result<(), ()> {
        self.inbox.connected(node_id, init, inbound);
        Ok(())
    }
}

impl ChannelMessageHandler for Handler {
    fn handle_open_channel(&self, peer: PublicKey, msg: &msgs::OpenChannel) {
        self.take(peer, WireMessage::OpenChannel(Box::new(msg.clone())));
    }
    fn handle_accept_channel(&self, peer: PublicKey, msg: &msgs::AcceptChannel) {
        self.take(peer, WireMessage::AcceptChannel(Box::new(msg.clone())));
    }
    fn handle_funding_created(&self, peer: PublicKey, msg: &msgs::FundingCreated) {
        self.take(peer, WireMessage::FundingCreated(Box::new(msg.clone())));
    }
    fn handle_funding_signed(&self, peer: PublicKey, msg: &msgs::FundingSigned) {
        self.take(peer, WireMessage::FundingSigned(Box::new(msg.clone())));
    }
    fn handle_channel_ready(&self, peer: PublicKey, msg: &msgs::ChannelReady) {
        self.take(peer, WireMessage::ChannelReady(msg.clone()));
    }
    fn handle_shutdown(&self, peer: PublicKey, msg: &msgs::Shutdown) {
        self.take(peer, WireMessage::Shutdown(msg.clone()));
    }
    fn handle_closing_signed(&self, peer: PublicKey, msg: &msgs::ClosingSigned) {
        self.take(peer, WireMessage::ClosingSigned(Box::new(msg.clone())));
    }
    fn handle_update_add_htlc(&self, peer: PublicKey, msg: &msgs::UpdateAddHTLC) {
        self.take(peer, WireMessage::UpdateAddHtlc(Box::new(msg.clone())));
    }
    fn handle_update_fulfill_htlc(&self, peer: PublicKey, msg: msgs::UpdateFulfillHTLC) {
        self.take(peer, WireMessage::UpdateFulfillHtlc(Box::new(msg)));
    }
    fn handle_update_fail_htlc(&self, peer: PublicKey, msg: &msgs::UpdateFailHTLC) {
        self.take(peer, WireMessage::UpdateFailHtlc(Box::new(msg.clone())));
    }
    fn handle_update_fail_malformed_htlc(
        &self,
        peer: PublicKey,
        msg: &msgs::UpdateFailMalformedHTLC,
    ) {
        self.take(peer, WireMessage::UpdateFailMalformedHtlc(msg.clone()));
    }
    fn handle_update_fee(&self, peer: PublicKey, msg: &msgs::UpdateFee) {
        self.take(peer, WireMessage::UpdateFee(msg.clone()));
    }
    fn handle_commitment_signed(&self, peer: PublicKey, msg: &msgs::CommitmentSigned) {
        self.take(peer, WireMessage::CommitmentSigned(Box::new(msg.clone())));
    }
    fn handle_revoke_and_ack(&self, peer: PublicKey, msg: &msgs::RevokeAndACK) {
        self.take(peer, WireMessage::RevokeAndAck(Box::new(msg.clone())));
    }
    fn handle_channel_reestablish(&self, peer: PublicKey, msg: &msgs::ChannelReestablish) {
        self.take(peer, WireMessage::ChannelReestablish(Box::new(msg.clone())));
    }
    fn handle_announcement_signatures(&self, peer: PublicKey, msg: &msgs::AnnouncementSignatures) {
        self.take(
            peer,
            WireMessage::AnnouncementSignatures(Box::new(msg.clone())),
        );
    }
    /// Every channel_update comes by here, gossip's too: those of public channels are the graph's alone, or a peer that
    /// tells all it knows would fill its queue.
    fn handle_channel_update(&self, peer: PublicKey, msg: &msgs::ChannelUpdate) {
        let public = self
            .gossip
            .as_ref()
            .is_some_and(|gossip| gossip.is_announced(msg.contents.short_channel_id));
        if public {
            return;
        }
        self.take(peer, WireMessage::ChannelUpdate(Box::new(msg.clone())));
    }
    fn handle_error(&self, peer: PublicKey, msg: &msgs::ErrorMessage) {
        let message = msgs::ErrorMessage {
            channel_id: msg.channel_id,
            data: printable(&msg.data),
        };
        self.take(peer, WireMessage::Error(message));
    }

    // Splicing: several commitments at once.
    fn handle_commitment_signed_batch(
        &self,
        peer: PublicKey,
        channel_id: ChannelId,
        _batch: Vec<msgs::CommitmentSigned>,
    ) {
        self.unknown_even(peer, channel_id, "a batch of commitment_signed");
    }
    fn handle_stfu(&self, peer: PublicKey, msg: &msgs::Stfu) {
        self.unknown_even(peer, msg.channel_id, "stfu");
    }
    fn handle_splice_init(&self, peer: PublicKey, msg: &msgs::SpliceInit) {
        self.unknown_even(peer, msg.channel_id, "splice_init");
    }
    fn handle_splice_ack(&self, peer: PublicKey, _msg: &msgs::SpliceAck) {
        self.unknown_odd(peer, "splice_ack");
    }
    fn handle_splice_locked(&self, peer: PublicKey, _msg: &msgs::SpliceLocked) {
        self.unknown_odd(peer, "splice_locked");
    }

    // Channel establishment v2 and interactive transaction construction.
    fn handle_open_channel_v2(&self, peer: PublicKey, msg: &msgs::OpenChannelV2) {
        let channel_id = msg.common_fields.temporary_channel_id;
        self.unknown_even(peer, channel_id, "open_channel2");
    }
    fn handle_accept_channel_v2(&self, peer: PublicKey, _msg: &msgs::AcceptChannelV2) {
        self.unknown_odd(peer, "accept_channel2");
    }
    fn handle_tx_add_input(&self, peer: PublicKey, msg: &msgs::TxAddInput) {
        self.unknown_even(peer, msg.channel_id, "tx_add_input");
    }
    fn handle_tx_add_output(&self, peer: PublicKey, _msg: &msgs::TxAddOutput) {
        self.unknown_odd(peer, "tx_add_output");
    }
    fn handle_tx_remove_input(&self, peer: PublicKey, msg: &msgs::TxRemoveInput) {
        self.unknown_even(peer, msg.channel_id, "tx_remove_input");
    }
    fn handle_tx_remove_output(&self, peer: PublicKey, _msg: &msgs::TxRemoveOutput) {
        self.unknown_odd(peer, "tx_remove_output");
    }
    fn handle_tx_complete(&self, peer: PublicKey, msg: &msgs::TxComplete) {
        self.unknown_even(peer, msg.channel_id, "tx_complete");
    }
    fn handle_tx_signatures(&self, peer: PublicKey, _msg: &msgs::TxSignatures) {
        self.unknown_odd(peer, "tx_signatures");
    }
    fn handle_tx_init_rbf(&self, peer: PublicKey, msg: &msgs::TxInitRbf) {
        self.unknown_even(peer, msg.channel_id, "tx_init_rbf");
    }
    fn handle_tx_ack_rbf(&self, peer: PublicKey, _msg: &msgs::TxAckRbf) {
        self.unknown_odd(peer, "tx_ack_rbf");
    }
    fn handle_tx_abort(&self, peer: PublicKey, msg: &msgs::TxAbort) {
        self.unknown_even(peer, msg.channel_id, "tx_abort");
    }

    fn handle_peer_storage(&self, peer: PublicKey, msg: msgs::PeerStorage) {
        self.take(peer, WireMessage::PeerStorage(msg.data));
    }
    fn handle_peer_storage_retrieval(&self, peer: PublicKey, msg: msgs::PeerStorageRetrieval) {
        self.take(peer, WireMessage::PeerStorageRetrieval(msg.data));
    }

    /// BOLT 1, init: a peer whose `networks` lack this chain is disconnected; LDK compares them.
    fn get_chain_hashes(&self) -> Option<Vec<ChainHash>> {
        Some(vec![self.chain])
    }

    fn message_received(&self) {}
}
