//! On-chain coins of a side's own, which pay for what a close cannot pay itself.

use std::cell::RefCell;

use bitcoin::hashes::Hash;
use bitcoin::key::CompressedPublicKey;
use bitcoin::secp256k1::{Message, SecretKey};
use bitcoin::sighash::{EcdsaSighashType, SighashCache};
use bitcoin::{
    Address, Amount, Network, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Witness,
};
use secp256k1::SECP256K1;
use zarnitsa_tests::bitcoind::Bitcoind;

/// What one coin holds, and what a transaction takes of it as its fee.
const COIN: Amount = Amount::from_sat(50_000);
const FEE: Amount = Amount::from_sat(2_000);

pub struct Purse {
    secret: SecretKey,
    coins: RefCell<Vec<OutPoint>>,
}

impl Purse {
    /// With so many coins.
    pub fn new(tag: u8, coins: usize, bitcoind: &Bitcoind) -> Self {
        let purse = Self {
            secret: SecretKey::from_slice(&[tag; 32]).unwrap(),
            coins: RefCell::default(),
        };
        let address = purse.address();
        let coins = (0..coins).map(|_| bitcoind.fund(&address, COIN)).collect();
        purse.coins.replace(coins);
        purse
    }

    fn address(&self) -> Address {
        let key = CompressedPublicKey(self.secret.public_key(SECP256K1));
        Address::p2wpkh(&key, Network::Regtest)
    }

    fn script(&self) -> ScriptBuf {
        self.address().script_pubkey()
    }

    /// One more input and its change.
    pub fn add(&self) -> (TxIn, TxOut) {
        let coin = self.coins.borrow_mut().pop().expect("a coin is left");
        let input = TxIn {
            previous_output: coin,
            script_sig: ScriptBuf::new(),
            sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
            witness: Witness::new(),
        };
        let change = TxOut {
            value: COIN - FEE,
            script_pubkey: self.script(),
        };
        (input, change)
    }

    /// Signs its input.
    pub fn sign(&self, transaction: &mut Transaction, index: usize) {
        let script = self.script();
        let digest = SighashCache::new(&*transaction)
            .p2wpkh_signature_hash(index, &script, COIN, EcdsaSighashType::All)
            .unwrap();
        let message = Message::from_digest(digest.to_byte_array());
        let signature = bitcoin::ecdsa::Signature {
            signature: SECP256K1.sign_ecdsa_low_r(&message, &self.secret),
            sighash_type: EcdsaSighashType::All,
        };
        let key = self.secret.public_key(SECP256K1);
        transaction.input[index].witness = Witness::p2wpkh(&signature, &key);
    }
}
