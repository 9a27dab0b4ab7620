//! An incoming HTLC's onion, one layer off (BOLT 4, "Onion Decryption").

use bitcoin::hashes::{sha256, Hash};
use bitcoin::secp256k1::{PublicKey, Secp256k1};
use lightning::ln::channelmanager::{PendingHTLCInfo, PendingHTLCRouting};
use lightning::ln::msgs::{OnionPacket, UpdateAddHTLC};
use lightning::ln::onion_payment::{peel_payment_onion, InboundHTLCErr};
use lightning::ln::onion_utils::LocalHTLCFailureReason;
use lightning::ln::types::ChannelId;
use lightning::sign::{NodeSigner, Recipient};
use lightning::types::payment::{PaymentHash, PaymentPreimage, PaymentSecret};
use lightning::util::ser::Readable;

use super::failure::Failure;
use super::returning::build_failure;
use crate::logger::TracingLogger;

/// Bytes of an onion, as they travel in update_add_htlc.
pub const ONION_LENGTH: usize = 1_366;

/// An HTLC that is irrevocably committed, and its onion.
#[derive(Clone, Debug)]
pub struct IncomingHtlc<'a> {
    /// As it came.
    pub onion: &'a [u8; ONION_LENGTH],
    /// What it carries.
    pub amount_msat: u64,
    /// Its hash.
    pub payment_hash: PaymentHash,
    /// Its expiry.
    pub cltv_expiry: u32,
    /// path_key of update_add_htlc, within a blinded path.
    pub path_key: Option<PublicKey>,
    /// The best block that this node knows.
    pub block_height: u32,
}

/// What an HTLC is for.
#[derive(Clone, Debug)]
pub enum Peeled {
    /// It is for this node.
    Receive {
        /// What the payer says this HTLC carries, which it does at least.
        amount_msat: u64,
        /// All parts of the payment together.
        total_msat: u64,
        /// Proves that the payer knows the invoice. Missing with keysend.
        payment_secret: Option<PaymentSecret>,
        /// What the payer says of the expiry, which the HTLC's is not below.
        cltv_expiry: u32,
        /// Spontaneous payments carry it; its hash has been compared.
        keysend_preimage: Option<PaymentPreimage>,
        /// From the invoice.
        payment_metadata: Option<Vec<u8>>,
    },
    /// It is to be passed on.
    Forward {
        /// By this channel, or by another with the same peer.
        short_channel_id: u64,
        /// With this amount.
        amount_msat: u64,
        /// With this expiry.
        cltv_expiry: u32,
        /// With this onion.
        packet: Box<OnionPacket>,
    },
    /// It must fail, for this reason.
    Fail(Failure),
}

/// What to send back for an HTLC that fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HtlcFailure {
    /// update_fail_htlc.
    Onion {
        /// `reason`.
        reason: Vec<u8>,
    },
    /// update_fail_malformed_htlc.
    Malformed {
        /// Of the onion as it came.
        sha256_of_onion: [u8; 32],
        /// With the flag BADONION.
        failure_code: u16,
    },
}

/// SHA-256 of an onion, for update_fail_malformed_htlc (BOLT 2).
pub fn onion_sha256(onion: &[u8; ONION_LENGTH]) -> [u8; 32] {
    sha256::Hash::hash(onion).to_byte_array()
}

/// The secret shared with the onion's origin. `None` where its ephemeral key is no key.
pub fn shared_secret(
    signer: &(impl NodeSigner + ?Sized),
    onion: &[u8; ONION_LENGTH],
) -> Option<[u8; 32]> {
    // BOLT 4, "Packet Structure": one byte of version, then the key.
    let key = PublicKey::from_slice(onion.get(1..34)?).ok()?;
    let secret = signer.ecdh(Recipient::Node, &key, None).ok()?;
    Some(secret.secret_bytes())
}

/// What to send back for an HTLC that fails with `failure`: encrypted for its origin, or in the clear to the peer
/// where the onion could not be read.
pub fn fail_htlc(
    signer: &(impl NodeSigner + ?Sized),
    onion: &[u8; ONION_LENGTH],
    failure: &Failure,
) -> HtlcFailure {
    let malformed = |failure: &Failure| HtlcFailure::Malformed {
        sha256_of_onion: onion_sha256(onion),
        failure_code: failure.code().0,
    };
    if failure.code().is_malformed() {
        return malformed(failure);
    }
    match shared_secret(signer, onion) {
        Some(secret) => HtlcFailure::Onion {
            reason: build_failure(&secret, failure),
        },
        None => malformed(&Failure::InvalidOnionKey {
            sha256_of_onion: onion_sha256(onion),
        }),
    }
}

