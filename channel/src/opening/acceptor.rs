//! The side that is asked for a channel.

use bitcoin::secp256k1::PublicKey;
use bitcoin::ScriptBuf;

use super::checks::{check_accept, check_first_balances, check_open};
use super::{AcceptorOpening, HolderPoints, Opening, OpeningError};
use crate::action::Action;
use crate::ids::KeysId;
use crate::limits::Limits;
use crate::message::{AcceptChannel, FundingCreated, OpenChannel};
use crate::params::{Side, SideParams};
use crate::shutdown::is_valid_shutdown_script;
use crate::state::Channel;
use crate::validate::SignatureVerifier;

/// On what terms this node accepts a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptTerms {
    /// The peer's node id.
    pub peer: PublicKey,
    /// Chosen at random: names the channel's keys to the signer.
    pub keys_id: KeysId,
    /// Confirmations before channel_ready. Zero if and only if the channel type has option_zeroconf.
    pub minimum_depth: u32,
    /// This node's keys and demands.
    pub side: SideParams,
    /// This node's first two per-commitment points.
    pub points: HolderPoints,
}

/// accept_channel is sent, funding_created is awaited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acceptor {
    peer: PublicKey,
    keys_id: KeysId,
    points: HolderPoints,
    open: OpenChannel,
    accept: AcceptChannel,
}

impl Acceptor {
    /// Checks the peer's open_channel and makes this node's answer: [`message`](Self::message).
    ///
    /// # Errors
    ///
    /// [`OpeningError`] where BOLT 2 or this node's limits forbid the channel.
    pub fn new(
        open: OpenChannel,
        terms: AcceptTerms,
        limits: &Limits,
    ) -> Result<Self, OpeningError> {
        check_open(Side::Counterparty, &open, limits)?;
        let accept = AcceptChannel {
            temporary_channel_id: open.temporary_channel_id,
            minimum_depth: terms.minimum_depth,
            channel_type: open.channel_type,
            side: terms.side,
            first_per_commitment_point: terms.points.first,
        };
        check_accept(Side::Holder, &open, &accept, limits)?;
        check_first_balances(&open, &accept)?;
        Ok(Self {
            peer: terms.peer,
            keys_id: terms.keys_id,
            points: terms.points,
            open,
            accept,
        })
    }

    /// Adds where this node's coins are to go at a cooperative close (BOLT 2, option_upfront_shutdown_script). It is not
    /// among the terms so that an address need be made only for an opening that is not refused.
    ///
    /// # Errors
    ///
    /// [`OpeningError`] where no cooperative close could pay there.
    pub fn promising(mut self, script: ScriptBuf) -> Result<Self, OpeningError> {
        if !is_valid_shutdown_script(&script) {
            let by = Side::Holder;
            return Err(OpeningError::ShutdownScript { by, script });
        }
        self.accept.side.upfront_shutdown_script = Some(script);
        Ok(self)
    }

    /// accept_channel.
    pub fn message(&self) -> &AcceptChannel {
        &self.accept
    }

    /// open_channel.
    pub fn open(&self) -> &OpenChannel {
        &self.open
    }

    /// Takes the peer's funding_created. Gives the channel's first state, what to do once it is durable, and the
    /// transcript to store.
    ///
    /// # Errors
    ///
    /// [`OpeningError`] where the outpoint or the signature is not acceptable: the opening has failed.
    pub fn funding_created(
        self,
        created: FundingCreated,
        verifier: &dyn SignatureVerifier,
    ) -> Result<(Channel, Vec<Action>, Opening), OpeningError> {
        let opening = AcceptorOpening {
            peer: self.peer,
            keys_id: self.keys_id,
            points: self.points,
            open: self.open,
            accept: self.accept,
            created,
        };
        let (channel, actions) = opening.channel(verifier)?;
        Ok((channel, actions, Opening::Acceptor(Box::new(opening))))
    }
}
