//! The service as Exonum's runtime sees it.

use std::fmt;
use std::sync::Arc;

use exonum::blockchain::config::GenesisConfigBuilder;
use exonum::merkledb::BinaryValue;
use exonum::runtime::{
    CommonError, ExecutionContext, ExecutionError, ExecutionFail as _, InstanceId,
};
use exonum_derive::{ServiceDispatcher, ServiceFactory};
use exonum_rust_runtime::spec::{Deploy as _, Spec};
use exonum_rust_runtime::{DefaultInstance, RustRuntimeBuilder, Service};
use zarnitsa_channel::validate::SignatureVerifier;

use crate::errors::OperatorError;
use crate::execute::{Author, Ledger};
use crate::machines::Machines;
use crate::memo::MemoVerifier;
use crate::proto;
use crate::records::{
    AskChannelRequest, CloseChannelRequest, Genesis, OpenBatchRequest, OpenChannelRequest,
};
use crate::schema::Schema;
use crate::transactions::{
    AskDecision, AskStep, BatchSigned, ChainStep, ChannelPolicyChange, Closing, Commitment,
    FeeUpdate, HtlcAdd, HtlcResolve, InvoiceStep, LightningInterface, OpenAsked, Opening,
    PaymentOrder, PaymentResult, PolicyChange, Ready, Reestablish, RequestResult, Revocation,
    Steps,
};
use crate::{INSTANCE_ID, INSTANCE_NAME};

/// The service, and the factory that Exonum's runtime makes it with.
///
/// The artifact's version is written by hand, and rises when what is stored changes its form: a ledger of another one is
/// refused before anything reads it.
#[derive(Clone, ServiceDispatcher, ServiceFactory)]
#[service_dispatcher(implements("LightningInterface"))]
#[service_factory(
    artifact_name = "zarnitsa.lightning",
    artifact_version = "2.0.0",
    proto_sources = "proto",
    service_constructor = "Self::instance"
)]
pub struct LightningService {
    verifier: Arc<dyn SignatureVerifier + Send + Sync>,
    machines: Arc<Machines>,
}

/// What makes execution faster, and changes nothing that comes of it.
#[derive(Clone, Copy)]
pub(crate) struct Memory<'a> {
    pub(crate) verifier: &'a dyn SignatureVerifier,
    pub(crate) machines: &'a Machines,
}

impl LightningService {
    /// A service that checks signatures by `verifier`, which may remember what it has found valid, and puts the machines
    /// that it writes into `machines`.
    pub fn new(
        verifier: Arc<dyn SignatureVerifier + Send + Sync>,
        machines: Arc<Machines>,
    ) -> Self {
        Self { verifier, machines }
    }

    /// Adds the service to a ledger: its artifact and its instance to what a new one begins with, its code to the
    /// runtime. Says the same at every start.
    pub fn deploy(
        &self,
        genesis: &Genesis,
        genesis_builder: &mut GenesisConfigBuilder,
        runtime_builder: &mut RustRuntimeBuilder,
    ) {
        Spec::new(self.clone())
            .with_instance(INSTANCE_ID, INSTANCE_NAME, genesis.clone())
            .deploy(genesis_builder, runtime_builder);
    }

    fn memory(&self) -> Memory<'_> {
        Memory {
            verifier: &*self.verifier,
            machines: &self.machines,
        }
    }

    fn instance(&self) -> Box<dyn Service> {
        Box::new(self.clone())
    }
}

impl Default for LightningService {
    fn default() -> Self {
        Self::new(Arc::new(MemoVerifier::default()), Arc::default())
    }
}

impl fmt::Debug for LightningService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LightningService").finish_non_exhaustive()
    }
}

impl DefaultInstance for LightningService {
    const INSTANCE_ID: InstanceId = INSTANCE_ID;
    const INSTANCE_NAME: &'static str = INSTANCE_NAME;
}

impl Service for LightningService {
    fn initialize(
        &self,
        context: ExecutionContext<'_>,
        params: Vec<u8>,
    ) -> Result<(), ExecutionError> {
        let genesis =
            Genesis::from_bytes(params.into()).map_err(CommonError::malformed_arguments)?;
        genesis
            .policy
            .check()
            .map_err(|broken| OperatorError::BadPolicy.with_description(broken))?;
        let schema = Schema::new(context.service_data());
        schema.create();
        schema.config().set(genesis.config);
        schema.policy().set(genesis.policy);
        Ok(())
    }
}

