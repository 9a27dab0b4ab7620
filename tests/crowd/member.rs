//! One simulated peer.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::Arc;

use bitcoin::constants::ChainHash;
use bitcoin::Amount;
use lightning::ln::msgs::{self, MessageSendEvent};
use tokio::sync::broadcast::{self, error::RecvError};
use zarnitsa_channel::action::Action;
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::command::{ChainEvent, LocalCommand};
use zarnitsa_channel::ids::{ChannelId, KeysId, TemporaryChannelId};
use zarnitsa_channel::limits::Limits;
use zarnitsa_channel::message::{FundingCreated, OutgoingMessage, PeerMessage};
use zarnitsa_channel::opening::{AcceptTerms, Acceptor};
use zarnitsa_channel::params::SideParams;
use zarnitsa_node::wire::{self, ChannelMessage, Complete, UpdateBundle};
use zarnitsa_peer::{Connection, PeerEvent, PeerEvents, PeerNetwork, WireMessage};

use super::support::keys::{Keys, Signing};
use super::support::pair::{points, script};
use super::support::party::{Party, Wire};
use super::support::rng::Rng;
use super::{Common, Manner, Shown, DEPTH};

/// What it said or heard that cannot be right, for people.
type Fault = String;

pub(super) struct Member {
    network: PeerNetwork,
    chain: ChainHash,
    manner: Manner,
    rng: Rng,
    pending: HashMap<TemporaryChannelId, (Acceptor, Keys)>,
    channels: HashMap<ChannelId, Party>,
    connection: Option<Connection>,
}

impl Member {
    pub(super) fn new(network: PeerNetwork, number: u64, chain: ChainHash, manner: Manner) -> Self {
        Self {
            network,
            chain,
            manner,
            rng: Rng::new(number),
            pending: HashMap::new(),
            channels: HashMap::new(),
            connection: None,
        }
    }

    /// Until the crowd is gone.
    pub(super) async fn live(
        mut self,
        mut events: PeerEvents,
        mut blocks: broadcast::Receiver<Arc<Shown>>,
        common: Arc<Common>,
    ) {
        let mut counted = 0;
        loop {
            let done = tokio::select! {
                event = events.recv() => {
                    if is_to_sign(&event) {
                        common.to_sign.fetch_add(1, Ordering::SeqCst);
                    }
                    self.take(event)
                }
                block = blocks.recv() => match block {
                    Ok(block) => self.see(&block),
                    Err(RecvError::Lagged(missed)) => Err(format!("{missed} blocks were missed")),
                    Err(RecvError::Closed) => return,
                },
            };
            if let Err(fault) = done {
                common.faults.lock().expect("no member panics").push(fault);
            }
            let count = self.channels.len();
            common.channels.fetch_add(count, Ordering::SeqCst);
            common.channels.fetch_sub(counted, Ordering::SeqCst);
            counted = count;
        }
    }

    fn take(&mut self, event: PeerEvent) -> Result<(), Fault> {
        match event {
            PeerEvent::Connected { connection, .. } => {
                self.connection = Some(connection);
                self.reestablish();
                Ok(())
            }
            PeerEvent::Disconnected { .. } => {
                self.connection = None;
                self.pending.clear();
                Ok(())
            }
            PeerEvent::Message { message, .. } => self.hear(message),
        }
    }

    fn reestablish(&mut self) {
        let all = self.channels.iter();
        let said: Vec<_> = all
            .filter_map(|(id, party)| Some((*id, party.channel.reestablish()?)))
            .collect();
        for (id, message) in said {
            let message = OutgoingMessage::ChannelReestablish(message);
            self.act(id, &[Action::Send(message)]);
        }
    }

    fn hear(&mut self, message: WireMessage) -> Result<(), Fault> {
        let message: ChannelMessage = match &message {
            WireMessage::OpenChannel(m) => return self.asked(m),
            WireMessage::FundingCreated(m) => return self.funded(m),
            WireMessage::ChannelReady(m) => m.into(),
            WireMessage::ChannelReestablish(m) => (&**m).into(),
            WireMessage::UpdateFee(m) => m.into(),
            WireMessage::CommitmentSigned(m) => (&**m).into(),
            WireMessage::RevokeAndAck(m) => (&**m).into(),
            WireMessage::Error(m) => m.into(),
            // Peer storage and terms are taken, and nothing comes of them.
            _ => return Ok(()),
        };
        let id = message.channel_id;
        if matches!(message.message, PeerMessage::Error { .. }) {
            self.channels.remove(&id);
            return Ok(());
        }
        let Some(party) = self.channels.get_mut(&id) else {
            return Err(format!("{:?} of an unknown channel", message.message));
        };
        let mut actions = party.receive(message.message).map_err(|e| e.to_string())?;
        if party.channel.commitment_due() {
            let more = party.local(LocalCommand::Commit);
            actions.extend(more.map_err(|e| e.to_string())?);
        }
        self.act(id, &actions);
        Ok(())
    }

    fn asked(&mut self, message: &msgs::OpenChannel) -> Result<(), Fault> {
        let open = wire::open_channel(message, self.chain).map_err(|e| e.to_string())?;
        let temporary = open.temporary_channel_id;
        if self.manner == Manner::Refuses {
            self.error(ChannelId(temporary.0), "no channels today");
            return Ok(());
        }
        let Some(connection) = self.connection else {
            return Ok(());
        };
        let keys = Keys::new(&mut self.rng, Signing::Real);
        let terms = AcceptTerms {
            peer: connection.node_id,
            keys_id: KeysId([0; 32]),
            minimum_depth: if open.channel_type.zero_conf {
                0
            } else {
                DEPTH
            },
            side: side(&keys, open.funding_amount),
            points: points(&keys),
        };
        let acceptor = Acceptor::new(open, terms, &limits()).map_err(|e| e.to_string())?;
        self.say(wire::accept_channel_message(
            connection.node_id,
            acceptor.message(),
        ));
        self.pending.insert(temporary, (acceptor, keys));
        Ok(())
    }

