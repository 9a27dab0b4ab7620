//! Signing for channels that close without the peer's help (BOLT 5): our commitment, its HTLCs, and what is ours of either
//! side's commitment.

use bitcoin::secp256k1::SecretKey;
use bitcoin::{Transaction, Witness};
use secp256k1::SECP256K1;
use zarnitsa_channel::ids::{ChannelId, HtlcId, PaymentPreimage};
use zarnitsa_channel::keys::{derive_private_key, derive_revocation_private_key};
use zarnitsa_channel::state::{Channel, SignedHolderCommitment};
use zarnitsa_channel::tx::htlc::HtlcTx;
use zarnitsa_channel::tx::spend::{SpendKey, SpendTx, SpendableOutput};

use crate::channel::Known;
use crate::error::SignerError;
use crate::signer::{sign, Signer};

/// An HTLC of our own commitment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HolderHtlc {
    /// We offered it: it is claimed by its timeout. Else by its preimage.
    pub offered_by_us: bool,
    /// Its number among those of its offerer.
    pub id: HtlcId,
}

impl Signer {
    /// Our newest commitment with both signatures, ready to be broadcast. From then on its secret is never released.
    ///
    /// # Errors
    /// Where the ledger does not say that the channel closes, or the commitment is revoked, which says that the ledger
    /// is older than this signer.
    pub fn complete_holder_commitment(&self, id: &ChannelId) -> Result<Transaction, SignerError> {
        let known = self.known(id)?;
        let holder = known.holder_commitment()?;
        self.witness_broadcast(id, holder.commitment.number())?;
        let params = known.channel.params();
        let ours = sign(&holder.commitment.sighash(params), &known.keys.funding);
        Ok(holder
            .commitment
            .with_signatures(params, &ours, &holder.signature))
    }

    fn witness_broadcast(&self, id: &ChannelId, number: u64) -> Result<(), SignerError> {
        let mut witness = self.witness();
        let record = witness.record(id).broadcast(*id, number)?;
        witness.store(*id, record)
    }

    /// The second-stage transaction of one of our commitment's HTLCs, complete: HTLC-timeout, or HTLC-success with the
    /// preimage. With anchors it pays no fee: see [`sign_holder_htlc`](Self::sign_holder_htlc).
    ///
    /// # Errors
    /// Where our commitment does not have that HTLC with an output, or the preimage is not of it.
    pub fn complete_holder_htlc(
        &self,
        id: &ChannelId,
        htlc: HolderHtlc,
        preimage: Option<&PaymentPreimage>,
    ) -> Result<Transaction, SignerError> {
        let known = self.known(id)?;
        let (stage, theirs, mut key) = self.second_stage(&known, htlc)?;
        let ours = stage
            .broadcaster_sighash(stage.tx(), 0)
            .map(|digest| sign(&digest, &key));
        key.non_secure_erase();
        let ours = ours.map_err(known.transaction())?;
        stage
            .with_signatures(&theirs, &ours, preimage)
            .map_err(known.transaction())
    }

    /// The witness of such an HTLC as input `index` of a transaction that has other inputs to pay its fee, each HTLC's
    /// output at its input's index (BOLT 3, with anchors).
    ///
    /// # Errors
    /// As [`complete_holder_htlc`](Self::complete_holder_htlc), and where that input is not the HTLC's.
    pub fn sign_holder_htlc(
        &self,
        id: &ChannelId,
        htlc: HolderHtlc,
        preimage: Option<&PaymentPreimage>,
        tx: &Transaction,
        index: usize,
    ) -> Result<Witness, SignerError> {
        let known = self.known(id)?;
        let (stage, theirs, mut key) = self.second_stage(&known, htlc)?;
        let ours = stage
            .broadcaster_sighash(tx, index)
            .map(|digest| sign(&digest, &key));
        key.non_secure_erase();
        let ours = ours.map_err(known.transaction())?;
        stage
            .witness(&theirs, &ours, preimage)
            .map_err(known.transaction())
    }

    /// The second stage of an HTLC, the peer's signature over it, and our key.
    fn second_stage(
        &self,
        known: &Known,
        wanted: HolderHtlc,
    ) -> Result<(HtlcTx, bitcoin::secp256k1::ecdsa::Signature, SecretKey), SignerError> {
        let holder = known.holder_commitment()?;
        // Whoever spends our commitment's outputs means our commitment to be on the chain.
        self.witness_broadcast(&known.id, holder.commitment.number())?;
        let stages = holder
            .commitment
            .htlc_transactions(known.channel.params())
            .map_err(known.transaction())?;
        let (stage, theirs) = stages
            .into_iter()
            .zip(holder.htlc_signatures)
            .find(|(stage, _)| {
                let htlc = stage.htlc();
                htlc.offered_by_broadcaster == wanted.offered_by_us && htlc.id == wanted.id
            })
            .ok_or_else(|| known.nothing("such HTLC of ours"))?;
        let point = holder.commitment.keys().per_commitment_point;
        let key = derive_private_key(&known.keys.htlc, &point);
        Ok((stage, theirs, key))
    }

