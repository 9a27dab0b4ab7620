//! Openings: in memory until the funding outpoint is known, one ledger transaction from then on.

use std::collections::HashMap;
use std::time::Instant;

use bitcoin::secp256k1::PublicKey;
use bitcoin::{Amount, OutPoint, ScriptBuf, Transaction};
use exonum::crypto::Hash;
use lightning::ln::msgs;
use lightning::types::features::InitFeatures;
use zarnitsa_channel::action::Action;
use zarnitsa_channel::ids::{ChannelId, KeysId, TemporaryChannelId};
use zarnitsa_channel::message::FundingCreated;
use zarnitsa_channel::opening::{
    AcceptTerms, AcceptedOpener, Acceptor, HolderPoints, OpenTerms, Opener, Opening,
};
use zarnitsa_channel::params::{Side, SideParams};
use zarnitsa_channel::state::Channel;
use zarnitsa_peer::Connection;
use zarnitsa_service::records::{OpenChannelRequest, Policy};
use zarnitsa_service::{transactions, LedgerCall};

use super::effects::Batch;
use super::live::{Live, Session};
use super::negotiated;
use super::step::split;
use super::Driver;
use crate::server_handler;
use crate::server_handler::rate::OpeningRate;
use crate::wire::{self, ChannelMessage, Complete};

/// Openings of peers that have not yet sent funding_created, over all peers. Each is a few hundred bytes, but a
/// stranger must not fill the memory with them.
const MAX_PENDING: usize = 256;
/// The same for one connection.
const MAX_PENDING_PER_PEER: usize = 4;

/// What is being negotiated. None of it is stored, and all of a connection's is forgotten with it (BOLT 2).
#[derive(Debug, Default)]
pub(super) struct Openings {
    stages: HashMap<(Connection, TemporaryChannelId), Stage>,
    /// Scripts of the wallet that were promised in openings which came to nothing.
    spare: Vec<ScriptBuf>,
    rate: OpeningRate,
}

#[derive(Debug)]
enum Stage {
    /// open_channel is out.
    AwaitingAccept {
        opener: Box<Opener>,
        request: Hash,
        feerate_per_kw: u32,
    },
    /// accept_channel is out.
    AwaitingFunding(Box<Acceptor>),
}

impl Stage {
    /// What this node promised.
    fn script(&self) -> Option<&ScriptBuf> {
        let side = match self {
            Self::AwaitingAccept { opener, .. } => &opener.message().side,
            Self::AwaitingFunding(acceptor) => &acceptor.message().side,
        };
        side.upfront_shutdown_script.as_ref()
    }
}

impl Openings {
    /// The connection is gone, or its peer gave everything up. Gives the orders that have failed with that.
    pub(super) fn forget(&mut self, connection: Connection) -> Vec<Hash> {
        let mut failed = Vec::new();
        let spare = &mut self.spare;
        self.stages.retain(|(of, _), stage| {
            if *of == connection {
                spare.extend(stage.script().cloned());
                if let Stage::AwaitingAccept { request, .. } = stage {
                    failed.push(*request);
                }
            }
            *of != connection
        });
        failed
    }

    /// The script can be promised again.
    pub(super) fn spare(&mut self, script: Option<ScriptBuf>) {
        self.spare.extend(script);
    }

    /// The order is given up.
    pub(super) fn forget_request(&mut self, given_up: Hash) {
        self.stages.retain(|_, stage| match stage {
            Stage::AwaitingAccept { request, .. } => *request != given_up,
            Stage::AwaitingFunding(_) => true,
        });
    }

    /// The peer answered an opening with an error. Gives the order that has failed with that, and why.
    pub(super) fn refused(
        &mut self,
        connection: Connection,
        message: &ChannelMessage,
    ) -> Option<(Hash, String)> {
        let key = (connection, TemporaryChannelId(message.channel_id.0));
        let zarnitsa_channel::message::PeerMessage::Error { text } = &message.message else {
            return None;
        };
        let stage = self.stages.remove(&key)?;
        self.spare.extend(stage.script().cloned());
        match stage {
            Stage::AwaitingAccept { request, .. } => Some((request, format!("it refused: {text}"))),
            Stage::AwaitingFunding(_) => None,
        }
    }

