//! What peers do: come, speak, go.

use bitcoin::secp256k1::PublicKey;
use bitcoin::ScriptBuf;
use lightning::ln::msgs;
use lightning::types::features::InitFeatures;
use zarnitsa_channel::command::{Command, LocalCommand};
use zarnitsa_channel::ids::ChannelId;
use zarnitsa_channel::message::{OutgoingMessage, PeerMessage};
use zarnitsa_channel::state::Channel;
use zarnitsa_peer::{Connection, OwnMessage, PeerEvent, WireMessage};
use zarnitsa_service::Attachment;

use super::live::{Hearing, Live, Session};
use super::negotiated::{self, Answer, Unsuitable};
use super::step::Step;
use super::Driver;
use crate::wire::{ChannelMessage, Complete};

impl Driver {
    pub(super) fn peer_event(&mut self, event: PeerEvent) {
        match event {
            PeerEvent::Connected {
                connection,
                features,
                ..
            } => {
                self.show_kept(connection, features.supports_provide_storage());
                self.connected(connection);
            }
            PeerEvent::Disconnected { connection } => self.disconnected(connection),
            PeerEvent::Message {
                connection,
                message,
            } => self.receive_transaction(connection, message),
        }
    }

    pub(super) fn channels_with(&self, peer: &PublicKey) -> Vec<ChannelId> {
        let mut ids: Vec<_> = self
            .by_peer
            .get(peer)
            .into_iter()
            .flatten()
            .copied()
            .collect();
        ids.sort_unstable(); // a set's order changes from run to run
        ids
    }

    /// BOLT 2, message retransmission: on a new connection channel_reestablish goes out first, for each channel.
    fn connected(&mut self, connection: Connection) {
        for id in self.channels_with(&connection.node_id) {
            let Some(live) = self.channels.get_mut(&id) else {
                continue;
            };
            let Some(message) = live.machine.reestablish() else {
                continue;
            };
            live.session = Session::Reestablishing(connection);
            let live = &self.channels[&id];
            self.say(live, OutgoingMessage::ChannelReestablish(message));
        }
        self.say_asks(connection);
    }

    /// Openings whose opening transaction is not out are forgotten (BOLT 2); every other channel waits.
    fn disconnected(&mut self, connection: Connection) {
        self.gone(connection);
        self.openings_forgotten(connection);
        self.hub_went(&connection.node_id);
        for id in self.channels_with(&connection.node_id) {
            let Some(live) = self.channels.get_mut(&id) else {
                continue;
            };
            if live.connection() != Some(connection) {
                continue;
            }
            live.session = Session::Offline;
            if matches!(live.machine, Channel::AwaitingFundingSigned(_)) {
                let reason = "the peer went before it had signed".to_owned();
                self.abandon(id, reason);
            }
            self.withdraw_forwards(id);
        }
    }

    fn openings_forgotten(&mut self, connection: Connection) {
        for request in self.openings.forget(connection) {
            let reason = "it went away during the opening";
            self.order_failed_by(request, &connection.node_id, reason);
        }
    }

    /// Gives up an opening that the network has not seen.
    pub(super) fn abandon(&mut self, id: ChannelId, reason: String) {
        let step = Step::local(LocalCommand::Abandon { reason });
        if let Err(error) = self.advance(id, step) {
            tracing::error!(channel = %id, %error, "could not be given up");
        }
    }

