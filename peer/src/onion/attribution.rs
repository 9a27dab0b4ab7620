//! Attribution data (BOLT 4, "Returning Errors" and "Hold times for successful payments"): beside a failure or a preimage on
//! its way back, how long each node has held the HTLC, and proof of what each has passed on. A failure that is damaged on its
//! way has a place where that happened.
//!
//! It is a list of 20 times, the nearest node's first, and a triangle of truncated HMACs: row r is the r-th node's, with one
//! HMAC for each place that this node can have had on the way, for it does not know which. In every row the same column
//! stands for the same length of the way.

use bitcoin::hashes::{sha256, Hash, HashEngine, Hmac, HmacEngine};
use chacha20::cipher::{KeyIvInit, StreamCipher};
use chacha20::ChaCha20;

use super::returning::{key, wrap_failure};
use super::session::SharedSecrets;

/// Nodes on a way, at most.
const NODES: usize = 20;
/// Bytes of a time, and of an HMAC.
const WORD: usize = 4;
const TIMES: usize = NODES * WORD;
/// Times and HMACs together, in bytes.
pub const ATTRIBUTION_LENGTH: usize = TIMES + NODES * (NODES + 1) / 2 * WORD;

/// attribution_data of update_fulfill_htlc and update_fail_htlc, as it travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribution(Box<[u8; ATTRIBUTION_LENGTH]>);

/// What attribution data says to the payer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributed {
    /// For how many tenths of a second each node held the HTLC, the first peer first, as far as that is proved.
    pub held: Vec<u32>,
    /// The first node whose word is not what came: it, or the one before it, has altered something.
    pub broken: Option<usize>,
}

impl Attribution {
    /// As it came. `None` where its length is another.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: [u8; ATTRIBUTION_LENGTH] = bytes.try_into().ok()?;
        Some(Self(Box::new(bytes)))
    }

    /// For the wire.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0[..]
    }

    fn empty() -> Self {
        Self(Box::new([0; ATTRIBUTION_LENGTH]))
    }

    fn word(&self, at: usize) -> [u8; WORD] {
        let mut word = [0; WORD];
        word.copy_from_slice(&self.0[at..at + WORD]);
        word
    }

    fn put(&mut self, at: usize, word: [u8; WORD]) {
        self.0[at..at + WORD].copy_from_slice(&word);
    }

    fn crypt(&mut self, shared_secret: &[u8; 32]) {
        let key = key(shared_secret, b"ammagext");
        ChaCha20::new(&key.into(), &[0; 12].into()).apply_keystream(&mut self.0[..]);
    }

    /// The nearest node's HMAC for a way of which the column is the length: over what was said, which `said` has taken in,
    /// and over all times and HMACs that such a way has.
    fn hmac(&self, said: &Said, column: usize) -> [u8; WORD] {
        let behind = NODES - 1 - column;
        let mut engine = said.0.clone();
        engine.input(&self.0[..(behind + 1) * WORD]);
        for row in 1..=behind {
            engine.input(&self.word(place(row, column)));
        }
        let [a, b, c, d, ..] = Hmac::from_engine(engine).to_byte_array();
        [a, b, c, d]
    }

    /// Room for one node more before all others. The longest way's HMACs are dropped.
    fn shifted_back(&self) -> Self {
        let mut shifted = Self::empty();
        shifted.0[WORD..TIMES].copy_from_slice(&self.0[..TIMES - WORD]);
        for row in 1..NODES {
            for column in 0..NODES - row {
                shifted.put(place(row, column), self.word(place(row - 1, column + 1)));
            }
        }
        shifted
    }

    /// The inverse: without the nearest node.
    fn shifted_forth(&self) -> Self {
        let mut shifted = Self::empty();
        shifted.0[..TIMES - WORD].copy_from_slice(&self.0[WORD..TIMES]);
        for row in 1..NODES {
            for column in 0..NODES - row {
                shifted.put(place(row - 1, column + 1), self.word(place(row, column)));
            }
        }
        shifted
    }
}

/// The beginning that all of a node's HMACs have in common.
struct Said(HmacEngine<sha256::Hash>);

impl Said {
    fn new(shared_secret: &[u8; 32], message: &[u8]) -> Self {
        let mut engine = HmacEngine::new(&key(shared_secret, b"um"));
        engine.input(message);
        Self(engine)
    }
}

/// Where the HMAC stands. Each row has one less than the row before.
fn place(row: usize, column: usize) -> usize {
    TIMES + WORD * (row * (2 * NODES + 1 - row) / 2 + column)
}

/// What a node adds: to what came from behind it, or as the first. `sent` is the failure as it leaves the node, or nothing
/// where a preimage does, and `held` for how many tenths of a second the node had the HTLC.
pub fn attribute(
    shared_secret: &[u8; 32],
    from_behind: Option<&Attribution>,
    sent: &[u8],
    held: u32,
) -> Attribution {
    let mut message = sent.to_vec();
    wrap_failure(shared_secret, &mut message); // off again: proved is what it was before
    let mut data = from_behind.map_or_else(Attribution::empty, Attribution::shifted_back);
    data.put(0, held.to_be_bytes());
    let said = Said::new(shared_secret, &message);
    for column in 0..NODES {
        let hmac = data.hmac(&said, column);
        data.put(place(0, column), hmac);
    }
    data.crypt(shared_secret);
    data
}

/// What the payer reads, who knows the way: up to the node that failed the HTLC, `last`, or as far as it holds. `packet` is
/// the failure, or nothing where a preimage came.
pub fn read_attribution(
    secrets: &SharedSecrets,
    packet: &[u8],
    attribution: &Attribution,
    last: usize,
) -> Attributed {
    let (mut packet, mut data) = (packet.to_vec(), attribution.clone());
    let mut read = Attributed::default();
    let nodes = secrets.as_slice().len();
    if nodes > NODES {
        return read;
    }
    for (node, secret) in secrets.as_slice().iter().enumerate().take(last + 1) {
        wrap_failure(secret, &mut packet);
        data.crypt(secret);
        let column = NODES - (nodes - node);
        let expected = data.hmac(&Said::new(secret, &packet), column);
        let given = data.word(place(0, column));
        let pairs = expected.iter().zip(given);
        if pairs.fold(0, |differences, (a, b)| differences | (a ^ b)) != 0 {
            read.broken = Some(node);
            break;
        }
        read.held.push(u32::from_be_bytes(data.word(0)));
        data = data.shifted_forth();
    }
    read
}