    fn funded(&mut self, message: &msgs::FundingCreated) -> Result<(), Fault> {
        let temporary = TemporaryChannelId(message.temporary_channel_id.0);
        let Some((acceptor, keys)) = self.pending.remove(&temporary) else {
            return Err("funding_created out of turn".to_owned());
        };
        let vout = u32::from(message.funding_output_index);
        let created = FundingCreated {
            temporary_channel_id: temporary,
            funding: bitcoin::OutPoint::new(message.funding_txid, vout),
            signature: message.signature,
        };
        let (channel, actions, _) = acceptor
            .funding_created(created, &Signing::Real)
            .map_err(|e| e.to_string())?;
        let id = channel.id();
        match self.manner {
            Manner::Honest => {}
            Manner::Leaves => {
                if let Some(connection) = self.connection {
                    self.network.disconnect(connection.node_id);
                }
                return Ok(());
            }
            // With the hub's own signature, which is of another transaction.
            Manner::SignsWrongly => {
                self.say(self.target(id).funding_signed(message.signature));
                return Ok(());
            }
            Manner::Silent => return Ok(()),
            Manner::RefusesToSign | Manner::Refuses => {
                self.error(id, "not signed");
                return Ok(());
            }
        }
        let party = Party {
            keys,
            limits: limits(),
            channel,
        };
        self.channels.insert(id, party);
        self.act(id, &actions);
        Ok(())
    }

    /// Opening transactions of the block are deep enough.
    fn see(&mut self, block: &Shown) -> Result<(), Fault> {
        let ids: Vec<ChannelId> = self.channels.keys().copied().collect();
        for id in ids {
            let Some(party) = self.channels.get_mut(&id) else {
                continue;
            };
            let funding = party.channel.params().funding;
            let Some((index, outputs)) = block.transactions.get(&funding.txid) else {
                continue;
            };
            let place = usize::try_from(funding.vout).map_err(|e| e.to_string())?;
            let output = outputs.get(place).ok_or("no such output")?;
            let event = ChainEvent::OpeningConfirmed {
                block_hash: block.hash,
                block_height: block.height,
                transaction_index: *index,
                confirmations: DEPTH,
                output_value: output.value,
                output_script: output.script_pubkey.clone(),
                coinbase: false,
            };
            let actions = party.chain(event).map_err(|e| e.to_string())?;
            self.act(id, &actions);
        }
        Ok(())
    }

    fn act(&self, id: ChannelId, actions: &[Action]) {
        let (Some(party), Some(_)) = (self.channels.get(&id), self.connection) else {
            return;
        };
        for wire in party.wires(actions) {
            if let Some(event) = completed(self.target(id), wire) {
                self.say(event);
            }
        }
    }

    fn target(&self, channel_id: ChannelId) -> Complete {
        let node_id = self
            .connection
            .map_or_else(|| self.network.node_id(), |connection| connection.node_id);
        Complete {
            node_id,
            channel_id,
        }
    }

    fn error(&self, id: ChannelId, text: &str) {
        self.say(self.target(id).error(text.to_owned()));
    }

    fn say(&self, event: MessageSendEvent) {
        if let Some(connection) = self.connection {
            // A message to a connection that is gone is lost with it.
            let _ = self.network.send(connection, event);
        }
    }
}

fn limits() -> Limits {
    Limits {
        allow_zero_conf: true,
        ..Limits::default()
    }
}

fn is_to_sign(event: &PeerEvent) -> bool {
    let PeerEvent::Message { message, .. } = event else {
        return false;
    };
    matches!(message, WireMessage::FundingCreated(_))
}

fn side(keys: &Keys, capacity: Amount) -> SideParams {
    SideParams {
        keys: keys.public(),
        dust_limit: Amount::from_sat(354),
        max_htlc_value_in_flight: Msat::new(capacity.to_sat() * 1_000),
        channel_reserve: (capacity / 100).max(Amount::from_sat(1_000)),
        htlc_minimum: Msat::new(1),
        max_accepted_htlcs: 30,
        to_self_delay: 144,
        upfront_shutdown_script: Some(script(7)),
    }
}

fn completed(target: Complete, wire: Wire) -> Option<MessageSendEvent> {
    let Wire::Message(message) = wire else {
        return None;
    };
    Some(match message {
        PeerMessage::FundingSigned { signature } => target.funding_signed(signature),
        PeerMessage::ChannelReady {
            next_per_commitment_point,
            alias,
        } => target.channel_ready(next_per_commitment_point, alias),
        PeerMessage::CommitmentSigned {
            signature,
            htlc_signatures,
        } => UpdateBundle::new(target).commit(signature, htlc_signatures),
        PeerMessage::RevokeAndAck {
            per_commitment_secret,
            next_per_commitment_point,
        } => target.revoke_and_ack(per_commitment_secret, next_per_commitment_point),
        PeerMessage::ChannelReestablish(message) => target.channel_reestablish(&message),
        PeerMessage::Error { text } => target.error(text),
        _ => return None,
    })
}
