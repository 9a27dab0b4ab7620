//! What the driver, the handlers and the HTTP server share: the node's parts, and the durable ledger read through the
//! service's eyes.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use bitcoin::constants::ChainHash;
use exonum::crypto::{Hash, KeyPair};
use exonum::merkledb::Snapshot;
use lightning::ln::msgs::MessageSendEvent;
use tokio_util::sync::CancellationToken;
use zarnitsa_bitcoin_adapter::{Chain, ChainSource, Wallet};
use zarnitsa_channel::ids::{ChannelId, HtlcId, PaymentHash};
use zarnitsa_channel::limits::Limits;
use zarnitsa_channel::params::Side;
use zarnitsa_channel::state::{Channel, HtlcTerms};
use zarnitsa_ledger::{Ledger, Receipt};
use zarnitsa_peer::routing::Router;
use zarnitsa_peer::{Connection, Gossip, PeerNetwork};
use zarnitsa_service::records::{
    ChannelPolicy, ChannelRecord, HtlcKey, HtlcOnion, HtlcRecord, Invoice, Payment, PaymentStatus,
    Policy, Request, RequestArguments, RequestStatus, ReturnedFailure,
};
use zarnitsa_service::transactions::RequestResult;
use zarnitsa_service::{read, LedgerCall, Machines, MemoVerifier};
use zarnitsa_signer::{ChannelView, Signer};

use crate::channel_update::ChannelUpdates;
use crate::config::Config;
use crate::hints::PeerTerms;
use crate::ldk_signer::LdkSigner;
use crate::notify::Notifier;
use crate::offers::{ChannelPeers, Offers};
use crate::tower::Tower;

/// How many payments are looked through for unfinished ones at a start.
const PAYMENTS_AT_START: usize = 100_000;

/// The node's parts.
pub struct Shared {
    pub(crate) config: Config,
    pub(crate) ledger: Ledger,
    pub(crate) signer: Arc<Signer>,
    pub(crate) node_signer: LdkSigner,
    /// May command; signs what the operator orders by token.
    pub(crate) operator: KeyPair,
    /// May report; signs what peers and the chain do.
    pub(crate) reporter: KeyPair,
    pub(crate) chain: Chain,
    pub(crate) source: Arc<dyn ChainSource>,
    pub(crate) wallet: Wallet,
    pub(crate) peers: PeerNetwork,
    pub(crate) offers: Arc<Offers>,
    pub(crate) router: Arc<Router>,
    pub(crate) gossip: Arc<Gossip>,
    pub(crate) peer_terms: Arc<PeerTerms>,
    pub(crate) channel_peers: Arc<ChannelPeers>,
    pub(crate) verifier: Arc<MemoVerifier>,
    pub(crate) tower: Option<Arc<Tower>>,
    pub(crate) notifier: Notifier,
    pub(crate) stopping: CancellationToken,
    pub(crate) channel_updates: ChannelUpdates,
    rules: RwLock<Arc<Rules>>,
}

/// The policy as the ledger has it, and what follows from it.
#[derive(Debug)]
pub(crate) struct Rules {
    pub policy: Policy,
    pub limits: Limits,
    /// Of channels that have one of their own.
    pub channels: BTreeMap<ChannelId, ChannelPolicy>,
}

impl Rules {
    fn read(ledger: &Ledger) -> Arc<Self> {
        let snapshot = ledger.snapshot();
        let policy = read::policy(&*snapshot).unwrap_or_else(Policy::user);
        let limits = policy.limits();
        let channels = read::channel_policies(&*snapshot);
        let channels = channels.into_iter().map(|own| (own.channel_id, own));
        Arc::new(Self {
            policy,
            limits,
            channels: channels.collect(),
        })
    }
}

/// The chain, whom to ask about it, and the wallet that follows it.
pub(crate) struct ChainParts {
    pub chain: Chain,
    pub source: Arc<dyn ChainSource>,
    pub wallet: Wallet,
}

/// What is known of the network.
pub(crate) struct NetworkParts {
    pub router: Arc<Router>,
    pub gossip: Arc<Gossip>,
    pub peer_terms: Arc<PeerTerms>,
    pub channel_peers: Arc<ChannelPeers>,
}