impl LightningInterface<ExecutionContext<'_>> for LightningService {
    type Output = Result<(), ExecutionError>;

    fn opening(&self, context: ExecutionContext<'_>, argument: Opening) -> Self::Output {
        Ledger::enter(&context, Author::Node)?.opening(argument, self.memory())
    }

    fn commitment(&self, context: ExecutionContext<'_>, argument: Commitment) -> Self::Output {
        Ledger::enter(&context, Author::Node)?.step(argument.into_step(), self.memory())
    }

    fn revocation(&self, context: ExecutionContext<'_>, argument: Revocation) -> Self::Output {
        Ledger::enter(&context, Author::Node)?.step(argument.into_step(), self.memory())
    }

    fn htlc_add(&self, context: ExecutionContext<'_>, argument: HtlcAdd) -> Self::Output {
        Ledger::enter(&context, Author::Node)?.htlc_add(argument, self.memory())
    }

    fn htlc_resolve(&self, context: ExecutionContext<'_>, argument: HtlcResolve) -> Self::Output {
        Ledger::enter(&context, Author::Node)?.htlc_resolve(argument, self.memory())
    }

    fn fee_update(&self, context: ExecutionContext<'_>, argument: FeeUpdate) -> Self::Output {
        Ledger::enter(&context, Author::Node)?.step(argument.into_step(), self.memory())
    }

    fn ready(&self, context: ExecutionContext<'_>, argument: Ready) -> Self::Output {
        Ledger::enter(&context, Author::Node)?.step(argument.into_step(), self.memory())
    }

    fn reestablish(&self, context: ExecutionContext<'_>, argument: Reestablish) -> Self::Output {
        Ledger::enter(&context, Author::Node)?.step(argument.into_step(), self.memory())
    }

    fn closing(&self, context: ExecutionContext<'_>, argument: Closing) -> Self::Output {
        Ledger::enter(&context, Author::Node)?.step(argument.into_step(), self.memory())
    }

    fn chain_event(&self, context: ExecutionContext<'_>, argument: ChainStep) -> Self::Output {
        Ledger::enter(&context, Author::Node)?.step(argument.into_step(), self.memory())
    }

    fn invoice(&self, context: ExecutionContext<'_>, argument: InvoiceStep) -> Self::Output {
        Ledger::enter(&context, Author::OperatorOrNode)?.invoice(argument)
    }

    fn payment(&self, context: ExecutionContext<'_>, argument: PaymentOrder) -> Self::Output {
        Ledger::enter(&context, Author::Operator)?.payment(argument)
    }

    fn payment_result(
        &self,
        context: ExecutionContext<'_>,
        argument: PaymentResult,
    ) -> Self::Output {
        Ledger::enter(&context, Author::Node)?.payment_result(argument)
    }

    fn policy(&self, context: ExecutionContext<'_>, argument: PolicyChange) -> Self::Output {
        Ledger::enter(&context, Author::Operator)?.policy(argument)
    }

    fn open_channel(
        &self,
        context: ExecutionContext<'_>,
        argument: OpenChannelRequest,
    ) -> Self::Output {
        Ledger::enter(&context, Author::Operator)?.open_channel(argument)
    }

    fn close_channel(
        &self,
        context: ExecutionContext<'_>,
        argument: CloseChannelRequest,
    ) -> Self::Output {
        Ledger::enter(&context, Author::Operator)?.close_channel(argument)
    }

    fn request_result(
        &self,
        context: ExecutionContext<'_>,
        argument: RequestResult,
    ) -> Self::Output {
        Ledger::enter(&context, Author::Node)?.request_result(argument)
    }
    fn channel_policy(
        &self,
        context: ExecutionContext<'_>,
        argument: ChannelPolicyChange,
    ) -> Self::Output {
        Ledger::enter(&context, Author::Operator)?.channel_policy(argument)
    }

    fn open_batch(
        &self,
        context: ExecutionContext<'_>,
        argument: OpenBatchRequest,
    ) -> Self::Output {
        Ledger::enter(&context, Author::Operator)?.open_batch(argument)
    }

    fn batch_signed(&self, context: ExecutionContext<'_>, argument: BatchSigned) -> Self::Output {
        Ledger::enter(&context, Author::Node)?.batch_signed(argument, self.memory())
    }

    fn ask_channel(
        &self,
        context: ExecutionContext<'_>,
        argument: AskChannelRequest,
    ) -> Self::Output {
        Ledger::enter(&context, Author::Operator)?.ask_channel(argument)
    }

    fn ask_step(&self, context: ExecutionContext<'_>, argument: AskStep) -> Self::Output {
        Ledger::enter(&context, Author::Node)?.ask_step(argument)
    }

    fn ask_decision(&self, context: ExecutionContext<'_>, argument: AskDecision) -> Self::Output {
        Ledger::enter(&context, Author::Operator)?.ask_decision(argument)
    }

    fn open_asked(&self, context: ExecutionContext<'_>, argument: OpenAsked) -> Self::Output {
        Ledger::enter(&context, Author::Node)?.open_asked(argument)
    }

    fn steps(&self, context: ExecutionContext<'_>, argument: Steps) -> Self::Output {
        Ledger::enter(&context, Author::Node)?.steps(argument, self.memory())
    }
}
