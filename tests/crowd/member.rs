//! One simulated peer.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::Arc;

use bitcoin::constants::ChainHash;
use bitcoin::{Address, Amount, Network, OutPoint, ScriptBuf, Transaction, TxOut};
use bitcoincore_rpc::RpcApi;
use lightning::ln::msgs::{self, MessageSendEvent};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::mpsc;
use zarnitsa_channel::action::{Action, Broadcast};
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::command::{ChainEvent, LocalCommand};
use zarnitsa_channel::ids::{ChannelId, KeysId, TemporaryChannelId};
use zarnitsa_channel::limits::Limits;
use zarnitsa_channel::message::{FundingCreated, OutgoingMessage, PeerMessage};
use zarnitsa_channel::opening::{AcceptTerms, Acceptor, OpenTerms, Opener};
use zarnitsa_channel::params::{ChannelType, CommitmentFormat, SideParams};
use zarnitsa_node::wire::{self, ChannelMessage, Complete, UpdateBundle};
use zarnitsa_peer::{Connection, PeerEvent, PeerEvents, PeerNetwork, WireMessage};

use super::support::keys::{Keys, Signing};
use super::support::pair::{points, script};
use super::support::party::{Party, Wire};
use super::support::rng::Rng;
use super::{Common, Manner, Order, Purse, Shown, DEPTH};

/// What it said or heard that cannot be right, for people.
type Fault = String;

pub(super) struct Member {
    network: PeerNetwork,
    chain: ChainHash,
    manner: Manner,
    rng: Rng,
    pending: HashMap<TemporaryChannelId, (Acceptor, Keys)>,
    opening: HashMap<TemporaryChannelId, (Opener, Keys)>,
    purse: Purse,
    channels: HashMap<ChannelId, Party>,
    connection: Option<Connection>,
}

impl Member {
    pub(super) fn new(
        network: PeerNetwork,
        number: u64,
        chain: ChainHash,
        manner: Manner,
        purse: Purse,
    ) -> Self {
        Self {
            network,
            chain,
            manner,
            rng: Rng::new(number),
            pending: HashMap::new(),
            opening: HashMap::new(),
            purse,
            channels: HashMap::new(),
            connection: None,
        }
    }

    /// Until the crowd is gone.
    pub(super) async fn live(
        mut self,
        mut events: PeerEvents,
        mut blocks: broadcast::Receiver<Arc<Shown>>,
        mut orders: mpsc::UnboundedReceiver<Order>,
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
                Some(order) = orders.recv() => self.obey(order),
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
                self.opening.clear();
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
            WireMessage::AcceptChannel(m) => return self.accepted(m),
            WireMessage::FundingSigned(m) => (&**m).into(),
            WireMessage::UpdateAddHtlc(m) => (&**m).into(),
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
            side: self.side(&keys, open.funding_amount),
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
            Manner::Honest | Manner::Old | Manner::WrongScript => {}
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
        let target = self.target(id);
        let mut bundle = UpdateBundle::new(target);
        for wire in party.wires(actions) {
            match wire {
                Wire::FundingCreated(created) => self.say(target.funding_created(&created)),
                Wire::Message(PeerMessage::UpdateFee { feerate_per_kw }) => {
                    bundle.fee(feerate_per_kw);
                }
                Wire::Message(PeerMessage::CommitmentSigned {
                    signature,
                    htlc_signatures,
                }) => {
                    let bundle = std::mem::replace(&mut bundle, UpdateBundle::new(target));
                    self.say(bundle.commit(signature, htlc_signatures));
                }
                Wire::Message(message) => {
                    completed(target, message)
                        .into_iter()
                        .for_each(|event| self.say(event));
                }
                Wire::OpenChannel(_) | Wire::AcceptChannel(_) | Wire::Warning(_) => {}
            }
        }
        for action in actions {
            if let Action::Broadcast(Broadcast::Opening(transaction)) = action {
                // Where it is known already, that is an error, and as good.
                let _ = self.purse.send_raw_transaction(&**transaction);
            }
        }
    }

    fn obey(&mut self, order: Order) -> Result<(), Fault> {
        match order {
            Order::Open {
                sat,
                feerate_per_kw,
            } => self.open(Amount::from_sat(sat), feerate_per_kw),
            Order::Fee { feerate_per_kw } => self.update_fees(feerate_per_kw),
        }
    }

    fn update_fees(&mut self, feerate_per_kw: u32) -> Result<(), Fault> {
        let ids: Vec<ChannelId> = self.channels.keys().copied().collect();
        for id in ids {
            let Some(party) = self.channels.get_mut(&id) else {
                continue;
            };
            let step = LocalCommand::UpdateFee { feerate_per_kw };
            let mut actions = party.local(step).map_err(|e| e.to_string())?;
            let commit = party.local(LocalCommand::Commit);
            actions.extend(commit.map_err(|e| e.to_string())?);
            self.act(id, &actions);
        }
        Ok(())
    }

