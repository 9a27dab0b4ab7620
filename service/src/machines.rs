//! A memo of channel machines by their bytes.
//!
//! Each step reads the machine that the step before has written. To read it takes longer than to move it, since each of
//! its public keys must be found on the curve. What bytes mean is a pure function of the bytes, and to read what was
//! written gives what was written (the channel machine's tests show it): the memo changes how long execution takes, never
//! what comes of it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use zarnitsa_channel::ids::ChannelId;
use zarnitsa_channel::state::{Channel, DecodeError};

/// How many are remembered: several of each channel that moves, since who reads what is on disk is some steps behind.
const CAPACITY: usize = 128;

/// The machines that were written last, each under its bytes.
#[derive(Default)]
pub struct Machines(Mutex<VecDeque<Remembered>>);

struct Remembered {
    id: ChannelId,
    bytes: Vec<u8>,
    machine: Channel,
}

impl Machines {
    /// [`Channel::decode`], from memory where these very bytes are remembered.
    ///
    /// # Errors
    ///
    /// Those of [`Channel::decode`].
    pub fn decode(&self, id: &ChannelId, bytes: &[u8]) -> Result<Channel, DecodeError> {
        let known = |one: &&Remembered| one.id == *id && one.bytes == bytes;
        if let Some(known) = self.remembered().iter().rev().find(known) {
            return Ok(known.machine.clone());
        }
        Channel::decode(bytes)
    }

    /// [`Channel::encode`], and remembers it.
    pub fn encode(&self, machine: &Channel) -> Vec<u8> {
        let bytes = machine.encode();
        let id = machine.id();
        let mut remembered = self.remembered();
        if remembered.len() == CAPACITY {
            remembered.pop_front();
        }
        remembered.push_back(Remembered {
            id,
            bytes: bytes.clone(),
            machine: machine.clone(),
        });
        bytes
    }

    fn remembered(&self) -> MutexGuard<'_, VecDeque<Remembered>> {
        // A panic elsewhere cannot leave a wrong entry: bytes and machine are put in together.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Machines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let len = self.remembered().len();
        f.debug_struct("Machines").field("len", &len).finish()
    }
}
