//! Somebody who reaches the Lightning port and says what no honest node says: BOLT 8 by hand.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use bitcoin::hashes::{sha256, Hash, HashEngine, Hmac, HmacEngine};
use bitcoin::secp256k1::ecdh::SharedSecret;
use bitcoin::secp256k1::{PublicKey, Secp256k1, SecretKey};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit};

/// Name of the handshake (BOLT 8, Handshake State Initialization).
const PROTOCOL: &[u8] = b"Noise_XK_secp256k1_ChaChaPoly_SHA256";
/// Nothing that the node says takes longer.
const TIMEOUT: Duration = Duration::from_secs(30);

type Key = [u8; 32];

/// A connection to the port.
///
/// # Errors
/// If nobody listens.
pub fn dial(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpStream::connect_timeout(&address, TIMEOUT)?;
    socket.set_read_timeout(Some(TIMEOUT))?;
    socket.set_write_timeout(Some(TIMEOUT))?;
    Ok(socket)
}

/// Reads until the other end closes; false if it does not in time.
pub fn is_closed_by_the_node(socket: &mut TcpStream) -> bool {
    let mut buffer = [0; 4_096];
    loop {
        match socket.read(&mut buffer) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => {
                return !matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                )
            }
        }
    }
}

/// What the handshake has come to: the hash `h` and the chaining key `ck`.
struct Handshake {
    state: Key,
    chaining: Key,
}

impl Handshake {
    fn mix(&mut self, bytes: &[u8]) {
        self.state = hash(&[&self.state, bytes]);
    }

    fn key(&mut self, theirs: &PublicKey, ours: &SecretKey) -> Key {
        let shared = SharedSecret::new(theirs, ours);
        let (chaining, key) = hkdf(&self.chaining, &shared.secret_bytes());
        self.chaining = chaining;
        key
    }
}

/// Act one to `node`, and what is needed to go on.
fn act_one(node: &PublicKey, ephemeral: &SecretKey) -> (Vec<u8>, Handshake) {
    let chaining = hash(&[PROTOCOL]);
    let mut handshake = Handshake {
        state: hash(&[&chaining, b"lightning"]),
        chaining,
    };
    handshake.mix(&node.serialize());
    let public = ephemeral.public_key(&Secp256k1::new()).serialize();
    handshake.mix(&public);
    let key = handshake.key(node, ephemeral);
    let tag = seal(&key, 0, &handshake.state, &[]);
    handshake.mix(&tag);
    ([&[0], &public[..], &tag].concat(), handshake)
}

/// A good act one, for those who say only half of it.
pub fn first_act(node: &PublicKey) -> Vec<u8> {
    act_one(node, &fresh_key()).0
}

/// An encrypted connection. No init is sent yet.
#[derive(Debug)]
pub struct Stranger {
    /// The connection itself, for bytes that nobody encrypted.
    pub socket: TcpStream,
    sending: Key,
    receiving: Key,
    sent: u64,
    received: u64,
}

impl Stranger {
    /// Finishes the handshake with a fresh identity.
    ///
    /// # Errors
    /// If the node closes before.
    pub fn handshake(socket: TcpStream, node: &PublicKey) -> io::Result<Self> {
        Self::handshake_as(&fresh_key(), socket, node)
    }

