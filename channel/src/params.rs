//! What the two sides agree on when a channel opens, and never change afterwards.

use bitcoin::secp256k1::PublicKey;
use bitcoin::{Amount, OutPoint, ScriptBuf};
use serde::{Deserialize, Serialize};

use crate::amount::Msat;
use crate::ids::{ChannelId, KeysId};

/// One of the channel's two sides, seen from this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Side {
    /// This node.
    Holder,
    /// The peer.
    Counterparty,
}

impl Side {
    /// The other one.
    pub const fn other(self) -> Self {
        match self {
            Self::Holder => Self::Counterparty,
            Self::Counterparty => Self::Holder,
        }
    }
}

/// The commitment format (BOLT 9 bits 12 and 22), the only two that new channels may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CommitmentFormat {
    /// option_static_remotekey alone.
    StaticRemoteKey,
    /// option_static_remotekey with option_anchors (zero-fee HTLC transactions).
    Anchors,
}

/// `channel_type` of BOLT 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelType {
    /// The format of commitment and HTLC transactions.
    pub format: CommitmentFormat,
    /// option_scid_alias: the channel is never named by its real short channel id.
    pub scid_alias: bool,
    /// option_zeroconf: usable before its opening transaction confirms.
    pub zero_conf: bool,
}

/// A side's public keys of one channel (BOLT 3, key derivation).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelPublicKeys {
    /// In the 2-of-2 of the funding output, and of its anchors.
    pub funding: PublicKey,
    /// From it and the OTHER side's points come the keys that punish the other side.
    pub revocation_basepoint: PublicKey,
    /// To it goes this side's balance in the other side's commitment transaction, as it stands.
    pub payment_basepoint: PublicKey,
    /// From it come the keys of this side's delayed outputs.
    pub delayed_payment_basepoint: PublicKey,
    /// From it come this side's keys of HTLC outputs.
    pub htlc_basepoint: PublicKey,
}

/// What one side said in its open_channel or accept_channel (BOLT 2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SideParams {
    /// This side's keys.
    pub keys: ChannelPublicKeys,
    /// Outputs of this side's commitment transaction below this are left out of it.
    pub dust_limit: Amount,
    /// The most that the other side may have in HTLCs offered to this side.
    pub max_htlc_value_in_flight: Msat,
    /// What this side demands that the OTHER side keeps.
    pub channel_reserve: Amount,
    /// The smallest HTLC that this side accepts.
    pub htlc_minimum: Msat,
    /// How many HTLCs this side accepts at once, 483 at most.
    pub max_accepted_htlcs: u16,
    /// Blocks that the OTHER side must wait for its own coins after a unilateral close.
    pub to_self_delay: u16,
    /// option_upfront_shutdown_script: where this side's coins must go at a cooperative close.
    pub upfront_shutdown_script: Option<ScriptBuf>,
}

/// All that is fixed about a channel once its funding outpoint is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelParams {
    /// The channel's name.
    pub channel_id: ChannelId,
    /// The peer's node id.
    pub peer: PublicKey,
    /// Format and options, as both sides agreed.
    pub channel_type: ChannelType,
    /// The output of the opening transaction that holds the channel.
    pub funding: OutPoint,
    /// What that output holds.
    pub capacity: Amount,
    /// Who funded the channel, and pays for its commitment transactions.
    pub opener: Side,
    /// Both sides asked for the channel to be announced (BOLT 7).
    pub announce: bool,
    /// Confirmations before channel_ready, as the acceptor set it.
    pub minimum_depth: u32,
    /// From it the signer derives the holder's keys.
    pub keys_id: KeysId,
    /// This node's terms.
    pub holder: SideParams,
    /// The peer's terms.
    pub counterparty: SideParams,
}

impl ChannelParams {
    /// What `side` said.
    pub fn side(&self, side: Side) -> &SideParams {
        match side {
            Side::Holder => &self.holder,
            Side::Counterparty => &self.counterparty,
        }
    }
}