    /// Takes what a peer sent, in the channel machine's words: `peer` has read the bytes, [`wire`](crate::wire) the meaning.
    fn receive_transaction(&mut self, connection: Connection, message: WireMessage) {
        let Some(message) = self.storage_message(connection, message) else {
            return;
        };
        let message: ChannelMessage = match &message {
            WireMessage::PeerStorage(_) | WireMessage::PeerStorageRetrieval(_) => return,
            WireMessage::OpenChannel(m) => return self.open_channel_received(connection, m),
            WireMessage::AcceptChannel(m) => return self.accept_channel_received(connection, m),
            WireMessage::FundingCreated(m) => return self.funding_created_received(connection, m),
            WireMessage::Error(m) if m.channel_id.0 == [0; 32] => {
                return self.error_for_all(connection, m);
            }
            WireMessage::FundingSigned(m) => (&**m).into(),
            WireMessage::ChannelReady(m) => m.into(),
            WireMessage::Shutdown(m) => m.into(),
            WireMessage::ClosingSigned(m) => (&**m).into(),
            WireMessage::UpdateAddHtlc(m) => (&**m).into(),
            WireMessage::UpdateFulfillHtlc(m) => (&**m).into(),
            WireMessage::UpdateFailHtlc(m) => (&**m).into(),
            WireMessage::UpdateFailMalformedHtlc(m) => m.into(),
            WireMessage::UpdateFee(m) => m.into(),
            WireMessage::CommitmentSigned(m) => (&**m).into(),
            WireMessage::RevokeAndAck(m) => (&**m).into(),
            WireMessage::ChannelReestablish(m) => (&**m).into(),
            WireMessage::Error(m) => m.into(),
            WireMessage::AnnouncementSignatures(m) => {
                return self.signatures_received(connection, m);
            }
            WireMessage::ChannelUpdate(m) => return self.update_received(connection, m),
            WireMessage::Own(OwnMessage::Ask(m)) => return self.ask_received(connection, m),
            WireMessage::Own(OwnMessage::State(m)) => {
                return self.ask_state_received(connection, m);
            }
        };
        self.channel_message(connection, message);
    }

    /// BOLT 1: an error with a channel_id of zeros is about every channel with its sender.
    fn error_for_all(&mut self, connection: Connection, message: &msgs::ErrorMessage) {
        self.openings_forgotten(connection);
        for id in self.channels_with(&connection.node_id) {
            let message = PeerMessage::Error {
                text: message.data.clone(),
            };
            self.channel_message(
                connection,
                ChannelMessage {
                    channel_id: id,
                    message,
                    onion: None,
                    path_key: None,
                    attribution: Vec::new(),
                },
            );
        }
    }

    fn channel_message(&mut self, connection: Connection, message: ChannelMessage) {
        let id = message.channel_id;
        let theirs = self
            .channels
            .get(&id)
            .is_some_and(|live| live.machine.params().peer == connection.node_id);
        if !theirs {
            return self.unknown_channel(connection, &message);
        }
        if !self.in_step(connection, &message) || self.signed_in_batch(id, &message.message) {
            return;
        }
        if self.refuses(id, &message.message) {
            return;
        }
        let step = self.peer_step(id, message);
        if let Err(error) = self.advance(id, step) {
            self.refuse(id, &error);
        }
    }

    /// What the ledger cannot judge, for it knows neither this node's estimate of fees nor what the peer offers on this
    /// connection: the peer is answered before the machine hears of the message. Whether it was is the answer.
    fn refuses(&mut self, id: ChannelId, message: &PeerMessage) -> bool {
        match message {
            PeerMessage::UpdateFee { feerate_per_kw } => self.refuses_feerate(id, *feerate_per_kw),
            PeerMessage::Shutdown { script } => self.refuses_script(id, script),
            _ => false,
        }
    }

    fn refuses_feerate(&mut self, id: ChannelId, feerate_per_kw: u32) -> bool {
        let checked = self.check_feerate(id, feerate_per_kw);
        let Some(live) = self.channels.get_mut(&id) else {
            return false;
        };
        let has_htlcs = live.machine.htlcs().next().is_some();
        match negotiated::answer_fee(checked, has_htlcs, live.warned_of_fee) {
            Answer::Take => {
                live.warned_of_fee = 0;
                false
            }
            Answer::Warn(error) => {
                live.warned_of_fee += 1;
                self.warn(id, error.to_string());
                true
            }
            Answer::Fail(error) => {
                self.fail_channel(id, &error.to_string());
                true
            }
        }
    }

