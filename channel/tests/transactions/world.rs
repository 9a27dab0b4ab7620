//! A channel whose secrets of both sides are known.

use bitcoin::hashes::Hash;
use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::{Message, PublicKey, SecretKey};
use bitcoin::{Amount, OutPoint, Txid};
use secp256k1::SECP256K1;
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::{ChannelId, HtlcId, KeysId, PaymentPreimage};
use zarnitsa_channel::keys::{derive_private_key, derive_revocation_private_key};
use zarnitsa_channel::params::{
    ChannelParams, ChannelPublicKeys, ChannelType, CommitmentFormat, Side, SideParams,
};
use zarnitsa_channel::secrets::commitment_secret_from_seed;
use zarnitsa_channel::tx::commitment::{
    create_commitment_tx, CommitmentHtlc, CommitmentSpec, CommitmentTx,
};
use zarnitsa_channel::tx::spend::{SpendKey, SpendTx};

/// A side's secrets.
#[derive(Clone)]
pub struct Secrets {
    pub funding: SecretKey,
    pub revocation: SecretKey,
    pub payment: SecretKey,
    pub delayed: SecretKey,
    pub htlc: SecretKey,
    pub seed: [u8; 32],
}

impl Secrets {
    /// Five keys and a seed that `tag` decides.
    pub fn new(tag: u64) -> Self {
        let key = |n: u8| {
            let mut bytes = [n; 32];
            bytes[..8].copy_from_slice(&tag.to_be_bytes());
            let digest = bitcoin::hashes::sha256::Hash::hash(&bytes).to_byte_array();
            SecretKey::from_slice(&digest).unwrap()
        };
        Self {
            funding: key(1),
            revocation: key(2),
            payment: key(3),
            delayed: key(4),
            htlc: key(5),
            seed: key(6).secret_bytes(),
        }
    }

    pub fn public(&self) -> ChannelPublicKeys {
        let public = |key: &SecretKey| key.public_key(SECP256K1);
        ChannelPublicKeys {
            funding: public(&self.funding),
            revocation_basepoint: public(&self.revocation),
            payment_basepoint: public(&self.payment),
            delayed_payment_basepoint: public(&self.delayed),
            htlc_basepoint: public(&self.htlc),
        }
    }

    pub fn secret(&self, number: u64) -> SecretKey {
        SecretKey::from_slice(&commitment_secret_from_seed(&self.seed, number)).unwrap()
    }

    pub fn point(&self, number: u64) -> PublicKey {
        self.secret(number).public_key(SECP256K1)
    }
}

pub fn sign(message: &Message, key: &SecretKey) -> Signature {
    SECP256K1.sign_ecdsa(message, key)
}

/// The channel of most tests: 1,000,000 sat, the holder opened it.
#[derive(Clone)]
pub struct World {
    pub params: ChannelParams,
    pub holder: Secrets,
    pub counterparty: Secrets,
}

impl World {
    pub fn new(format: CommitmentFormat, tag: u64) -> Self {
        let (holder, counterparty) = (Secrets::new(tag << 1), Secrets::new(tag << 1 | 1));
        let side = |keys, to_self_delay| SideParams {
            keys,
            dust_limit: Amount::from_sat(354),
            max_htlc_value_in_flight: Msat::new(u64::MAX),
            channel_reserve: Amount::from_sat(10_000),
            htlc_minimum: Msat::new(1),
            max_accepted_htlcs: 483,
            to_self_delay,
            upfront_shutdown_script: None,
        };
        let funding = OutPoint {
            txid: Txid::from_byte_array(holder.seed),
            vout: 1,
        };
        let params = ChannelParams {
            channel_id: ChannelId::from_funding(funding),
            peer: counterparty.public().funding,
            channel_type: ChannelType {
                format,
                scid_alias: false,
                zero_conf: false,
            },
            funding,
            capacity: Amount::from_sat(1_000_000),
            opener: Side::Holder,
            announce: false,
            minimum_depth: 1,
            keys_id: KeysId(holder.seed),
            holder: side(holder.public(), 144),
            counterparty: side(counterparty.public(), 720),
        };
        Self {
            params,
            holder,
            counterparty,
        }
    }

