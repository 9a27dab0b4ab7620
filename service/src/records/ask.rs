//! Peers that ask this node to open a channel to them, and what the operator wants of that.

use bitcoin::secp256k1::PublicKey;
use bitcoin::Amount;
use exonum::crypto::{self, Hash};
use exonum_derive::{BinaryValue, ObjectHash};
use exonum_proto::ProtobufConvert;
use zarnitsa_channel::ids::ChannelId;

use super::config::first_broken;
use super::{AcceptFrom, Policy};
use crate::proto;
use crate::wire::Wire;

/// After so many openings that came to nothing an ask is refused.
pub const MAX_ATTEMPTS: u32 = 5;

/// Where an ask stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskStatus {
    /// It waits for the operator's word.
    Asked,
    /// It waits for others, to be opened with them.
    Approved,
    /// An order is at it.
    Opening,
    /// Every peer of the batch has signed.
    Opened,
    /// The peer gets no channel.
    Refused,
}

impl AskStatus {
    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Approved => "approved",
            Self::Opening => "opening",
            Self::Opened => "opened",
            Self::Refused => "refused",
        }
    }

    /// Nothing more comes of it.
    pub fn is_over(self) -> bool {
        match self {
            Self::Asked | Self::Approved | Self::Opening => false,
            Self::Opened | Self::Refused => true,
        }
    }
}

/// A peer asks this node to open a channel to it.
#[derive(Clone, Debug, PartialEq, Eq, ProtobufConvert, BinaryValue, ObjectHash)]
#[protobuf_convert(source = "proto::Ask")]
pub struct Ask {
    /// Who.
    #[protobuf_convert(with = "Wire")]
    pub peer: PublicKey,
    /// What the peer calls it.
    #[protobuf_convert(with = "Wire")]
    pub id: [u8; 32],
    /// How large the channel is to be.
    #[protobuf_convert(with = "Wire")]
    pub amount_sat: Amount,
    /// Where it stands.
    #[protobuf_convert(with = "Wire")]
    pub status: AskStatus,
    /// Why it was refused, or why the newest attempt failed.
    pub reason: String,
    /// Unix time in seconds.
    pub received_at: u64,
    /// Openings that came to nothing.
    pub attempts: u32,
    /// The newest order for it.
    #[protobuf_convert(with = "Wire")]
    pub batch: Option<Hash>,
    /// Known once it is opened.
    #[protobuf_convert(with = "Wire")]
    pub channel_id: Option<ChannelId>,
    /// Ledger height at which it came.
    pub created_height: u64,
    /// Ledger height of its newest change.
    pub updated_height: u64,
}

impl Ask {
    /// Its name in the ledger. Two peers may choose the same id.
    pub fn key(&self) -> Hash {
        Self::key_of(&self.peer, &self.id)
    }

    /// The name of what this peer calls `id`.
    pub fn key_of(peer: &PublicKey, id: &[u8; 32]) -> Hash {
        let mut bytes = peer.serialize().to_vec();
        bytes.extend_from_slice(id);
        crypto::hash(&bytes)
    }
}

/// What the operator wants of peers that ask for channels.
#[derive(Clone, Debug, PartialEq, Eq, ProtobufConvert, BinaryValue, ObjectHash)]
#[protobuf_convert(source = "proto::AskPolicy")]
pub struct AskPolicy {
    /// Who may ask.
    #[protobuf_convert(with = "Wire")]
    pub from: AcceptFrom,
    /// The operator approves each.
    pub approve: bool,
    /// The smallest channel that may be asked for.
    #[protobuf_convert(with = "Wire")]
    pub min_sat: Amount,
    /// The largest.
    #[protobuf_convert(with = "Wire")]
    pub max_sat: Amount,
    /// How many asks of all peers may be open. One peer has one.
    pub max_open: u32,
    /// How long the first waits for others, and a peer until it may ask again.
    pub wait_seconds: u32,
    /// As many are opened at once.
    pub max_batch: u32,
    /// One that is not opened after so long is refused.
    pub expiry_seconds: u32,
}

