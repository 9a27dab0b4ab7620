//! Carries out effects, in order, each only after the block that holds its cause is on disk.

use std::collections::HashMap;
use std::sync::Arc;

use bitcoin::{OutPoint, Txid};
use lightning::ln::msgs::MessageSendEvent;
use tokio::sync::mpsc;
use zarnitsa_channel::action::Broadcast;
use zarnitsa_channel::ids::ChannelId;
use zarnitsa_channel::message::{ClosingSigned, FundingCreated, OutgoingMessage};
use zarnitsa_channel::params::Side;
use zarnitsa_ledger::Receipt;
use zarnitsa_peer::Connection;
use zarnitsa_signer::SignerError;

use super::{EffectError, Event};
use crate::claims::Claimer;
use crate::shared::Shared;
use crate::wire::{Complete, UpdateBundle};

/// Something that leaves the process.
#[derive(Debug)]
pub(super) enum Effect {
    Send(OutgoingMessage),
    /// What is not the machine's to say: it follows all that the machine has said before.
    Say(Box<MessageSendEvent>),
    Broadcast(Broadcast),
    /// What is this node's of a close is claimed, as far as that is possible in the block after this height.
    Claim {
        height: u32,
    },
    /// This node's state of the channel is old: its commitment must not reach the chain.
    Withdraw,
    /// A transaction in the mempool spends an output of a close.
    Contested {
        outpoint: OutPoint,
        txid: Txid,
    },
}

/// The effects of the steps that share a ledger transaction.
#[derive(Debug)]
pub(super) struct Batch {
    /// Of the ledger transaction that they wait for; none where nothing was to be stored.
    pub receipt: Option<Receipt>,
    pub target: Complete,
    /// The connection that the messages are meant for: a later one begins with channel_reestablish instead.
    pub connection: Option<Connection>,
    pub effects: Vec<Effect>,
}

/// The task that does it.
pub(super) struct Executor {
    shared: Arc<Shared>,
    driver: mpsc::UnboundedSender<Event>,
    /// Updates that wait for the commitment_signed with which they travel.
    bundles: HashMap<ChannelId, (Connection, UpdateBundle)>,
    claimer: Claimer,
    /// Channels of which the mempool took a claim not for its fee.
    claims_refused: mpsc::UnboundedReceiver<ChannelId>,
}

impl Executor {
    pub(super) fn new(shared: Arc<Shared>, driver: mpsc::UnboundedSender<Event>) -> Self {
        let (refused, claims_refused) = mpsc::unbounded_channel();
        Self {
            claimer: Claimer::new(shared.clone(), refused),
            shared,
            driver,
            bundles: HashMap::new(),
            claims_refused,
        }
    }

    /// Until the driver is gone or the ledger has stopped.
    pub(super) async fn run(mut self, mut batches: mpsc::UnboundedReceiver<Batch>) {
        loop {
            let mut batch = tokio::select! {
                batch = batches.recv() => match batch {
                    Some(batch) => batch,
                    None => return,
                },
                Some(id) = self.claims_refused.recv() => {
                    self.claim(&id);
                    continue;
                }
            };
            if let Some(receipt) = batch.receipt.take() {
                match receipt.await {
                    Ok(committed) => {
                        if let Err(error) = committed.result {
                            self.diverged(&batch, error.to_string());
                            continue;
                        }
                    }
                    // Nothing leaves any more: what is not on disk must not be spoken of.
                    Err(error) => return self.storage_failed(error.to_string()),
                }
            }
            if let Err(error) = self.carry_out(batch) {
                return self.storage_failed(error.to_string());
            }
        }
    }

    fn storage_failed(&self, reason: String) {
        // Where the driver has ended before, it knows.
        let _ = self.driver.send(Event::StorageFailed(reason));
    }

    /// Claims what is due of a channel, or raises what is refused.
    fn claim(&mut self, id: &ChannelId) {
        if self.shared.signer.refusing().is_none() {
            let tip = self.shared.chain.status().tip;
            self.claimer.look(id, tip.map_or(0, |block| block.height));
        }
    }

    fn diverged(&mut self, batch: &Batch, error: String) {
        self.bundles.remove(&batch.target.channel_id);
        let _ = self.driver.send(Event::Diverged {
            channel_id: batch.target.channel_id,
            error,
        });
    }

    /// # Errors
    /// Where the signer's record could not be written: nothing may follow, as over a ledger that has stopped.
    fn carry_out(&mut self, batch: Batch) -> Result<(), SignerError> {
        // First of all: what comes before it in the batch may fail, for the ledger has the old state for what it is.
        let withdraws = |effect: &Effect| matches!(effect, Effect::Withdraw);
        if batch.effects.iter().any(withdraws) {
            self.claimer.withdraw(&batch.target.channel_id);
        }
        if self.shared.signer.refusing().is_some() {
            return Ok(()); // of an older ledger nothing leaves, signed or not
        }
        for effect in batch.effects {
            let sent = self.send_transaction(batch.target, batch.connection, effect);
            if let Err(error) = sent {
                let channel_id = batch.target.channel_id;
                tracing::error!(%channel_id, %error, "an effect could not be carried out");
                if let EffectError::Signer(error @ SignerError::Io { .. }) = error {
                    return Err(error);
                }
                let _ = self.driver.send(Event::EffectFailed { channel_id, error });
                break;
            }
        }
        Ok(())
    }