/// What [`Shared::new`] takes.
pub(crate) struct Parts {
    pub config: Config,
    pub ledger: Ledger,
    pub signer: Arc<Signer>,
    pub operator: KeyPair,
    pub reporter: KeyPair,
    pub chain: ChainParts,
    pub peers: PeerNetwork,
    pub offers: Arc<Offers>,
    pub network: NetworkParts,
    pub verifier: Arc<MemoVerifier>,
    pub tower: Option<Arc<Tower>>,
}

impl Shared {
    pub(crate) fn new(parts: Parts) -> Self {
        let rules = RwLock::new(Rules::read(&parts.ledger));
        Self {
            node_signer: LdkSigner::new(parts.signer.clone()),
            config: parts.config,
            ledger: parts.ledger,
            signer: parts.signer,
            operator: parts.operator,
            reporter: parts.reporter,
            chain: parts.chain.chain,
            source: parts.chain.source,
            wallet: parts.chain.wallet,
            peers: parts.peers,
            offers: parts.offers,
            router: parts.network.router,
            gossip: parts.network.gossip,
            peer_terms: parts.network.peer_terms,
            channel_peers: parts.network.channel_peers,
            verifier: parts.verifier,
            tower: parts.tower,
            notifier: Notifier::default(),
            stopping: CancellationToken::new(),
            channel_updates: ChannelUpdates::default(),
            rules,
        }
    }

    pub(crate) fn network(&self) -> bitcoin::Network {
        self.config.network.kind()
    }

    pub(crate) fn chain_hash(&self) -> ChainHash {
        ChainHash::using_genesis_block(self.network())
    }

    fn snapshot(&self) -> Box<dyn Snapshot> {
        self.ledger.snapshot()
    }

