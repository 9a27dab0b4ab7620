//! Why a transaction is refused. Numbers are part of the ledger: they never change, and each group has its range.
//!
//! Two refusals are Exonum's own: "unauthorized caller" where the author may not call the method, and "malformed
//! arguments" where the argument cannot be read.

use std::error::Error;

use exonum::runtime::{ExecutionError, ExecutionFail as _};
use exonum_derive::ExecutionFail;
use zarnitsa_channel::error::ChannelError as Refusal;
use zarnitsa_channel::opening::OpeningError as OpeningRefusal;

/// Orders, results and policy. Codes 0 to 15.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ExecutionFail)]
#[non_exhaustive]
pub enum OperatorError {
    /// The policy contradicts itself.
    BadPolicy = 0,
    /// There is no such order.
    UnknownRequest = 1,
    /// The order is carried out or given up already.
    RequestOver = 2,
    /// An order can only be reported as done or as failed.
    BadResult = 3,
    /// The channel to be opened is worth nothing, or gives away more than it is worth.
    BadAmount = 4,
    /// The node id of the peer is this node's own.
    OwnNode = 5,
    /// A batch has between 1 and 100 channels, each with another peer, and of an amount that is said.
    BadBatch = 6,
    /// The hub is asked for a channel already.
    AlreadyAsked = 7,
}

/// Openings. Codes 16 to 31.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ExecutionFail)]
#[non_exhaustive]
pub enum OpeningError {
    /// What the two sides said does not make a channel.
    Refused = 16,
    /// There is, or was, a channel with this channel_id.
    ChannelIdUsed = 17,
    /// A channel has, or had, this funding output.
    FundingUsed = 18,
    /// This node opens a channel only on an order of its operator, and there is no such order pending.
    NotOrdered = 19,
    /// The operator ordered a channel with another peer or of another size.
    OtherThanOrdered = 20,
    /// The policy does not accept channels from this peer.
    PeerNotAccepted = 21,
    /// The policy does not accept channels of this size.
    SizeNotAccepted = 22,
    /// There are as many channels as the policy allows, or too many that are not confirmed.
    TooManyChannels = 23,
    /// The channel is one of a batch: its funding_signed is stored with all others of the batch, never alone.
    PartOfBatch = 24,
    /// Not every channel of the batch is named once.
    OtherThanBatch = 25,
}

/// Steps of channels. Codes 32 to 63.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ExecutionFail)]
#[non_exhaustive]
pub enum ChannelError {
    /// There is no such channel.
    UnknownChannel = 32,
    /// The step does not fit the channel's state.
    WrongState = 33,
    /// An HTLC or fee update breaks the channel's rules.
    UpdateRefused = 34,
    /// A commitment_signed that covers nothing, or comes before its turn.
    CommitmentRefused = 35,
    /// A signature is not valid for the transaction that this node builds.
    BadSignature = 36,
    /// The revocation's secret is not that of the commitment that is revoked.
    BadSecret = 37,
    /// revoke_and_ack without a commitment that it could revoke.
    NoRevocationAwaited = 38,
    /// channel_reestablish does not fit what both sides have signed.
    ReestablishRefused = 39,
    /// shutdown or closing_signed breaks the rules of a cooperative close.
    CloseRefused = 40,
    /// The chain's event does not fit the channel.
    ChainRefused = 41,
    /// The channel's own rules of money or numbers would be broken.
    InvariantBroken = 42,
    /// Any other refusal of the channel.
    Refused = 43,
    /// The step's number is not the next one of this channel.
    WrongStep = 44,
}

/// HTLCs. Codes 64 to 79.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ExecutionFail)]
#[non_exhaustive]
pub enum HtlcError {
    /// There is no such HTLC.
    UnknownHtlc = 64,
    /// The preimage does not hash to the HTLC's payment hash.
    WrongPreimage = 65,
    /// The preimage is known: the HTLC is to be claimed, never failed.
    PreimageKnown = 66,
    /// Only an HTLC that is offered to this node can be forwarded.
    NotIncoming = 67,
    /// Only an HTLC that is irrevocably committed, and that nobody has begun to remove, can be forwarded.
    NotCommitted = 68,
    /// The HTLC is forwarded already.
    AlreadyForwarded = 69,
    /// The two halves of a forward have the same payment hash.
    OtherPaymentHash = 70,
    /// More would go out than comes in.
    NotConserved = 71,
    /// The HTLC out would not expire before the HTLC in.
    ExpiryNotEarlier = 72,
    /// The HTLC is only to be failed: it took the exposure to HTLCs without an output over the limit.
    MustFail = 73,
    /// The HTLC out that this one causes can still be claimed.
    ForwardAlive = 74,
    /// The policy forwards nothing.
    NoForwarding = 75,
}