    /// Completes what is to leave by its signatures, serialises it, and sends it to the peer or to the Bitcoin network.
    fn send_transaction(
        &mut self,
        target: Complete,
        connection: Option<Connection>,
        effect: Effect,
    ) -> Result<(), EffectError> {
        match effect {
            Effect::Send(message) => self.send(target, connection, message),
            Effect::Say(event) => {
                if let Some(connection) = connection {
                    self.speak(connection, *event);
                }
                Ok(())
            }
            Effect::Broadcast(broadcast) => self.broadcast(target.channel_id, broadcast),
            Effect::Claim { height } => {
                self.claimer.look(&target.channel_id, height);
                Ok(())
            }
            Effect::Withdraw => Ok(()), // it was the first
            Effect::Contested { outpoint, txid } => {
                self.claimer.contested(target.channel_id, outpoint, txid);
                Ok(())
            }
        }
    }

    fn send(
        &mut self,
        target: Complete,
        connection: Option<Connection>,
        message: OutgoingMessage,
    ) -> Result<(), EffectError> {
        let Some(connection) = connection else {
            return Ok(());
        }; // nobody is there to hear it
        let signer = &self.shared.signer;
        let id = target.channel_id;
        let event = match message {
            OutgoingMessage::FundingCreated {
                temporary_channel_id,
                funding,
            } => {
                let signature = signer.sign_counterparty_commitment(&id)?.signature;
                target.funding_created(&FundingCreated {
                    temporary_channel_id,
                    funding,
                    signature,
                })
            }
            OutgoingMessage::FundingSigned => {
                target.funding_signed(signer.sign_counterparty_commitment(&id)?.signature)
            }
            OutgoingMessage::ChannelReady {
                next_per_commitment_point,
                alias,
            } => target.channel_ready(next_per_commitment_point, alias),
            OutgoingMessage::RevokeAndAck {
                revoked,
                next_per_commitment_point,
            } => {
                let secret = signer.release_secret(&id, revoked)?;
                target.revoke_and_ack(secret, next_per_commitment_point)
            }
            OutgoingMessage::Shutdown { script } => target.shutdown(script),
            OutgoingMessage::ClosingSigned { fee, fee_range } => {
                let signature = signer.sign_closing(&id, fee)?;
                target.closing_signed(&ClosingSigned {
                    fee,
                    signature,
                    fee_range,
                })
            }
            OutgoingMessage::ChannelReestablish(message) => target.channel_reestablish(&message),
            OutgoingMessage::Warning { text } => target.warning(text),
            OutgoingMessage::Error { text } => target.error(text),
            update => return self.send_update(target, connection, update),
        };
        self.speak(connection, event);
        Ok(())
    }

    /// A message to a connection that is gone is lost with it, as any message may be.
    fn speak(&self, connection: Connection, event: MessageSendEvent) {
        if let Err(error) = self.shared.peers.send(connection, event) {
            tracing::debug!(%error, "not sent");
        }
    }

    /// Updates are kept until their commitment_signed, and leave with it.
    fn send_update(
        &mut self,
        target: Complete,
        connection: Connection,
        update: OutgoingMessage,
    ) -> Result<(), EffectError> {
        let id = target.channel_id;
        let (_, mut bundle) = self
            .bundles
            .remove(&id)
            .filter(|(of, _)| *of == connection)
            .unwrap_or_else(|| (connection, UpdateBundle::new(target)));
        match update {
            OutgoingMessage::UpdateAddHtlc(add) => {
                let htlc = add.id;
                let missing = || EffectError::NoOnion {
                    channel: id,
                    htlc: htlc.0,
                };
                let onion = self
                    .shared
                    .onion(&id, Side::Holder, htlc)
                    .ok_or_else(missing)?;
                bundle.add(&add, &onion)?;
            }
            OutgoingMessage::UpdateFulfillHtlc { id: htlc, preimage } => {
                let attribution = self.shared.attribution(&id, Side::Counterparty, htlc);
                bundle.fulfill(htlc, preimage.0, &attribution)?;
            }
            OutgoingMessage::UpdateFailHtlc { id: htlc, reason } => {
                let attribution = self.shared.attribution(&id, Side::Counterparty, htlc);
                bundle.fail(htlc, &reason, &attribution)?;
            }
            OutgoingMessage::UpdateFailMalformedHtlc {
                id,
                sha256_of_onion,
                failure_code,
            } => {
                bundle.fail_malformed(id, sha256_of_onion, failure_code)?;
            }
            OutgoingMessage::UpdateFee { feerate_per_kw } => bundle.fee(feerate_per_kw),
            OutgoingMessage::CommitmentSigned { number } => {
                let signed = self.shared.signer.sign_counterparty_commitment(&id)?;
                if signed.number != number {
                    return Err(EffectError::OtherCommitment {
                        asked: number,
                        is: signed.number,
                    });
                }
                self.speak(
                    connection,
                    bundle.commit(signed.signature, signed.htlc_signatures),
                );
                return Ok(());
            }
            other => return Err(EffectError::NotAnUpdate(format!("{other:?}"))),
        }
        self.bundles.insert(id, (connection, bundle));
        Ok(())
    }

    fn broadcast(&mut self, id: ChannelId, broadcast: Broadcast) -> Result<(), EffectError> {
        let signer = &self.shared.signer;
        match broadcast {
            Broadcast::Opening(transaction) => self.shared.broadcast(*transaction),
            Broadcast::Closing => self.shared.broadcast(signer.complete_closing(&id)?),
            Broadcast::HolderCommitment => {
                let commitment = signer.complete_holder_commitment(&id)?;
                // Its own fee may be too low by now: the claimer hears of that, or knows it already.
                self.claimer.broadcast(id, vec![commitment]);
                self.claim(&id);
            }
        }
        Ok(())
    }
}
