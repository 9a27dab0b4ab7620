//! Signing for channels, from the durable ledger only.

use bitcoin::secp256k1::ecdsa::Signature;

/// Stub until the state lands.
pub trait ChannelView: Send + Sync {}

/// What commitment_signed carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitmentSignatures {
    /// Of the counterparty's commitment.
    pub number: u64,
    /// Over the commitment transaction.
    pub signature: Signature,
    /// Over its HTLC transactions, in output order.
    pub htlc_signatures: Vec<Signature>,
}
