//! What the ledger stores: one type for each message of `proto/lightning_records.proto`.

mod ask;
mod channel;
mod config;
mod event;
mod forward;
mod htlc;
mod invoice;
mod onion;
mod payment;
mod request;
mod room;
mod route;

pub use self::ask::{Ask, AskCase, AskPolicy, AskRefusal, AskStatus, MAX_ATTEMPTS};
pub use self::channel::{Actor, ChannelRecord, HistoryEntry, HistoryKind};
pub use self::config::{AcceptFrom, ChannelPolicy, Config, Genesis, PeerPolicy, Policy};
pub use self::event::{Event, EventKind};
pub use self::forward::{Forward, ReturnedFailure};
pub use self::htlc::{Failure, HtlcKey, HtlcRecord, HtlcRef, HtlcState};
pub use self::invoice::{Invoice, InvoiceStatus};
pub use self::onion::HtlcOnion;
pub use self::payment::{Payment, PaymentStatus};
pub use self::request::{
    AskChannelRequest, CloseChannelRequest, OpenBatchRequest, OpenChannelRequest, Request,
    RequestArguments, RequestStatus,
};
pub use self::room::{NoRoom, Occupied};
pub use self::route::{Route, RouteHop, MAX_HOPS};
