//! The one door into the ledger: a call becomes a signed transaction.

use bitcoin::secp256k1::PublicKey;
use exonum::crypto::KeyPair;
use exonum::messages::{AnyTx, Verified};
use zarnitsa_channel::command::{Command, LocalCommand};
use zarnitsa_channel::ids::ChannelId;
use zarnitsa_channel::message::PeerMessage;

use crate::records::{
    AskChannelRequest, CloseChannelRequest, Failure, HtlcOnion, HtlcRef, OpenBatchRequest,
    OpenChannelRequest, Route,
};
use crate::transactions::{
    AskDecision, AskStep, BatchSigned, ChainStep, ChannelPolicyChange, Closing, Commitment,
    FeeUpdate, HtlcAdd, HtlcResolve, InvoiceStep, JoinedStep, LightningInterface, OpenAsked,
    Opening, PaymentOrder, PaymentResult, PolicyChange, Ready, Reestablish, RequestResult,
    Revocation, Step, Steps,
};
use crate::INSTANCE_ID;

/// A call of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedgerCall {
    /// A channel begins. Signed by the node.
    Opening(Box<Opening>),
    /// A channel is moved. Signed by the node.
    Command {
        /// The channel.
        channel_id: ChannelId,
        /// [`read::next_step`](crate::read::next_step): 1 after the opening, and 1 more for each command that was
        /// submitted since and not refused.
        step: u64,
        /// What moves it.
        command: Box<Command>,
        /// What the ledger keeps beside it.
        attachment: Attachment,
    },
    /// A channel is moved by several commands that may stand together ([`may_join`]): all of them, or none. Signed by the
    /// node.
    Commands {
        /// The channel.
        channel_id: ChannelId,
        /// As for a single command, of the first one.
        step: u64,
        /// One to [`MAX_STEPS`](crate::transactions::MAX_STEPS) of them, in their order. With one that must stand alone
        /// none is in the transaction, which is refused then.
        commands: Vec<(Command, Attachment)>,
    },
    /// An invoice is made, cancelled or has expired. Signed by the operator or the node.
    Invoice(InvoiceStep),
    /// A payment is ordered. Signed by the operator.
    Payment(PaymentOrder),
    /// A payment without a living HTLC has failed. Signed by the node.
    PaymentResult(PaymentResult),
    /// The policy is set. Signed by the operator.
    Policy(Box<PolicyChange>),
    /// What one channel forwards for is set. Signed by the operator.
    ChannelPolicy(ChannelPolicyChange),
    /// A channel is to be opened. Signed by the operator.
    OpenChannel(OpenChannelRequest),
    /// Several channels are to be opened by one transaction. Signed by the operator.
    OpenBatch(OpenBatchRequest),
    /// Every peer of a batch has signed. Signed by the node.
    BatchSigned(BatchSigned),
    /// A channel is to be closed. Signed by the operator.
    CloseChannel(CloseChannelRequest),
    /// An order is carried out or given up. Signed by the node.
    RequestResult(RequestResult),
    /// A hub is to be asked for a channel. Signed by the operator.
    AskChannel(AskChannelRequest),
    /// A peer asks for a channel, or gets none. Signed by the node.
    AskStep(AskStep),
    /// The operator approves or refuses what a peer asks for.
    AskDecision(AskDecision),
    /// Channels that peers asked for are to be opened. Signed by the node.
    OpenAsked(OpenAsked),
}

/// What a command has beside it that the channel machine does not need.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attachment {
    /// With an HTLC that is added: its onion, 1,366 bytes.
    pub onion: Vec<u8>,
    /// Beside it, behind the introduction node of a blinded path.
    pub path_key: Option<PublicKey>,
    /// With an HTLC of ours for a payment: the way that it is to go.
    pub route: Option<Route>,
    /// With an HTLC of ours that the peer fails: what the failure onion says, once decoded.
    pub failure: Option<Failure>,
    /// With an HTLC that fails or that this node fulfils: its attribution data, 920 bytes; empty where there is none.
    pub attribution: Vec<u8>,
    /// With an HTLC of ours that is a forward: the HTLC in that causes it.
    pub incoming: Option<HtlcRef>,
}