    fn pending_of_peers(&self, connection: Connection) -> (usize, usize) {
        let theirs = |stage: &Stage| matches!(stage, Stage::AwaitingFunding(_));
        let all = self.stages.values().filter(|stage| theirs(stage)).count();
        let of_this = self
            .stages
            .iter()
            .filter(|((of, _), stage)| *of == connection && theirs(stage))
            .count();
        (all, of_this)
    }
}

impl Driver {
    /// The operator's order, with the peer connected: says open_channel.
    pub(super) fn begin_opening(
        &mut self,
        request: Hash,
        order: &OpenChannelRequest,
        connection: Connection,
    ) {
        match self.open_terms(order) {
            Ok((terms, feerate_per_kw)) => {
                let temporary_channel_id = terms.temporary_channel_id;
                match Opener::new(terms, &self.shared.limits()) {
                    Ok(opener) => {
                        let message = wire::open_channel_message(
                            connection.node_id,
                            opener.message(),
                            self.shared.chain_hash(),
                        );
                        let opener = Box::new(opener);
                        let stage = Stage::AwaitingAccept {
                            opener,
                            request,
                            feerate_per_kw,
                        };
                        self.openings
                            .stages
                            .insert((connection, temporary_channel_id), stage);
                        self.shared.send(connection, message);
                    }
                    Err(error) => self.order_failed(request, &error.to_string()),
                }
            }
            Err(reason) => self.order_failed(request, &reason),
        }
    }

    fn open_terms(&mut self, order: &OpenChannelRequest) -> Result<(OpenTerms, u32), String> {
        let shared = self.shared.clone();
        let peer = shared.peers.features(&order.peer);
        let peer = peer.ok_or("the peer is not connected any more")?;
        let channel_type =
            negotiated::proposed(&peer, order.zero_conf).map_err(|e| e.to_string())?;
        let reserve = shared.close_reserve(&self.channels_to_close().and(1));
        let feerate_per_kw = match order.feerate_per_kw {
            0 => shared.opening_feerate_per_kw(),
            ordered => ordered,
        };
        let amount = match order.amount_sat {
            Amount::ZERO => {
                let all = shared
                    .wallet_all(feerate_per_kw)
                    .map_err(|e| e.to_string())?;
                all.checked_sub(reserve).unwrap_or(all)
            }
            amount => amount,
        };
        if let Some(refusal) = shared.reserve_refusal(amount, reserve) {
            return Err(refusal);
        }
        let keys_id = shared.new_keys_id();
        let mut side = shared
            .side_params(amount, &keys_id)
            .map_err(|e| e.to_string())?;
        side.upfront_shutdown_script = Some(self.script_to_promise()?);
        let terms = OpenTerms {
            peer: order.peer,
            temporary_channel_id: TemporaryChannelId(rand::random()),
            keys_id,
            funding_amount: amount,
            push: order.push_msat,
            feerate_per_kw: shared.commitment_feerate_per_kw(channel_type.format),
            announce: order.announce,
            channel_type,
            side,
            points: self.points(&keys_id)?,
        };
        Ok((terms, feerate_per_kw))
    }

    /// Where this node's coins of a channel are to go at its end.
    fn script_to_promise(&mut self) -> Result<ScriptBuf, String> {
        match self.openings.spare.pop() {
            Some(script) => Ok(script),
            None => self.shared.fresh_script().map_err(|e| e.to_string()),
        }
    }

