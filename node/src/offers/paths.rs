//! Invoices for offers, and the blinded paths in them by which they are paid.

use std::time::Duration;

use bitcoin::secp256k1::{PublicKey, Secp256k1};
use lightning::blinded_path::message::MessageForwardNode;
use lightning::blinded_path::payment::{
    BlindedPaymentPath, Bolt12OfferContext, ForwardTlvs, PaymentConstraints, PaymentContext,
    PaymentForwardNode, PaymentRelay, ReceiveTlvs, UnauthenticatedReceiveTlvs,
};
use lightning::offers::invoice::Bolt12Invoice;
use lightning::offers::invoice_request::VerifiedInvoiceRequest;
use lightning::offers::nonce::Nonce;
use lightning::offers::parse::Bolt12SemanticError;
use lightning::sign::{NodeSigner as _, RandomBytes};
use lightning::types::features::BlindedHopFeatures;
use lightning::types::payment::{PaymentHash, PaymentSecret};
use zarnitsa_channel::amount::Msat;

use super::nonce::{OfferNonce, EXPIRY_SECONDS};
use crate::bolt11::{MAX_EXPIRY_BLOCKS, MIN_FINAL_CLTV_EXPIRY_DELTA};
use crate::hints::Hint;
use crate::shared::Shared;
use crate::time;

/// Blocks within an invoice's time, reckoned fast.
const EXPIRY_BLOCKS: u32 = EXPIRY_SECONDS / (9 * 60);

impl Shared {
    /// The invoice that the request asks for: with a new hash, and with paths that only this node's own payments end on.
    pub(super) fn invoice_for(
        &self,
        request: &VerifiedInvoiceRequest,
        entropy: &RandomBytes,
    ) -> Result<Bolt12Invoice, Bolt12SemanticError> {
        let amount = request.amount_msats().filter(|amount| *amount > 0);
        let amount = Msat::new(amount.ok_or(Bolt12SemanticError::MissingAmount)?);
        let (now, secp) = (time::unix(), Secp256k1::new());
        let nonce = OfferNonce::new(amount, now);
        let hash = self
            .signer
            .invoice_preimage(nonce.as_bytes())
            .payment_hash();
        let height = self.chain.status().known_height();
        let tlvs = UnauthenticatedReceiveTlvs {
            payment_secret: PaymentSecret(*nonce.as_bytes()),
            payment_constraints: PaymentConstraints {
                max_cltv_expiry: height
                    .saturating_add(EXPIRY_BLOCKS)
                    .saturating_add(MAX_EXPIRY_BLOCKS),
                htlc_minimum_msat: 1,
            },
            payment_context: PaymentContext::Bolt12Offer(Bolt12OfferContext {
                offer_id: request.offer_id,
                invoice_request: request.fields(),
            }),
        };
        let seal = Nonce::from_entropy_source(entropy);
        let tlvs = tlvs.authenticate(seal, &self.node_signer.get_expanded_key());
        let paths = self.blinded_paths(amount, &tlvs, entropy);
        if paths.is_empty() {
            return Err(Bolt12SemanticError::MissingPaths);
        }
        request
            .respond_using_derived_keys_no_std(
                paths,
                PaymentHash(hash.0),
                Duration::from_secs(now),
            )?
            .relative_expiry(EXPIRY_SECONDS)
            .allow_mpp()
            .build_and_sign(&secp)
    }

    /// Where a public channel leads here, the path is this node itself; else it begins at a peer, on the peer's terms.
    fn blinded_paths(
        &self,
        amount: Msat,
        tlvs: &ReceiveTlvs,
        entropy: &RandomBytes,
    ) -> Vec<BlindedPaymentPath> {
        let Some(hints) = self.ways_in(amount) else {
            return self.path_by(None, tlvs, entropy).into_iter().collect();
        };
        let able = hints.into_iter().filter(|hint| {
            let features = self.peers.features(&hint.peer);
            features.is_some_and(|features| features.supports_route_blinding())
                && hint.receivable > Msat::ZERO
        });
        able.filter_map(|hint| self.path_by(Some(&hint), tlvs, entropy))
            .collect()
    }

    fn path_by(
        &self,
        by: Option<&Hint>,
        tlvs: &ReceiveTlvs,
        entropy: &RandomBytes,
    ) -> Option<BlindedPaymentPath> {
        let latest = tlvs.tlvs().payment_constraints.max_cltv_expiry;
        let forward = by.map(|hint| forward_by(hint, latest));
        let forwards: Vec<PaymentForwardNode> = forward.into_iter().collect();
        let delta = u16::try_from(MIN_FINAL_CLTV_EXPIRY_DELTA).unwrap_or(u16::MAX);
        let (secp, most) = (Secp256k1::new(), u64::MAX);
        let own = self.signer.node_id();
        let path =
            BlindedPaymentPath::new(&forwards, own, tlvs.clone(), most, delta, entropy, &secp);
        path.ok()
    }

    /// Peers that pass onion messages on to this node.
    pub(crate) fn message_peers(&self) -> Vec<MessageForwardNode> {
        let peers = self.peers.list().into_iter().filter(|peer| {
            let features = peer.features.as_ref();
            peer.connection.is_some()
                && features.is_some_and(|features| features.supports_onion_messages())
        });
        let with_channel = |id: &PublicKey| self.has_channel_with(id);
        let mut nodes: Vec<_> = peers.map(|peer| peer.node_id).collect();
        // Strangers only where there is nobody else.
        if nodes.iter().any(with_channel) {
            nodes.retain(with_channel);
        }
        nodes
            .into_iter()
            .map(|node_id| MessageForwardNode {
                node_id,
                short_channel_id: None,
            })
            .collect()
    }
}

/// The peer forwards on the terms that it has told for its end of the channel.
fn forward_by(hint: &Hint, latest: u32) -> PaymentForwardNode {
    PaymentForwardNode {
        tlvs: ForwardTlvs {
            short_channel_id: hint.short_channel_id,
            payment_relay: PaymentRelay {
                cltv_expiry_delta: hint.terms.cltv_expiry_delta,
                fee_proportional_millionths: hint.terms.fee_proportional_millionths,
                fee_base_msat: hint.terms.fee_base_msat,
            },
            payment_constraints: PaymentConstraints {
                max_cltv_expiry: latest.saturating_add(hint.terms.cltv_expiry_delta.into()),
                htlc_minimum_msat: hint.terms.htlc_minimum_msat,
            },
            features: BlindedHopFeatures::empty(),
            next_blinding_override: None,
        },
        node_id: hint.peer,
        // Whoever asks for more by this path would only learn that something has failed.
        htlc_maximum_msat: hint.terms.htlc_maximum_msat.min(hint.receivable.to_msat()),
    }
}
