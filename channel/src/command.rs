//! What may move a channel. One ledger transaction carries one command.

use bitcoin::secp256k1::PublicKey;
use bitcoin::{Amount, BlockHash, OutPoint, ScriptBuf, Transaction};
use serde::{Deserialize, Serialize};

use crate::amount::Msat;
use crate::ids::{HtlcId, PaymentHash, PaymentPreimage};
use crate::message::PeerMessage;
use crate::state::HtlcTerms;

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
        /// What the HTLC pays.
        amount: Msat,
        /// SHA-256 of the preimage.
        payment_hash: PaymentHash,
        /// The block height at which it expires.
        cltv_expiry: u32,
    },
    /// Claims an HTLC of the counterparty with its preimage.
    FulfillHtlc {
        /// The HTLC's number, as its offerer counts.
        id: HtlcId,
        /// What claims it.
        preimage: PaymentPreimage,
    },
    /// Fails an HTLC of the counterparty.
    FailHtlc {
        /// The HTLC's number, as its offerer counts.
        id: HtlcId,
        /// The encrypted failure onion.
        reason: Vec<u8>,
    },
    /// Fails an HTLC of the counterparty whose onion cannot be read.
    FailMalformedHtlc {
        /// The HTLC's number, as its offerer counts.
        id: HtlcId,
        /// SHA-256 of the onion as it came, so that its sender can see whether it was garbled on the way.
        sha256_of_onion: [u8; 32],
        /// BOLT 4: the failure's code, with its BADONION bit.
        failure_code: u16,
    },
    /// Proposes a feerate. The opener's right alone.
    UpdateFee {
        /// Satoshis for 1000 weight units.
        feerate_per_kw: u32,
    },
    /// Sends all waiting updates with a commitment_signed.
    Commit,
    /// Takes back the HTLCs that wait for a commitment_signed: nobody has heard of them.
    WithdrawHtlcs,
    /// Begins a cooperative close.
    Shutdown {
        /// Where this node's coins are to go.
        script: ScriptBuf,
    },
    /// The opener's first closing_signed, or an answer where the machine leaves the fee to policy.
    ProposeClosing {
        /// What the closing transaction pays to miners, fee_satoshis.
        fee: Amount,
        /// Least and most that this side accepts.
        fee_range: (Amount, Amount),
    },
    /// Closes unilaterally, for this reason.
    ForceClose {
        /// For people, in logs and in error messages.
        reason: String,
    },
    /// This state is old, or may be: it came out of a backup. Nothing of it is signed or broadcast any more, and the peer
    /// is asked to close (BOLT 2, Message Retransmission, "data loss protection").
    LoseData {
        /// For people.
        reason: String,
    },
    /// Gives up an opening that has not been broadcast (peer gone, refused), or a peer's that was never seen in the chain.
    Abandon {
        /// For people, in logs and in error messages.
        reason: String,
    },
}

/// What the chain shows of a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChainEvent {
    /// The opening transaction has `minimum_depth` confirmations. Its output has been compared with the channel's
    /// parameters by the adapter's caller and is given here to be compared again.
    OpeningConfirmed {
        /// The block that has it.
        block_hash: BlockHash,
        /// The height of the block that has it.
        block_height: u32,
        /// The transaction's place in that block.
        transaction_index: u32,
        /// How many blocks bury it, its own included.
        confirmations: u32,
        /// The funding output's value.
        output_value: Amount,
        /// The funding output's script.
        output_script: ScriptBuf,
        /// Whether it is a coinbase transaction, which can be spent only after 100 blocks.
        coinbase: bool,
    },
    /// A reorg took the opening transaction out of the chain again.
    OpeningReorged,
    /// The funding output was spent by this transaction, confirmed at this height.
    FundingSpent {
        /// The spending transaction.
        transaction: Box<Transaction>,
        /// The height of the block that has it.
        block_height: u32,
    },
    /// A reorg took the spending transaction out of the chain again.
    SpendReorged,
    /// The chain has grown to this height: something of the close is buried deep enough to count. What is, the machine
    /// reckons itself; see [`Channel::is_due`](crate::state::Channel::is_due).
    SpendBuried {
        /// The chain's height now.
        block_height: u32,
    },
    /// A tracked output of the close was spent by this transaction, confirmed at this height.
    OutputSpent {
        /// Which output.
        outpoint: OutPoint,
        /// The spending transaction.
        transaction: Box<Transaction>,
        /// The height of the block that has it.
        block_height: u32,
    },
    /// A reorg took the spend of a tracked output out of the chain again.
    OutputReorged {
        /// Which output.
        outpoint: OutPoint,
    },
    /// HTLCs that the state has forgotten and a revoked commitment on the chain may have, from the ledger's records.
    PastHtlcs {
        /// Only those whose script is an output's count.
        htlcs: Vec<HtlcTerms>,
    },
    /// A transaction that may not be confirmed yet shows the preimage of an HTLC of this node's.
    PreimageSeen {
        /// The HTLC's number, as its offerer counts.
        id: HtlcId,
        /// What claims it.
        preimage: PaymentPreimage,
    },
}