    fn points(&self, keys_id: &KeysId) -> Result<HolderPoints, String> {
        let point = |number| {
            let signer = &self.shared.signer;
            signer
                .per_commitment_point(keys_id, number)
                .map_err(|error| error.to_string())
        };
        Ok(HolderPoints {
            first: point(0)?,
            second: point(1)?,
        })
    }

    pub(super) fn accept_channel_received(
        &mut self,
        connection: Connection,
        message: &msgs::AcceptChannel,
    ) {
        let temporary = TemporaryChannelId(message.common_fields.temporary_channel_id.0);
        let Some(Stage::AwaitingAccept {
            opener,
            request,
            feerate_per_kw,
        }) = self.openings.stages.remove(&(connection, temporary))
        else {
            return self.refuse_opening(
                connection,
                temporary,
                "accept_channel without open_channel",
            );
        };
        let accepted = wire::accept_channel(message)
            .map_err(|error| error.to_string())
            .and_then(|accept| {
                self.check_promised(&connection.node_id, &accept.side)?;
                opener
                    .accept(accept, &self.shared.limits())
                    .map_err(|error| error.to_string())
            });
        match accepted {
            Ok(accepted) if self.batches.has(&request) => {
                self.accepted_in_batch(request, connection, accepted);
            }
            Ok(accepted) => self.fund(connection, request, accepted, feerate_per_kw),
            Err(reason) => {
                self.order_failed_by(request, &connection.node_id, &reason);
                self.refuse_opening(connection, temporary, &reason);
            }
        }
    }

    /// The wallet pays into the 2-of-2 output; the signed transaction is stored with the channel, and stays at home
    /// until the peer's signature over our first commitment is stored too.
    fn fund(
        &mut self,
        connection: Connection,
        request: Hash,
        accepted: AcceptedOpener,
        feerate_per_kw: u32,
    ) {
        let temporary = accepted.open().temporary_channel_id;
        let funded = self
            .shared
            .fund_opening(&accepted.funding_output(), feerate_per_kw)
            .map_err(|error| error.to_string());
        let (outpoint, transaction) = match funded {
            Ok(funded) => funded,
            Err(reason) => {
                self.shared.request_failed(request, &reason);
                return self.refuse_opening(connection, temporary, "the opening is not funded");
            }
        };
        self.begin_channel(connection, accepted, outpoint, transaction, request);
    }

    fn begin_channel(
        &mut self,
        connection: Connection,
        accepted: AcceptedOpener,
        outpoint: OutPoint,
        transaction: Transaction,
        request: Hash,
    ) {
        match accepted.fund(outpoint, transaction.clone()) {
            Ok((channel, actions, opening)) => {
                self.store_opening(connection, channel, actions, opening, Some(request));
            }
            Err(error) => {
                self.shared.release_coins(&outpoint.txid);
                self.shared.request_failed(request, &error.to_string());
            }
        }
    }

    /// The channel's first ledger transaction.
    pub(super) fn store_opening(
        &mut self,
        connection: Connection,
        channel: Channel,
        actions: Vec<Action>,
        opening: Opening,
        request: Option<Hash>,
    ) {
        let id = channel.params().channel_id;
        let (effects, events) = split(actions);
        let argument = transactions::Opening {
            transcript: opening,
            request,
        };
        let receipt = Some(self.outbox.submit(LedgerCall::Opening(Box::new(argument))));
        let live = Live {
            machine: channel,
            session: Session::Ready(connection),
            request,
            steps: 1,
            diverged: 0,
            warned_of_fee: 0,
        };
        let target = live.target();
        self.heads.moved(target.node_id);
        self.shared.watch_channel(&live.machine, self.block_height);
        self.own(live);
        self.outbox.enqueue(Batch {
            receipt,
            target,
            connection: Some(connection),
            effects,
        });
        self.shared.peers.protect(target.node_id, true);
        self.follow(id, events);
    }

