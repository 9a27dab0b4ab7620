//! From what is to be paid to HTLCs that are ready to be offered: ways, onions, and what the ledger keeps of both.

use bitcoin::secp256k1::PublicKey;
use lightning::offers::invoice::Bolt12Invoice;
use lightning::routing::router::Path;
use lightning::types::payment::{PaymentHash as LdkHash, PaymentPreimage as LdkPreimage};
use lightning_invoice::Bolt11Invoice;
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::{ChannelId, PaymentHash};
use zarnitsa_peer::onion::{self, BuildError, Payee};
use zarnitsa_peer::routing::{arrivals, FirstHop, NoRoute, RouteRequest};
use zarnitsa_service::records::{Failure, Payment, Route, RouteHop};

use crate::offers::bolt12_invoice;
use crate::shared::Shared;
use crate::wire;

/// Why a payment, or a part of it, could not be sent. The word before the colon is the failure's code.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotSent {
    #[error("route_not_found: {0}")]
    NoRoute(#[from] NoRoute),
    #[error(
        "chain_unavailable: bitcoind has not yet told the height, from which an HTLC's time counts"
    )]
    NoHeight,
    #[error("invoice_invalid: {0}")]
    Invoice(String),
    #[error("onion: {0}")]
    Onion(#[from] BuildError),
    #[error("route_not_found: the route found cannot be used: {0}")]
    BadRoute(&'static str),
    #[error("interrupted: the node stopped before the payment was sent")]
    Interrupted,
}

impl From<NotSent> for Failure {
    fn from(reason: NotSent) -> Self {
        Self {
            code: 0,
            culprit: None,
            reason: reason.to_string(),
        }
    }
}

/// What is to be paid, to whom, and with what in the innermost onion.
#[derive(Clone)]
pub(crate) struct Errand {
    pub payment_hash: PaymentHash,
    /// Its node, or the key by which it has signed an invoice whose paths hide its node.
    pub payee_id: PublicKey,
    pub total: Msat,
    pub payee: Payee,
    /// For the whole amount, and without what has failed so far.
    pub request: RouteRequest,
    /// Unix time after which the payee does not want it any more.
    pub expires_at: u64,
}

/// A search for ways.
pub(crate) struct Search {
    pub errand: Errand,
    /// For what is still missing.
    pub request: RouteRequest,
    pub first_hops: Vec<(ChannelId, FirstHop)>,
    /// None where the chain is not known yet.
    pub block_height: Option<u32>,
}

/// An HTLC that is ready to be offered.
#[derive(Debug)]
pub(crate) struct ReadyPart {
    pub channel_id: ChannelId,
    pub amount: Msat,
    pub cltv_expiry: u32,
    pub onion: Vec<u8>,
    pub route: Route,
    pub path: Path,
}

impl Shared {
    /// What an order asks for.
    pub(crate) fn errand(&self, payment: &Payment) -> Result<Errand, NotSent> {
        let (amount, max_fee) = (
            payment.amount_msat.to_msat(),
            payment.max_fee_msat.to_msat(),
        );
        let (payee, request, expires_at) = if payment.invoice.is_empty() {
            let preimage = self.signer.keysend_preimage(&payment.session_nonce);
            if preimage.payment_hash() != payment.payment_hash {
                let reason = "there is neither an invoice nor this node's own preimage";
                return Err(NotSent::Invoice(reason.to_owned()));
            }
            let payee = Payee::Keysend {
                preimage: LdkPreimage(preimage.0),
            };
            let request = RouteRequest::for_keysend(payment.payee, amount, max_fee);
            (payee, request, u64::MAX)
        } else if let Some(invoice) = bolt12_invoice(&payment.invoice) {
            let invoice = invoice.map_err(NotSent::Invoice)?;
            check_bolt12(&invoice, payment)?;
            let (signer, peers) = (&self.node_signer, &*self.channel_peers);
            let request = RouteRequest::for_offer(&invoice, amount, max_fee, signer, peers);
            let expires_at = invoice
                .created_at()
                .saturating_add(invoice.relative_expiry());
            (Payee::Blinded, request, expires_at.as_secs())
        } else {
            let invoice: Bolt11Invoice = payment
                .invoice
                .parse()
                .map_err(|error| NotSent::Invoice(format!("{error}")))?;
            check_invoice(&invoice, payment)?;
            let payee = Payee::Invoice {
                payment_secret: *invoice.payment_secret(),
                payment_metadata: invoice.payment_metadata().cloned(),
            };
            let expires_at = invoice.expires_at().map_or(u64::MAX, |at| at.as_secs());
            let request = RouteRequest::for_invoice(&invoice, amount, max_fee);
            (payee, request, expires_at)
        };
        Ok(Errand {
            payment_hash: payment.payment_hash,
            payee_id: payment.payee,
            total: payment.amount_msat,
            payee,
            request,
            expires_at,
        })
    }

    /// Ways for what is missing, each with its onion.
    pub(crate) fn search(&self, search: &Search) -> Result<Vec<ReadyPart>, NotSent> {
        let height = search.block_height.ok_or(NotSent::NoHeight)?;
        let hops: Vec<FirstHop> = search.first_hops.iter().map(|(_, hop)| *hop).collect();
        let paths = self.router.find(&search.request, &hops)?;
        paths
            .into_iter()
            .map(|path| self.ready_part(search, path, height))
            .collect()
    }

    fn ready_part(&self, search: &Search, path: Path, height: u32) -> Result<ReadyPart, NotSent> {
        let overflow = NotSent::BadRoute("its sums are out of range");
        let arrivals = arrivals(&path, height).ok_or(overflow)?;
        let first = arrivals
            .first()
            .ok_or(NotSent::BadRoute("it has no hops"))?;
        let channel_id = search
            .first_hops
            .iter()
            .find(|(_, hop)| hop.short_channel_id == first.short_channel_id)
            .map(|(id, _)| *id)
            .ok_or(NotSent::BadRoute("it begins with another's channel"))?;
        let session_nonce: [u8; 32] = rand::random();
        let errand = &search.errand;
        let order = onion::Payment {
            path: &path,
            total_msat: errand.total.to_msat(),
            payment_hash: LdkHash(errand.payment_hash.0),
            payee: errand.payee.clone(),
            block_height: height,
        };
        let key = self.signer.onion_session_key(&session_nonce);
        let built = onion::build(&key, &order)?;
        let as_built =
            built.amount_msat == first.amount_msat && built.cltv_expiry == first.cltv_expiry;
        if !as_built {
            return Err(NotSent::BadRoute("its onion says otherwise"));
        }
        // Where a blinded path leads to the payee, what is known of it is its key and what it gets.
        let hidden = path.blinded_tail.as_ref().map(|tail| RouteHop {
            node_id: errand.payee_id,
            short_channel_id: 0,
            amount_msat: Msat::new(tail.final_value_msat),
            cltv_expiry: height,
        });
        let hops = arrivals.iter().map(|arrival| RouteHop {
            node_id: arrival.node_id,
            short_channel_id: arrival.short_channel_id,
            amount_msat: Msat::new(arrival.amount_msat),
            cltv_expiry: arrival.cltv_expiry,
        });
        Ok(ReadyPart {
            channel_id,
            amount: Msat::new(built.amount_msat),
            cltv_expiry: built.cltv_expiry,
            onion: wire::onion_bytes(&built.packet),
            route: Route {
                hops: hops.chain(hidden).collect(),
                session_nonce,
            },
            path,
        })
    }
}

/// As [`check_invoice`], of an invoice for an offer.
fn check_bolt12(invoice: &Bolt12Invoice, payment: &Payment) -> Result<(), NotSent> {
    let agrees = invoice.payment_hash().0 == payment.payment_hash.0
        && invoice.signing_pubkey() == payment.payee
        && payment.amount_msat == Msat::new(invoice.amount_msats());
    if agrees {
        return Ok(());
    }
    let reason = "it is not the one that the order is for";
    Err(NotSent::Invoice(reason.to_owned()))
}

/// The order and its invoice come together from whoever signs for the operator: that they agree is checked here, where
/// both can be read.
fn check_invoice(invoice: &Bolt11Invoice, payment: &Payment) -> Result<(), NotSent> {
    let hash: &[u8] = invoice.payment_hash().as_ref();
    let agrees = hash == payment.payment_hash.0
        && invoice.get_payee_pub_key() == payment.payee
        && invoice
            .amount_milli_satoshis()
            .is_none_or(|asked| payment.amount_msat == Msat::new(asked));
    if agrees {
        return Ok(());
    }
    let reason = "it is not the one that the order is for";
    Err(NotSent::Invoice(reason.to_owned()))
}
