//! The ledger's numbered log, from which a client resumes without loss.

use exonum::crypto::Hash;
use exonum_derive::{BinaryValue, ObjectHash};
use exonum_proto::ProtobufConvert;

use crate::proto;
use crate::wire::Wire;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// The policy is another one.
    PolicyChanged,
    /// A channel began.
    ChannelOpened,
    /// A channel's balances, HTLCs or numbers moved.
    ChannelUpdated,
    /// A channel's lifecycle state is another one.
    ChannelStateChanged,
    /// A payment was ordered.
    PaymentPending,
    /// A payment's preimage is here.
    PaymentSucceeded,
    /// A payment failed.
    PaymentFailed,
    /// An invoice was made, or what was committed for it is gone again.
    InvoiceOpen,
    /// An HTLC for an invoice is committed.
    InvoiceAccepted,
    /// An invoice is paid.
    InvoicePaid,
    /// An invoice's time ran out.
    InvoiceExpired,
    /// The operator took an invoice back.
    InvoiceCancelled,
    /// An order was given.
    RequestPending,
    /// An order is carried out.
    RequestDone,
    /// An order is given up.
    RequestFailed,
    /// A payment passes through this node.
    ForwardPending,
    /// Its preimage is here, and with it the fee.
    ForwardSucceeded,
    /// It failed further on.
    ForwardFailed,
    /// What a channel forwards for is another.
    ChannelPolicyChanged,
    /// A peer asks for a channel.
    AskAsked,
    /// It is to have it.
    AskApproved,
    /// Its opening has begun.
    AskOpening,
    /// It has it.
    AskOpened,
    /// It does not get it.
    AskRefused,
}

impl EventKind {
    /// Whether it tells of what a peer asks for.
    pub fn is_of_ask(self) -> bool {
        matches!(
            self,
            Self::AskAsked
                | Self::AskApproved
                | Self::AskOpening
                | Self::AskOpened
                | Self::AskRefused
        )
    }

    /// The word that clients see.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PolicyChanged => "policy_changed",
            Self::ChannelOpened => "channel_opened",
            Self::ChannelUpdated => "channel_updated",
            Self::ChannelStateChanged => "channel_state_changed",
            Self::PaymentPending => "payment_pending",
            Self::PaymentSucceeded => "payment_succeeded",
            Self::PaymentFailed => "payment_failed",
            Self::InvoiceOpen => "invoice_open",
            Self::InvoiceAccepted => "invoice_accepted",
            Self::InvoicePaid => "invoice_paid",
            Self::InvoiceExpired => "invoice_expired",
            Self::InvoiceCancelled => "invoice_cancelled",
            Self::RequestPending => "request_pending",
            Self::RequestDone => "request_done",
            Self::RequestFailed => "request_failed",
            Self::ForwardPending => "forward_pending",
            Self::ForwardSucceeded => "forward_succeeded",
            Self::ForwardFailed => "forward_failed",
            Self::ChannelPolicyChanged => "channel_policy_changed",
            Self::AskAsked => "ask_asked",
            Self::AskApproved => "ask_approved",
            Self::AskOpening => "ask_opening",
            Self::AskOpened => "ask_opened",
            Self::AskRefused => "ask_refused",
        }
    }
}

/// One entry; its number is its index.
#[derive(Clone, Debug, PartialEq, Eq, ProtobufConvert, BinaryValue, ObjectHash)]
#[protobuf_convert(source = "proto::Event")]
pub struct Event {
    /// What happened.
    #[protobuf_convert(with = "Wire")]
    pub kind: EventKind,
    /// To what: a channel id, a payment hash, the hash of an order or the key of an ask; none for the policy.
    #[protobuf_convert(with = "Wire")]
    pub subject: Option<[u8; 32]>,
    /// The ledger transaction that did it.
    pub tx_hash: Hash,
    /// Height of its block.
    pub height: u64,
}