    pub(super) fn open_channel_received(
        &mut self,
        connection: Connection,
        message: &msgs::OpenChannel,
    ) {
        let temporary = TemporaryChannelId(message.common_fields.temporary_channel_id.0);
        let (all, of_this) = self.openings.pending_of_peers(connection);
        if all >= MAX_PENDING || of_this >= MAX_PENDING_PER_PEER {
            return self.refuse_opening(connection, temporary, "too many openings are pending");
        }
        if self.openings.stages.contains_key(&(connection, temporary)) {
            return self.refuse_opening(connection, temporary, "temporary_channel_id is in use");
        }
        match self.acceptor(connection.node_id, message) {
            Ok(acceptor) => {
                let answer = wire::accept_channel_message(connection.node_id, acceptor.message());
                let stage = Stage::AwaitingFunding(Box::new(acceptor));
                self.openings.stages.insert((connection, temporary), stage);
                self.shared.send(connection, answer);
            }
            Err(reason) => self.refuse_opening(connection, temporary, &reason),
        }
    }

    /// Whether the peer may have its coins sent where it says.
    fn check_promised(&self, peer: &PublicKey, theirs: &SideParams) -> Result<(), String> {
        let features = self
            .shared
            .peers
            .features(peer)
            .unwrap_or_else(InitFeatures::empty);
        let script = theirs.upfront_shutdown_script.as_deref();
        negotiated::check_script(&features, script).map_err(|error| error.to_string())
    }

    fn acceptor(
        &mut self,
        peer: PublicKey,
        message: &msgs::OpenChannel,
    ) -> Result<Acceptor, String> {
        let shared = &self.shared;
        let open = wire::open_channel(message, shared.chain_hash()).map_err(|e| e.to_string())?;
        let channels = self.channels.values().map(|live| &live.machine);
        let policy = shared.policy();
        let asked = self.asked_for(&peer, open.funding_amount);
        server_handler::may_open(&policy, &peer, &open, asked, channels)
            .map_err(|e| e.to_string())?;
        if shared.lacks_reserve_to_accept(self.channels_to_close()) {
            return Err(server_handler::NotAccepted::Reserve.to_string());
        }
        let features = shared.peers.features(&peer);
        let features = features.ok_or("you are not connected any more")?;
        let (got, slow) = (open.feerate_per_kw, shared.slow_feerate_per_kw());
        negotiated::check_type(&features, open.channel_type)
            .and_then(|()| negotiated::check_feerate(open.channel_type.format, got, slow))
            .map_err(|e| e.to_string())?;
        self.check_promised(&peer, &open.side)?;
        let is_known = asked || self.is_known(&policy, &peer);
        let rate = &self.openings.rate;
        rate.check(&peer, is_known, Instant::now())
            .map_err(|e| e.to_string())?;
        let keys_id = shared.new_keys_id();
        let side = shared
            .side_params(open.funding_amount, &keys_id)
            .map_err(|e| e.to_string())?;
        // BOLT 2, accept_channel: zero is for channels of type option_zeroconf, and for them alone.
        let minimum_depth = if open.channel_type.zero_conf {
            0
        } else {
            policy.minimum_depth_for(&peer).max(1)
        };
        let terms = AcceptTerms {
            peer,
            keys_id,
            minimum_depth,
            side,
            points: self.points(&keys_id)?,
        };
        let acceptor = Acceptor::new(open, terms, &policy.limits_for(&peer));
        // An address is taken from the wallet only for what is not refused. What ails the wallet is not the peer's to know.
        let promise = |error: String| {
            tracing::error!(error, "no address for a peer's channel");
            "this node takes no channel now".to_owned()
        };
        acceptor
            .map_err(|error| error.to_string())?
            .promising(self.script_to_promise().map_err(promise)?)
            .map_err(|error| error.to_string())
    }

    fn is_known(&self, policy: &Policy, peer: &PublicKey) -> bool {
        let channels = self.channels.values().map(|live| &live.machine);
        policy.knows(peer, &server_handler::occupied(peer, channels))
    }