    /// Signs a transaction that takes what is ours of a closed channel: delayed outputs, our balance in the peer's
    /// commitment, its HTLCs, and everything of a revoked commitment.
    ///
    /// # Errors
    /// Where the ledger does not say that the funding output is spent, or an input is not this channel's.
    pub fn sign_spend(&self, id: &ChannelId, spend: &SpendTx) -> Result<Transaction, SignerError> {
        let known = self.known(id)?;
        let mut signatures = Vec::with_capacity(spend.inputs().len());
        for (index, output) in spend.inputs().iter().enumerate() {
            let mut key = known.spend_key(output, index)?;
            let signature = spend.sighash(index).map(|digest| sign(&digest, &key));
            key.non_secure_erase();
            signatures.push(signature.map_err(known.transaction())?);
        }
        spend
            .with_signatures(&signatures)
            .map_err(known.transaction())
    }

    /// The witness of such an output as input `index` of any transaction, one that raises a commitment's fee by its
    /// anchor for instance.
    ///
    /// # Errors
    /// As [`sign_spend`](Self::sign_spend).
    pub fn sign_spend_input(
        &self,
        id: &ChannelId,
        output: &SpendableOutput,
        tx: &Transaction,
        index: usize,
    ) -> Result<Witness, SignerError> {
        let known = self.known(id)?;
        let mut key = known.spend_key(output, index)?;
        let signature = output.sighash(tx, index).map(|digest| sign(&digest, &key));
        key.non_secure_erase();
        Ok(output.witness(&signature.map_err(known.transaction())?))
    }
}

impl Known {
    /// Our commitment, where the ledger says that the channel closes.
    fn holder_commitment(&self) -> Result<SignedHolderCommitment, SignerError> {
        let commitment = match &self.channel {
            Channel::Closing(_) => self.channel.holder_commitment(),
            Channel::AwaitingFundingSigned(_)
            | Channel::AwaitingConfirmations(_)
            | Channel::AwaitingPeerReady(_)
            | Channel::Normal(_)
            | Channel::ShuttingDown(_)
            | Channel::NegotiatingClosing(_)
            | Channel::Closed(_)
            | Channel::Failed(_) => None,
        };
        commitment.ok_or_else(|| self.nothing("commitment of ours to broadcast"))
    }

    /// The private key that an output asks for. The funding key is given for an anchor only, and everything else only
    /// once the ledger says that the funding output is spent.
    fn spend_key(&self, output: &SpendableOutput, index: usize) -> Result<SecretKey, SignerError> {
        let foreign = || SignerError::ForeignInput {
            channel_id: self.id,
            index,
        };
        let keys = &self.keys;
        let is_funding = output.outpoint() == self.channel.params().funding;
        let is_spent = self.channel.spend().is_some();
        let mut key = match output.key() {
            SpendKey::Funding if !is_funding => keys.funding,
            SpendKey::Funding => return Err(foreign()),
            _ if !is_spent => return Err(self.nothing("spent funding output")),
            SpendKey::DelayedPayment {
                per_commitment_point,
            } => derive_private_key(&keys.delayed_payment, &per_commitment_point),
            SpendKey::Htlc {
                per_commitment_point,
            } => derive_private_key(&keys.htlc, &per_commitment_point),
            SpendKey::Payment => keys.payment,
            SpendKey::Revocation { commitment } => self.revocation_key(commitment)?,
        };
        if key.public_key(SECP256K1) != *output.public_key() {
            key.non_secure_erase();
            return Err(foreign());
        }
        Ok(key)
    }

    /// BOLT 3, revocation_privkey: ours, and the secret that the peer revealed.
    fn revocation_key(&self, commitment: u64) -> Result<SecretKey, SignerError> {
        let missing = || self.nothing("secret of that commitment of the peer");
        let secret = self
            .channel
            .counterparty_secret(commitment)
            .ok_or_else(missing)?;
        let secret = SecretKey::from_slice(&secret).map_err(|_| missing())?;
        Ok(derive_revocation_private_key(
            &self.keys.revocation,
            &secret,
        ))
    }
}