    pub fn secrets(&self, side: Side) -> &Secrets {
        match side {
            Side::Holder => &self.holder,
            Side::Counterparty => &self.counterparty,
        }
    }

    /// A specification at 1,000 sat/kw with these HTLCs `(offered by the broadcaster, sat)`, the rest halved.
    pub fn spec(&self, htlcs: &[(bool, u64)]) -> CommitmentSpec {
        let htlcs: Vec<_> = (0..)
            .zip(htlcs)
            .map(|(id, (offered_by_broadcaster, sat))| CommitmentHtlc {
                offered_by_broadcaster: *offered_by_broadcaster,
                id: HtlcId(id),
                amount: Msat::new(sat * 1_000),
                payment_hash: preimage(id).payment_hash(),
                cltv_expiry: 500 + u32::try_from(id).unwrap(),
            })
            .collect();
        let pending = htlcs.iter().map(|h| h.amount.to_msat()).sum::<u64>();
        let rest = self.params.capacity.to_sat() * 1_000 - pending;
        CommitmentSpec {
            feerate_per_kw: 1_000,
            to_broadcaster: Msat::new(rest / 2),
            to_countersignatory: Msat::new(rest - rest / 2),
            htlcs,
        }
    }

    pub fn commitment(
        &self,
        broadcaster: Side,
        number: u64,
        spec: &CommitmentSpec,
    ) -> CommitmentTx {
        let point = self.secrets(broadcaster).point(number);
        create_commitment_tx(&self.params, broadcaster, number, &point, spec).unwrap()
    }

    /// What the side that does not broadcast `commitment` signs of it.
    pub fn countersign(&self, commitment: &CommitmentTx) -> (Signature, Vec<Signature>) {
        let secrets = self.secrets(commitment.broadcaster().other());
        let signature = sign(&commitment.sighash(&self.params), &secrets.funding);
        let key = derive_private_key(&secrets.htlc, &commitment.keys().per_commitment_point);
        let htlcs = commitment.htlc_transactions(&self.params).unwrap();
        let htlcs = htlcs.iter().map(|htlc| sign(&htlc.sighash(), &key));
        (signature, htlcs.collect())
    }

    /// The holder's key of an input, derived as its signer derives it.
    pub fn spend_key(&self, key: SpendKey) -> SecretKey {
        let own = &self.holder;
        match key {
            SpendKey::DelayedPayment {
                per_commitment_point,
            } => derive_private_key(&own.delayed, &per_commitment_point),
            SpendKey::Htlc {
                per_commitment_point,
            } => derive_private_key(&own.htlc, &per_commitment_point),
            SpendKey::Revocation { commitment } => derive_revocation_private_key(
                &own.revocation,
                &self.counterparty.secret(commitment),
            ),
            SpendKey::Payment => own.payment,
            SpendKey::Funding => own.funding,
        }
    }

    /// Signs every input of a spend of the holder's, checking each key on the way.
    pub fn complete(&self, spend: &SpendTx) -> bitcoin::Transaction {
        let signatures: Vec<_> = spend
            .inputs()
            .iter()
            .enumerate()
            .map(|(index, input)| {
                let key = self.spend_key(input.key());
                assert_eq!(key.public_key(SECP256K1), *input.public_key());
                sign(&spend.sighash(index).unwrap(), &key)
            })
            .collect();
        spend.with_signatures(&signatures).unwrap()
    }
}

/// The preimage of the HTLC with this id in [`World::spec`].
pub fn preimage(id: u64) -> PaymentPreimage {
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&id.to_be_bytes());
    PaymentPreimage(bytes)
}
