//! HTLCs that peers offer: what they pay for, and what becomes of them.

use bitcoin::secp256k1::PublicKey;
use lightning::blinded_path::payment::PaymentContext;
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::command::LocalCommand;
use zarnitsa_channel::ids::{ChannelId, HtlcId, PaymentPreimage};
use zarnitsa_channel::message::{PeerMessage, UpdateAddHtlc};
use zarnitsa_channel::params::Side;
use zarnitsa_peer::onion::{self, Failure, HtlcFailure, Peeled, ONION_LENGTH};
use zarnitsa_peer::routing::Returned;
use zarnitsa_service::records::{self, HtlcKey};
use zarnitsa_service::Attachment;

use crate::wire;

use super::attributing::Behind;
use super::forwarding::Ask;
use super::receiving::Receipt;
use super::step::{Step, Todo};
use super::Driver;

/// Letters of a payer's note that are kept.
const MAX_NOTE: usize = 200;

pub(crate) type Onion = [u8; ONION_LENGTH];

/// An HTLC that a peer offers, with what is in the ledger beside it.
pub(crate) struct Received {
    pub add: UpdateAddHtlc,
    pub onion: Onion,
    /// From the peer, behind the introduction node of a blinded path.
    pub path_key: Option<PublicKey>,
}

impl Driver {
    /// An HTLC of the peer's is irrevocably committed: it is claimed, kept, passed on or failed.
    pub(super) fn htlc_accepted(&mut self, id: ChannelId, htlc: HtlcId) -> Vec<Todo> {
        if let Some(owed) = self.owed(id, htlc) {
            return owed;
        }
        if self.links.is_forwarded((id, htlc)) {
            return Vec::new(); // by a step that is not yet on disk
        }
        // Whether it has an output on the chain, and who can take that, is open: nothing new is begun for it.
        let is_closing = |live: &super::Live| live.machine.is_closing();
        if self.channels.get(&id).is_some_and(is_closing) {
            return Vec::new();
        }
        if !self.watching {
            self.too_early.insert((id, htlc));
            return Vec::new();
        }
        let Some(received) = self.received(id, htlc) else {
            return Vec::new();
        };
        if self
            .channels
            .get(&id)
            .is_some_and(|live| self.is_underpaid(live))
        {
            let channel_update = Vec::new();
            let failure = Failure::TemporaryChannelFailure { channel_update };
            return self.fail_parts(&[(id, htlc)], Some(&failure));
        }
        let add = &received.add;
        match self.shared.peel(&received, self.block_height) {
            Peeled::Receive {
                amount_msat,
                total_msat,
                payment_secret,
                keysend_preimage,
                payment_metadata,
                context,
                ..
            } => {
                let offer = match context.as_deref().map(offer_in) {
                    Some(None) => return self.fail_parts(&[(id, htlc)], None),
                    Some(offer) => offer,
                    None => None,
                };
                let receipt = Receipt {
                    meant: Msat::new(amount_msat),
                    total: Msat::new(total_msat),
                    payment_secret: payment_secret.map(|secret| secret.0),
                    keysend_preimage: keysend_preimage.map(|given| PaymentPreimage(given.0)),
                    payment_metadata,
                    offer,
                };
                self.receive(id, add, &receipt)
            }
            Peeled::Forward {
                short_channel_id,
                amount_msat,
                cltv_expiry,
                packet,
                path_key,
            } => {
                let ask = Ask {
                    short_channel_id,
                    amount: Msat::new(amount_msat),
                    cltv_expiry,
                    onion: wire::onion_bytes(&packet),
                    path_key,
                };
                self.forward(id, add, ask).into_iter().collect()
            }
            Peeled::Fail(failure) => self.fail_parts(&[(id, htlc)], Some(&failure)),
        }
    }

    /// After a start it may be an old one, for which something was done already: then the ledger says what is owed to it.
    fn owed(&mut self, id: ChannelId, htlc: HtlcId) -> Option<Vec<Todo>> {
        let key = HtlcKey::new(&id, Side::Counterparty, htlc);
        let record = self.shared.htlc(&key)?;
        match record.forward {
            Some(outgoing) => Some(self.owed_to(&record, &outgoing).into_iter().collect()),
            None if record.pays_invoice => self.owed_by_invoice(&record),
            None => None,
        }
    }

