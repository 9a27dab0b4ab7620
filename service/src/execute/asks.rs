//! Peers that ask for channels: taken in, decided, opened or refused.

use bitcoin::secp256k1::PublicKey;
use exonum::crypto::Hash;
use exonum::runtime::ExecutionFail as _;
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::ChannelId;

use super::{Ledger, Outcome};
use crate::errors::AskError;
use crate::read::hash_of;
use crate::records::{
    Ask, AskCase, AskStatus, EventKind, OpenBatchRequest, OpenChannelRequest, RequestArguments,
};
use crate::transactions::{AskChange, AskDecision, AskStep, OpenAsked};

impl Ledger<'_> {
    /// What the node reports of an ask.
    pub(crate) fn ask_step(self, argument: AskStep) -> Outcome {
        let AskStep { peer, id, change } = argument;
        match change {
            AskChange::Received { amount_sat, now } => self.ask_received(peer, id, amount_sat, now),
            AskChange::Refused { reason } => self.ask_refused(&Ask::key_of(&peer, &id), reason),
        }
    }

    fn ask_received(
        mut self,
        peer: PublicKey,
        id: [u8; 32],
        amount_sat: bitcoin::Amount,
        now: u64,
    ) -> Outcome {
        let key = Ask::key_of(&peer, &id);
        if self.read.asks().contains(&key) {
            return Err(AskError::IdUsed.into());
        }
        if now < self.read.newest_time().get().unwrap_or_default() {
            return Err(AskError::TimeWentBack.into());
        }
        let name = peer.serialize().to_vec();
        let newest = self.read.newest_asks().get(&name);
        let newest = newest.and_then(|key| self.read.asks().get(&key));
        let open = self.read.open_asks().iter().count();
        let policy = self.known_policy();
        let case = AskCase {
            peer: &peer,
            amount: amount_sat,
            now,
            newest: newest.as_ref(),
            open: u32::try_from(open).unwrap_or(u32::MAX),
            channels: self.occupied(&peer).of_peer,
        };
        policy
            .may_ask(&case)
            .map_err(|refusal| AskError::NotGathered.with_description(refusal.to_string()))?;
        self.schema.newest_time().set(now);
        self.schema.newest_asks().put(&name, key);
        self.schema.ask_order().push(key);
        self.schema.open_asks().insert(&key);
        let status = if policy.asks.approve {
            AskStatus::Asked
        } else {
            AskStatus::Approved
        };
        self.write_ask(Ask {
            peer,
            id,
            amount_sat,
            status,
            reason: String::new(),
            received_at: now,
            attempts: 0,
            batch: None,
            channel_id: None,
            created_height: self.height,
            updated_height: self.height,
        });
        Ok(())
    }

    /// What the operator says of an ask.
    pub(crate) fn ask_decision(mut self, argument: AskDecision) -> Outcome {
        if !argument.approve {
            return self.ask_refused(&argument.ask, argument.reason);
        }
        let mut ask = self.known_ask(&argument.ask)?;
        match ask.status {
            AskStatus::Asked => {}
            AskStatus::Approved => return Err(AskError::NotAsked.into()),
            AskStatus::Opening | AskStatus::Opened | AskStatus::Refused => {
                return Err(AskError::NotWaiting.into())
            }
        }
        ask.status = AskStatus::Approved;
        self.write_ask(ask);
        Ok(())
    }

    fn ask_refused(mut self, key: &Hash, reason: String) -> Outcome {
        let mut ask = self.known_ask(key)?;
        match ask.status {
            AskStatus::Asked | AskStatus::Approved => {}
            AskStatus::Opening | AskStatus::Opened | AskStatus::Refused => {
                return Err(AskError::NotWaiting.into())
            }
        }
        ask.status = AskStatus::Refused;
        ask.reason = reason;
        self.write_ask(ask);
        Ok(())
    }

    /// The node sets about opening what was approved.
    pub(crate) fn open_asked(mut self, argument: OpenAsked) -> Outcome {
        let most = self.known_policy().asks.max_batch;
        let count = u32::try_from(argument.asks.len()).unwrap_or(u32::MAX);
        if !(1..=most).contains(&count) {
            return Err(AskError::BadBatch.into());
        }
        let mut channels = Vec::with_capacity(argument.asks.len());
        for key in &argument.asks {
            let mut ask = self.known_ask(key)?;
            // A peer has one open ask, so no peer is named twice.
            if ask.status != AskStatus::Approved {
                return Err(AskError::BadBatch.into());
            }
            channels.push(OpenChannelRequest {
                peer: ask.peer,
                address: String::new(),
                amount_sat: ask.amount_sat,
                push_msat: Msat::ZERO,
                feerate_per_kw: 0,
                announce: false,
                nonce: [0; 32],
                zero_conf: false,
            });
            ask.status = AskStatus::Opening;
            ask.batch = Some(self.tx_hash);
            self.write_ask(ask);
        }
        self.order(RequestArguments::OpenBatch(OpenBatchRequest {
            channels,
            feerate_per_kw: 0,
            nonce: argument.nonce,
        }));
        Ok(())
    }

    /// Every peer of a batch has signed.
    pub(super) fn asks_opened(&mut self, batch: &Hash, channels: &[ChannelId]) {
        for id in channels {
            let Some(record) = self.read.channels().get(&hash_of(&id.0)) else {
                continue;
            };
            if let Some(mut ask) = self.ask_of_batch(&record.peer, batch) {
                ask.status = AskStatus::Opened;
                ask.channel_id = Some(*id);
                self.write_ask(ask);
            }
        }
    }

    /// An order is over: what it did not open waits again.
    pub(super) fn asks_wait_again(&mut self, batch: &Hash, order: &OpenBatchRequest, why: &str) {
        for channel in &order.channels {
            if let Some(mut ask) = self.ask_of_batch(&channel.peer, batch) {
                ask.status = AskStatus::Approved;
                ask.attempts = ask.attempts.saturating_add(1);
                ask.reason = why.to_owned();
                self.write_ask(ask);
            }
        }
    }

    /// The peer's ask that this order is at.
    fn ask_of_batch(&self, peer: &PublicKey, batch: &Hash) -> Option<Ask> {
        let key = self.read.newest_asks().get(&peer.serialize().to_vec())?;
        let ask = self.read.asks().get(&key)?;
        let is_opening = ask.status == AskStatus::Opening && ask.batch == Some(*batch);
        is_opening.then_some(ask)
    }

    fn known_ask(&self, key: &Hash) -> Result<Ask, AskError> {
        self.read.asks().get(key).ok_or(AskError::UnknownAsk)
    }

    fn write_ask(&mut self, mut ask: Ask) {
        ask.updated_height = self.height;
        let key = ask.key();
        let event = match ask.status {
            AskStatus::Asked => EventKind::AskAsked,
            AskStatus::Approved => EventKind::AskApproved,
            AskStatus::Opening => EventKind::AskOpening,
            AskStatus::Opened => EventKind::AskOpened,
            AskStatus::Refused => EventKind::AskRefused,
        };
        if ask.status.is_over() {
            self.schema.open_asks().remove(&key);
        }
        self.schema.asks().put(&key, ask);
        self.log(event, Some(key.as_bytes()));
    }
}
