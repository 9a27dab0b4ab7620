//! The signer, as LDK's transport and onions want to see it. LDK is handed what its interface asks for and nothing of
//! channels: those are signed by the signer alone.

use std::sync::Arc;

use bitcoin::hashes::{sha256d, Hash};
use bitcoin::secp256k1::ecdh::SharedSecret;
use bitcoin::secp256k1::ecdsa::{RecoverableSignature, Signature};
use bitcoin::secp256k1::{schnorr, Message, PublicKey, Scalar};
use lightning::ln::inbound_payment::ExpandedKey;
use lightning::ln::msgs::UnsignedGossipMessage;
use lightning::offers::invoice::UnsignedBolt12Invoice;
use lightning::sign::{NodeSigner, PeerStorageKey, ReceiveAuthKey, Recipient};
use lightning::util::ser::Writeable;
use lightning_invoice::RawBolt11Invoice;
use zarnitsa_signer::{Purpose, Signer};

/// Passes LDK's questions on to the signer.
#[derive(Clone)]
pub struct LdkSigner(Arc<Signer>);

impl LdkSigner {
    /// For this signer.
    pub fn new(signer: Arc<Signer>) -> Self {
        Self(signer)
    }

    pub(crate) fn node_id(&self) -> PublicKey {
        self.0.node_id()
    }
}

impl NodeSigner for LdkSigner {
    fn get_expanded_key(&self) -> ExpandedKey {
        ExpandedKey::new(*self.0.purpose_key(Purpose::Offers))
    }

    fn get_peer_storage_key(&self) -> PeerStorageKey {
        PeerStorageKey {
            inner: *self.0.purpose_key(Purpose::PeerStorage),
        }
    }

    fn get_receive_auth_key(&self) -> ReceiveAuthKey {
        ReceiveAuthKey(*self.0.purpose_key(Purpose::BlindedPaths))
    }

    fn get_node_id(&self, recipient: Recipient) -> Result<PublicKey, ()> {
        match recipient {
            Recipient::Node => Ok(self.0.node_id()),
            Recipient::PhantomNode => Err(()),
        }
    }

    fn ecdh(
        &self,
        recipient: Recipient,
        other_key: &PublicKey,
        tweak: Option<&Scalar>,
    ) -> Result<SharedSecret, ()> {
        match recipient {
            Recipient::Node => self.0.ecdh(other_key, tweak).ok_or(()),
            Recipient::PhantomNode => Err(()),
        }
    }

    fn sign_invoice(
        &self,
        invoice: &RawBolt11Invoice,
        recipient: Recipient,
    ) -> Result<RecoverableSignature, ()> {
        match recipient {
            Recipient::Node => {
                let digest = Message::from_digest(invoice.signable_hash());
                Ok(self.0.sign_node_recoverable(&digest))
            }
            Recipient::PhantomNode => Err(()),
        }
    }

    fn sign_bolt12_invoice(
        &self,
        invoice: &UnsignedBolt12Invoice,
    ) -> Result<schnorr::Signature, ()> {
        let digest = *invoice.as_ref().as_digest();
        Ok(self.0.sign_node_schnorr(&digest))
    }

    fn sign_gossip_message(&self, message: UnsignedGossipMessage<'_>) -> Result<Signature, ()> {
        let hash = sha256d::Hash::hash(&message.encode());
        Ok(self
            .0
            .sign_node(&Message::from_digest(hash.to_byte_array())))
    }

    fn sign_message(&self, _message: &[u8]) -> Result<String, ()> {
        Err(()) // the node signs no texts for strangers
    }
}
