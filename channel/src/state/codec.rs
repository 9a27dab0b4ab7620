//! A channel as bytes: postcard, with a version in front.

use serde::{Deserialize, Serialize};

use super::Channel;
use crate::error::ChannelError;

/// The longest encoding that is read: far above 966 HTLCs with the longest failures there are.
pub const MAX_ENCODED_LENGTH: usize = 16 << 20;

/// Why bytes are no channel.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// More than any channel has.
    #[error("{length} bytes are no channel, {MAX_ENCODED_LENGTH} at most")]
    TooLong {
        /// How many.
        length: usize,
    },
    /// Not this encoding, or of a version that this program does not know.
    #[error("bytes are no channel")]
    Malformed(#[from] postcard::Error),
    /// More bytes follow.
    #[error("{count} bytes follow the channel")]
    Trailing {
        /// How many.
        count: usize,
    },
    /// A state that breaks the rules that every state keeps.
    #[error("the state contradicts itself")]
    Inconsistent(#[source] ChannelError),
}

/// The encoding's version. New ones are added at the end, and old ones are read for ever.
#[derive(Serialize, Deserialize)]
enum Stored<T> {
    V1(T),
}

impl Channel {
    /// The channel as bytes.
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_allocvec(&Stored::V1(self))
            .expect("every field of a channel can be serialised")
    }

    /// The channel of bytes that [`encode`](Self::encode) made.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] where they are damaged.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > MAX_ENCODED_LENGTH {
            let length = bytes.len();
            return Err(DecodeError::TooLong { length });
        }
        let (stored, rest) = postcard::take_from_bytes::<Stored<Self>>(bytes)?;
        if !rest.is_empty() {
            let count = rest.len();
            return Err(DecodeError::Trailing { count });
        }
        let Stored::V1(channel) = stored;
        channel
            .check_conservation()
            .map_err(DecodeError::Inconsistent)?;
        Ok(channel)
    }
}