/// Signs the call's transaction. It is deterministic: the same call and key give the same bytes.
///
/// Nothing is checked here. What is missing, an onion for instance, is refused when the transaction is executed.
pub fn transaction(keypair: &KeyPair, call: LedgerCall) -> Verified<AnyTx> {
    match call {
        LedgerCall::Opening(argument) => keypair.opening(INSTANCE_ID, *argument),
        LedgerCall::Command {
            channel_id,
            step,
            command,
            attachment,
        } => step_transaction(
            keypair,
            Step {
                channel_id,
                number: step,
                command: *command,
            },
            attachment,
        ),
        LedgerCall::Commands {
            channel_id,
            step,
            commands,
        } => {
            let steps = (step..).zip(commands).map(|(number, one)| {
                let (command, attachment) = one;
                let step = Step {
                    channel_id,
                    number,
                    command,
                };
                joined(step, attachment)
            });
            let steps = steps.collect::<Option<_>>();
            keypair.steps(INSTANCE_ID, Steps::new(steps.unwrap_or_default()))
        }
        LedgerCall::Invoice(argument) => keypair.invoice(INSTANCE_ID, argument),
        LedgerCall::Payment(argument) => keypair.payment(INSTANCE_ID, argument),
        LedgerCall::PaymentResult(argument) => keypair.payment_result(INSTANCE_ID, argument),
        LedgerCall::Policy(argument) => keypair.policy(INSTANCE_ID, *argument),
        LedgerCall::ChannelPolicy(argument) => keypair.channel_policy(INSTANCE_ID, argument),
        LedgerCall::OpenChannel(argument) => keypair.open_channel(INSTANCE_ID, argument),
        LedgerCall::OpenBatch(argument) => keypair.open_batch(INSTANCE_ID, argument),
        LedgerCall::BatchSigned(argument) => keypair.batch_signed(INSTANCE_ID, argument),
        LedgerCall::CloseChannel(argument) => keypair.close_channel(INSTANCE_ID, argument),
        LedgerCall::RequestResult(argument) => keypair.request_result(INSTANCE_ID, argument),
        LedgerCall::AskChannel(argument) => keypair.ask_channel(INSTANCE_ID, argument),
        LedgerCall::AskStep(argument) => keypair.ask_step(INSTANCE_ID, argument),
        LedgerCall::AskDecision(argument) => keypair.ask_decision(INSTANCE_ID, argument),
        LedgerCall::OpenAsked(argument) => keypair.open_asked(INSTANCE_ID, argument),
    }
}

/// A method that carries steps of channels.
#[derive(Clone, Copy)]
enum Method {
    Commitment,
    Revocation,
    HtlcAdd,
    HtlcResolve,
    FeeUpdate,
    Ready,
    Reestablish,
    Closing,
    ChainEvent,
}