    /// Too much stands in HTLCs without an output: this one is failed, whatever it pays for.
    pub(super) fn over_exposed(&mut self, id: ChannelId, htlc: HtlcId) -> Option<Step> {
        let received = self.received(id, htlc)?;
        let failure = Failure::TemporaryChannelFailure {
            channel_update: Vec::new(),
        };
        Some(self.fail(&received, &failure))
    }

    /// The HTLC, and its onion, which is in the ledger since its update_add_htlc: that was on disk before this node's
    /// commitment_signed for it went out.
    pub(super) fn received(&self, id: ChannelId, htlc: HtlcId) -> Option<Received> {
        let machine = &self.channels.get(&id)?.machine;
        let add = machine.htlc(Side::Counterparty, htlc)?.update_add();
        let stored = self.shared.onion(&id, Side::Counterparty, htlc);
        let stored = stored.and_then(|it| Some((Onion::try_from(it.packet).ok()?, it.path_key)));
        if stored.is_none() {
            tracing::error!(channel = %id, htlc = htlc.0, "an HTLC without an onion");
        }
        let (onion, path_key) = stored?;
        Some(Received {
            add,
            onion,
            path_key,
        })
    }

    pub(super) fn fail(&self, received: &Received, failure: &Failure) -> Step {
        let (id, onion) = (received.add.id, &received.onion);
        // BOLT 4, "Failure Messages": what fails within a blinded path says nothing of why, and not where.
        let blinded = Failure::InvalidOnionBlinding {
            sha256_of_onion: onion::onion_sha256(onion),
        };
        let failure = match self.shared.is_introduction(received) {
            true => &blinded,
            false => failure,
        };
        let signer = &self.shared.node_signer;
        match onion::fail_htlc(signer, onion, received.path_key.as_ref(), failure) {
            HtlcFailure::Onion { reason } => self.fail_with(received, reason, Behind::default()),
            HtlcFailure::Malformed {
                sha256_of_onion,
                failure_code,
            } => Step::local(LocalCommand::FailMalformedHtlc {
                id,
                sha256_of_onion,
                failure_code,
            }),
        }
    }

    /// Fails it with this `reason`, as it is to leave.
    pub(super) fn fail_with(
        &self,
        received: &Received,
        reason: Vec<u8>,
        behind: Behind<'_>,
    ) -> Step {
        let attribution = self.attribution(received, behind, &reason);
        let id = received.add.id;
        Step {
            attachment: Attachment {
                attribution,
                ..Attachment::default()
            },
            ..Step::local(LocalCommand::FailHtlc { id, reason })
        }
    }

    /// What a failure of one of our own payments says, if that is what the message carries.
    pub(super) fn decode_failure(
        &mut self,
        id: ChannelId,
        message: &PeerMessage,
        attribution: &[u8],
    ) -> Option<records::Failure> {
        let (htlc, reason, malformed) = match message {
            PeerMessage::UpdateFailHtlc { id, reason } => (*id, &reason[..], None),
            PeerMessage::UpdateFailMalformedHtlc {
                id, failure_code, ..
            } => (*id, &[][..], Some(*failure_code)),
            _ => return None,
        };
        let peer = self.channels.get(&id)?.machine.params().peer;
        let part = self.sendings.parts.get_mut(&(id, htlc))?; // else it is a forwarded one
        let payee = self.sendings.payments.get(&part.hash)?.payee;
        let (returned, failure) = match malformed {
            Some(code) => malformed_at(peer, code),
            None => self.shared.read_failure(part, payee, reason, attribution),
        };
        part.returned = Some(returned);
        part.failure = Some(failure.clone());
        Some(failure)
    }
}

/// For which offer a payment is, in words for its entry. None: for nothing that this node gives out.
fn offer_in(context: &PaymentContext) -> Option<String> {
    let PaymentContext::Bolt12Offer(context) = context else {
        return None;
    };
    let mut words = format!("offer {}", hex::encode(context.offer_id.0));
    if let Some(note) = &context.invoice_request.payer_note_truncated {
        let note: String = note.to_string().chars().take(MAX_NOTE).collect();
        words.push_str(": ");
        words.push_str(&note);
    }
    Some(words)
}

fn malformed_at(peer: PublicKey, code: u16) -> (Returned, records::Failure) {
    let failure = records::Failure {
        code,
        culprit: Some(peer),
        reason: "the peer could not read the onion".to_owned(),
    };
    (Returned::MalformedAtPeer, failure)
}
