//! Channel establishment v1 (BOLT 2): open_channel, accept_channel, funding_created, funding_signed.
//!
//! Nothing is stored before funding_created: an [`Opener`] or [`Acceptor`] lives in memory only and is forgotten when
//! the peer disconnects. What is stored then is the whole transcript, an [`Opening`]: from it the channel's first
//! state is rebuilt and every check made again.

mod acceptor;
mod checks;
mod error;
mod opener;
mod transcript;

use bitcoin::secp256k1::PublicKey;
use serde::{Deserialize, Serialize};

pub use acceptor::{AcceptTerms, Acceptor};
pub use error::OpeningError;
pub use opener::{AcceptedOpener, OpenTerms, Opener};
pub use transcript::{AcceptorOpening, OpenerOpening, Opening};

/// This node's per-commitment points of a new channel's first two commitments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HolderPoints {
    /// Of commitment 0: first_per_commitment_point of open_channel or accept_channel.
    pub first: PublicKey,
    /// Of commitment 1: second_per_commitment_point of channel_ready.
    pub second: PublicKey,
}
