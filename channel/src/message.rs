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
    /// The opening's name until the funding outpoint is known.
    pub temporary_channel_id: TemporaryChannelId,
    /// The channel's capacity, funding_satoshis.
    pub funding_amount: Amount,
    /// What the opener gives to the acceptor from the start.
    pub push: Msat,
    /// Satoshis for 1000 weight units, in the first commitment transactions.
    pub feerate_per_kw: u32,
    /// channel_flags: the opener wants the channel announced (BOLT 7).
    pub announce: bool,
    /// Format and options of the channel.
    pub channel_type: ChannelType,
    /// The sender's own terms and keys.
    pub side: SideParams,
    /// The sender's point of commitment 0.
    pub first_per_commitment_point: PublicKey,
}

/// accept_channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptChannel {
    /// The opening's name until the funding outpoint is known.
    pub temporary_channel_id: TemporaryChannelId,
    /// Confirmations before the acceptor's channel_ready.
    pub minimum_depth: u32,
    /// Format and options of the channel.
    pub channel_type: ChannelType,
    /// The sender's own terms and keys.
    pub side: SideParams,
    /// The sender's point of commitment 0.
    pub first_per_commitment_point: PublicKey,
}

/// funding_created, as it comes from an opener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FundingCreated {
    /// The opening's name until the funding outpoint is known.
    pub temporary_channel_id: TemporaryChannelId,
    /// The output of the opening transaction that holds the channel.
    pub funding: OutPoint,
    /// The opener's signature over the acceptor's commitment 0.
    pub signature: Signature,
}

/// update_add_htlc without its onion, which travels and is stored beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateAddHtlc {
    /// The HTLC's number, one above the sender's last.
    pub id: HtlcId,
    /// What the HTLC pays.
    pub amount: Msat,
    /// SHA-256 of the preimage.
    pub payment_hash: PaymentHash,
    /// The block height at which it expires.
    pub cltv_expiry: u32,
}

/// closing_signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosingSigned {
    /// What the closing transaction pays to miners, fee_satoshis.
    pub fee: Amount,
    /// The sender's signature over the closing transaction.
    pub signature: Signature,
    /// fee_range: least and most.
    pub fee_range: Option<(Amount, Amount)>,
}

/// channel_reestablish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelReestablish {
    /// The number of the next commitment_signed that the sender expects.
    pub next_commitment_number: u64,
    /// The number of the next revoke_and_ack that the sender expects.
    pub next_revocation_number: u64,
    /// Zero where nothing has been revoked yet.
    pub your_last_per_commitment_secret: [u8; 32],
    /// The sender's point of its current commitment.
    pub my_current_per_commitment_point: PublicKey,
}

/// A message of an existing channel that came from its peer, parsed but not believed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PeerMessage {
    /// funding_signed.
    FundingSigned {
        /// The acceptor's signature over the opener's commitment 0.
        signature: Signature,
    },
    /// channel_ready.
    ChannelReady {
        /// The sender's point of the commitment after its current one.
        next_per_commitment_point: PublicKey,
        /// short_channel_id alias.
        alias: Option<u64>,
    },
    /// update_add_htlc.
    UpdateAddHtlc(UpdateAddHtlc),
    /// update_fulfill_htlc.
    UpdateFulfillHtlc {
        /// The HTLC's number, as its offerer counts.
        id: HtlcId,
        /// What claims it.
        preimage: PaymentPreimage,
    },
    /// update_fail_htlc.
    UpdateFailHtlc {
        /// The HTLC's number, as its offerer counts.
        id: HtlcId,
        /// The encrypted failure onion.
        reason: Vec<u8>,
    },
    /// update_fail_malformed_htlc.
    UpdateFailMalformedHtlc {
        /// The HTLC's number, as its offerer counts.
        id: HtlcId,
        /// SHA-256 of the onion as it came, so that its sender can see whether it was garbled on the way.
        sha256_of_onion: [u8; 32],
        /// BOLT 4: the failure's code, with its BADONION bit.
        failure_code: u16,
    },
    /// update_fee.
    UpdateFee {
        /// Satoshis for 1000 weight units.
        feerate_per_kw: u32,
    },
    /// commitment_signed.
    CommitmentSigned {
        /// The sender's signature over the receiver's commitment transaction.
        signature: Signature,
        /// One for each HTLC output, in output order.
        htlc_signatures: Vec<Signature>,
    },
    /// revoke_and_ack.
    RevokeAndAck {
        /// The secret of the commitment that is revoked.
        per_commitment_secret: [u8; 32],
        /// The sender's point of the commitment after its current one.
        next_per_commitment_point: PublicKey,
    },
    /// shutdown.
    Shutdown {
        /// Where the sender's coins are to go.
        script: ScriptBuf,
    },
    /// closing_signed.
    ClosingSigned(ClosingSigned),
    /// channel_reestablish.
    ChannelReestablish(ChannelReestablish),
    /// error for this channel: the peer has given it up.
    Error {
        /// For people.
        text: String,
    },
}

