//! What every channel has from the moment its first commitments are signed, and what every such state does alike.

use bitcoin::{BlockHash, Transaction};
use serde::{Deserialize, Serialize};

use super::closing::{Cause, Closing};
use super::negotiation::ShutdownScripts;
use super::spend::{identify, Spend};
use super::{AwaitingConfirmations, AwaitingPeerReady, Channel, Failed, Next};
use crate::action::{Action, Broadcast, Event};
use crate::command::ChainEvent;
use crate::commitments::{Agreement, Commitments};
use crate::error::{ChainError, ChannelError};
use crate::message::{ChannelReestablish, OutgoingMessage};
use crate::params::{ChannelParams, Side};
use crate::script::channel_funding_redeemscript;

/// A coinbase can be spent only 100 blocks later, so nothing that rests on one may count before.
const COINBASE_DEPTH: u32 = 100;

/// Where the opening transaction is in the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// Its block.
    pub block_hash: BlockHash,
    /// Its block's height.
    pub block_height: u32,
    /// Its place in the block.
    pub transaction_index: u32,
}

/// What is known of the opening transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OpeningStatus {
    /// Not deep enough in the chain.
    Unconfirmed {
        /// The whole transaction, where this node made it and must see to its broadcast.
        transaction: Option<Box<Transaction>>,
    },
    /// At minimum_depth.
    Confirmed(Confirmation),
    /// It was at minimum_depth, and a reorg took it away.
    Reorged,
}

/// The common part of all states after funding_signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Established {
    pub params: ChannelParams,
    pub commitments: Commitments,
    pub opening: OpeningStatus,
    /// The peer's latest short_channel_id alias.
    pub counterparty_alias: Option<u64>,
}

/// How a channel_reestablish was answered.
pub(super) enum Reconnected {
    /// In this order.
    Agreed(Vec<Action>),
    /// The channel is lost to this node, which must wait for the peer's close.
    Behind,
    /// Nothing to do but to wait for the peer's error.
    PeerBehind(Vec<Action>),
}

/// Both sides' first commitments are signed: the state that follows, and what is owed in it. `transaction` is the
/// opener's.
pub(crate) fn after_first_signature(
    params: ChannelParams,
    commitments: Commitments,
    transaction: Option<Transaction>,
) -> (Channel, Vec<Action>) {
    let zero_conf = params.channel_type.zero_conf;
    let common = Established {
        params,
        commitments,
        opening: OpeningStatus::Unconfirmed {
            transaction: transaction.map(Box::new),
        },
        counterparty_alias: None,
    };
    let mut actions: Vec<Action> = common.opening_broadcast().into_iter().collect();
    if zero_conf {
        // BOLT 2, accept_channel: minimum_depth is zero, so channel_ready waits for nothing.
        actions.push(common.channel_ready());
        let state = AwaitingPeerReady::new(common);
        return (Channel::AwaitingPeerReady(Box::new(state)), actions);
    }
    let state = AwaitingConfirmations::new(common);
    (Channel::AwaitingConfirmations(Box::new(state)), actions)
}

impl Established {
    /// The opening transaction, as long as this node must see to its broadcast.
    pub(super) fn opening_broadcast(&self) -> Option<Action> {
        match &self.opening {
            OpeningStatus::Unconfirmed {
                transaction: Some(transaction),
            } => Some(Action::Broadcast(Broadcast::Opening(transaction.clone()))),
            OpeningStatus::Unconfirmed { transaction: None }
            | OpeningStatus::Confirmed(_)
            | OpeningStatus::Reorged => None,
        }
    }

    /// channel_ready, the same at every retransmission.
    pub(super) fn channel_ready(&self) -> Action {
        Action::Send(OutgoingMessage::ChannelReady {
            next_per_commitment_point: self.commitments.holder().next_point,
            alias: Some(self.holder_alias()),
        })
    }

    /// The alias by which the peer may name this channel in invoices. BOLT 2, channel_ready: unrelated to the real
    /// short channel id and never equal to one, which the block height of 16,711,680 or more (0xff0000 on) ensures.
    pub(super) fn holder_alias(&self) -> u64 {
        let hash = crate::ids::alias_bytes(&self.params.channel_id, &self.params.keys_id);
        u64::from_be_bytes(hash) | 0xff00_0000_0000_0000
    }

    /// Whether channel_ready has been sent.
    fn is_ready_sent(&self) -> bool {
        match self.opening {
            OpeningStatus::Unconfirmed { .. } => self.params.channel_type.zero_conf,
            OpeningStatus::Confirmed(_) | OpeningStatus::Reorged => true,
        }
    }

    /// The opening transaction is at minimum_depth.
    pub(super) fn confirm_opening(&mut self, event: &ChainEvent) -> Result<bool, ChannelError> {
        let ChainEvent::OpeningConfirmed {
            block_hash,
            block_height,
            transaction_index,
            confirmations,
            output_value,
            output_script,
            coinbase,
        } = event
        else {
            return Ok(false);
        };
        // BOLT 2, channel_ready: the outpoint pays exactly the capacity to the funding script (CVE-2019-12999).
        let script = channel_funding_redeemscript(&self.params).to_p2wsh();
        if *output_value != self.params.capacity || *output_script != script {
            return Ok(false);
        }
        let depth = self.params.minimum_depth;
        let needed = if *coinbase {
            depth.max(COINBASE_DEPTH)
        } else {
            depth
        };
        if *confirmations < needed {
            let got = *confirmations;
            return Err(ChainError::TooShallow { needed, got }.into());
        }
        self.opening = OpeningStatus::Confirmed(Confirmation {
            block_hash: *block_hash,
            block_height: *block_height,
            transaction_index: *transaction_index,
        });
        Ok(true)
    }

