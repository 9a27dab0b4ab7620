//! What is asked of the route finder.

use bitcoin::secp256k1::{PublicKey, Secp256k1};
use lightning::blinded_path::payment::BlindedPaymentPath;
use lightning::blinded_path::{IntroductionNode, NodeIdLookUp};
use lightning::bolt11_invoice::Bolt11Invoice;
use lightning::ln::channel_state::{ChannelCounterparty, ChannelDetails};
use lightning::ln::types::ChannelId;
use lightning::offers::invoice::Bolt12Invoice;
use lightning::routing::router::{
    BlindedTail, Payee, PaymentParameters, RouteHintHop, RouteParameters,
};
use lightning::sign::{NodeSigner, Recipient};
use lightning::types::features::InitFeatures;

use crate::features::init_features;

/// Into how many parts a payment is split at most, unless the caller says otherwise.
pub const DEFAULT_MAX_PARTS: u8 = 10;

/// The most blocks for which a payment may bind this node's coins: a week.
const MAX_CLTV_DELTA: u32 = 1_008;

/// BOLT 11: what a payee asks for that does not say.
const KEYSEND_FINAL_CLTV_DELTA: u32 = 80;

/// A channel of this node's own that can carry a payment now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstHop {
    /// The peer at its other end.
    pub peer: PublicKey,
    /// What names it in the route that is found: its number, or an alias.
    pub short_channel_id: u64,
    /// What this node calls it to its peer: a payee who is that peer may name it so in its hints.
    pub alias: Option<u64>,
    /// It is announced: the same channel may be in the graph.
    pub announced: bool,
    /// What it holds.
    pub capacity_sat: u64,
    /// The most that one HTLC can carry now.
    pub spendable_msat: u64,
    /// The least that one HTLC can carry.
    pub minimum_msat: u64,
}

impl FirstHop {
    /// As LDK's route finder wants it.
    pub(super) fn details(&self) -> ChannelDetails {
        #[allow(deprecated)] // the struct has a field that LDK will drop
        ChannelDetails {
            channel_id: ChannelId::new_zero(), // the route names it by its number
            counterparty: ChannelCounterparty {
                node_id: self.peer,
                features: peer_features(),
                unspendable_punishment_reserve: 0,
                forwarding_info: None,
                outbound_htlc_minimum_msat: Some(self.minimum_msat),
                outbound_htlc_maximum_msat: Some(self.spendable_msat),
            },
            funding_txo: None,
            channel_type: None,
            short_channel_id: Some(self.short_channel_id),
            outbound_scid_alias: self.alias,
            inbound_scid_alias: None,
            channel_value_satoshis: self.capacity_sat,
            unspendable_punishment_reserve: None,
            user_channel_id: 0,
            feerate_sat_per_1000_weight: None,
            outbound_capacity_msat: self.spendable_msat,
            next_outbound_htlc_limit_msat: self.spendable_msat,
            next_outbound_htlc_minimum_msat: self.minimum_msat,
            inbound_capacity_msat: 0,
            confirmations_required: None,
            confirmations: None,
            force_close_spend_delay: None,
            is_outbound: true,
            is_channel_ready: true,
            channel_shutdown_state: None,
            is_usable: true,
            is_announced: self.announced,
            inbound_htlc_minimum_msat: None,
            inbound_htlc_maximum_msat: None,
            config: None,
            pending_inbound_htlcs: Vec::new(),
            pending_outbound_htlcs: Vec::new(),
            funding_redeem_script: None,
        }
    }
}

/// What a peer with a channel must be able to do: BOLT 9 lets none of ours be without it.
fn peer_features() -> InitFeatures {
    init_features()
}

/// Who is to get how much, and what it may cost.
#[derive(Clone, Debug)]
pub struct RouteRequest(pub(super) RouteParameters);

impl RouteRequest {
    /// To the payee of an invoice, by its hints where it has any.
    pub fn for_invoice(invoice: &Bolt11Invoice, amount_msat: u64, max_fee_msat: u64) -> Self {
        let payee = PaymentParameters::from_bolt11_invoice(invoice);
        Self::new(payee, amount_msat, max_fee_msat)
    }

