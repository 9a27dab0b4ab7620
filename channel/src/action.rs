//! What is to be done once a state is on disk, in this order.

use bitcoin::Transaction;
use serde::{Deserialize, Serialize};

use crate::ids::{HtlcId, PaymentPreimage};
use crate::message::OutgoingMessage;

/// One effect. A list of them is carried out in order, and never before the state that gave it is durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    Send(OutgoingMessage),
    Broadcast(Broadcast),
    Tell(Event),
}

/// A transaction for the Bitcoin network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Broadcast {
    /// Complete: the wallet signed it before funding_created.
    Opening(Box<Transaction>),
    /// Complete: both signatures are in it once the signer has added the holder's.
    Closing,
    /// The holder's own commitment transaction; the signer adds the holder's signature.
    HolderCommitment,
}

/// What the node's other parts must know. Each can be derived again from the state after a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The counterparty's HTLC is irrevocably committed: it may now be claimed, forwarded or failed.
    HtlcAccepted { id: HtlcId },
    /// The counterparty released the preimage of our HTLC. It counts at once, whatever becomes of the commitment.
    HtlcFulfilled {
        id: HtlcId,
        preimage: PaymentPreimage,
    },
    /// Our HTLC is irrevocably gone without a preimage. `reason` is the encrypted failure onion, or the code
    /// of a malformed onion.
    HtlcFailed { id: HtlcId, reason: FailureReason },
    /// An HTLC, ours or theirs, is in no commitment any more.
    HtlcRemoved { offered_by_us: bool, id: HtlcId },
    /// There are updates of ours, or acknowledged ones of theirs, that the next commitment_signed must cover,
    /// and none of ours is unanswered: `Local(Commit)` is possible.
    CommitmentDue,
    /// Both channel_ready are exchanged: payments may begin.
    Usable,
    /// A closing fee is to be chosen: `Local(ProposeClosing)` is expected.
    ClosingFeeDue,
    /// The channel changed its lifecycle state.
    StateChanged,
}

/// Why our HTLC failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureReason {
    /// An onion-encrypted failure for the sender (BOLT 4).
    Onion(Vec<u8>),
    /// update_fail_malformed_htlc: the peer could not read the onion.
    Malformed {
        sha256_of_onion: [u8; 32],
        failure_code: u16,
    },
    /// Its timeout, or the close of the channel, settled it on chain.
    OnChain,
}
