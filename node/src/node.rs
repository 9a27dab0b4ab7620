//! The running node: its parts are started in the order in which they need one another, and stopped in reverse.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use exonum::crypto::KeyPair;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use zarnitsa_bitcoin_adapter::{
    AccountDescriptors, AddressKind, Auth, Birthday, Bitcoind, BitcoindConfig, Chain, ChainEvent,
    ChainOptions, ChainSource, FeeBounds, Start, Wallet, WalletOptions,
};
use zarnitsa_ledger::{CommittedBlock, Ledger};
use zarnitsa_peer::routing::Router;
use zarnitsa_peer::{
    Gossip, GossipLimits, Messages, OnionMessages, PeerConfig, PeerEvents, PeerNetwork,
};
use zarnitsa_service::records::Policy;
use zarnitsa_service::transactions::PolicyChange;
use zarnitsa_service::{read, LedgerCall, MemoVerifier};
use zarnitsa_signer::{Signer, WalletKind};

use crate::config::{BitcoindConfig as BitcoindSettings, Config};
use crate::data_dir::DataDir;
use crate::driver::{Driver, Inputs};
use crate::genesis::{first_policy, ledger_options, Memory};
use crate::gossip;
use crate::hints::PeerTerms;
use crate::ldk_signer::LdkSigner;
use crate::offers::Offers;
use crate::rollback;
use crate::shared::{ChainParts, LedgerView, NetworkParts, Parts, Shared};
use crate::tower::{self, Tower};

/// Blocks of the ledger that wait for the driver. It reads on from disk, so a full queue loses nothing.
const BLOCKS_WAITING: usize = 64;
/// Signatures that the memo remembers: a few full channels' worth.
const REMEMBERED_SIGNATURES: usize = 16_384;
/// Time for the driver to end its turn.
const DRIVER_STOP: Duration = Duration::from_secs(10);

