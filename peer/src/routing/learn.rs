//! What a payment's end teaches: of the channels on its path for all payments, and for the next try of this one.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bitcoin::hashes::{sha256d, Hash};
use bitcoin::secp256k1::{Message, PublicKey, Secp256k1};
use lightning::ln::msgs::ChannelUpdate;
use lightning::routing::router::Path;
use lightning::routing::scoring::ScoreUpdate as _;
use lightning::types::routing::RoutingFees;
use lightning::util::ser::{LengthReadable, Writeable};

use super::request::RouteRequest;
use super::Router;
use crate::onion::{Failure, FailureCode};

/// channel_update's type, which a failure may have before it (BOLT 4, "Failure Messages").
const CHANNEL_UPDATE: [u8; 2] = 258_u16.to_be_bytes();

/// A failure that came back, as far as it could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Returned {
    /// From this hop, counted from 0, which is the first peer; with what it says, where that can be read.
    From(usize, Option<Failure>),
    /// Somebody on the way garbled it.
    Unreadable,
    /// Garbled by the node at this place, counted as above, or by the one before it.
    DamagedAt(usize),
    /// The first peer could not read the onion.
    MalformedAtPeer,
    /// It never left this node, or ended with its channel.
    Local,
}

/// Whether another way can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextTry {
    /// Another way may do.
    Worth,
    /// The payee itself refuses, or nothing is left to try.
    Useless,
}

impl Router {
    /// The payee got it.
    pub fn path_succeeded(&self, path: &Path) {
        self.scorer_mut().payment_path_successful(path, now());
    }

    /// It failed. Learns from it, and changes `request` so that the next way is another one.
    pub fn path_failed(
        &self,
        path: &Path,
        returned: &Returned,
        request: &mut RouteRequest,
    ) -> NextTry {
        let last = path.hops.len().saturating_sub(1);
        match returned {
            Returned::From(hop, failure) if *hop >= last => match (failure, &path.blinded_tail) {
                // Somebody on the payee's own path, who is nobody's to know: another of its paths may do.
                (Some(Failure::InvalidOnionBlinding { .. }), Some(tail)) => {
                    request.avoid_path(tail);
                    NextTry::Worth
                }
                _ => self.payee_failed(path, failure),
            },
            Returned::From(hop, failure) => {
                self.hop_failed(path, *hop, failure.as_ref(), request);
                NextTry::Worth
            }
            // Any node but the last may have done it, so none of their channels is used again for this payment.
            Returned::Unreadable => {
                let doubtful = if last == 0 { 0 } else { 1 };
                avoid_all(path, doubtful, request);
                NextTry::Worth
            }
            Returned::DamagedAt(hop) => {
                // The channel between the two, and where only the payee is behind it, that one.
                let between = path.hops.get(*hop).or(path.hops.last());
                if let Some(between) = between {
                    request.avoid(between.short_channel_id);
                }
                NextTry::Worth
            }
            Returned::MalformedAtPeer | Returned::Local => {
                if let Some(first) = path.hops.first() {
                    request.avoid(first.short_channel_id);
                }
                NextTry::Worth
            }
        }
    }

    /// The payee's word counts, but for parts that came too late.
    fn payee_failed(&self, path: &Path, failure: &Option<Failure>) -> NextTry {
        self.scorer_mut().payment_path_successful(path, now()); // the channels on the way did carry it
        match failure {
            Some(Failure::MppTimeout | Failure::TemporaryNodeFailure) => NextTry::Worth,
            Some(_) | None => NextTry::Useless,
        }
    }

    fn hop_failed(
        &self,
        path: &Path,
        hop: usize,
        failure: Option<&Failure>,
        request: &mut RouteRequest,
    ) {
        let code = failure.map_or(FailureCode(0), Failure::code);
        let (Some(at), Some(next)) = (path.hops.get(hop), path.hops.get(hop + 1)) else {
            return;
        };
        if code.is_node() || code.is_malformed() {
            // The whole node, or nobody knows which part of it: both channels of it on this path.
            request.avoid(at.short_channel_id);
            request.avoid(next.short_channel_id);
            return;
        }
        // BOLT 4: a node can only speak for the channel that it was to forward by.
        let changed = failure.and_then(update_in).is_some_and(|update| {
            self.terms_changed(&update, next.short_channel_id, &at.pubkey, request)
        });
        if !changed {
            self.scorer_mut()
                .payment_path_failed(path, next.short_channel_id, now());
            request.avoid(next.short_channel_id);
        }
    }

    /// The channel wants other terms than were offered. True where they are known now and differ: then it can be tried
    /// again.
    ///
    /// BOLT 4, "Receiving Failure Codes": the update is for this node alone. It is not relayed and not kept as a message,
    /// or a node on the way could send each payer another one and see who knows it.
    fn terms_changed(
        &self,
        update: &ChannelUpdate,
        short_channel_id: u64,
        from: &PublicKey,
        request: &mut RouteRequest,
    ) -> bool {
        let contents = &update.contents;
        let disabled = contents.channel_flags & 2 != 0;
        let right = contents.chain_hash == self.graph.get_chain_hash()
            && contents.short_channel_id == short_channel_id
            && contents.timestamp != 0
            && !disabled;
        if !right || !is_signed_by(update, from) {
            return false;
        }
        if let Some(hint) = request.hint_mut(short_channel_id) {
            let fees = RoutingFees {
                base_msat: contents.fee_base_msat,
                proportional_millionths: contents.fee_proportional_millionths,
            };
            let changed = hint.fees != fees || hint.cltv_expiry_delta != contents.cltv_expiry_delta;
            hint.fees = fees;
            hint.cltv_expiry_delta = contents.cltv_expiry_delta;
            return changed;
        }
        self.graph.update_channel_unsigned(contents).is_ok() // refused where it is not newer
    }
}

fn avoid_all(path: &Path, from: usize, request: &mut RouteRequest) {
    for hop in path.hops.iter().skip(from) {
        request.avoid(hop.short_channel_id);
    }
}

/// A failure that is about terms has the terms with it.
fn update_in(failure: &Failure) -> Option<ChannelUpdate> {
    let bytes = match failure {
        Failure::AmountBelowMinimum { channel_update, .. }
        | Failure::FeeInsufficient { channel_update, .. }
        | Failure::IncorrectCltvExpiry { channel_update, .. }
        | Failure::ExpiryTooSoon { channel_update } => channel_update,
        _ => return None,
    };
    let bytes = bytes.strip_prefix(&CHANNEL_UPDATE).unwrap_or(bytes);
    ChannelUpdate::read_from_fixed_length_buffer(&mut &bytes[..]).ok()
}

fn is_signed_by(update: &ChannelUpdate, node: &PublicKey) -> bool {
    let digest = sha256d::Hash::hash(&update.contents.encode()).to_byte_array();
    Secp256k1::verification_only()
        .verify_ecdsa(&Message::from_digest(digest), &update.signature, node)
        .is_ok()
}

fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}