    fn check_feerate(&self, id: ChannelId, feerate_per_kw: u32) -> Result<(), Unsuitable> {
        let Some(live) = self.channels.get(&id) else {
            return Ok(());
        };
        let format = live.machine.params().channel_type.format;
        negotiated::check_feerate(format, feerate_per_kw, self.shared.slow_feerate_per_kw())
    }

    /// Whether the channel's commitments pay too little to be relied on: it carries nothing then.
    pub(super) fn is_underpaid(&self, live: &Live) -> bool {
        let machine = &live.machine;
        let (format, now) = (
            machine.params().channel_type.format,
            machine.feerate_per_kw(),
        );
        negotiated::check_feerate(format, now, self.shared.slow_feerate_per_kw()).is_err()
    }

    /// What was promised at the opening was judged then.
    fn refuses_script(&mut self, id: ChannelId, script: &ScriptBuf) -> bool {
        let Some(live) = self.channels.get(&id) else {
            return false;
        };
        let params = live.machine.params();
        let promised = params.counterparty.upfront_shutdown_script.as_ref() == Some(script);
        let features = self.shared.peers.features(&params.peer);
        let features = features.unwrap_or_else(InitFeatures::empty);
        match negotiated::check_script(&features, Some(script)) {
            Err(error) if !promised => {
                self.warn(id, error.to_string());
                true
            }
            Ok(()) | Err(_) => false,
        }
    }

    /// A channel that this node does not have with that peer. An opening may still be under way under that id.
    fn unknown_channel(&mut self, connection: Connection, message: &ChannelMessage) {
        if matches!(message.message, PeerMessage::Error { .. }) {
            if let Some((request, reason)) = self.openings.refused(connection, message) {
                self.order_failed_by(request, &connection.node_id, &reason);
            }
            return;
        }
        let target = Complete {
            node_id: connection.node_id,
            channel_id: message.channel_id,
        };
        // BOLT 2: an unknown channel in channel_reestablish is answered with an error.
        let answer = target.error("unknown channel".to_owned());
        if let Err(error) = self.shared.peers.send(connection, answer) {
            tracing::debug!(%error, "not sent");
        }
    }

    /// Before channel_reestablish nothing but it, or an error, may come.
    fn in_step(&self, connection: Connection, message: &ChannelMessage) -> bool {
        let Some(live) = self.channels.get(&message.channel_id) else {
            return false;
        };
        match live.session.hears(connection, &message.message) {
            Hearing::Taken => true,
            Hearing::Ignored => {
                tracing::debug!(channel = %message.channel_id, "a message out of turn: ignored");
                false
            }
            Hearing::TooEarly => {
                let text = "channel_reestablish was expected first".to_owned();
                self.say(live, OutgoingMessage::Warning { text });
                false
            }
        }
    }

    fn peer_step(&mut self, id: ChannelId, message: ChannelMessage) -> Step {
        let ChannelMessage {
            message,
            onion,
            path_key,
            attribution,
            ..
        } = message;
        let failure = self.decode_failure(id, &message, &attribution);
        let attribution = self.keep_attribution(id, &message, attribution);
        let next_holder_point = self.channels.get(&id).and_then(|live| {
            let number = live.machine.holder_point_needed(&message)?;
            let keys_id = &live.machine.params().keys_id;
            // Without the point the machine refuses the message: only a signer out of order has none.
            self.shared
                .signer
                .per_commitment_point(keys_id, number)
                .ok()
        });
        Step {
            command: Command::Peer {
                message,
                next_holder_point,
            },
            attachment: Attachment {
                onion: onion.unwrap_or_default(),
                path_key,
                failure,
                attribution,
                ..Attachment::default()
            },
        }
    }

    /// Both sides agree where they are: messages of the channel may flow.
    pub(super) fn reestablished(&mut self, id: ChannelId) {
        let Some(live) = self.channels.get_mut(&id) else {
            return;
        };
        if let Session::Reestablishing(connection) = live.session {
            live.session = Session::Ready(connection);
        }
        if live.machine.commitment_due() {
            self.due.insert(id);
        }
        self.announce(id, false);
        self.publish_terms(id);
        tracing::info!(channel = %id, "in step with the peer");
    }
}
