//! The side that pays for the channel.

use bitcoin::secp256k1::PublicKey;
use bitcoin::{OutPoint, Transaction, TxOut};

use super::checks::{check_accept, check_first_balances, check_open};
use super::{HolderPoints, OpenerOpening, Opening, OpeningError};
use crate::action::Action;
use crate::ids::{KeysId, TemporaryChannelId};
use crate::limits::Limits;
use crate::message::{AcceptChannel, OpenChannel};
use crate::params::{ChannelType, SideParams};
use crate::script::funding_script_pubkey;
use crate::state::Channel;

/// What this node wants of a channel that it opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenTerms {
    /// The peer's node id.
    pub peer: PublicKey,
    /// Chosen at random, unique with this peer.
    pub temporary_channel_id: TemporaryChannelId,
    /// Chosen at random: names the channel's keys to the signer.
    pub keys_id: KeysId,
    /// The capacity.
    pub funding_amount: bitcoin::Amount,
    /// Given to the peer at once.
    pub push: crate::amount::Msat,
    /// Of the commitment transactions, satoshis for 1000 weight units.
    pub feerate_per_kw: u32,
    /// Whether the channel shall be known to the network.
    pub announce: bool,
    /// Format and options.
    pub channel_type: ChannelType,
    /// This node's keys and demands.
    pub side: SideParams,
    /// This node's first two per-commitment points.
    pub points: HolderPoints,
}

/// open_channel is sent, accept_channel is awaited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opener {
    peer: PublicKey,
    keys_id: KeysId,
    points: HolderPoints,
    open: OpenChannel,
}

/// accept_channel came and was checked: the funding transaction can be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedOpener {
    opener: Opener,
    accept: AcceptChannel,
}

impl Opener {
    /// Checks what this node wants and gives the message that asks for it: [`message`](Self::message).
    ///
    /// # Errors
    ///
    /// [`OpeningError`] where BOLT 2 or the limits forbid the terms.
    pub fn new(terms: OpenTerms, limits: &Limits) -> Result<Self, OpeningError> {
        let open = OpenChannel {
            temporary_channel_id: terms.temporary_channel_id,
            funding_amount: terms.funding_amount,
            push: terms.push,
            feerate_per_kw: terms.feerate_per_kw,
            announce: terms.announce,
            channel_type: terms.channel_type,
            side: terms.side,
            first_per_commitment_point: terms.points.first,
        };
        check_open(crate::params::Side::Holder, &open, limits)?;
        Ok(Self {
            peer: terms.peer,
            keys_id: terms.keys_id,
            points: terms.points,
            open,
        })
    }

    /// open_channel.
    pub fn message(&self) -> &OpenChannel {
        &self.open
    }

    /// The peer's node id.
    pub fn peer(&self) -> &PublicKey {
        &self.peer
    }

    /// Takes the peer's accept_channel.
    ///
    /// # Errors
    ///
    /// [`OpeningError`] where BOLT 2 or this node's limits forbid it: the opening has failed.
    pub fn accept(
        self,
        accept: AcceptChannel,
        limits: &Limits,
    ) -> Result<AcceptedOpener, OpeningError> {
        check_accept(
            crate::params::Side::Counterparty,
            &self.open,
            &accept,
            limits,
        )?;
        check_first_balances(&self.open, &accept)?;
        Ok(AcceptedOpener {
            opener: self,
            accept,
        })
    }
}

impl AcceptedOpener {
    /// open_channel.
    pub fn open(&self) -> &OpenChannel {
        &self.opener.open
    }

    /// accept_channel.
    pub fn accept(&self) -> &AcceptChannel {
        &self.accept
    }

    /// The output that the funding transaction must have.
    pub fn funding_output(&self) -> TxOut {
        let (ours, theirs) = (&self.opener.open.side.keys, &self.accept.side.keys);
        TxOut {
            value: self.opener.open.funding_amount,
            script_pubkey: funding_script_pubkey(&ours.funding, &theirs.funding),
        }
    }

    /// Takes the signed funding transaction, which nobody may have broadcast yet, and the output of it that pays the
    /// channel. Gives the channel's first state, what to do once it is durable, and the transcript to store.
    ///
    /// # Errors
    ///
    /// [`OpeningError`] where the output is not what the channel needs.
    pub fn fund(
        self,
        funding: OutPoint,
        transaction: Transaction,
    ) -> Result<(Channel, Vec<Action>, Opening), OpeningError> {
        let opening = OpenerOpening {
            peer: self.opener.peer,
            keys_id: self.opener.keys_id,
            points: self.opener.points,
            open: self.opener.open,
            accept: self.accept,
            funding,
            transaction,
        };
        let (channel, actions) = opening.channel()?;
        Ok((channel, actions, Opening::Opener(Box::new(opening))))
    }
}
