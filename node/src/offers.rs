//! BOLT 12: offers, and what is said about them in onion messages.
//!
//! As payee this node keeps nothing of an offer or of an invoice that it gave for one. An offer's keys follow from a nonce
//! in it, and what an invoice's payment needs this node writes into the invoice's blinded paths, for itself alone to read
//! (see [`OfferNonce`]). The ledger hears of a payment when it is here.

mod nonce;
mod paths;
mod peers;
mod text;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use bitcoin::constants::ChainHash;
use bitcoin::secp256k1::Secp256k1;
use bitcoin::Network;
use lightning::blinded_path::message::{MessageForwardNode, OffersContext};
use lightning::chain::BestBlock;
use lightning::ln::channelmanager::PaymentId;
use lightning::offers::flow::{InvreqResponseInstructions, OffersMessageFlow};
use lightning::offers::invoice::Bolt12Invoice;
use lightning::offers::invoice_error::InvoiceError;
use lightning::offers::invoice_request::InvoiceRequest;
use lightning::offers::nonce::Nonce;
use lightning::offers::offer::Offer;
use lightning::offers::parse::Bolt12SemanticError;
use lightning::onion_message::messenger::{
    MessageSendInstructions, Responder, ResponseInstruction,
};
use lightning::onion_message::offers::{OffersMessage, OffersMessageHandler};
use lightning::sign::{NodeSigner as _, RandomBytes};
use tokio::sync::oneshot;
use zarnitsa_peer::{MessageRouter, TracingLogger};

use crate::ldk_signer::LdkSigner;
use crate::shared::Shared;
use crate::time;

pub(crate) use nonce::OfferNonce;
pub(crate) use peers::ChannelPeers;
pub(crate) use text::{bolt12_invoice, bolt12_text};

/// Invoices that are waited for at once.
const MAX_ASKED: usize = 256;

/// The answer to a request for an invoice.
pub(crate) type Answer = Result<Box<Bolt12Invoice>, String>;

/// This node's part of BOLT 12.
pub(crate) struct Offers {
    flow: OffersMessageFlow<Arc<MessageRouter>, Arc<TracingLogger>>,
    entropy: RandomBytes,
    /// Known once the node runs.
    node: OnceLock<Weak<Shared>>,
    /// Who waits for an answer.
    asked: Mutex<HashMap<PaymentId, oneshot::Sender<Answer>>>,
}

impl Offers {
    /// For the node with this key.
    pub(crate) fn new(signer: &LdkSigner, network: Network, router: Arc<MessageRouter>) -> Self {
        let now = u32::try_from(time::unix()).unwrap_or(u32::MAX);
        let flow = OffersMessageFlow::new(
            ChainHash::using_genesis_block(network),
            BestBlock::from_network(network), // of use only to what is not used here
            signer.node_id(),
            now,
            signer.get_expanded_key(),
            signer.get_receive_auth_key(),
            Secp256k1::new(),
            router,
            Arc::new(TracingLogger),
        );
        Self {
            flow,
            entropy: RandomBytes::new(rand::random()),
            node: OnceLock::new(),
            asked: Mutex::default(),
        }
    }

    /// The node runs: from now on requests are answered.
    pub(crate) fn serve(&self, node: &Arc<Shared>) {
        let _ = self.node.set(Arc::downgrade(node)); // it runs once
    }

    /// An offer of this node's, with a blinded path on which its invoice is asked for.
    ///
    /// # Errors
    /// Where no peer could pass such a request on.
    pub(crate) fn create(
        &self,
        order: NewOffer,
        peers: Vec<MessageForwardNode>,
    ) -> Result<Offer, Bolt12SemanticError> {
        let builder = self.flow.create_offer_builder(&self.entropy, peers)?;
        let builder = match order.amount_msat {
            Some(amount) => builder.amount_msats(amount),
            None => builder,
        };
        let builder = match order.expires_at {
            Some(at) => builder.absolute_expiry(std::time::Duration::from_secs(at)),
            None => builder,
        };
        builder.description(order.description).build()
    }