    /// To the payee of an invoice that was asked for by an offer, by its blinded paths. A path that begins at this node is
    /// entered here: the payment begins behind it.
    pub fn for_offer<S: NodeSigner>(
        invoice: &Bolt12Invoice,
        amount_msat: u64,
        max_fee_msat: u64,
        signer: &S,
        peers: &impl NodeIdLookUp,
    ) -> Self {
        let mut payee = PaymentParameters::from_bolt12_invoice(invoice);
        let own = signer.get_node_id(Recipient::Node).ok();
        if let Payee::Blinded { route_hints, .. } = &mut payee.payee {
            let secp = Secp256k1::new();
            route_hints.retain_mut(|path| match path.introduction_node() {
                IntroductionNode::NodeId(node) if Some(*node) == own => {
                    path.advance_path_by_one(&signer, &peers, &secp).is_ok()
                }
                IntroductionNode::NodeId(_) | IntroductionNode::DirectedShortChannelId(..) => true,
            });
        }
        Self::new(payee, amount_msat, max_fee_msat)
    }

    /// Not by this blinded path.
    pub(super) fn avoid_path(&mut self, tail: &BlindedTail) {
        let Payee::Blinded { route_hints, .. } = &self.0.payment_params.payee else {
            return;
        };
        let is_it = |path: &BlindedPaymentPath| path.blinding_point() == tail.blinding_point;
        let place = route_hints.iter().position(is_it);
        let avoided = &mut self.0.payment_params.previously_failed_blinded_path_idxs;
        avoided.extend(place.and_then(|place| u64::try_from(place).ok()));
    }

    /// To a node that asked for nothing. It goes in one part: without an invoice's secret the payee cannot tell parts from
    /// separate payments.
    pub fn for_keysend(payee: PublicKey, amount_msat: u64, max_fee_msat: u64) -> Self {
        let payee = PaymentParameters::for_keysend(payee, KEYSEND_FINAL_CLTV_DELTA, false);
        Self::new(payee, amount_msat, max_fee_msat).with_max_parts(1)
    }

    fn new(payee: PaymentParameters, amount_msat: u64, max_fee_msat: u64) -> Self {
        let payee = payee
            .with_max_total_cltv_expiry_delta(MAX_CLTV_DELTA)
            .with_max_path_count(DEFAULT_MAX_PARTS);
        Self(RouteParameters {
            payment_params: payee,
            final_value_msat: amount_msat,
            max_total_routing_fee_msat: Some(max_fee_msat),
        })
    }

    /// In no more parts than this.
    pub fn with_max_parts(mut self, parts: u8) -> Self {
        self.0.payment_params.max_path_count = parts;
        self
    }

    /// The same payee, for what is still missing.
    pub fn for_rest(&self, amount_msat: u64, max_fee_msat: u64) -> Self {
        let mut rest = self.clone();
        rest.0.final_value_msat = amount_msat;
        rest.0.max_total_routing_fee_msat = Some(max_fee_msat);
        rest
    }

    /// Not by this channel.
    pub fn avoid(&mut self, short_channel_id: u64) {
        let avoided = &mut self.0.payment_params.previously_failed_channels;
        if !avoided.contains(&short_channel_id) {
            avoided.push(short_channel_id);
        }
    }

    /// Whether the channel is to be left out.
    pub fn avoids(&self, short_channel_id: u64) -> bool {
        let avoided = &self.0.payment_params.previously_failed_channels;
        avoided.contains(&short_channel_id)
    }

    /// The same with hints that begin at the node's peers, where they lead over the node itself. How a payment leaves
    /// this node is for its own channels to say: of one that cannot carry it now the route finder hears nothing, and
    /// would take the payee's word that there is a way.
    pub(super) fn beyond(&self, node_id: &PublicKey) -> Self {
        let mut beyond = self.clone();
        if let Payee::Clear { route_hints, .. } = &mut beyond.0.payment_params.payee {
            for hint in route_hints.iter_mut() {
                let own = hint.0.iter().rposition(|hop| hop.src_node_id == *node_id);
                if let Some(last) = own {
                    hint.0.drain(..=last);
                }
            }
            route_hints.retain(|hint| !hint.0.is_empty());
        }
        beyond
    }

    /// What the payee is to get.
    pub fn amount_msat(&self) -> u64 {
        self.0.final_value_msat
    }

    /// The hop of an invoice's hints that the channel is.
    pub(super) fn hint_mut(&mut self, short_channel_id: u64) -> Option<&mut RouteHintHop> {
        match &mut self.0.payment_params.payee {
            Payee::Clear { route_hints, .. } => route_hints
                .iter_mut()
                .flat_map(|hint| hint.0.iter_mut())
                .find(|hop| hop.short_channel_id == short_channel_id),
            Payee::Blinded { .. } => None,
        }
    }
}