    fn open(&mut self, funding_amount: Amount, feerate_per_kw: u32) -> Result<(), Fault> {
        let connection = self.connection.ok_or("not connected")?;
        let keys = Keys::new(&mut self.rng, Signing::Real);
        let format = match self.manner {
            Manner::Old | Manner::WrongScript => CommitmentFormat::StaticRemoteKey,
            _ => CommitmentFormat::Anchors,
        };
        let temporary_channel_id = TemporaryChannelId(self.rng.bytes32());
        let terms = OpenTerms {
            peer: connection.node_id,
            temporary_channel_id,
            keys_id: KeysId([0; 32]),
            funding_amount,
            push: Msat::new(funding_amount.to_sat() * 500),
            feerate_per_kw,
            announce: false,
            channel_type: ChannelType {
                format,
                scid_alias: false,
                zero_conf: false,
            },
            side: self.side(&keys, funding_amount),
            points: points(&keys),
        };
        let opener = Opener::new(terms, &limits()).map_err(|e| e.to_string())?;
        self.say(wire::open_channel_message(
            connection.node_id,
            opener.message(),
            self.chain,
        ));
        self.opening.insert(temporary_channel_id, (opener, keys));
        Ok(())
    }

    fn accepted(&mut self, message: &msgs::AcceptChannel) -> Result<(), Fault> {
        let accept = wire::accept_channel(message).map_err(|e| e.to_string())?;
        let opening = self.opening.remove(&accept.temporary_channel_id);
        let (opener, keys) = opening.ok_or("accept_channel out of turn")?;
        let accepted = opener
            .accept(accept, &limits())
            .map_err(|e| e.to_string())?;
        let (place, transaction) = self.pay(&accepted.funding_output())?;
        let (channel, actions, _) = accepted
            .fund(place, transaction)
            .map_err(|e| e.to_string())?;
        let id = channel.id();
        let party = Party {
            keys,
            limits: limits(),
            channel,
        };
        self.channels.insert(id, party);
        self.act(id, &actions);
        Ok(())
    }

    /// A signed transaction with this output, which stays at home.
    fn pay(&self, output: &TxOut) -> Result<(OutPoint, Transaction), Fault> {
        let address = Address::from_script(&output.script_pubkey, Network::Regtest);
        let address = address.map_err(|e| e.to_string())?;
        let outputs = HashMap::from([(address.to_string(), output.value)]);
        let purse = &self.purse;
        let unfunded = purse
            .create_raw_transaction_hex(&[], &outputs, None, None)
            .map_err(|e| e.to_string())?;
        let funded = purse
            .fund_raw_transaction(unfunded, None, None)
            .map_err(|e| e.to_string())?;
        let signed = purse
            .sign_raw_transaction_with_wallet(&funded.hex, None, None)
            .map_err(|e| e.to_string())?;
        let transaction = signed.transaction().map_err(|e| e.to_string())?;
        let mut numbered = (0..).zip(&transaction.output);
        let place = numbered.find(|(_, one)| one.script_pubkey == output.script_pubkey);
        let (vout, _) = place.ok_or("the output is gone")?;
        Ok((OutPoint::new(transaction.compute_txid(), vout), transaction))
    }

    fn side(&self, keys: &Keys, capacity: Amount) -> SideParams {
        // BIP 84's form, or BIP 86's.
        let upfront = match self.manner {
            Manner::Old => script(7),
            _ => ScriptBuf::from_bytes([&[0x51, 32][..], &[7; 32]].concat()),
        };
        SideParams {
            keys: keys.public(),
            dust_limit: Amount::from_sat(354),
            max_htlc_value_in_flight: Msat::new(capacity.to_sat() * 1_000),
            channel_reserve: (capacity / 100).max(Amount::from_sat(1_000)),
            htlc_minimum: Msat::new(1),
            max_accepted_htlcs: 30,
            to_self_delay: 144,
            upfront_shutdown_script: Some(upfront),
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

fn completed(target: Complete, message: PeerMessage) -> Option<MessageSendEvent> {
    Some(match message {
        PeerMessage::FundingSigned { signature } => target.funding_signed(signature),
        PeerMessage::ChannelReady {
            next_per_commitment_point,
            alias,
        } => target.channel_ready(next_per_commitment_point, alias),
        PeerMessage::RevokeAndAck {
            per_commitment_secret,
            next_per_commitment_point,
        } => target.revoke_and_ack(per_commitment_secret, next_per_commitment_point),
        PeerMessage::ChannelReestablish(message) => target.channel_reestablish(&message),
        PeerMessage::Error { text } => target.error(text),
        _ => return None,
    })
}