    /// The opening transaction is at minimum_depth although the channel did not wait for that: it is usable unconfirmed,
    /// or a reorg was undone. Gives the reason to close where the output is not the channel's.
    pub(super) fn opening_confirmed_again(
        &mut self,
        event: &ChainEvent,
    ) -> Result<Option<String>, ChannelError> {
        let fits = self.confirm_opening(event)?;
        Ok((!fits).then(|| "the opening transaction does not pay the channel".to_owned()))
    }

    /// A reorg took the opening transaction away.
    pub(super) fn reorg_opening(&mut self) {
        match self.opening {
            OpeningStatus::Unconfirmed { .. } | OpeningStatus::Reorged => {}
            OpeningStatus::Confirmed(_) => self.opening = OpeningStatus::Reorged,
        }
    }

    /// Answers channel_reestablish as far as commitments go. Updates that the peer has not committed are undone.
    pub(super) fn reconnect(
        &mut self,
        message: &ChannelReestablish,
        claimed_point: Option<bitcoin::secp256k1::PublicKey>,
    ) -> Result<Reconnected, ChannelError> {
        match self
            .commitments
            .compare(&self.params, message, claimed_point)?
        {
            Agreement::HolderIsBehind => Ok(Reconnected::Behind),
            Agreement::PeerIsBehind => Ok(Reconnected::PeerBehind(vec![Action::Send(
                OutgoingMessage::Warning {
                    text: "your state of this channel is older than mine: send an error and I \
                           will close it, or restore a newer state"
                        .to_owned(),
                },
            )])),
            Agreement::Agreed(lost) => {
                self.commitments.drop_uncommitted(&self.params);
                let mut actions = vec![Action::Tell(Event::Reestablished)];
                // BOLT 2, Message Retransmission: channel_ready is sent again while neither side can know that the
                // other has it.
                let ours = self.commitments.reestablish().next_commitment_number;
                let both_at_first = ours == 1 && message.next_commitment_number == 1;
                if both_at_first && self.is_ready_sent() {
                    actions.push(self.channel_ready());
                }
                actions.extend(lost);
                Ok(Reconnected::Agreed(actions))
            }
        }
    }

    /// CommitmentDue, where it is: told again after a reconnection.
    pub(super) fn due(&self) -> Option<Action> {
        let due = self.commitments.commitment_due(&self.params);
        due.then_some(Action::Tell(Event::CommitmentDue))
    }

    /// The peer proved that this state is old. BOLT 2: nothing is broadcast, and an error asks the peer to close.
    pub(super) fn data_lost(self) -> (Channel, Vec<Action>) {
        let error = Action::Send(OutgoingMessage::Error {
            text: "I have lost state of this channel: please close it".to_owned(),
        });
        let state = Closing::new(self, Cause::DataLost);
        (Channel::Closing(Box::new(state)), vec![error])
    }

    /// Closes unilaterally. `error` is sent to the peer where this node is the one that gives up.
    pub(super) fn close_alone(
        mut self,
        reason: String,
        error: Option<String>,
    ) -> (Channel, Vec<Action>) {
        let mut actions = self.commitments.withdraw_unsent_adds();
        actions.extend(error.map(|text| Action::Send(OutgoingMessage::Error { text })));
        actions.extend(self.opening_broadcast());
        actions.push(Action::Broadcast(Broadcast::HolderCommitment));
        let state = Closing::new(self, Cause::Alone { reason });
        (Channel::Closing(Box::new(state)), actions)
    }

    /// The peer gave the channel up (BOLT 1, error).
    pub(super) fn peer_failed(self, text: &str) -> (Channel, Vec<Action>) {
        let shown: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
        self.close_alone(format!("the peer sent an error: {shown}"), None)
    }

    /// Something spent the funding output that this node did not set out to broadcast, or did.
    pub(super) fn funding_spent(
        mut self,
        transaction: Transaction,
        block_height: u32,
        scripts: Option<&ShutdownScripts>,
    ) -> Next {
        let kind = identify(&self, &transaction, scripts)?;
        let actions = self.commitments.withdraw_unsent_adds();
        let mut state = Closing::new(self, Cause::Seen);
        let seen = state.saw(Spend {
            transaction: Box::new(transaction),
            block_height,
            kind,
        });
        let actions = actions.into_iter().chain(seen).collect();
        Ok((Channel::Closing(Box::new(state)), actions))
    }

    /// What this node has in the channel, HTLCs left out.
    pub(super) fn has_nothing_at_stake(&self) -> bool {
        let (holder, _) = self.commitments.balances();
        holder.to_sat_floor() == bitcoin::Amount::ZERO && self.params.opener == Side::Counterparty
    }

    /// BOLT 2, channel_ready: the acceptor may forget a channel whose opening transaction never confirms, whatever it was
    /// promised in it. Of a channel that was usable unconfirmed it keeps what it may have been paid.
    pub(super) fn may_be_abandoned(&self) -> bool {
        let unconfirmed = matches!(self.opening, OpeningStatus::Unconfirmed { .. });
        // Only a channel that is usable unconfirmed can have had a second commitment, or an HTLC.
        let unused = self.commitments.numbers() == (0, 0) && self.commitments.htlcs().is_empty();
        let free = !self.params.channel_type.zero_conf || self.has_nothing_at_stake();
        self.params.opener == Side::Counterparty && unconfirmed && unused && free
    }

    /// Forgets it. That the time for that has come, the caller knows.
    pub(super) fn abandon(self, reason: String) -> Next {
        if !self.may_be_abandoned() {
            return Err(ChannelError::CannotAbandon);
        }
        let failed = Failed::new(self.params, reason);
        Ok((Channel::Failed(Box::new(failed)), Vec::new()))
    }
}
