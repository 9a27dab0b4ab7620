//! A channel as bytes: postcard, with a version in front.

use serde::{Deserialize, Serialize};

use super::closed::ClosedV1;
use super::closing::ClosingV1;
use super::{
    AwaitingConfirmations, AwaitingFundingSigned, AwaitingPeerReady, Channel, Failed,
    NegotiatingClosing, Normal, ShuttingDown,
};
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
enum Stored<Old, T> {
    /// Before the outputs of a close were tracked.
    V1(Old),
    V2(T),
}

/// [`Channel`] as version 1 has it.
#[derive(Deserialize)]
enum ChannelV1 {
    AwaitingFundingSigned(Box<AwaitingFundingSigned>),
    AwaitingConfirmations(Box<AwaitingConfirmations>),
    AwaitingPeerReady(Box<AwaitingPeerReady>),
    Normal(Box<Normal>),
    ShuttingDown(Box<ShuttingDown>),
    NegotiatingClosing(Box<NegotiatingClosing>),
    Closing(Box<ClosingV1>),
    Closed(Box<ClosedV1>),
    Failed(Box<Failed>),
}

impl From<ChannelV1> for Channel {
    fn from(stored: ChannelV1) -> Self {
        match stored {
            ChannelV1::AwaitingFundingSigned(state) => Self::AwaitingFundingSigned(state),
            ChannelV1::AwaitingConfirmations(state) => Self::AwaitingConfirmations(state),
            ChannelV1::AwaitingPeerReady(state) => Self::AwaitingPeerReady(state),
            ChannelV1::Normal(state) => Self::Normal(state),
            ChannelV1::ShuttingDown(state) => Self::ShuttingDown(state),
            ChannelV1::NegotiatingClosing(state) => Self::NegotiatingClosing(state),
            ChannelV1::Closing(state) => Self::Closing(Box::new((*state).into())),
            ChannelV1::Closed(state) => Self::Closed(Box::new((*state).into())),
            ChannelV1::Failed(state) => Self::Failed(state),
        }
    }
}

impl Channel {
    /// The channel as bytes.
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_allocvec(&Stored::<(), _>::V2(self))
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
        let (stored, rest) = postcard::take_from_bytes::<Stored<ChannelV1, Self>>(bytes)?;
        if !rest.is_empty() {
            let count = rest.len();
            return Err(DecodeError::Trailing { count });
        }
        let channel = match stored {
            Stored::V1(old) => old.into(),
            Stored::V2(channel) => channel,
        };
        channel
            .check_conservation()
            .map_err(DecodeError::Inconsistent)?;
        Ok(channel)
    }
}