impl Method {
    /// Which method carries the command. No wildcards: a new command is given a method here, or nothing compiles.
    fn of(command: &Command) -> Self {
        match command {
            Command::Local(command) => match command {
                LocalCommand::AddHtlc { .. } => Self::HtlcAdd,
                LocalCommand::FulfillHtlc { .. }
                | LocalCommand::FailHtlc { .. }
                | LocalCommand::FailMalformedHtlc { .. }
                | LocalCommand::WithdrawHtlcs => Self::HtlcResolve,
                LocalCommand::UpdateFee { .. } => Self::FeeUpdate,
                LocalCommand::Commit => Self::Commitment,
                LocalCommand::Shutdown { .. }
                | LocalCommand::ProposeClosing { .. }
                | LocalCommand::ForceClose { .. }
                | LocalCommand::LoseData { .. }
                | LocalCommand::Abandon { .. } => Self::Closing,
            },
            Command::Peer { message, .. } => match message {
                PeerMessage::FundingSigned { .. } | PeerMessage::ChannelReady { .. } => Self::Ready,
                PeerMessage::UpdateAddHtlc(_) => Self::HtlcAdd,
                PeerMessage::UpdateFulfillHtlc { .. }
                | PeerMessage::UpdateFailHtlc { .. }
                | PeerMessage::UpdateFailMalformedHtlc { .. } => Self::HtlcResolve,
                PeerMessage::UpdateFee { .. } => Self::FeeUpdate,
                PeerMessage::CommitmentSigned { .. } => Self::Commitment,
                PeerMessage::RevokeAndAck { .. } => Self::Revocation,
                PeerMessage::ChannelReestablish(_) => Self::Reestablish,
                PeerMessage::Shutdown { .. }
                | PeerMessage::ClosingSigned(_)
                | PeerMessage::Error { .. } => Self::Closing,
            },
            Command::Chain(_) => Self::ChainEvent,
        }
    }
}

/// Whether the command may stand beside others in one transaction.
pub fn may_join(command: &Command) -> bool {
    match Method::of(command) {
        Method::Commitment
        | Method::Revocation
        | Method::HtlcAdd
        | Method::HtlcResolve
        | Method::FeeUpdate => true,
        Method::Ready | Method::Reestablish | Method::Closing | Method::ChainEvent => false,
    }
}

/// None where the command must stand alone.
fn joined(step: Step, attachment: Attachment) -> Option<JoinedStep> {
    Some(match Method::of(&step.command) {
        Method::Commitment => JoinedStep::Commitment(Commitment::new(step)),
        Method::Revocation => JoinedStep::Revocation(Revocation::new(step)),
        Method::HtlcAdd => JoinedStep::HtlcAdd(Box::new(htlc_add(step, attachment))),
        Method::HtlcResolve => JoinedStep::HtlcResolve(Box::new(htlc_resolve(step, attachment))),
        Method::FeeUpdate => JoinedStep::FeeUpdate(FeeUpdate::new(step)),
        Method::Ready | Method::Reestablish | Method::Closing | Method::ChainEvent => return None,
    })
}

fn htlc_add(step: Step, attachment: Attachment) -> HtlcAdd {
    let causes = (attachment.incoming, attachment.route);
    let onion = HtlcOnion {
        packet: attachment.onion,
        path_key: attachment.path_key,
    };
    HtlcAdd::new(step, onion, causes)
}

fn htlc_resolve(step: Step, attachment: Attachment) -> HtlcResolve {
    HtlcResolve::new(step, attachment.failure, attachment.attribution)
}

fn step_transaction(keypair: &KeyPair, step: Step, attachment: Attachment) -> Verified<AnyTx> {
    match Method::of(&step.command) {
        Method::Commitment => keypair.commitment(INSTANCE_ID, Commitment::new(step)),
        Method::Revocation => keypair.revocation(INSTANCE_ID, Revocation::new(step)),
        Method::HtlcAdd => keypair.htlc_add(INSTANCE_ID, htlc_add(step, attachment)),
        Method::HtlcResolve => keypair.htlc_resolve(INSTANCE_ID, htlc_resolve(step, attachment)),
        Method::FeeUpdate => keypair.fee_update(INSTANCE_ID, FeeUpdate::new(step)),
        Method::Ready => keypair.ready(INSTANCE_ID, Ready::new(step)),
        Method::Reestablish => keypair.reestablish(INSTANCE_ID, Reestablish::new(step)),
        Method::Closing => keypair.closing(INSTANCE_ID, Closing::new(step)),
        Method::ChainEvent => keypair.chain_event(INSTANCE_ID, ChainStep::new(step)),
    }
}
