//! HTLCs that peers offer: what they pay for, and what becomes of them.

use bitcoin::secp256k1::PublicKey;
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::command::LocalCommand;
use zarnitsa_channel::ids::{ChannelId, HtlcId, PaymentPreimage};
use zarnitsa_channel::message::{PeerMessage, UpdateAddHtlc};
use zarnitsa_channel::params::Side;
use zarnitsa_peer::onion::{self, Failure, HtlcFailure, Peeled, ONION_LENGTH};
use zarnitsa_service::records;

use crate::time;

use super::step::Step;
use super::Driver;

/// Blocks that must be left before an HTLC's expiry when its preimage is released, so that it can still be claimed on
/// chain. Our invoices ask payers for far more (BOLT 11, min_final_cltv_expiry_delta).
const CLTV_CLAIM_BUFFER: u32 = 12;

type Onion = [u8; ONION_LENGTH];

impl Driver {
    /// An HTLC of the peer's is irrevocably committed: it is claimed or failed at once.
    pub(super) fn htlc_accepted(&mut self, id: ChannelId, htlc: HtlcId) -> Option<Step> {
        let (add, onion) = self.received(id, htlc)?;
        let refused = match self.shared.peel(&add, &onion, self.block_height) {
            Peeled::Receive {
                amount_msat,
                total_msat,
                payment_secret,
                ..
            } => {
                let whole = total_msat <= add.amount.to_msat(); // a payment of one part
                let told = whole && amount_msat <= add.amount.to_msat();
                let secret = payment_secret.map(|secret| secret.0);
                match told.then(|| self.claim(&add, secret)).flatten() {
                    Some(preimage) => {
                        let command = LocalCommand::FulfillHtlc { id: htlc, preimage };
                        return Some(Step::local(command));
                    }
                    // Each refusal is the same, so that a prober learns nothing (BOLT 4).
                    None => Failure::IncorrectOrUnknownPaymentDetails {
                        htlc_msat: add.amount.to_msat(),
                        height: self.block_height,
                    },
                }
            }
            // This node forwards nothing, so it knows no next node.
            Peeled::Forward { .. } => Failure::UnknownNextPeer,
            Peeled::Fail(failure) => failure,
        };
        tracing::info!(channel = %id, htlc = htlc.0, %refused, "an HTLC fails");
        Some(self.fail(htlc, &onion, &refused))
    }

    /// Too much stands in HTLCs without an output: this one is failed, whatever it pays for.
    pub(super) fn over_exposed(&mut self, id: ChannelId, htlc: HtlcId) -> Option<Step> {
        let (_, onion) = self.received(id, htlc)?;
        let failure = Failure::TemporaryChannelFailure {
            channel_update: Vec::new(),
        };
        Some(self.fail(htlc, &onion, &failure))
    }

    /// The HTLC, and its onion, which is in the ledger since its update_add_htlc: that was on disk before this node's
    /// commitment_signed for it went out.
    fn received(&self, id: ChannelId, htlc: HtlcId) -> Option<(UpdateAddHtlc, Onion)> {
        let add = self
            .channels
            .get(&id)?
            .machine
            .htlc(Side::Counterparty, htlc)?
            .update_add();
        let stored = self.shared.onion(&id, Side::Counterparty, htlc);
        let onion = stored.and_then(|bytes| Onion::try_from(bytes).ok());
        if onion.is_none() {
            tracing::error!(channel = %id, htlc = htlc.0, "an HTLC without an onion");
        }
        Some((add, onion?))
    }

    fn fail(&self, id: HtlcId, onion: &Onion, failure: &Failure) -> Step {
        let command = match onion::fail_htlc(&self.shared.node_signer, onion, failure) {
            HtlcFailure::Onion { reason } => LocalCommand::FailHtlc { id, reason },
            HtlcFailure::Malformed {
                sha256_of_onion,
                failure_code,
            } => LocalCommand::FailMalformedHtlc {
                id,
                sha256_of_onion,
                failure_code,
            },
        };
        Step::local(command)
    }

    /// BOLT 4, requirements for the final node. A preimage is released only for the invoice's own HTLC, never for its
    /// hash alone.
    fn claim(&mut self, add: &UpdateAddHtlc, given: Option<[u8; 32]>) -> Option<PaymentPreimage> {
        let invoice = self.shared.invoice(&add.payment_hash)?;
        let secret = self.shared.signer.payment_secret(&invoice.nonce);
        let known = given.is_some_and(|given| given == *secret);
        let in_time = add.cltv_expiry >= self.block_height.saturating_add(CLTV_CLAIM_BUFFER);
        let payable = invoice.status.is_payable()
            && time::unix() < invoice.expires_at()
            && invoice.accepts(add.amount);
        if !(known && in_time && payable) {
            tracing::info!(hash = %add.payment_hash, known, in_time, payable, "not claimed");
            return None;
        }
        if !self.claiming.insert(add.payment_hash) {
            return None; // another HTLC claims it in a step that is not yet on disk
        }
        let preimage = self.shared.signer.invoice_preimage(&invoice.nonce);
        (preimage.payment_hash() == add.payment_hash).then_some(preimage)
    }

    /// What a failure of one of our own payments says, if that is what the message carries.
    pub(super) fn decode_failure(
        &self,
        id: ChannelId,
        message: &PeerMessage,
    ) -> Option<records::Failure> {
        let live = self.channels.get(&id)?;
        match message {
            PeerMessage::UpdateFailHtlc { id: htlc, reason } => {
                let offered = live.machine.htlc(Side::Holder, *htlc)?;
                let payment = self.shared.payment(&offered.payment_hash)?;
                Some(self.shared.decode_failure(&payment, reason))
            }
            PeerMessage::UpdateFailMalformedHtlc { failure_code, .. } => Some(records::Failure {
                code: *failure_code,
                culprit: Some(live.machine.params().peer),
                reason: "the peer could not read the onion".to_owned(),
            }),
            _ => None,
        }
    }

    /// A usable channel with `peer` that can carry `amount` now: of several, the one with the most to spend.
    pub(super) fn channel_to(&self, peer: &PublicKey, amount: Msat) -> Option<ChannelId> {
        let limits = self.shared.limits();
        let with = self.by_peer.get(peer)?;
        with.iter()
            .filter_map(|id| Some((self.channels.get(id)?, *id)))
            .filter(|(live, _)| live.is_ready() && live.machine.is_usable())
            .map(|(live, id)| (live.machine.spendable_msat(&limits), id))
            .filter(|(spendable, _)| *spendable >= amount)
            .max()
            .map(|(_, id)| id)
    }
}
