//! An incoming HTLC's onion, one layer off (BOLT 4, "Onion Decryption").

use bitcoin::hashes::{sha256, Hash, HashEngine};
use bitcoin::secp256k1::{PublicKey, Scalar, Secp256k1};
use lightning::blinded_path::payment::PaymentContext;
use lightning::ln::channelmanager::{BlindedForward, PendingHTLCInfo, PendingHTLCRouting};
use lightning::ln::msgs::{OnionPacket, UpdateAddHTLC};
use lightning::ln::onion_payment::{peel_payment_onion, InboundHTLCErr};
use lightning::ln::onion_utils::LocalHTLCFailureReason;
use lightning::ln::types::ChannelId;
use lightning::sign::{NodeSigner, Recipient};
use lightning::types::payment::{PaymentHash, PaymentPreimage, PaymentSecret};
use lightning::util::ser::Readable;

use super::failure::Failure;
use super::returning::{build_failure, open_failure};
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
        /// It came by a blinded path that this node has made: what it wrote there for itself.
        context: Option<Box<PaymentContext>>,
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
        /// Within a blinded path: with this beside the onion.
        path_key: Option<PublicKey>,
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
/// where the onion could not be read. `path_key` is what came beside the onion.
///
/// BOLT 4, "Failure Messages": behind the introduction node of a blinded path nobody says more than that something
/// failed, and that in the clear.
pub fn fail_htlc(
    signer: &(impl NodeSigner + ?Sized),
    onion: &[u8; ONION_LENGTH],
    path_key: Option<&PublicKey>,
    failure: &Failure,
) -> HtlcFailure {
    let sha256_of_onion = onion_sha256(onion);
    let malformed = |failure: &Failure| HtlcFailure::Malformed {
        sha256_of_onion,
        failure_code: failure.code().0,
    };
    if path_key.is_some() {
        return malformed(&Failure::InvalidOnionBlinding { sha256_of_onion });
    }
    // The introduction node says it to the origin.
    let for_origin = matches!(failure, Failure::InvalidOnionBlinding { .. });
    if failure.code().is_malformed() && !for_origin {
        return malformed(failure);
    }
    match shared_secret(signer, onion) {
        Some(secret) => HtlcFailure::Onion {
            reason: build_failure(&secret, failure),
        },
        None => malformed(&Failure::InvalidOnionKey { sha256_of_onion }),
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
        Ok(info) => accepted(signer, htlc, info),
        Err(refused) => Peeled::Fail(failure_of(signer, htlc, &refused)),
    }
}

fn accepted(
    signer: &(impl NodeSigner + ?Sized),
    htlc: &IncomingHtlc<'_>,
    info: PendingHTLCInfo,
) -> Peeled {
    let amount_msat = info.outgoing_amt_msat;
    let cltv_expiry = info.outgoing_cltv_value;
    match info.routing {
        // Trampolines are not offered in this node's features; nor are payments without an invoice by blinded paths.
        PendingHTLCRouting::ReceiveKeysend {
            payment_context: Some(_),
            ..
        } => Peeled::Fail(blinding(htlc)),
        PendingHTLCRouting::TrampolineForward { .. } => {
            Peeled::Fail(Failure::RequiredNodeFeatureMissing)
        }
        PendingHTLCRouting::Forward {
            onion_packet,
            short_channel_id,
            blinded,
            ..
        } => {
            let path_key = match &blinded {
                Some(blinded) => match next_path_key(signer, blinded) {
                    Some(key) => Some(key),
                    None => return Peeled::Fail(blinding(htlc)),
                },
                None => None,
            };
            Peeled::Forward {
                short_channel_id,
                amount_msat,
                cltv_expiry,
                packet: Box::new(onion_packet),
                path_key,
            }
        }
        PendingHTLCRouting::Receive {
            payment_data,
            payment_metadata,
            payment_context,
            ..
        } => Peeled::Receive {
            context: payment_context.map(Box::new),
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
            context: None,
        },
    }
}

/// BOLT 4, "Route Blinding": each node of a blinded path makes the next one's key, unless the path's maker gave it another.
fn next_path_key(
    signer: &(impl NodeSigner + ?Sized),
    blinded: &BlindedForward,
) -> Option<PublicKey> {
    if let Some(given) = blinded.next_blinding_override {
        return Some(given);
    }
    let own = blinded.inbound_blinding_point;
    let secret = signer.ecdh(Recipient::Node, &own, None).ok()?;
    let mut engine = sha256::Hash::engine();
    engine.input(&own.serialize());
    engine.input(&secret.secret_bytes());
    let factor = Scalar::from_be_bytes(sha256::Hash::from_engine(engine).to_byte_array()).ok()?;
    own.mul_tweak(&Secp256k1::verification_only(), &factor).ok()
}

fn blinding(htlc: &IncomingHtlc<'_>) -> Failure {
    Failure::InvalidOnionBlinding {
        sha256_of_onion: onion_sha256(htlc.onion),
    }
}

/// LDK's reason in BOLT 4's terms. The data is our own: LDK's hash of a malformed onion leaves out its header.
fn failure_of(
    signer: &(impl NodeSigner + ?Sized),
    htlc: &IncomingHtlc<'_>,
    refused: &InboundHTLCErr,
) -> Failure {
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
        Reason::InvalidOnionPayload => {
            // LDK says so of whatever it would answer in an onion, and gives that onion: where this node is to enter a
            // blinded path, it has another failure in it.
            let secret = shared_secret(signer, htlc.onion);
            let answer = secret.and_then(|secret| open_failure(&secret, &refused.err_data));
            if matches!(answer, Some(Failure::InvalidOnionBlinding { .. })) {
                return blinding(htlc);
            }
            Failure::InvalidOnionPayload {
                tlv_type: 0,
                offset: 0,
            }
        }
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
