//! What is to be done once a state is on disk, in this order.

use bitcoin::Transaction;
use serde::{Deserialize, Serialize};

use crate::ids::{HtlcId, PaymentPreimage};
use crate::message::OutgoingMessage;

/// One effect. A list of them is carried out in order, and never before the state that gave it is durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// A message for the channel's peer. Nothing is lost where the peer is away: the state says it again.
    Send(OutgoingMessage),
    /// A transaction for the Bitcoin network, to be kept at until it or another spend confirms.
    Broadcast(Broadcast),
    /// News for the node's other parts.
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
    HtlcAccepted {
        /// The HTLC's number, as its offerer counts.
        id: HtlcId,
    },
    /// The counterparty's HTLC is irrevocably committed, and too much stands in HTLCs without an output: it must be
    /// failed and its preimage must not be released (BOLT 2, "Bounding exposure to trimmed in-flight HTLCs").
    HtlcOverExposure {
        /// The HTLC's number, as its offerer counts.
        id: HtlcId,
    },
    /// The counterparty released the preimage of our HTLC. It counts at once, whatever becomes of the commitment.
    HtlcFulfilled {
        /// The HTLC's number, as its offerer counts.
        id: HtlcId,
        /// What claims it.
        preimage: PaymentPreimage,
    },
    /// Our HTLC is irrevocably gone without a preimage. `reason` is the encrypted failure onion, or the code
    /// of a malformed onion.
    HtlcFailed {
        /// The HTLC's number, as its offerer counts.
        id: HtlcId,
        /// What its failure says.
        reason: FailureReason,
    },
    /// An HTLC, ours or theirs, is in no commitment any more.
    HtlcRemoved {
        /// Whose it was.
        offered_by_us: bool,
        /// The HTLC's number, as its offerer counts.
        id: HtlcId,
    },
    /// There are updates of ours, or acknowledged ones of theirs, that the next commitment_signed must cover,
    /// and none of ours is unanswered: `Local(Commit)` is possible.
    CommitmentDue,
    /// channel_reestablish came and both sides agree: messages of this channel may flow again. Until this is told
    /// after a reconnection, nothing but channel_reestablish and errors may be sent.
    Reestablished,
    /// Both channel_ready are exchanged: payments may begin.
    Usable,
    /// A closing fee is to be chosen: `Local(ProposeClosing)` is expected.
    ClosingFeeDue,
    /// The peer wants to close and this node has promised no script for it: `Local(Shutdown)` is expected.
    ShutdownDue,
    /// The channel changed its lifecycle state.
    StateChanged,
    /// The close has other outputs than before, or other claims on them: see
    /// [`Channel::resolution`](crate::state::Channel::resolution) and [`Channel::claims`](crate::state::Channel::claims).
    OutputsChanged,
    /// A revoked commitment has HTLCs that this state has forgotten:
    /// [`PastHtlcs`](crate::command::ChainEvent::PastHtlcs) is expected.
    PastHtlcsDue,
}

/// Why our HTLC failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureReason {
    /// An onion-encrypted failure for the sender (BOLT 4).
    Onion(Vec<u8>),
    /// update_fail_malformed_htlc: the peer could not read the onion.
    Malformed {
        /// SHA-256 of the onion as it came, so that its sender can see whether it was garbled on the way.
        sha256_of_onion: [u8; 32],
        /// BOLT 4: the failure's code, with its BADONION bit.
        failure_code: u16,
    },
    /// It was never sent: the channel began to close, or could not afford it any more.
    Withdrawn,
    /// Its timeout, or the close of the channel, settled it on chain.
    OnChain,
}