/// Why the node could not start. Each says which part and why.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The seed: missing, another passphrase, damaged.
    #[error(transparent)]
    Signer(#[from] zarnitsa_signer::SignerError),
    /// The ledger: damaged, foreign, in use.
    #[error(transparent)]
    Ledger(#[from] zarnitsa_ledger::OpenError),
    /// The ledger stopped at once.
    #[error(transparent)]
    LedgerStopped(#[from] zarnitsa_ledger::LedgerError),
    /// The on-chain wallet.
    #[error(transparent)]
    Wallet(#[from] zarnitsa_bitcoin_adapter::WalletError),
    /// The settings name no usable bitcoind.
    #[error("bitcoind.rpc_url is {got:?}: {expected} was expected")]
    RpcUrl {
        /// What is set.
        got: String,
        /// What it should be.
        expected: &'static str,
    },
    /// The watchtower's token.
    #[error("the watchtower's token cannot be read: watchtower.token_file")]
    Tower(#[source] std::io::Error),
    /// The operating system refused a thread.
    #[error("the chain's follower could not be started")]
    Follower(#[source] std::io::Error),
    /// The network side.
    #[error(transparent)]
    Peers(#[from] zarnitsa_peer::StartError),
    /// The Lightning port.
    #[error(transparent)]
    Listen(#[from] zarnitsa_peer::ListenError),
}

/// A node that runs.
pub struct Node {
    pub(crate) shared: Arc<Shared>,
    pub(crate) lightning_address: SocketAddr,
    heights: watch::Receiver<u64>,
    stop_driver: oneshot::Sender<()>,
    driver: JoinHandle<Result<(), String>>,
    blocks: JoinHandle<()>,
}

impl Node {
    /// Starts every part. Nothing is announced to anybody before the ledger is open and each channel is read.
    pub async fn start(
        config: Config,
        dir: &DataDir,
        signer: Signer,
        operator: KeyPair,
    ) -> Result<Self, StartError> {
        let tower = Tower::of(&config).map_err(StartError::Tower)?;
        let signer = Arc::new(signer);
        let memory = Memory {
            verifier: Arc::new(MemoVerifier::new(REMEMBERED_SIGNATURES)),
            machines: Arc::default(),
        };
        let (network, commander) = (config.network, operator.public_key());
        let options = ledger_options(network, commander, &signer, memory.clone());
        let reporter = options.validator.service.clone();
        let ledger = Ledger::open(dir.ledger(), options)?;
        let view = Arc::new(LedgerView::new(ledger.clone(), memory.machines));
        if let Some(reason) = rollback::older_at_start(&ledger, &signer)? {
            tracing::error!("{reason}");
            signer.refuse(reason);
        }
        signer.set_view(view);
        if signer.refusing().is_none() {
            apply_first_policy(&ledger, &operator, &config).await?;
        }
        let (chain, chain_events) = start_chain(&config, dir, &signer)?;
        let network = open_network(&config, dir, &signer, &chain);
        let (peers, peer_events, offers) = start_peers(&config, &signer, &network)?;
        let parts = Parts {
            config,
            ledger,
            signer,
            operator,
            reporter,
            chain,
            peers,
            offers,
            network,
            verifier: memory.verifier,
            tower,
        };
        Self::run(parts, chain_events, peer_events).await
    }

    async fn run(
        parts: Parts,
        chain: mpsc::Receiver<ChainEvent>,
        peers: PeerEvents,
    ) -> Result<Self, StartError> {
        let shared = Arc::new(Shared::new(parts));
        shared.offers.serve(&shared);
        let (stop_driver, stop) = oneshot::channel();
        let (heights_sender, heights) = watch::channel(shared.ledger.head().height);
        let (to_driver, blocks) = mpsc::channel(BLOCKS_WAITING);
        let reader = tokio::spawn(read_blocks(shared.clone(), to_driver, heights_sender));
        let driver = Driver::new(shared.clone());
        let inputs = Inputs {
            peers,
            chain,
            blocks,
            stop,
        };
        let driver = tokio::spawn(driver.run(inputs));
        let listen = shared.config.lightning.listen;
        let lightning_address = shared.peers.listen(listen).await?;
        shared.call_known_peers();
        gossip::keep(&shared);
        tower::keep(&shared);
        Ok(Self {
            shared,
            lightning_address,
            heights,
            stop_driver,
            driver,
            blocks: reader,
        })
    }

    /// Ends by itself only when something could not be read or written: then the node must stop too.
    pub async fn failed(&mut self) -> String {
        let ended = tokio::select! {
            biased; // who stopped over the ledger knows best what could not be done
            ended = &mut self.driver => ended,
            failure = self.shared.ledger.failed() => return failure.to_string(),
            failure = self.shared.wallet.failed() => return failure,
        };
        match ended {
            Ok(Ok(())) => "the driver has ended".to_owned(),
            Ok(Err(error)) => error,
            Err(error) => match self.shared.ledger.stopped() {
                Some(stopped) => stopped.to_string(), // a panic over what cannot be read
                None => format!("the driver has ended: {error}"),
            },
        }
    }

    /// Says nothing any more, at once: what is under way will not become durable.
    pub(crate) fn hush(&self) {
        self.shared.stopping.cancel();
        self.shared.peers.shutdown();
    }

    /// Stops speaking, lets what is under way become durable, and closes the ledger.
    pub async fn shutdown(self) {
        let Self {
            shared,
            stop_driver,
            driver,
            blocks,
            ..
        } = self;
        shared.stopping.cancel();
        shared.peers.shutdown();
        let _ = stop_driver.send(()); // it may have ended by itself
                                      // One that has ended was waited for by `failed`, and may not be twice.
        if !driver.is_finished() && tokio::time::timeout(DRIVER_STOP, driver).await.is_err() {
            tracing::warn!("the driver did not end in time");
        }
        blocks.abort();
        let _ = blocks.await; // cancelled, as told
        shared.save_network();
        if let Err(error) = shared.signer.sync() {
            tracing::warn!(%error, "the signer's witness is not on disk");
        }
        let ledger = shared.ledger.clone();
        drop(shared);
        let closed = tokio::task::spawn_blocking(move || ledger.shutdown()).await;
        match closed {
            Ok(Ok(())) => tracing::info!("the ledger is closed"),
            Ok(Err(error)) => tracing::warn!(%error, "the ledger"),
            Err(error) => tracing::error!(%error, "the ledger"),
        }
    }

    pub(crate) fn heights(&self) -> watch::Receiver<u64> {
        self.heights.clone()
    }
}

/// A ledger that has just begun takes its policy from the settings; afterwards the ledger is what counts.
async fn apply_first_policy(
    ledger: &Ledger,
    operator: &KeyPair,
    config: &Config,
) -> Result<(), StartError> {
    let policy = read::policy(&*ledger.snapshot());
    if ledger.head().height > 1 || policy.as_ref() != Some(&Policy::user()) {
        return Ok(());
    }
    let policy = first_policy(&config.policy);
    let call = LedgerCall::Policy(Box::new(PolicyChange {
        policy,
        nonce: rand::random(),
    }));
    let committed = ledger
        .submit(zarnitsa_service::transaction(operator, call))
        .await?;
    if let Err(error) = committed.result {
        tracing::error!(%error, "the settings' policy was refused: the cautious default holds");
    }
    Ok(())
}

fn start_chain(
    config: &Config,
    dir: &DataDir,
    signer: &Signer,
) -> Result<(ChainParts, mpsc::Receiver<ChainEvent>), StartError> {
    let network = config.network.kind();
    let wallet = open_wallet(config, dir, signer)?;
    let source = chain_source(config)?;
    let mut options = ChainOptions::new(network, Start::Tip, Some(wallet.clone()));
    options.poll_interval = Duration::from_millis(config.bitcoind.poll_ms);
    options.fees = FeeBounds {
        floor: sat_vb(config.fees.floor_sat_vb).max(options.fees.floor),
        ceiling: sat_vb(config.fees.ceiling_sat_vb),
        ..options.fees
    };
    let (chain, events) = Chain::start(source.clone(), options).map_err(StartError::Follower)?;
    Ok((
        ChainParts {
            chain,
            source,
            wallet,
        },
        events,
    ))
}

/// The on-chain wallet's file, which asks no chain by itself.
pub(crate) fn open_wallet(
    config: &Config,
    dir: &DataDir,
    signer: &Signer,
) -> Result<Wallet, StartError> {
    let network = config.network.kind();
    let account = |kind, wallet_kind| -> Result<AccountDescriptors, StartError> {
        let descriptors = signer.wallet_descriptors(wallet_kind)?;
        let (external, change) = (descriptors.external, descriptors.change);
        Ok(AccountDescriptors {
            kind,
            external,
            change,
        })
    };
    let accounts = vec![
        account(AddressKind::Segwit, WalletKind::Segwit)?,
        account(AddressKind::Taproot, WalletKind::Taproot)?,
    ];
    Ok(Wallet::open(WalletOptions {
        path: dir.wallet(),
        network,
        accounts,
        birthday: Birthday::Now,
    })?)
}

fn sat_vb(rate: u64) -> bitcoin::FeeRate {
    bitcoin::FeeRate::from_sat_per_vb(rate).unwrap_or(bitcoin::FeeRate::MAX)
}

/// The bitcoind of the settings.
pub(crate) fn chain_source(config: &Config) -> Result<Arc<dyn ChainSource>, StartError> {
    Ok(Arc::new(Bitcoind::new(bitcoind_config(config)?)))
}

fn bitcoind_config(config: &Config) -> Result<BitcoindConfig, StartError> {
    let BitcoindSettings {
        rpc_url,
        user,
        password,
        ..
    } = &config.bitcoind;
    let wrong = || StartError::RpcUrl {
        got: rpc_url.clone(),
        expected: "http://host:port",
    };
    let host = rpc_url
        .strip_prefix("http://")
        .ok_or_else(wrong)?
        .trim_end_matches('/');
    let address = host
        .to_socket_addrs()
        .ok()
        .and_then(|mut all| all.next())
        .ok_or_else(wrong)?;
    let auth = match (user, password) {
        (Some(user), Some(password)) => {
            Auth::UserPassword(user.clone(), password.reveal().to_owned())
        }
        _ => Auth::Cookie(config.cookie_file()),
    };
    Ok(BitcoindConfig::new(address, auth))
}

/// What an earlier run learnt of the network, and where what is heard of it is looked up.
fn open_network(
    config: &Config,
    dir: &DataDir,
    signer: &Signer,
    chain: &ChainParts,
) -> NetworkParts {
    let folder = dir.gossip();
    let router = Router::open(signer.node_id(), config.network.kind(), &folder);
    let outputs = Arc::new(gossip::Outputs(chain.source.clone()));
    let gossip = Gossip::new(router.graph().clone(), outputs, GossipLimits::default());
    NetworkParts {
        router: Arc::new(router),
        gossip,
        peer_terms: Arc::new(PeerTerms::open(&folder)),
        channel_peers: Arc::default(),
    }
}

fn start_peers(
    config: &Config,
    signer: &Arc<Signer>,
    network: &NetworkParts,
) -> Result<(PeerNetwork, PeerEvents, Arc<Offers>), StartError> {
    let chain = bitcoin::constants::ChainHash::using_genesis_block(config.network.kind());
    let mut settings = PeerConfig::new(chain);
    settings.max_inbound = config.lightning.max_peers;
    settings.gossip = Some(network.gossip.clone());
    let signer = Arc::new(LdkSigner::new(signer.clone()));
    let router = zarnitsa_peer::message_router(network.router.graph().clone())
        .map_err(zarnitsa_peer::StartError::Randomness)?;
    let offers = Arc::new(Offers::new(&signer, config.network.kind(), router.clone()));
    let messages = OnionMessages::new(Messages {
        signer: signer.clone(),
        peers: network.channel_peers.clone(),
        router,
        offers: offers.clone(),
    });
    let messages = messages.map_err(zarnitsa_peer::StartError::Randomness)?;
    settings.onion_messages = Arc::new(messages);
    let (peers, events) = PeerNetwork::start(settings, signer)?;
    Ok((peers, events, offers))
}

/// Hands every durable block on, and tells its height.
async fn read_blocks(
    shared: Arc<Shared>,
    driver: mpsc::Sender<Arc<CommittedBlock>>,
    heights: watch::Sender<u64>,
) {
    let mut blocks = shared.ledger.subscribe(shared.ledger.head().height);
    shared.note_head();
    let shared = {
        let weak = Arc::downgrade(&shared);
        drop(shared); // it must not keep the ledger open
        weak
    };
    while let Some(block) = blocks.next().await {
        match block {
            Ok(block) => {
                if let Some(shared) = shared.upgrade() {
                    shared.note_head();
                }
                heights.send_replace(block.height);
                if driver.send(block).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::error!(%error, "the ledger's blocks cannot be read");
                return;
            }
        }
    }
}