    /// All that the operator wants, read together.
    pub(crate) fn rules(&self) -> Arc<Rules> {
        self.rules
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The policy in force.
    pub(crate) fn policy(&self) -> Policy {
        self.rules().policy.clone()
    }

    /// What the policy means to the channel machine.
    pub(crate) fn limits(&self) -> Limits {
        self.rules().limits.clone()
    }

    /// The ledger has another policy now.
    pub(crate) fn reload_policy(&self) {
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Rules::read(&self.ledger);
    }

    /// Hands in what this node reports. Where the queue is full it waits: nobody is ahead of the disk by more.
    pub(crate) fn submit(&self, call: LedgerCall) -> Receipt {
        self.ledger
            .submit(zarnitsa_service::transaction(&self.reporter, call))
    }

    /// A message to a connection that is gone is lost with it, as any message may be.
    pub(crate) fn send(&self, connection: Connection, event: MessageSendEvent) {
        if let Err(error) = self.peers.send(connection, event) {
            tracing::debug!(%error, "not sent");
        }
    }

    pub(crate) fn channel_record(&self, id: &ChannelId) -> Option<ChannelRecord> {
        read::channel_record(&*self.snapshot(), id)
    }

    /// A channel as it is on disk.
    pub(crate) fn channel(&self, id: &ChannelId) -> Option<Channel> {
        self.channel_and_steps(id).map(|(channel, _)| channel)
    }

    /// The same with the number that its next step has.
    pub(crate) fn channel_and_steps(&self, id: &ChannelId) -> Option<(Channel, u64)> {
        let record = self.channel_record(id)?;
        match Channel::decode(&record.machine) {
            Ok(channel) => Some((channel, record.history_len)),
            Err(error) => {
                tracing::error!(channel = %id, %error, "the ledger's record cannot be read");
                None
            }
        }
    }

    /// Channels that are not over.
    pub(crate) fn live_channels(&self) -> Vec<ChannelId> {
        read::live_channels(&*self.snapshot())
    }

    pub(crate) fn onion(&self, id: &ChannelId, offerer: Side, htlc: HtlcId) -> Option<HtlcOnion> {
        read::onion(&*self.snapshot(), &HtlcKey::new(id, offerer, htlc))
    }

    /// What travels beside the end of an HTLC that is not gone yet; or nothing.
    pub(crate) fn attribution(&self, id: &ChannelId, offerer: Side, htlc: HtlcId) -> Vec<u8> {
        let key = HtlcKey::new(id, offerer, htlc);
        read::attribution(&*self.snapshot(), &key).unwrap_or_default()
    }

    /// An HTLC's record, as it is on disk.
    pub(crate) fn htlc(&self, key: &HtlcKey) -> Option<HtlcRecord> {
        read::htlc(&*self.snapshot(), key)
    }

    /// Why an HTLC out failed, as it came.
    pub(crate) fn returned_failure(&self, outgoing: &HtlcKey) -> Option<ReturnedFailure> {
        read::returned_failure(&*self.snapshot(), outgoing)
    }

    /// All HTLCs that a channel ever had, as far as scripts depend on them.
    pub(crate) fn past_htlcs(&self, machine: &Channel) -> Vec<HtlcTerms> {
        let terms = |record: HtlcRecord| HtlcTerms {
            offered_by: record.offerer,
            id: record.id,
            payment_hash: record.payment_hash,
            cltv_expiry: record.cltv_expiry,
        };
        read::htlcs_below(&*self.snapshot(), &machine.id(), machine.htlc_counts())
            .into_iter()
            .map(terms)
            .collect()
    }

    pub(crate) fn invoice(&self, hash: &PaymentHash) -> Option<Invoice> {
        read::invoice(&*self.snapshot(), hash)
    }

    pub(crate) fn payment(&self, hash: &PaymentHash) -> Option<Payment> {
        read::payment(&*self.snapshot(), hash)
    }

    pub(crate) fn pending_payments(&self) -> Vec<Payment> {
        let mut payments = read::payments(&*self.snapshot(), 0, PAYMENTS_AT_START);
        payments.retain(|payment| payment.status == PaymentStatus::Pending);
        payments
    }

    pub(crate) fn pending_requests(&self) -> Vec<(Hash, Request)> {
        read::pending_requests(&*self.snapshot())
    }

    /// The order that opened the channel, if it was one.
    pub(crate) fn request_of(&self, id: &ChannelId) -> Option<Hash> {
        self.channel_record(id)?.request
    }

    /// Whether an order is for several channels.
    pub(crate) fn is_batch(&self, request: &Hash) -> bool {
        let request = read::request(&*self.snapshot(), request);
        request.is_some_and(|request| matches!(request.arguments, RequestArguments::OpenBatch(_)))
    }

    pub(crate) fn request_failed(&self, request: Hash, reason: &str) {
        tracing::info!(request = %request, reason, "an order failed");
        self.end_request(request, RequestStatus::Failed, None, reason.to_owned());
    }

    pub(crate) fn request_done(&self, request: Hash, channel: &ChannelId) {
        self.end_request(request, RequestStatus::Done, Some(*channel), String::new());
    }

    fn end_request(
        &self,
        request: Hash,
        status: RequestStatus,
        channel_id: Option<ChannelId>,
        reason: String,
    ) {
        let result = RequestResult {
            request,
            status,
            channel_id,
            reason,
        };
        let _queued = self.submit(LedgerCall::RequestResult(result)); // whoever waits is woken by the block
    }

    /// When a block of the ledger was made, Unix time.
    pub(crate) fn block_time(&self, height: u64) -> u64 {
        let block = self.ledger.block(height).ok().flatten();
        let time = block.and_then(|block| block.time);
        time.and_then(|time| u64::try_from(time.timestamp()).ok())
            .unwrap_or_default()
    }
}

/// The signer's window on the ledger: only what is on disk.
pub(crate) struct LedgerView {
    ledger: Ledger,
    machines: Arc<Machines>,
}

impl LedgerView {
    /// `machines` may know what the ledger has.
    pub(crate) fn new(ledger: Ledger, machines: Arc<Machines>) -> Self {
        Self { ledger, machines }
    }
}

impl ChannelView for LedgerView {
    fn channel(&self, id: &ChannelId) -> Option<Channel> {
        let record = read::channel_record(&*self.ledger.snapshot(), id)?;
        self.machines.decode(id, &record.machine).ok()
    }
}