/// A message to the peer. Signatures and secrets are named, not carried: the signer fills them in from the durable state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OutgoingMessage {
    /// The signer signs the counterparty's commitment 0.
    FundingCreated {
        /// The opening's name until the funding outpoint is known.
        temporary_channel_id: TemporaryChannelId,
        /// The output of the opening transaction that holds the channel.
        funding: OutPoint,
    },
    /// The signer signs the counterparty's commitment 0.
    FundingSigned,
    /// channel_ready.
    ChannelReady {
        /// The sender's point of the commitment after its current one.
        next_per_commitment_point: PublicKey,
        /// short_channel_id alias.
        alias: Option<u64>,
    },
    /// The onion is taken from the HTLC's record.
    UpdateAddHtlc(UpdateAddHtlc),
    /// update_fulfill_htlc.
    UpdateFulfillHtlc {
        /// The HTLC's number, as its offerer counts.
        id: HtlcId,
        /// What claims it.
        preimage: PaymentPreimage,
    },
    /// update_fail_htlc.
    UpdateFailHtlc {
        /// The HTLC's number, as its offerer counts.
        id: HtlcId,
        /// The encrypted failure onion.
        reason: Vec<u8>,
    },
    /// update_fail_malformed_htlc.
    UpdateFailMalformedHtlc {
        /// The HTLC's number, as its offerer counts.
        id: HtlcId,
        /// SHA-256 of the onion as it came, so that its sender can see whether it was garbled on the way.
        sha256_of_onion: [u8; 32],
        /// BOLT 4: the failure's code, with its BADONION bit.
        failure_code: u16,
    },
    /// update_fee.
    UpdateFee {
        /// Satoshis for 1000 weight units.
        feerate_per_kw: u32,
    },
    /// The signer signs the counterparty's commitment `number` and its HTLC transactions.
    CommitmentSigned {
        /// The counterparty's commitment to sign.
        number: u64,
    },
    /// The signer reveals the holder's secret of commitment `revoked`.
    RevokeAndAck {
        /// The holder's commitment to revoke.
        revoked: u64,
        /// The sender's point of the commitment after its current one.
        next_per_commitment_point: PublicKey,
    },
    /// shutdown.
    Shutdown {
        /// Where the sender's coins are to go.
        script: ScriptBuf,
    },
    /// The signer signs the closing transaction that pays `fee`.
    ClosingSigned {
        /// What the closing transaction pays to miners, fee_satoshis.
        fee: Amount,
        /// Least and most that this side accepts.
        fee_range: Option<(Amount, Amount)>,
    },
    /// channel_reestablish.
    ChannelReestablish(ChannelReestablish),
    /// warning: the connection closes after it, the channel lives.
    Warning {
        /// For people.
        text: String,
    },
    /// error: the channel is given up.
    Error {
        /// For people.
        text: String,
    },
}