/// Payments. Codes 80 to 95.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ExecutionFail)]
#[non_exhaustive]
pub enum PaymentError {
    /// There is no such payment.
    UnknownPayment = 80,
    /// A payment with this payment hash is pending.
    AlreadyPending = 81,
    /// A payment with this payment hash has succeeded: it is not paid twice.
    AlreadySucceeded = 82,
    /// A payment of nothing, or of more than there is.
    BadAmount = 83,
    /// The payment, or the attempt that is named, is not pending.
    NotPending = 84,
    /// With this HTLC the payment would cost more than its amount and its highest fee.
    TooExpensive = 85,
    /// An HTLC of the payment lives or was fulfilled: it can still succeed, or it has.
    HtlcAlive = 86,
    /// The nonce was used by the order before, or by another HTLC: two onions would share their keys.
    NonceUsed = 87,
    /// The way that is named does not lead from the HTLC to the payee.
    BadRoute = 88,
}

/// Invoices. Codes 96 to 111.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ExecutionFail)]
#[non_exhaustive]
pub enum InvoiceError {
    /// There is no such invoice.
    UnknownInvoice = 96,
    /// There is an invoice with this payment hash.
    PaymentHashUsed = 97,
    /// The invoice is paid, expired or cancelled.
    NotPayable = 98,
    /// The HTLC carries less than the invoice asks for, or more than twice that.
    WrongAmount = 99,
    /// An HTLC for the invoice is committed.
    HtlcCommitted = 100,
    /// The invoice's time has not run out.
    NotExpired = 101,
    /// The time is before the ledger's newest time.
    TimeWentBack = 102,
    /// An invoice that expires at once, or after more than ten years.
    BadExpiry = 103,
    /// An HTLC of the set is not there, not committed, of another payment hash, named twice or on its way elsewhere.
    BadSet = 104,
    /// Only an invoice that the operator wants held is settled by the operator.
    NotHeld = 105,
    /// The operator settles or cancels the invoice: its HTLCs are claimed only then.
    Held = 106,
    /// The preimage does not hash to the payment hash.
    WrongPreimage = 107,
}

/// Peers that ask for channels. Codes 112 to 127.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ExecutionFail)]
#[non_exhaustive]
pub enum AskError {
    /// The policy, or what the peer has asked for before, does not allow it.
    NotGathered = 112,
    /// There is no such ask.
    UnknownAsk = 113,
    /// The peer has asked with this id before.
    IdUsed = 114,
    /// The ask is being opened, or it is over.
    NotWaiting = 115,
    /// The ask is approved already.
    NotAsked = 116,
    /// Between 1 and as many approved asks as the policy says are opened at once.
    BadBatch = 117,
    /// The time is before the ledger's newest time.
    TimeWentBack = 118,
}

/// A refusal of the channel machine as an error of the ledger: a code of its group, and the machine's own words.
pub(crate) fn channel_refusal(refusal: &Refusal) -> ExecutionError {
    let code = match refusal {
        Refusal::WrongState { .. } | Refusal::CannotAbandon | Refusal::DataLost => {
            ChannelError::WrongState
        }
        Refusal::Update { .. } => ChannelError::UpdateRefused,
        Refusal::NothingToCommit { .. }
        | Refusal::RevocationAwaited { .. }
        | Refusal::PointMissing { .. } => ChannelError::CommitmentRefused,
        Refusal::Signature(_) => ChannelError::BadSignature,
        Refusal::Secret(_) => ChannelError::BadSecret,
        Refusal::NoRevocationAwaited { .. } => ChannelError::NoRevocationAwaited,
        Refusal::PointChanged | Refusal::Reestablish { .. } | Refusal::ReestablishSecret { .. } => {
            ChannelError::ReestablishRefused
        }
        Refusal::Close(_) => ChannelError::CloseRefused,
        Refusal::Chain(_) => ChannelError::ChainRefused,
        Refusal::NotConserved { .. } | Refusal::NumbersNotMonotonic { .. } | Refusal::Tx(_) => {
            ChannelError::InvariantBroken
        }
        // The machine may learn new refusals; its words say which.
        _ => ChannelError::Refused,
    };
    code.with_description(chain_of(refusal))
}

/// A refusal of an opening as an error of the ledger.
pub(crate) fn opening_refusal(refusal: &OpeningRefusal) -> ExecutionError {
    match refusal {
        OpeningRefusal::Commitment(refusal) => channel_refusal(refusal),
        other => OpeningError::Refused.with_description(chain_of(other)),
    }
}

/// An error and its causes, in one line.
fn chain_of(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