    /// Finishes the handshake with this identity.
    ///
    /// # Errors
    /// If the node closes before.
    pub fn handshake_as(
        secret: &SecretKey,
        mut socket: TcpStream,
        node: &PublicKey,
    ) -> io::Result<Self> {
        let ephemeral = fresh_key();
        let (act, mut handshake) = act_one(node, &ephemeral);
        socket.write_all(&act)?;

        let mut act_two = [0; 50];
        socket.read_exact(&mut act_two)?;
        let theirs = PublicKey::from_slice(&act_two[1..34]).map_err(io::Error::other)?;
        handshake.mix(&act_two[1..34]);
        let key = handshake.key(&theirs, &ephemeral);
        open(&key, 0, &handshake.state, &act_two[34..])?;
        handshake.mix(&act_two[34..]);

        let public = secret.public_key(&Secp256k1::new()).serialize();
        let sealed = seal(&key, 1, &handshake.state, &public);
        handshake.mix(&sealed);
        let key = handshake.key(&theirs, secret);
        let tag = seal(&key, 0, &handshake.state, &[]);
        socket.write_all(&[&[0], &sealed[..], &tag].concat())?;

        let (sending, receiving) = hkdf(&handshake.chaining, &[]);
        Ok(Self {
            socket,
            sending,
            receiving,
            sent: 0,
            received: 0,
        })
    }

    /// A message's length, encrypted. The keys change after 1,000 of these only (BOLT 8, Lightning Message Key Rotation).
    ///
    /// # Errors
    /// If the node has closed.
    pub fn header(&mut self, length: u16) -> io::Result<()> {
        let header = seal(&self.sending, self.sent, &[], &length.to_be_bytes());
        self.sent += 1;
        self.socket.write_all(&header)
    }

    /// A message, whatever is in it.
    ///
    /// # Errors
    /// If the node has closed.
    ///
    /// # Panics
    /// If it is longer than any message can be.
    pub fn message(&mut self, message: &[u8]) -> io::Result<()> {
        self.header(u16::try_from(message.len()).expect("65535 bytes at most"))?;
        let body = seal(&self.sending, self.sent, &[], message);
        self.sent += 1;
        self.socket.write_all(&body)
    }

    /// An init that the node accepts: the features that it requires (BOLT 9: bits 9, 13 and 15).
    ///
    /// # Errors
    /// If the node has closed.
    pub fn init(&mut self) -> io::Result<()> {
        self.message(&[0, 16, 0, 0, 0, 2, 0b1010_0010, 0])
    }

    /// The next message of the node.
    ///
    /// # Errors
    /// If the node has closed or says what does not decrypt.
    pub fn receive(&mut self) -> io::Result<Vec<u8>> {
        let mut header = [0; 18];
        self.socket.read_exact(&mut header)?;
        let length = open(&self.receiving, self.received, &[], &header)?;
        let length = u16::from_be_bytes([length[0], length[1]]);
        let mut body = vec![0; usize::from(length) + 16];
        self.socket.read_exact(&mut body)?;
        let message = open(&self.receiving, self.received + 1, &[], &body)?;
        self.received += 2;
        Ok(message)
    }
}

fn fresh_key() -> SecretKey {
    SecretKey::new(&mut rand::thread_rng())
}

fn hash(parts: &[&[u8]]) -> Key {
    let mut engine = sha256::Hash::engine();
    parts.iter().for_each(|part| engine.input(part));
    sha256::Hash::from_engine(engine).to_byte_array()
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> Key {
    let mut engine = HmacEngine::<sha256::Hash>::new(key);
    parts.iter().for_each(|part| engine.input(part));
    Hmac::from_engine(engine).to_byte_array()
}

fn hkdf(salt: &Key, input: &[u8]) -> (Key, Key) {
    let key = hmac(salt, &[input]);
    let first = hmac(&key, &[&[1]]);
    (first, hmac(&key, &[&first, &[2]]))
}

fn nonce(number: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&number.to_le_bytes());
    nonce
}

fn seal(key: &Key, number: u64, aad: &[u8], msg: &[u8]) -> Vec<u8> {
    ChaCha20Poly1305::new(key.into())
        .encrypt(&nonce(number).into(), Payload { msg, aad })
        .expect("a message of a few bytes can be encrypted")
}

fn open(key: &Key, number: u64, aad: &[u8], msg: &[u8]) -> io::Result<Vec<u8>> {
    ChaCha20Poly1305::new(key.into())
        .decrypt(&nonce(number).into(), Payload { msg, aad })
        .map_err(|_| io::Error::other("it does not decrypt"))
}
