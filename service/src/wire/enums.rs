//! Enums in protobuf. Zero, and every number that the schema does not know, is refused.

use anyhow::{bail, Result};
use zarnitsa_channel::params::{CommitmentFormat, Side};

use super::Wire;
use crate::proto;
use crate::records::{
    AcceptFrom, Actor, AskStatus, EventKind, HistoryKind, HtlcState, InvoiceStatus, PaymentStatus,
    RequestStatus,
};

macro_rules! wire_enum {
    ($name:ident { $unspecified:ident, $($variant:ident = $pb:ident),* $(,)? }) => {
        impl Wire for $name {
            type Pb = proto::$name;

            fn to_pb(&self) -> Self::Pb {
                match self {
                    $(Self::$variant => proto::$name::$pb,)*
                }
            }

            fn from_pb(pb: Self::Pb) -> Result<Self> {
                match pb {
                    $(proto::$name::$pb => Ok(Self::$variant),)*
                    proto::$name::$unspecified => {
                        bail!(concat!(stringify!($name), ": no value, or one that is not known"))
                    }
                }
            }
        }
    };
}

wire_enum! { Side {
    SIDE_UNSPECIFIED,
    Holder = SIDE_HOLDER,
    Counterparty = SIDE_COUNTERPARTY,
} }

wire_enum! { CommitmentFormat {
    COMMITMENT_FORMAT_UNSPECIFIED,
    StaticRemoteKey = COMMITMENT_FORMAT_STATIC_REMOTE_KEY,
    Anchors = COMMITMENT_FORMAT_ANCHORS,
} }

wire_enum! { HistoryKind {
    HISTORY_KIND_UNSPECIFIED,
    Opening = HISTORY_KIND_OPENING,
    Ready = HISTORY_KIND_READY,
    HtlcAdd = HISTORY_KIND_HTLC_ADD,
    HtlcFulfill = HISTORY_KIND_HTLC_FULFILL,
    HtlcFail = HISTORY_KIND_HTLC_FAIL,
    Fee = HISTORY_KIND_FEE,
    Commitment = HISTORY_KIND_COMMITMENT,
    Revocation = HISTORY_KIND_REVOCATION,
    Reestablish = HISTORY_KIND_REESTABLISH,
    Closing = HISTORY_KIND_CLOSING,
    Chain = HISTORY_KIND_CHAIN,
} }

wire_enum! { Actor {
    ACTOR_UNSPECIFIED,
    Holder = ACTOR_HOLDER,
    Counterparty = ACTOR_COUNTERPARTY,
    Chain = ACTOR_CHAIN,
} }

wire_enum! { HtlcState {
    HTLC_STATE_UNSPECIFIED,
    Added = HTLC_STATE_ADDED,
    Committed = HTLC_STATE_COMMITTED,
    Fulfilled = HTLC_STATE_FULFILLED,
    Failed = HTLC_STATE_FAILED,
} }

wire_enum! { InvoiceStatus {
    INVOICE_STATUS_UNSPECIFIED,
    Open = INVOICE_STATUS_OPEN,
    Accepted = INVOICE_STATUS_ACCEPTED,
    Paid = INVOICE_STATUS_PAID,
    Expired = INVOICE_STATUS_EXPIRED,
    Cancelled = INVOICE_STATUS_CANCELLED,
} }

wire_enum! { PaymentStatus {
    PAYMENT_STATUS_UNSPECIFIED,
    Pending = PAYMENT_STATUS_PENDING,
    Succeeded = PAYMENT_STATUS_SUCCEEDED,
    Failed = PAYMENT_STATUS_FAILED,
} }

wire_enum! { AskStatus {
    ASK_STATUS_UNSPECIFIED,
    Asked = ASK_STATUS_ASKED,
    Approved = ASK_STATUS_APPROVED,
    Opening = ASK_STATUS_OPENING,
    Opened = ASK_STATUS_OPENED,
    Refused = ASK_STATUS_REFUSED,
} }

wire_enum! { RequestStatus {
    REQUEST_STATUS_UNSPECIFIED,
    Pending = REQUEST_STATUS_PENDING,
    Done = REQUEST_STATUS_DONE,
    Failed = REQUEST_STATUS_FAILED,
} }

wire_enum! { AcceptFrom {
    ACCEPT_FROM_UNSPECIFIED,
    Anyone = ACCEPT_FROM_ANYONE,
    Listed = ACCEPT_FROM_LISTED,
    Nobody = ACCEPT_FROM_NOBODY,
} }

wire_enum! { EventKind {
    EVENT_KIND_UNSPECIFIED,
    PolicyChanged = EVENT_KIND_POLICY_CHANGED,
    ChannelOpened = EVENT_KIND_CHANNEL_OPENED,
    ChannelUpdated = EVENT_KIND_CHANNEL_UPDATED,
    ChannelStateChanged = EVENT_KIND_CHANNEL_STATE_CHANGED,
    PaymentPending = EVENT_KIND_PAYMENT_PENDING,
    PaymentSucceeded = EVENT_KIND_PAYMENT_SUCCEEDED,
    PaymentFailed = EVENT_KIND_PAYMENT_FAILED,
    InvoiceOpen = EVENT_KIND_INVOICE_OPEN,
    InvoiceAccepted = EVENT_KIND_INVOICE_ACCEPTED,
    InvoicePaid = EVENT_KIND_INVOICE_PAID,
    InvoiceExpired = EVENT_KIND_INVOICE_EXPIRED,
    InvoiceCancelled = EVENT_KIND_INVOICE_CANCELLED,
    RequestPending = EVENT_KIND_REQUEST_PENDING,
    RequestDone = EVENT_KIND_REQUEST_DONE,
    RequestFailed = EVENT_KIND_REQUEST_FAILED,
    ForwardPending = EVENT_KIND_FORWARD_PENDING,
    ForwardSucceeded = EVENT_KIND_FORWARD_SUCCEEDED,
    ForwardFailed = EVENT_KIND_FORWARD_FAILED,
    ChannelPolicyChanged = EVENT_KIND_CHANNEL_POLICY_CHANGED,
    AskAsked = EVENT_KIND_ASK_ASKED,
    AskApproved = EVENT_KIND_ASK_APPROVED,
    AskOpening = EVENT_KIND_ASK_OPENING,
    AskOpened = EVENT_KIND_ASK_OPENED,
    AskRefused = EVENT_KIND_ASK_REFUSED,
} }