    pub(super) fn funding_created_received(
        &mut self,
        connection: Connection,
        message: &msgs::FundingCreated,
    ) {
        let temporary = TemporaryChannelId(message.temporary_channel_id.0);
        let Some(Stage::AwaitingFunding(acceptor)) =
            self.openings.stages.remove(&(connection, temporary))
        else {
            return self.refuse_opening(connection, temporary, "funding_created out of turn");
        };
        let funding = OutPoint::new(
            message.funding_txid,
            u32::from(message.funding_output_index),
        );
        let id = ChannelId::from_funding(funding);
        // One funding output, one channel: closed channels count too.
        if self.channels.contains_key(&id) || self.shared.channel(&id).is_some() {
            return self.refuse_opening(connection, temporary, "the funding output is in use");
        }
        let created = FundingCreated {
            temporary_channel_id: temporary,
            funding,
            signature: message.signature,
        };
        let promised = acceptor.message().side.upfront_shutdown_script.clone();
        let (peer, amount) = (connection.node_id, acceptor.open().funding_amount);
        let accepted = self
            .may_still_open(&peer, amount)
            .and_then(|()| {
                let accepted = acceptor.funding_created(created, &*self.shared.verifier);
                accepted.map_err(|error| error.to_string())
            })
            .and_then(|accepted| self.count_opening(peer, amount).map(|()| accepted));
        match accepted {
            Ok((channel, actions, opening)) => {
                self.note_asked(&peer, amount, id);
                self.store_opening(connection, channel, actions, opening, None);
            }
            Err(reason) => {
                self.openings.spare(promised);
                self.refuse_opening(connection, temporary, &reason);
            }
        }
    }

    /// What was asked for is opened once.
    fn may_still_open(&self, peer: &PublicKey, amount: Amount) -> Result<(), String> {
        let policy = self.shared.policy();
        if policy.is_among(policy.accept_from, peer) || self.asked_for(peer, amount) {
            return Ok(());
        }
        Err("one channel was asked for, and it is there".to_owned())
    }

    /// What is written into the ledger is counted; what is only talked about is not.
    fn count_opening(&mut self, peer: PublicKey, amount: Amount) -> Result<(), String> {
        let asked = self.asked_for(&peer, amount);
        let is_known = asked || self.is_known(&self.shared.policy(), &peer);
        let taken = self.openings.rate.take(peer, is_known, Instant::now());
        taken.map_err(|error| error.to_string())
    }

    pub(super) fn refuse_opening(
        &self,
        connection: Connection,
        id: TemporaryChannelId,
        reason: &str,
    ) {
        tracing::info!(peer = %connection.node_id, reason, "an opening was refused");
        let target = Complete {
            node_id: connection.node_id,
            channel_id: ChannelId(id.0),
        };
        self.shared
            .send(connection, target.error(reason.to_owned()));
    }

    /// Both have signed and it is on its way to the network: the operator's order is carried out.
    pub(super) fn opening_is_out(&self, id: ChannelId) {
        let request = self.channels.get(&id).and_then(|live| live.request);
        if let Some(request) = request.filter(|request| !self.shared.is_batch(request)) {
            self.shared.request_done(request, &id);
        }
    }

    /// If this is an opening that was stored and came to nothing, whoever gave it up: its coins are free again and the
    /// operator's order has failed. The script that it was promised is promised to the next channel: otherwise strangers
    /// would drive the wallet so far that one restored from its words would not look for its coins there.
    pub(super) fn opening_failed(&mut self, live: &Live) {
        let Channel::Failed(failed) = &live.machine else {
            return;
        };
        let params = live.machine.params();
        self.shared.release_coins(&params.funding.txid);
        let script = &params.side(Side::Holder).upfront_shutdown_script;
        self.openings.spare(script.clone());
        let request = live.request;
        if let Some(request) = request.filter(|request| !self.shared.is_batch(request)) {
            self.shared.request_failed(request, &failed.reason);
        }
    }
}