    /// Asks for an invoice. The answer comes by the receiver, if one comes; the request leaves with the peers' next turn.
    ///
    /// # Errors
    /// Where the offer does not admit of it, or nobody could bring an answer here.
    pub(crate) fn ask(
        &self,
        offer: &Offer,
        amount_msat: Option<u64>,
        peers: Vec<MessageForwardNode>,
    ) -> Result<oneshot::Receiver<Answer>, String> {
        let wrong = |error: Bolt12SemanticError| format!("no invoice can be asked for: {error:?}");
        let nonce = Nonce::from_entropy_source(&self.entropy);
        let id = PaymentId(rand::random());
        let builder = self.flow.create_invoice_request_builder(offer, nonce, id);
        let builder = builder.map_err(wrong)?;
        let builder = match amount_msat {
            Some(amount) => builder.amount_msats(amount).map_err(wrong)?,
            None => builder,
        };
        let request = builder.build_and_sign().map_err(wrong)?;
        let (sender, receiver) = oneshot::channel();
        let mut asked = self.asked();
        asked.retain(|_, waiting| !waiting.is_closed());
        if asked.len() >= MAX_ASKED {
            return Err("too many invoices are waited for already".to_owned());
        }
        asked.insert(id, sender);
        drop(asked);
        self.flow
            .enqueue_invoice_request(request, id, nonce, peers)
            .map_err(wrong)?;
        Ok(receiver)
    }

    fn asked(&self) -> MutexGuard<'_, HashMap<PaymentId, oneshot::Sender<Answer>>> {
        // Single entries are put and taken: a panic elsewhere leaves the map whole.
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answered(&self, id: &PaymentId, answer: Answer) {
        if let Some(waiting) = self.asked().remove(id) {
            let _ = waiting.send(answer); // the asker may have given up
        }
    }

    /// BOLT 12, requirements for the reader of invoice_request: who asks for an offer of this node's gets an invoice.
    fn requested(
        &self,
        request: InvoiceRequest,
        context: Option<OffersContext>,
    ) -> Option<OffersMessage> {
        let node = self.node.get()?.upgrade()?;
        // A request for an offer that is not this node's is not answered: it may be a guess at whose the offer is.
        let verified = match self.flow.verify_invoice_request(request, context).ok()? {
            InvreqResponseInstructions::SendInvoice(verified) => verified,
            InvreqResponseInstructions::SendStaticInvoice { .. } => return None,
        };
        Some(match node.invoice_for(&verified, &self.entropy) {
            Ok(invoice) => OffersMessage::Invoice(invoice),
            Err(error) => {
                tracing::info!(
                    ?error,
                    "an invoice that an offer promises could not be made"
                );
                OffersMessage::InvoiceError(InvoiceError::from(error))
            }
        })
    }
}

impl OffersMessageHandler for Offers {
    fn handle_message(
        &self,
        message: OffersMessage,
        context: Option<OffersContext>,
        responder: Option<Responder>,
    ) -> Option<(OffersMessage, ResponseInstruction)> {
        match message {
            OffersMessage::InvoiceRequest(request) => {
                let responder = responder?;
                let answer = self.requested(request, context)?;
                Some((answer, responder.respond()))
            }
            OffersMessage::Invoice(invoice) => {
                let id = self.flow.verify_bolt12_invoice(&invoice, context.as_ref());
                match id {
                    Ok(id) => self.answered(&id, Ok(Box::new(invoice))),
                    Err(()) => tracing::debug!("an invoice that nobody here has asked for"),
                }
                None
            }
            OffersMessage::InvoiceError(error) => {
                if let Some(OffersContext::OutboundPayment { payment_id, .. }) = context {
                    self.answered(&payment_id, Err(zarnitsa_peer::printable(&error.message.0)));
                }
                None
            }
            // Of payees who are away: nobody here has asked for one.
            OffersMessage::StaticInvoice(_) => None,
        }
    }

    fn release_pending_messages(&self) -> Vec<(OffersMessage, MessageSendInstructions)> {
        self.flow.release_pending_offers_messages()
    }
}

/// What an offer is to say.
pub(crate) struct NewOffer {
    /// None: the payer chooses.
    pub amount_msat: Option<u64>,
    /// For the payer.
    pub description: String,
    /// Unix time in seconds.
    pub expires_at: Option<u64>,
}
