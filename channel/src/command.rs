//! What may move a channel. One ledger transaction carries one command.

use bitcoin::secp256k1::PublicKey;
use bitcoin::{Amount, BlockHash, ScriptBuf, Transaction};
use serde::{Deserialize, Serialize};

use crate::amount::Msat;
use crate::ids::{HtlcId, PaymentHash, PaymentPreimage};
use crate::message::PeerMessage;

/// A cause for a channel to change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// The peer said something.
    Peer {
        /// What it said.
        message: PeerMessage,
        /// This node's per-commitment point of the number that
        /// [`Channel::holder_point_needed`](crate::state::Channel::holder_point_needed) names for this message:
        /// with commitment_signed the point that the revoke_and_ack will announce, of the commitment two after the one
        /// that is being revoked; with channel_reestablish the point whose secret the peer claims to know.
        next_holder_point: Option<PublicKey>,
    },
    /// This node wants something.
    Local(LocalCommand),
    /// The chain showed something.
    Chain(ChainEvent),
}

/// What this node itself does to a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LocalCommand {
    /// Offers an HTLC. The machine gives it the next id.
    AddHtlc {
        amount: Msat,
        payment_hash: PaymentHash,
        cltv_expiry: u32,
    },
    FulfillHtlc {
        id: HtlcId,
        preimage: PaymentPreimage,
    },
    FailHtlc {
        id: HtlcId,
        reason: Vec<u8>,
    },
    FailMalformedHtlc {
        id: HtlcId,
        sha256_of_onion: [u8; 32],
        failure_code: u16,
    },
    UpdateFee {
        feerate_per_kw: u32,
    },
    /// Sends all waiting updates with a commitment_signed.
    Commit,
    /// Begins a cooperative close.
    Shutdown {
        script: ScriptBuf,
    },
    /// The opener's first closing_signed, or an answer where the machine leaves the fee to policy.
    ProposeClosing {
        fee: Amount,
        fee_range: (Amount, Amount),
    },
    /// Closes unilaterally, for this reason.
    ForceClose {
        reason: String,
    },
    /// Gives up an opening that has not been broadcast (peer gone, refused, funding never seen).
    Abandon {
        reason: String,
    },
}

/// What the chain shows of a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChainEvent {
    /// The opening transaction has `minimum_depth` confirmations. Its output has been compared with the channel's
    /// parameters by the adapter's caller and is given here to be compared again.
    OpeningConfirmed {
        block_hash: BlockHash,
        block_height: u32,
        transaction_index: u32,
        /// How many blocks bury it, its own included.
        confirmations: u32,
        output_value: Amount,
        output_script: ScriptBuf,
        coinbase: bool,
    },
    /// A reorg took the opening transaction out of the chain again.
    OpeningReorged,
    /// The funding output was spent by this transaction, confirmed at this height.
    FundingSpent {
        transaction: Box<Transaction>,
        block_height: u32,
    },
    /// A reorg took the spending transaction out of the chain again.
    SpendReorged,
    /// The spend is buried deep enough that nothing is left to do.
    SpendBuried { block_height: u32 },
}
