//! BOLT 11 invoices of this node, and what belongs to being paid and paying: onions and their failures.

use bitcoin::hashes::{sha256, Hash};
use bitcoin::secp256k1::{Message, PublicKey};
use lightning::types::payment::PaymentHash;
use lightning_invoice::{
    Bolt11Invoice, Currency, InvoiceBuilder, PaymentSecret, RawBolt11Invoice, RawTaggedField,
    SignedRawBolt11Invoice, TaggedField,
};
use std::convert::Infallible;
use std::time::Duration;
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids;
use zarnitsa_peer::onion::{self, Attribution, FailureCode, IncomingHtlc, Peeled};
use zarnitsa_peer::routing::Returned;
use zarnitsa_peer::set_attribution_data_optional;
use zarnitsa_service::records::Failure;
use zarnitsa_service::transactions::NewInvoice;

use crate::driver::{Part, Received};
use crate::shared::Shared;

/// Blocks that a payer must leave until the HTLC expires. LDK's onion reader refuses less than 40; 80 is what others ask.
pub(crate) const MIN_FINAL_CLTV_EXPIRY_DELTA: u64 = 80;

/// No HTLC that expires later is forwarded (BOLT 4, expiry_too_far).
pub(crate) const MAX_EXPIRY_BLOCKS: u32 = 2_016;

/// What a payer must send along (BOLT 11, field `m`). The invoice is the only record of it.
pub(crate) fn payment_metadata(invoice: &str) -> Option<Vec<u8>> {
    let invoice: SignedRawBolt11Invoice = invoice.parse().ok()?; // signed here: whose signature it is needs no proof
    invoice.raw_invoice().payment_metadata().cloned()
}

impl Shared {
    /// Builds and signs it.
    pub(crate) fn bolt11(
        &self,
        payment_hash: ids::PaymentHash,
        new: &NewInvoice,
        metadata: Option<Vec<u8>>,
    ) -> Result<String, String> {
        let hash = sha256::Hash::from_byte_array(payment_hash.0);
        let builder = InvoiceBuilder::new(Currency::from(self.network()))
            .description(new.description.clone())
            .payment_hash(hash)
            .payment_secret(PaymentSecret(*self.signer.payment_secret(&new.nonce)))
            .duration_since_epoch(Duration::from_secs(new.created_at))
            .expiry_time(Duration::from_secs(new.expiry_seconds.into()))
            .min_final_cltv_expiry_delta(MIN_FINAL_CLTV_EXPIRY_DELTA)
            .payee_pub_key(self.signer.node_id())
            .basic_mpp();
        let hints = self.route_hints(new.amount_msat).into_iter();
        let builder = hints.fold(builder, |builder, hint| builder.private_route(hint));
        let builder = if new.amount_msat == Msat::ZERO {
            builder
        } else {
            builder.amount_milli_satoshis(new.amount_msat.to_msat())
        };
        let raw = match metadata {
            // Nothing that lacks it is taken, and so the invoice says that it is compulsory.
            Some(given) => builder
                .payment_metadata(given)
                .require_payment_metadata()
                .build_raw(),
            None => builder.build_raw(),
        };
        raw.map_err(|error| error.to_string())
            .and_then(|raw| self.sign_bolt11(raw))
            .map_err(|error| format!("no invoice could be made: {error}"))
    }

    /// With the features that LDK's builder does not know.
    fn sign_bolt11(&self, mut raw: RawBolt11Invoice) -> Result<String, String> {
        for field in &mut raw.data.tagged_fields {
            if let RawTaggedField::KnownSemantics(TaggedField::Features(features)) = field {
                set_attribution_data_optional(features);
            }
        }
        let sign = |digest: &Message| {
            let signature = self.signer.sign_node_recoverable(digest);
            Ok::<_, Infallible>(signature)
        };
        let Ok(signed) = raw.sign(sign);
        Bolt11Invoice::from_signed(signed)
            .map(|invoice| invoice.to_string())
            .map_err(|error| error.to_string())
    }

    /// Reads the onion of an HTLC that a peer offers.
    pub(crate) fn peel(&self, received: &Received, block_height: u32) -> Peeled {
        let add = &received.add;
        let htlc = IncomingHtlc {
            onion: &received.onion,
            amount_msat: add.amount.to_msat(),
            payment_hash: PaymentHash(add.payment_hash.0),
            cltv_expiry: add.cltv_expiry,
            path_key: received.path_key,
            block_height,
        };
        onion::peel(&self.node_signer, &htlc)
    }

    /// Whether the HTLC enters a blinded path at this node, and goes on. That stands in its onion.
    pub(crate) fn is_introduction(&self, received: &Received) -> bool {
        // Read as of when it was young: by now it may be too late to pass it on, but that is not what is asked.
        let young = received.add.cltv_expiry.saturating_sub(MAX_EXPIRY_BLOCKS);
        let peeled = self.peel(received, young);
        let enters = matches!(
            peeled,
            Peeled::Forward {
                path_key: Some(_),
                ..
            }
        );
        received.path_key.is_none() && enters
    }

    /// What came back for a part of one of our payments, for the route finder and for the ledger. `attribution` is what came
    /// beside it, or nothing.
    pub(crate) fn read_failure(
        &self,
        part: &Part,
        payee: PublicKey,
        reason: &[u8],
        attribution: &[u8],
    ) -> (Returned, Failure) {
        let nodes = part.nodes(payee);
        let key = self.signer.onion_session_key(&part.route.session_nonce);
        let Some(secrets) = onion::session_secrets(&key, &nodes) else {
            return unreadable(None, None);
        };
        let returned = onion::read_failure(&secrets, reason);
        let last = returned.as_ref().map_or(nodes.len(), |found| found.hop);
        let attributed = Attribution::from_bytes(attribution)
            .map(|data| onion::read_attribution(&secrets, reason, &data, last))
            .unwrap_or_default();
        if !attributed.held.is_empty() {
            let tenths = &attributed.held;
            tracing::info!(hash = %part.hash, ?tenths, "how long each node held what failed");
        }
        let Some(returned) = returned else {
            let place = attributed.broken;
            return unreadable(place, place.and_then(|place| nodes.get(place).copied()));
        };
        let code = returned
            .failure
            .as_ref()
            .map_or(0, |failure| failure.code().0);
        let failure = Failure {
            code,
            culprit: nodes.get(returned.hop).copied(),
            reason: FailureCode(code).name().replace('_', " "),
        };
        (Returned::From(returned.hop, returned.failure), failure)
    }
}

/// A failure that somebody has damaged: the node at this place or the one before it, where that is known.
fn unreadable(place: Option<usize>, culprit: Option<PublicKey>) -> (Returned, Failure) {
    let reason = "the failure could not be read: a node on the way damaged it".to_owned();
    let failure = Failure {
        code: 0,
        culprit,
        reason,
    };
    (
        place.map_or(Returned::Unreadable, Returned::DamagedAt),
        failure,
    )
}
