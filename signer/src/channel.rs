//! Signing for living channels, from the durable ledger only.

use std::sync::Arc;

use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::{Amount, Transaction};
use zarnitsa_channel::ids::ChannelId;
use zarnitsa_channel::keys::derive_private_key;
use zarnitsa_channel::params::Side;
use zarnitsa_channel::state::Channel;
use zarnitsa_channel::tx::commitment::CommitmentTx;
use zarnitsa_channel::tx::TxError;

use crate::error::{SignerError, WitnessError};
use crate::keys::ChannelKeys;
use crate::signer::{sign, sign_for_message, Signer};
use crate::witness::LedgerView;

/// The signer's way to read the ledger. Only what is on disk may be shown to it: what it signs can be asked for at once.
pub trait ChannelView: Send + Sync {
    /// The channel's durable state.
    fn channel(&self, id: &ChannelId) -> Option<Channel>;
}

/// What commitment_signed carries (BOLT 2), or funding_created and funding_signed for commitment 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitmentSignatures {
    /// Of the counterparty's commitment.
    pub number: u64,
    /// Over the commitment transaction.
    pub signature: Signature,
    /// Over its HTLC transactions, in output order.
    pub htlc_signatures: Vec<Signature>,
}

/// A channel's durable state with its keys, which have been compared.
pub(crate) struct Known {
    pub(crate) id: ChannelId,
    pub(crate) channel: Channel,
    pub(crate) keys: Arc<ChannelKeys>,
}

impl Known {
    pub(crate) fn nothing(&self, what: &'static str) -> SignerError {
        SignerError::NothingToSign {
            channel_id: self.id,
            state: self.channel.state_name(),
            what,
        }
    }

    pub(crate) fn transaction(&self) -> impl Fn(TxError) -> SignerError {
        let channel_id = self.id;
        move |source| SignerError::Transaction { channel_id, source }
    }
}

impl Signer {
    pub(crate) fn known(&self, id: &ChannelId) -> Result<Known, SignerError> {
        if let Some(reason) = self.refusing() {
            return Err(SignerError::Refusing {
                reason: reason.to_owned(),
            });
        }
        let channel = self
            .view()?
            .channel(id)
            .ok_or(SignerError::UnknownChannel { channel_id: *id })?;
        let keys = self.channel_keys(&channel.params().keys_id)?;
        if keys.public != channel.params().holder.keys {
            return Err(SignerError::ForeignKeys { channel_id: *id });
        }
        Ok(Known {
            id: *id,
            channel,
            keys,
        })
    }

    /// Signs the newest commitment that the ledger says is signed for the counterparty, and its HTLC transactions. The
    /// same state gives the same signatures at every retransmission.
    ///
    /// # Errors
    /// Where the ledger has nothing to sign, or contradicts what was signed before ([`WitnessError`]).
    pub fn sign_counterparty_commitment(
        &self,
        id: &ChannelId,
    ) -> Result<CommitmentSignatures, SignerError> {
        let known = self.known(id)?;
        let commitment = known
            .channel
            .counterparty_commitment()
            .ok_or_else(|| known.nothing("commitment of the peer"))?;
        if commitment.broadcaster() != Side::Counterparty {
            return Err(known.nothing("commitment of the peer"));
        }
        self.witness_signature(id, &commitment)?;
        let params = known.channel.params();
        let point = commitment.keys().per_commitment_point;
        let mut htlc_key = derive_private_key(&known.keys.htlc, &point);
        let htlcs = commitment
            .htlc_transactions(params)
            .map_err(known.transaction())?;
        let htlc_signatures = htlcs
            .iter()
            .map(|htlc| sign_for_message(&htlc.sighash(), &htlc_key))
            .collect();
        htlc_key.non_secure_erase();
        Ok(CommitmentSignatures {
            number: commitment.number(),
            signature: sign_for_message(&commitment.sighash(params), &known.keys.funding),
            htlc_signatures,
        })
    }

    fn witness_signature(
        &self,
        id: &ChannelId,
        commitment: &CommitmentTx,
    ) -> Result<(), SignerError> {
        let mut witness = self.witness();
        let record = witness
            .record(id)
            .sign(*id, commitment.number(), commitment.txid())?;
        witness.store(*id, record)
    }

    /// The secret of our commitment `number`, for revoke_and_ack: from then on that commitment is worthless to us.
    ///
    /// # Errors
    /// Where the ledger does not say that it is revoked, it was signed for broadcast, or a later one was released before.
    pub fn release_secret(&self, id: &ChannelId, number: u64) -> Result<[u8; 32], SignerError> {
        let known = self.known(id)?;
        let releasable = known.channel.releasable_secret_below();
        let mut witness = self.witness();
        let record = witness.record(id).release(*id, number, releasable)?;
        witness.store(*id, record)?;
        Ok(*known.keys.commitment_secret(number))
    }

    /// Signs the closing transaction that pays `fee`, while the ledger says that the fee is negotiated or agreed on.
    ///
    /// # Errors
    /// Where the channel is not being closed cooperatively, or cannot pay the fee.
    pub fn sign_closing(&self, id: &ChannelId, fee: Amount) -> Result<Signature, SignerError> {
        let known = self.known(id)?;
        let closing = known
            .channel
            .closing_transaction(fee)
            .ok_or_else(|| known.nothing("closing transaction"))?
            .map_err(|source| SignerError::Closing {
                channel_id: *id,
                source,
            })?;
        let digest = closing.sighash(known.channel.params());
        Ok(sign(&digest, &known.keys.funding))
    }

    /// The closing transaction that both sides agreed on, with both signatures.
    ///
    /// # Errors
    /// Where nothing is agreed on.
    pub fn complete_closing(&self, id: &ChannelId) -> Result<Transaction, SignerError> {
        let known = self.known(id)?;
        let (closing, theirs) = known
            .channel
            .agreed_closing()
            .ok_or_else(|| known.nothing("agreed closing transaction"))?;
        let params = known.channel.params();
        let ours = sign(&closing.sighash(params), &known.keys.funding);
        Ok(closing.with_signatures(params, &ours, &theirs))
    }

    /// Compares the ledger with what this signer did, at the start. Each answer names a channel of which the ledger is
    /// older than the signer: nothing of it may be signed, and it must not be broadcast either.
    pub fn check_against(&self, view: &dyn ChannelView) -> Vec<WitnessError> {
        let witness = self.witness();
        let mut alarms: Vec<_> = witness
            .channels()
            .filter_map(|(id, record)| {
                let channel = view.channel(&id);
                record.compare(id, channel.as_ref().map(ledger_view)).err()
            })
            .collect();
        alarms.sort_by_key(ToString::to_string);
        alarms
    }
}

fn ledger_view(channel: &Channel) -> LedgerView {
    let (_, signed) = channel.commitment_numbers();
    LedgerView {
        signed,
        txid: channel.counterparty_commitment().map(|tx| tx.txid()),
        releasable: channel.releasable_secret_below(),
    }
}