impl AskPolicy {
    /// Nobody may ask a user's node.
    pub fn user() -> Self {
        Self {
            from: AcceptFrom::Nobody,
            ..Self::hub()
        }
    }

    /// Anybody may ask a hub. The coins of a channel are the hub's and the asker pays nothing, so the operator has the
    /// last word.
    pub fn hub() -> Self {
        Self {
            from: AcceptFrom::Anyone,
            approve: true,
            min_sat: Amount::from_sat(20_000),
            max_sat: Amount::from_sat(2_000_000),
            max_open: 200,
            wait_seconds: 600,
            max_batch: 20,
            expiry_seconds: 86_400,
        }
    }

    pub(super) fn check(&self) -> Result<(), &'static str> {
        first_broken([
            (
                self.min_sat <= self.max_sat && self.min_sat > Amount::ZERO,
                "the smallest channel that may be asked for is larger than the largest, or nothing",
            ),
            (
                (1..=10_000).contains(&self.max_open),
                "between 1 and 10,000 asks may be open",
            ),
            (
                (1..=100).contains(&self.max_batch),
                "between 1 and 100 channels can be opened at once",
            ),
            (
                self.wait_seconds < self.expiry_seconds,
                "an ask expires before it is opened",
            ),
        ])
    }
}

/// Why an ask is not taken in. Its text goes to the peer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskRefusal {
    /// By policy.
    #[error("this node opens no channels to you on request")]
    Peer,
    /// By policy.
    #[error("a channel of {got} was asked for, between {least} and {most} are opened on request")]
    Size {
        /// The least that is opened.
        least: Amount,
        /// The most.
        most: Amount,
        /// What was asked for.
        got: Amount,
    },
    /// One at a time.
    #[error("your earlier request is still open")]
    OneOpen,
    /// The peer has just asked.
    #[error("you have asked a short while ago: ask again in {0} s")]
    TooSoon(u64),
    /// By policy.
    #[error("as many requests are open as this node wants ({0}): ask again later")]
    Full(u32),
    /// By policy.
    #[error("you have as many channels with this node as it wants ({0})")]
    FullForPeer(u32),
}

/// What an ask is judged by.
#[derive(Clone, Copy, Debug)]
pub struct AskCase<'a> {
    /// Who asks.
    pub peer: &'a PublicKey,
    /// For how much.
    pub amount: Amount,
    /// Unix time in seconds.
    pub now: u64,
    /// The peer's newest ask before this one.
    pub newest: Option<&'a Ask>,
    /// How many asks are open.
    pub open: u32,
    /// How many channels the peer has with this node that are not closed.
    pub channels: u32,
}

impl Policy {
    /// Whether an ask is taken in.
    ///
    /// # Errors
    ///
    /// Why not.
    pub fn may_ask(&self, case: &AskCase<'_>) -> Result<(), AskRefusal> {
        let asks = &self.asks;
        if !self.is_among(asks.from, case.peer) {
            return Err(AskRefusal::Peer);
        }
        let (least, most, got) = (asks.min_sat, asks.max_sat, case.amount);
        if got < least || got > most {
            return Err(AskRefusal::Size { least, most, got });
        }
        if let Some(newest) = case.newest {
            if !newest.status.is_over() {
                return Err(AskRefusal::OneOpen);
            }
            let again = newest.received_at.saturating_add(asks.wait_seconds.into());
            if case.now < again {
                return Err(AskRefusal::TooSoon(again.saturating_sub(case.now)));
            }
        }
        if case.open >= asks.max_open {
            return Err(AskRefusal::Full(asks.max_open));
        }
        if case.channels >= self.max_channels_per_peer {
            return Err(AskRefusal::FullForPeer(self.max_channels_per_peer));
        }
        Ok(())
    }
}
