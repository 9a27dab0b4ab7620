//! Channel messages of BOLT 2. What comes from a peer is a [`PeerMessage`]; what goes to it is an
//! [`OutgoingMessage`], which says what to sign or reveal where the wire wants a signature or a secret.

use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::PublicKey;
use bitcoin::{Amount, OutPoint, ScriptBuf};
use serde::{Deserialize, Serialize};

use crate::amount::Msat;
use crate::ids::{HtlcId, PaymentHash, PaymentPreimage, TemporaryChannelId};
use crate::params::{ChannelType, SideParams};

/// open_channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenChannel {
    pub temporary_channel_id: TemporaryChannelId,
    pub funding_amount: Amount,
    pub push: Msat,
    pub feerate_per_kw: u32,
    pub announce: bool,
    pub channel_type: ChannelType,
    pub side: SideParams,
    pub first_per_commitment_point: PublicKey,
}

/// accept_channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptChannel {
    pub temporary_channel_id: TemporaryChannelId,
    pub minimum_depth: u32,
    pub channel_type: ChannelType,
    pub side: SideParams,
    pub first_per_commitment_point: PublicKey,
}

/// funding_created, as it comes from an opener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FundingCreated {
    pub temporary_channel_id: TemporaryChannelId,
    pub funding: OutPoint,
    pub signature: Signature,
}

/// update_add_htlc without its onion, which travels and is stored beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateAddHtlc {
    pub id: HtlcId,
    pub amount: Msat,
    pub payment_hash: PaymentHash,
    pub cltv_expiry: u32,
}

/// closing_signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosingSigned {
    pub fee: Amount,
    pub signature: Signature,
    /// fee_range: least and most.
    pub fee_range: Option<(Amount, Amount)>,
}

/// channel_reestablish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelReestablish {
    pub next_commitment_number: u64,
    pub next_revocation_number: u64,
    /// Zero where nothing has been revoked yet.
    pub your_last_per_commitment_secret: [u8; 32],
    pub my_current_per_commitment_point: PublicKey,
}

/// A message of an existing channel that came from its peer, parsed but not believed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PeerMessage {
    FundingSigned {
        signature: Signature,
    },
    ChannelReady {
        next_per_commitment_point: PublicKey,
        /// short_channel_id alias.
        alias: Option<u64>,
    },
    UpdateAddHtlc(UpdateAddHtlc),
    UpdateFulfillHtlc {
        id: HtlcId,
        preimage: PaymentPreimage,
    },
    UpdateFailHtlc {
        id: HtlcId,
        /// The encrypted failure onion.
        reason: Vec<u8>,
    },
    UpdateFailMalformedHtlc {
        id: HtlcId,
        sha256_of_onion: [u8; 32],
        failure_code: u16,
    },
    UpdateFee {
        feerate_per_kw: u32,
    },
    CommitmentSigned {
        signature: Signature,
        htlc_signatures: Vec<Signature>,
    },
    RevokeAndAck {
        per_commitment_secret: [u8; 32],
        next_per_commitment_point: PublicKey,
    },
    Shutdown {
        script: ScriptBuf,
    },
    ClosingSigned(ClosingSigned),
    ChannelReestablish(ChannelReestablish),
    /// error for this channel: the peer has given it up.
    Error {
        text: String,
    },
}

/// A message to the peer. Signatures and secrets are named, not carried: the signer fills them in from the durable state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OutgoingMessage {
    /// The signer signs the counterparty's commitment 0.
    FundingCreated {
        temporary_channel_id: TemporaryChannelId,
        funding: OutPoint,
    },
    /// The signer signs the counterparty's commitment 0.
    FundingSigned,
    ChannelReady {
        next_per_commitment_point: PublicKey,
        alias: Option<u64>,
    },
    /// The onion is taken from the HTLC's record.
    UpdateAddHtlc(UpdateAddHtlc),
    UpdateFulfillHtlc {
        id: HtlcId,
        preimage: PaymentPreimage,
    },
    UpdateFailHtlc {
        id: HtlcId,
        reason: Vec<u8>,
    },
    UpdateFailMalformedHtlc {
        id: HtlcId,
        sha256_of_onion: [u8; 32],
        failure_code: u16,
    },
    UpdateFee {
        feerate_per_kw: u32,
    },
    /// The signer signs the counterparty's commitment `number` and its HTLC transactions.
    CommitmentSigned {
        number: u64,
    },
    /// The signer reveals the holder's secret of commitment `revoked`.
    RevokeAndAck {
        revoked: u64,
        next_per_commitment_point: PublicKey,
    },
    Shutdown {
        script: ScriptBuf,
    },
    /// The signer signs the closing transaction that pays `fee`.
    ClosingSigned {
        fee: Amount,
        fee_range: Option<(Amount, Amount)>,
    },
    ChannelReestablish(ChannelReestablish),
    Warning {
        text: String,
    },
    Error {
        text: String,
    },
}
