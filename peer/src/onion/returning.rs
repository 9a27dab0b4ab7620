//! Failures on their way back to the origin (BOLT 4, "Returning Errors").

use bitcoin::hashes::{sha256, Hash, HashEngine, Hmac, HmacEngine};
use chacha20::cipher::{KeyIvInit, StreamCipher};
use chacha20::ChaCha20;

use super::failure::Failure;
use super::session::SharedSecrets;

/// failure_len and pad_len together, so that lengths tell nothing.
const PADDED_LENGTH: usize = 256;
const HMAC_LENGTH: usize = 32;
/// BOLT 4: the origin goes on decrypting up to the longest route there can be, so that the time it takes does not
/// tell a hop where in the route it is.
const ROUNDS: usize = 27;
/// No message of BOLT 1 carries more.
const MAX_LENGTH: usize = 65_535;

/// A failure that came back, and where from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnedFailure {
    /// The failing hop, counted from 0, which is the first after the origin.
    pub hop: usize,
    /// What it says; `None` where it is authentic and cannot be read.
    pub failure: Option<Failure>,
}

/// The erring node's packet: `reason` of update_fail_htlc.
pub fn build_failure(shared_secret: &[u8; 32], failure: &Failure) -> Vec<u8> {
    let message = failure.encode();
    // A channel_update is at most some hundred bytes; what would not fit a message loses its data.
    let message = if message.len() > MAX_LENGTH / 2 {
        &message[..2]
    } else {
        &message[..]
    };
    let pad = PADDED_LENGTH.saturating_sub(message.len());
    let mut body = Vec::with_capacity(4 + message.len() + pad);
    body.extend_from_slice(&length(message.len()));
    body.extend_from_slice(message);
    body.extend_from_slice(&length(pad));
    body.resize(body.len() + pad, 0);
    let mut packet = hmac(&key(shared_secret, b"um"), &body).to_vec();
    packet.extend_from_slice(&body);
    wrap_failure(shared_secret, &mut packet);
    packet
}

/// What each node on the way back does to the packet; and the erring node first.
pub fn wrap_failure(shared_secret: &[u8; 32], packet: &mut [u8]) {
    let key = key(shared_secret, b"ammag");
    ChaCha20::new(&key.into(), &[0; 12].into()).apply_keystream(packet);
}

/// Finds the hop that a failure is from, and what it says. `None` where no hop of the route made it: it was damaged on the way.
///
/// Always takes as many rounds, whatever the route and wherever the failure.
pub fn read_failure(secrets: &SharedSecrets, packet: &[u8]) -> Option<ReturnedFailure> {
    if packet.len() > MAX_LENGTH {
        return None;
    }
    let mut packet = packet.to_vec();
    let mut found = None;
    for round in 0..ROUNDS.max(secrets.as_slice().len()) {
        let secret = secrets.as_slice().get(round);
        let used = secret.unwrap_or(&[0; 32]); // a constant for rounds beyond the route
        wrap_failure(used, &mut packet);
        let authentic = is_authentic(used, &packet);
        if authentic && secret.is_some() && found.is_none() {
            found = Some(ReturnedFailure {
                hop: round,
                failure: read_message(&packet).and_then(Failure::decode),
            });
        }
    }
    found
}

/// What a packet says that its own maker has just made. `None` for anything else.
pub(super) fn open_failure(shared_secret: &[u8; 32], packet: &[u8]) -> Option<Failure> {
    let mut packet = packet.to_vec();
    wrap_failure(shared_secret, &mut packet);
    let message = is_authentic(shared_secret, &packet).then(|| read_message(&packet))?;
    message.and_then(Failure::decode)
}

fn is_authentic(secret: &[u8; 32], packet: &[u8]) -> bool {
    let Some((claimed, body)) = packet.split_first_chunk::<HMAC_LENGTH>() else {
        return false;
    };
    let expected = hmac(&key(secret, b"um"), body);
    // In constant time: all differences are collected before any is looked at.
    let pairs = expected.iter().zip(claimed);
    pairs.fold(0, |differences, (a, b)| differences | (a ^ b)) == 0
}

fn read_message(packet: &[u8]) -> Option<&[u8]> {
    let (_, body) = packet.split_first_chunk::<HMAC_LENGTH>()?;
    let (length, rest) = body.split_first_chunk()?;
    let (message, _) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    Some(message)
}

fn length(length: usize) -> [u8; 2] {
    u16::try_from(length)
        .expect("both are bounded above")
        .to_be_bytes()
}

/// BOLT 4, "Key Generation": HMAC-SHA256 with the type as key.
pub(super) fn key(shared_secret: &[u8; 32], kind: &[u8]) -> [u8; 32] {
    hmac(kind, shared_secret)
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut engine = HmacEngine::<sha256::Hash>::new(key);
    engine.input(message);
    Hmac::from_engine(engine).to_byte_array()
}