/// Takes one layer off, with the checks of BOLT 4 that need neither invoice nor channel.
pub fn peel(signer: &(impl NodeSigner + ?Sized), htlc: &IncomingHtlc<'_>) -> Peeled {
    let Ok(onion_routing_packet) = OnionPacket::read(&mut &htlc.onion[..]) else {
        return Peeled::Fail(Failure::InvalidOnionVersion {
            sha256_of_onion: onion_sha256(htlc.onion),
        });
    };
    let message = UpdateAddHTLC {
        channel_id: ChannelId::new_zero(), // for log lines only
        htlc_id: 0,
        amount_msat: htlc.amount_msat,
        payment_hash: htlc.payment_hash,
        cltv_expiry: htlc.cltv_expiry,
        skimmed_fee_msat: None,
        onion_routing_packet,
        blinding_point: htlc.path_key,
        hold_htlc: None,
    };
    let secp = Secp256k1::verification_only();
    match peel_payment_onion(
        &message,
        signer,
        &TracingLogger,
        &secp,
        htlc.block_height,
        false,
    ) {
        Ok(info) => accepted(htlc, info),
        Err(refused) => Peeled::Fail(failure_of(htlc, &refused)),
    }
}

fn accepted(htlc: &IncomingHtlc<'_>, info: PendingHTLCInfo) -> Peeled {
    let amount_msat = info.outgoing_amt_msat;
    let cltv_expiry = info.outgoing_cltv_value;
    match info.routing {
        // Blinded paths and trampolines are not offered in this node's features.
        PendingHTLCRouting::Forward {
            blinded: Some(_), ..
        }
        | PendingHTLCRouting::Receive {
            payment_context: Some(_),
            ..
        }
        | PendingHTLCRouting::ReceiveKeysend {
            payment_context: Some(_),
            ..
        } => Peeled::Fail(blinding(htlc)),
        PendingHTLCRouting::TrampolineForward { .. } => {
            Peeled::Fail(Failure::RequiredNodeFeatureMissing)
        }
        PendingHTLCRouting::Forward {
            onion_packet,
            short_channel_id,
            ..
        } => Peeled::Forward {
            short_channel_id,
            amount_msat,
            cltv_expiry,
            packet: Box::new(onion_packet),
        },
        PendingHTLCRouting::Receive {
            payment_data,
            payment_metadata,
            ..
        } => Peeled::Receive {
            amount_msat,
            total_msat: payment_data.total_msat,
            payment_secret: Some(payment_data.payment_secret),
            cltv_expiry,
            keysend_preimage: None,
            payment_metadata,
        },
        PendingHTLCRouting::ReceiveKeysend {
            payment_data,
            payment_preimage,
            payment_metadata,
            ..
        } => Peeled::Receive {
            amount_msat,
            total_msat: payment_data
                .as_ref()
                .map_or(amount_msat, |data| data.total_msat),
            payment_secret: payment_data.map(|data| data.payment_secret),
            cltv_expiry,
            keysend_preimage: Some(payment_preimage),
            payment_metadata,
        },
    }
}

fn blinding(htlc: &IncomingHtlc<'_>) -> Failure {
    Failure::InvalidOnionBlinding {
        sha256_of_onion: onion_sha256(htlc.onion),
    }
}

/// LDK's reason in BOLT 4's terms. The data is our own: LDK's hash of a malformed onion leaves out its header.
fn failure_of(htlc: &IncomingHtlc<'_>, refused: &InboundHTLCErr) -> Failure {
    use LocalHTLCFailureReason as Reason;
    // BOLT 4, "Failure Messages": within a blinded path every failure is the same one.
    if htlc.path_key.is_some() {
        return blinding(htlc);
    }
    let sha256_of_onion = onion_sha256(htlc.onion);
    let channel_update = Vec::new();
    match refused.reason {
        Reason::InvalidOnionVersion => Failure::InvalidOnionVersion { sha256_of_onion },
        Reason::InvalidOnionHMAC => Failure::InvalidOnionHmac { sha256_of_onion },
        Reason::InvalidOnionKey => Failure::InvalidOnionKey { sha256_of_onion },
        Reason::InvalidOnionBlinding => blinding(htlc),
        Reason::RequiredNodeFeature => Failure::RequiredNodeFeatureMissing,
        Reason::FinalIncorrectCLTVExpiry => Failure::FinalIncorrectCltvExpiry {
            cltv_expiry: htlc.cltv_expiry,
        },
        Reason::FinalIncorrectHTLCAmount => Failure::FinalIncorrectHtlcAmount {
            incoming_htlc_msat: htlc.amount_msat,
        },
        Reason::PaymentClaimBuffer
        | Reason::InvalidKeysendPreimage
        | Reason::IncorrectPaymentDetails => Failure::IncorrectOrUnknownPaymentDetails {
            htlc_msat: htlc.amount_msat,
            height: htlc.block_height,
        },
        // BOLT 4, "payload format": type 8 is payment_data.
        Reason::PaymentSecretRequired => Failure::InvalidOnionPayload {
            tlv_type: 8,
            offset: 0,
        },
        Reason::InvalidOnionPayload => Failure::InvalidOnionPayload {
            tlv_type: 0,
            offset: 0,
        },
        Reason::IncorrectCLTVExpiry => Failure::IncorrectCltvExpiry {
            cltv_expiry: htlc.cltv_expiry,
            channel_update,
        },
        Reason::CLTVExpiryTooSoon | Reason::OutgoingCLTVTooSoon => {
            Failure::ExpiryTooSoon { channel_update }
        }
        Reason::CLTVExpiryTooFar => Failure::ExpiryTooFar,
        ref other => {
            tracing::debug!(?other, msg = refused.msg, "onion refused");
            Failure::TemporaryNodeFailure
        }
    }
}
