//! The ledger transactions: arguments of the service's methods, and the methods.
//!
//! An argument that can be read is well formed: lengths, encodings and enum values are checked on the way in, and what
//! fails there is refused with Exonum's "malformed arguments". What a channel allows is the channel machine's to say.

mod ask;
mod batch;
mod chain;
mod closing;
mod commitment;
mod fee;
mod htlc;
mod invoice;
mod opening;
mod operator;
mod ready;
mod reestablish;
mod revocation;
mod step;
mod steps;

use exonum_derive::{exonum_interface, interface_method};

pub use self::ask::{AskChange, AskDecision, AskStep, OpenAsked};
pub use self::batch::{BatchSigned, SignedOpening};
pub use self::chain::ChainStep;
pub use self::closing::Closing;
pub use self::commitment::Commitment;
pub use self::fee::FeeUpdate;
pub use self::htlc::{Causes, HtlcAdd, HtlcResolve, ONION_LEN};
pub use self::invoice::{InvoiceChange, InvoiceStep, NewInvoice};
pub use self::opening::Opening;
pub use self::operator::{
    ChannelPolicyChange, PaymentOrder, PaymentResult, PolicyChange, RequestResult,
};
pub use self::ready::Ready;
pub use self::reestablish::Reestablish;
pub use self::revocation::Revocation;
pub use self::step::Step;
pub use self::steps::{JoinedStep, Steps, MAX_STEPS};
use crate::records::{
    AskChannelRequest, CloseChannelRequest, OpenBatchRequest, OpenChannelRequest,
};

/// The service's methods. Their numbers are part of every transaction ever made: they never change.
#[exonum_interface]
pub trait LightningInterface<Ctx> {
    /// What a method gives back.
    type Output;

    /// A channel begins. Author: the node.
    #[interface_method(id = 0)]
    fn opening(&self, context: Ctx, argument: Opening) -> Self::Output;

    /// commitment_signed, sent or received. Author: the node.
    #[interface_method(id = 1)]
    fn commitment(&self, context: Ctx, argument: Commitment) -> Self::Output;

    /// The peer's revoke_and_ack. Author: the node.
    #[interface_method(id = 2)]
    fn revocation(&self, context: Ctx, argument: Revocation) -> Self::Output;

    /// update_add_htlc, sent or received. Author: the node.
    #[interface_method(id = 3)]
    fn htlc_add(&self, context: Ctx, argument: HtlcAdd) -> Self::Output;

    /// An HTLC is fulfilled or failed, by either side. Author: the node.
    #[interface_method(id = 4)]
    fn htlc_resolve(&self, context: Ctx, argument: HtlcResolve) -> Self::Output;

    /// update_fee, sent or received. Author: the node.
    #[interface_method(id = 5)]
    fn fee_update(&self, context: Ctx, argument: FeeUpdate) -> Self::Output;

    /// The peer's funding_signed or channel_ready. Author: the node.
    #[interface_method(id = 6)]
    fn ready(&self, context: Ctx, argument: Ready) -> Self::Output;

    /// The peer's channel_reestablish, where it changes the channel. Author: the node.
    #[interface_method(id = 7)]
    fn reestablish(&self, context: Ctx, argument: Reestablish) -> Self::Output;

    /// A step towards the channel's end. Author: the node.
    #[interface_method(id = 8)]
    fn closing(&self, context: Ctx, argument: Closing) -> Self::Output;

    /// What the chain shows of a channel. Author: the node.
    #[interface_method(id = 9)]
    fn chain_event(&self, context: Ctx, argument: ChainStep) -> Self::Output;

    /// An invoice is made, cancelled or has expired. Author: the operator or the node.
    #[interface_method(id = 10)]
    fn invoice(&self, context: Ctx, argument: InvoiceStep) -> Self::Output;

    /// A payment is ordered. Author: the operator.
    #[interface_method(id = 11)]
    fn payment(&self, context: Ctx, argument: PaymentOrder) -> Self::Output;

    /// A payment without a living HTLC has failed. Author: the node.
    #[interface_method(id = 12)]
    fn payment_result(&self, context: Ctx, argument: PaymentResult) -> Self::Output;

    /// The policy is set. Author: the operator.
    #[interface_method(id = 13)]
    fn policy(&self, context: Ctx, argument: PolicyChange) -> Self::Output;

    /// A channel is to be opened. Author: the operator.
    #[interface_method(id = 14)]
    fn open_channel(&self, context: Ctx, argument: OpenChannelRequest) -> Self::Output;

    /// A channel is to be closed. Author: the operator.
    #[interface_method(id = 15)]
    fn close_channel(&self, context: Ctx, argument: CloseChannelRequest) -> Self::Output;

    /// An order is carried out or given up. Author: the node.
    #[interface_method(id = 16)]
    fn request_result(&self, context: Ctx, argument: RequestResult) -> Self::Output;

    /// What one channel forwards for is set. Author: the operator.
    #[interface_method(id = 17)]
    fn channel_policy(&self, context: Ctx, argument: ChannelPolicyChange) -> Self::Output;

    /// Several channels are to be opened by one transaction. Author: the operator.
    #[interface_method(id = 18)]
    fn open_batch(&self, context: Ctx, argument: OpenBatchRequest) -> Self::Output;

    /// Every peer of a batch has signed. Author: the node.
    #[interface_method(id = 19)]
    fn batch_signed(&self, context: Ctx, argument: BatchSigned) -> Self::Output;

    /// A hub is to be asked for a channel. Author: the operator.
    #[interface_method(id = 20)]
    fn ask_channel(&self, context: Ctx, argument: AskChannelRequest) -> Self::Output;

    /// A peer asks for a channel, or hears that it gets none. Author: the node.
    #[interface_method(id = 21)]
    fn ask_step(&self, context: Ctx, argument: AskStep) -> Self::Output;

    /// What a peer asks for is approved or refused. Author: the operator.
    #[interface_method(id = 22)]
    fn ask_decision(&self, context: Ctx, argument: AskDecision) -> Self::Output;

    /// Channels that peers asked for are to be opened by one transaction. Author: the node.
    #[interface_method(id = 23)]
    fn open_asked(&self, context: Ctx, argument: OpenAsked) -> Self::Output;

    /// Steps of one channel that came together. Author: the node.
    #[interface_method(id = 24)]
    fn steps(&self, context: Ctx, argument: Steps) -> Self::Output;
}
