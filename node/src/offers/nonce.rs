//! What this node writes into the blinded paths of an invoice for an offer: all it needs to know of it when it is paid.

use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::PaymentHash;
use zarnitsa_service::transactions::NewInvoice;

use crate::shared::Shared;

/// BOLT 12, `invoice_relative_expiry`: its default.
pub(crate) const EXPIRY_SECONDS: u32 = 7_200;

/// The nonce from which the signer derives the invoice's preimage, and the payment secret in its paths: amount, time of
/// making, and 16 random bytes. The payment's hash binds them: with another amount or time it would be another preimage's,
/// and nobody but the signer could have made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OfferNonce([u8; 32]);

impl OfferNonce {
    /// For an invoice of this amount that is made now.
    pub(crate) fn new(amount: Msat, now: u64) -> Self {
        let mut nonce = [0; 32];
        nonce[..8].copy_from_slice(&amount.to_msat().to_be_bytes());
        nonce[8..16].copy_from_slice(&now.to_be_bytes());
        nonce[16..].copy_from_slice(&rand::random::<[u8; 16]>());
        Self(nonce)
    }

    /// As it came back with a payment.
    pub(crate) fn returned(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What the invoice asks for.
    pub(crate) fn amount(&self) -> Msat {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        Msat::new(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }

    /// Unix time in seconds.
    pub(crate) fn created_at(&self) -> u64 {
        let [_, _, _, _, _, _, _, _, a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    /// The entry that a payment of it gets in the ledger. `what` is for people.
    pub(crate) fn entry(&self, what: String) -> NewInvoice {
        NewInvoice {
            nonce: self.0,
            amount_msat: self.amount(),
            description: what,
            created_at: self.created_at(),
            expiry_seconds: EXPIRY_SECONDS,
            invoice: String::new(),
            hold: false,
            keysend: false,
        }
    }
}

impl Shared {
    /// The payment's hash is that of an invoice that this node has made with the nonce.
    pub(crate) fn is_own(&self, nonce: &OfferNonce, hash: &PaymentHash) -> bool {
        self.signer.invoice_preimage(&nonce.0).payment_hash() == *hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonce_returned_says_what_it_was_made_for_and_is_never_the_same() {
        let made = OfferNonce::new(Msat::new(u64::MAX - 1), 1_800_000_000);
        let again = OfferNonce::returned(*made.as_bytes());
        assert_eq!(again, made);
        assert_eq!(again.amount(), Msat::new(u64::MAX - 1));
        assert_eq!(again.created_at(), 1_800_000_000);
        assert_ne!(
            OfferNonce::new(Msat::new(u64::MAX - 1), 1_800_000_000),
            made
        );
    }
}
