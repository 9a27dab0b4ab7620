//! Checks of what a peer signed. Each returns evidence: a value that only the check can make, and that later steps
//! demand.

use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::{Message, PublicKey};
use bitcoin::Transaction;
use secp256k1::SECP256K1;

use crate::ids::HtlcId;
use crate::params::{ChannelParams, Side};
use crate::tx::closing::ClosingTx;
use crate::tx::commitment::CommitmentTx;
use crate::tx::TxError;

mod history;

pub use history::{check_all_prev_tx, CheckedHistory, HistoryError, PastState};

/// Verifies ECDSA signatures. A trait, so that a memo of what was verified can stand in front of the arithmetic.
pub trait SignatureVerifier {
    /// Whether `signature` is `key`'s over `message`.
    fn verify(&self, message: &Message, signature: &Signature, key: &PublicKey) -> bool;
}

/// The plain verifier.
#[derive(Clone, Copy, Debug, Default)]
pub struct Secp;

impl SignatureVerifier for Secp {
    fn verify(&self, message: &Message, signature: &Signature, key: &PublicKey) -> bool {
        SECP256K1.verify_ecdsa(message, signature, key).is_ok()
    }
}

/// Which of a message's signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureOf {
    /// Over the commitment transaction.
    Commitment,
    /// Over the HTLC transaction of this output.
    Htlc {
        /// The place among htlc_signatures, from 0.
        position: usize,
        /// The HTLC.
        id: HtlcId,
    },
    /// Over the closing transaction.
    Closing,
}

/// Why a peer's signatures were refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValidateError {
    /// Not one signature for each HTLC output.
    #[error("{got} HTLC signatures where the commitment has {expected} HTLC outputs")]
    HtlcSignatureCount {
        /// One for each output.
        expected: usize,
        /// How many came.
        got: usize,
    },
    /// A transaction with such a signature does not relay (BIP 146, low S).
    #[error("signature over {of:?} has a high S")]
    HighS {
        /// The signature.
        of: SignatureOf,
    },
    /// The signature is not the key's over the transaction that this node builds.
    #[error("signature over {of:?} is not valid for transaction {txid}")]
    BadSignature {
        /// The signature.
        of: SignatureOf,
        /// What this node would have had signed.
        txid: bitcoin::Txid,
    },
    /// The transaction cannot be built.
    #[error("no transaction to validate against")]
    Tx(#[from] TxError),
}

/// A commitment transaction with the other side's valid signatures over it and over all its HTLC transactions:
/// what its broadcaster needs to close the channel alone.
#[derive(Debug, PartialEq, Eq)]
pub struct ValidatedTx {
    commitment: CommitmentTx,
    signature: Signature,
    htlc_signatures: Vec<Signature>,
}

impl ValidatedTx {
    /// The commitment transaction.
    pub fn commitment(&self) -> &CommitmentTx {
        &self.commitment
    }

    /// The other side's signature over it.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The other side's signatures over its HTLC transactions, in output order.
    pub fn htlc_signatures(&self) -> &[Signature] {
        &self.htlc_signatures
    }

    /// Transaction, signature, HTLC signatures: for the state that is to be stored.
    pub fn into_parts(self) -> (CommitmentTx, Signature, Vec<Signature>) {
        (self.commitment, self.signature, self.htlc_signatures)
    }

    /// The complete transaction, once the broadcaster has signed too.
    pub fn with_broadcaster_signature(
        &self,
        params: &ChannelParams,
        broadcaster_signature: &Signature,
    ) -> Transaction {
        let (holder, counterparty) = match self.commitment.broadcaster() {
            Side::Holder => (broadcaster_signature, &self.signature),
            Side::Counterparty => (&self.signature, broadcaster_signature),
        };
        self.commitment
            .with_signatures(params, holder, counterparty)
    }
}

/// Checks what the other side signed of `commitment`, which this node has built from its own state.
///
/// BOLT 2, commitment_signed and funding_created / funding_signed: the signature must be valid for the commitment
/// transaction, there must be exactly one HTLC signature for each HTLC output in their order, each must be valid for
/// its HTLC transaction under the format's sighash type, and all must have a low S.
///
/// # Errors
///
/// [`ValidateError`], which the channel answers with an error or a warning.
pub fn validate_tx(
    commitment: CommitmentTx,
    params: &ChannelParams,
    signature: Signature,
    htlc_signatures: Vec<Signature>,
    verifier: &dyn SignatureVerifier,
) -> Result<ValidatedTx, ValidateError> {
    let expected = commitment.htlc_outputs().len();
    // The cheap check first: the peer chose how many to send.
    if htlc_signatures.len() != expected {
        return Err(ValidateError::HtlcSignatureCount {
            expected,
            got: htlc_signatures.len(),
        });
    }
    let check = Check { verifier };
    check.signature(
        SignatureOf::Commitment,
        commitment.tx(),
        &commitment.sighash(params),
        &signature,
        &params.side(commitment.broadcaster().other()).keys.funding,
    )?;
    let htlcs = commitment.htlc_transactions(params)?;
    for (position, (htlc, signature)) in htlcs.iter().zip(&htlc_signatures).enumerate() {
        let id = htlc.htlc().id;
        check.signature(
            SignatureOf::Htlc { position, id },
            htlc.tx(),
            &htlc.sighash(),
            signature,
            htlc.countersignatory_key(),
        )?;
    }
    Ok(ValidatedTx {
        commitment,
        signature,
        htlc_signatures,
    })
}

/// A closing transaction with the counterparty's valid signature.
#[derive(Debug, PartialEq, Eq)]
pub struct ValidatedClosing {
    closing: ClosingTx,
    signature: Signature,
}

impl ValidatedClosing {
    /// The closing transaction.
    pub fn closing(&self) -> &ClosingTx {
        &self.closing
    }

    /// The counterparty's signature over it.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The complete transaction, once this node has signed too.
    pub fn with_holder_signature(&self, params: &ChannelParams, holder: &Signature) -> Transaction {
        self.closing
            .with_signatures(params, holder, &self.signature)
    }
}

/// Checks the counterparty's signature over a closing transaction that this node has built.
///
/// BOLT 2, closing_signed: the signature must be valid for one of the variants of the closing transaction, with a
/// low S. The caller tries one variant after the other.
///
/// # Errors
///
/// [`ValidateError`].
pub fn validate_closing_tx(
    closing: ClosingTx,
    params: &ChannelParams,
    signature: Signature,
    verifier: &dyn SignatureVerifier,
) -> Result<ValidatedClosing, ValidateError> {
    let check = Check { verifier };
    check.signature(
        SignatureOf::Closing,
        closing.tx(),
        &closing.sighash(params),
        &signature,
        &params.counterparty.keys.funding,
    )?;
    Ok(ValidatedClosing { closing, signature })
}

struct Check<'a> {
    verifier: &'a dyn SignatureVerifier,
}

impl Check<'_> {
    fn signature(
        &self,
        of: SignatureOf,
        tx: &Transaction,
        message: &Message,
        signature: &Signature,
        key: &PublicKey,
    ) -> Result<(), ValidateError> {
        if !is_low_s(signature) {
            return Err(ValidateError::HighS { of });
        }
        if !self.verifier.verify(message, signature, key) {
            return Err(ValidateError::BadSignature {
                of,
                txid: tx.compute_txid(),
            });
        }
        Ok(())
    }
}

/// BIP 146: of the two values of S that verify, the lower.
pub fn is_low_s(signature: &Signature) -> bool {
    let mut normalized = *signature;
    normalized.normalize_s();
    normalized == *signature
}
