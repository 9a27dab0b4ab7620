//! BOLT 8 by hand, so that a test can say what no honest node says.

use bitcoin::hashes::{sha256, Hash, HashEngine, Hmac, HmacEngine};
use bitcoin::secp256k1::ecdh::SharedSecret;
use bitcoin::secp256k1::{PublicKey, Secp256k1, SecretKey};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub struct Stranger {
    pub socket: TcpStream,
    secret: SecretKey,
    sending: [u8; 32],
    receiving: [u8; 32],
    sent: u64,
    received: u64,
}

fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut engine = sha256::Hash::engine();
    parts.iter().for_each(|part| engine.input(part));
    sha256::Hash::from_engine(engine).to_byte_array()
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut engine = HmacEngine::<sha256::Hash>::new(key);
    parts.iter().for_each(|part| engine.input(part));
    Hmac::from_engine(engine).to_byte_array()
}

fn hkdf(salt: &[u8; 32], input: &[u8]) -> ([u8; 32], [u8; 32]) {
    let key = hmac(salt, &[input]);
    let first = hmac(&key, &[&[1]]);
    (first, hmac(&key, &[&first, &[2]]))
}

fn nonce(number: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&number.to_le_bytes());
    nonce
}

fn encrypt(key: &[u8; 32], number: u64, aad: &[u8], msg: &[u8]) -> Vec<u8> {
    ChaCha20Poly1305::new(key.into())
        .encrypt(&nonce(number).into(), Payload { msg, aad })
        .unwrap()
}

fn decrypt(key: &[u8; 32], number: u64, aad: &[u8], msg: &[u8]) -> Vec<u8> {
    ChaCha20Poly1305::new(key.into())
        .decrypt(&nonce(number).into(), Payload { msg, aad })
        .unwrap()
}

/// Act one to `node`: its bytes, the ephemeral secret, and the state `(h, ck)` after it.
pub fn act_one(node: &PublicKey, ephemeral: &SecretKey) -> (Vec<u8>, [u8; 32], [u8; 32]) {
    let chaining = hash(&[b"Noise_XK_secp256k1_ChaChaPoly_SHA256"]);
    let state = hash(&[&chaining, b"lightning"]);
    let state = hash(&[&state, &node.serialize()]);
    let public = ephemeral.public_key(&Secp256k1::new()).serialize();
    let state = hash(&[&state, &public]);
    let shared = SharedSecret::new(node, ephemeral);
    let (chaining, key) = hkdf(&chaining, &shared.secret_bytes());
    let tag = encrypt(&key, 0, &state, &[]);
    let act = [&[0], &public[..], &tag].concat();
    (act, hash(&[&state, &tag]), chaining)
}

impl Stranger {
    /// Finishes the handshake. No init is sent yet.
    pub async fn handshake(mut socket: TcpStream, node: &PublicKey, secret: u8) -> Self {
        let secp = Secp256k1::new();
        let secret = SecretKey::from_slice(&[secret; 32]).unwrap();
        let ephemeral = SecretKey::from_slice(&[0x55; 32]).unwrap();
        let (act, state, chaining) = act_one(node, &ephemeral);
        socket.write_all(&act).await.unwrap();

        let mut act_two = [0; 50];
        socket.read_exact(&mut act_two).await.unwrap();
        let theirs = PublicKey::from_slice(&act_two[1..34]).unwrap();
        let state = hash(&[&state, &act_two[1..34]]);
        let shared = SharedSecret::new(&theirs, &ephemeral);
        let (chaining, key) = hkdf(&chaining, &shared.secret_bytes());
        decrypt(&key, 0, &state, &act_two[34..]);
        let state = hash(&[&state, &act_two[34..]]);

        let public = secret.public_key(&secp).serialize();
        let sealed = encrypt(&key, 1, &state, &public);
        let state = hash(&[&state, &sealed]);
        let shared = SharedSecret::new(&theirs, &secret);
        let (chaining, key) = hkdf(&chaining, &shared.secret_bytes());
        let tag = encrypt(&key, 0, &state, &[]);
        let act_three = [&[0], &sealed[..], &tag].concat();
        socket.write_all(&act_three).await.unwrap();

        let (sending, receiving) = hkdf(&chaining, &[]);
        Self {
            socket,
            secret,
            sending,
            receiving,
            sent: 0,
            received: 0,
        }
    }

    pub fn id(&self) -> PublicKey {
        self.secret.public_key(&Secp256k1::new())
    }

    /// The message's length, encrypted. Keys change only after 1,000 of these, which no test here reaches.
    pub async fn header(&mut self, length: u16) {
        let header = encrypt(&self.sending, self.sent, &[], &length.to_be_bytes());
        self.sent += 1;
        self.socket.write_all(&header).await.unwrap();
    }

    pub async fn message(&mut self, message: &[u8]) {
        self.header(u16::try_from(message.len()).unwrap()).await;
        let body = encrypt(&self.sending, self.sent, &[], message);
        self.sent += 1;
        self.socket.write_all(&body).await.unwrap();
    }

    /// init with the features that this node requires.
    pub async fn init(&mut self) {
        // BOLT 9: var_onion 9, static_remotekey 13, payment_secret 15.
        self.message(&[0, 16, 0, 0, 0, 2, 0b1010_0010, 0]).await;
    }

    pub async fn receive(&mut self) -> Vec<u8> {
        let mut header = [0; 18];
        self.socket.read_exact(&mut header).await.unwrap();
        let length = decrypt(&self.receiving, self.received, &[], &header);
        let length = u16::from_be_bytes(length.try_into().unwrap());
        let mut body = vec![0; usize::from(length) + 16];
        self.socket.read_exact(&mut body).await.unwrap();
        let message = decrypt(&self.receiving, self.received + 1, &[], &body);
        self.received += 2;
        message
    }

    /// Comes back once the other end has closed.
    pub async fn closed(&mut self) {
        let mut buffer = [0; 4_096];
        while !matches!(self.socket.read(&mut buffer).await, Ok(0) | Err(_)) {}
    }
}
