//! The door to the chain: start, watch, ask, broadcast.

use std::io;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bitcoin::{Network, OutPoint, Psbt, Transaction, Txid};
use tokio::sync::{mpsc, watch};

use crate::announce::Announcements;
use crate::broadcast::{BroadcastEvent, BroadcastOutcome, Broadcasts, Rejection};
use crate::error::ChainError;
use crate::fees::{FeeBounds, FeeEstimates};
use crate::follow::registry::Registry;
use crate::follow::stalled::Stall;
use crate::follow::{Follower, Request};
use crate::lookup::{look_up, TxHint, TxStatus};
use crate::source::{Announcement, BlockRef, ChainSource};
use crate::wallet::{SendOrder, SignerFailure, Wallet, WalletError};
use crate::watch::{Watch, WatchEvent};

/// Events that may wait for their receiver. The follower stands still while it is full; nothing is dropped.
const WAITING_EVENTS: usize = 4096;

/// Where following begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// After this block, which was dealt with in an earlier run: every later block is told, and those before it that a reorg took.
    After(BlockRef),
    /// At the best block of the moment, which is told first. For a node that has no past.
    Tip,
}

/// How to follow the chain.
#[derive(Debug)]
pub struct ChainOptions {
    /// The network of this node; a source of another one is refused.
    pub network: Network,
    /// Where to begin.
    pub start: Start,
    /// How often to look for news when none is announced.
    pub poll_interval: Duration,
    /// Bounds of the feerates.
    pub fees: FeeBounds,
    /// A wallet to keep in step with the chain.
    pub wallet: Option<Wallet>,
}

impl ChainOptions {
    /// The usual ones: polls each second, five times a second on regtest.
    pub fn new(network: Network, start: Start, wallet: Option<Wallet>) -> Self {
        let poll_interval = Duration::from_millis(if network == Network::Regtest {
            200
        } else {
            1000
        });
        Self {
            network,
            start,
            poll_interval,
            fees: FeeBounds::of(network),
            wallet,
        }
    }
}

/// What the chain shows, in the order in which it does.
#[derive(Clone, Debug)]
pub enum ChainEvent {
    /// News of a transaction that is being broadcast.
    Broadcast(BroadcastEvent),
    /// A block joined the best chain. All that watches saw in it has been told before: having dealt with this event, the node may
    /// begin after this block the next time.
    Connected {
        /// The block, one above the last tip.
        block: BlockRef,
        /// The time in its header, in seconds since 1970.
        time: u32,
        /// Blocks that the best chain had above it already: more than none after an absence, be it of the source or of this process.
        more: u32,
    },
    /// The tip left the best chain. What this means to watches has been told before.
    Disconnected {
        /// The block that was the tip.
        block: BlockRef,
    },
    /// Following cannot go on without an operator's help, see [`ChainError::is_temporary`]. It is tried again all the same.
    Fault {
        /// What is wrong.
        error: Arc<ChainError>,
    },
    /// A watch saw something.
    Watch(WatchEvent),
}

/// Why a payment was not made.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The chain is followed without a wallet.
    #[error("there is no wallet")]
    NoWallet,
    /// The network does not take it.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// It could not be built or signed.
    #[error(transparent)]
    Wallet(#[from] WalletError),
}

/// How following goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChainStatus {
    /// The newest block that was told of; `None` before the source first answered.
    pub tip: Option<BlockRef>,
    /// The block up to which the wallet is known.
    pub wallet_tip: Option<BlockRef>,
    /// Where the source's chain is lower than what was told already, its height: it is waited for.
    pub behind: Option<u32>,
    /// Why the newest block is not believed to be the network's newest.
    pub stalled: Option<Stall>,
    /// Whether everything that is known to the source has been told.
    pub reachable: bool,
    /// Why not.
    pub problem: Option<String>,
}

impl ChainStatus {
    /// The height up to which watches and the wallet both know the chain; 0 before the source first answered.
    /// The wallet follows a moment after the watches, which must hear of a block first.
    #[must_use]
    pub fn known_height(&self) -> u32 {
        let told = self.tip.map_or(0, |block| block.height);
        let in_wallet = self.wallet_tip.map_or(0, |block| block.height);
        told.min(in_wallet)
    }
}

/// What the follower and those who ask share.
pub(crate) struct Shared {
    pub(crate) source: Arc<dyn ChainSource>,
    pub(crate) broadcasts: Broadcasts,
    pub(crate) fees: FeeEstimates,
    pub(crate) status: watch::Sender<ChainStatus>,
    registry: Mutex<Registry>,
    announcements: Announcements,
}

impl Shared {
    pub(crate) fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn announced(&self, endpoints: Vec<Announcement>) {
        self.announcements.subscribe(endpoints);
    }
}

struct Running {
    shared: Arc<Shared>,
    requests: Sender<Request>,
    thread: Mutex<Option<JoinHandle<()>>>,
    wallet: Option<Wallet>,
}

impl Running {
    /// The wallet writes down what is about to be broadcast.
    fn note(&self, transaction: &Transaction) {
        let noted = self.wallet.as_ref().map(|w| w.note_broadcast(transaction));
        if let Some(Err(error)) = noted {
            // The caller's ledger knows the transaction: the wallet will learn of it from the mempool.
            tracing::error!(%error, "the wallet cannot note a broadcast");
        }
    }

    /// What the network will never take does not hold the wallet's coins.
    fn forget(&self, txid: &Txid) {
        if let Some(Err(error)) = self.wallet.as_ref().map(|wallet| wallet.forget(txid)) {
            tracing::error!(%error, "the wallet cannot forget a rejected transaction");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The follower ends by itself once it hears this; nobody waits for it here.
        let _ = self.requests.send(Request::Stop);
    }
}

/// A handle to the follower of the chain. Clones are the same follower; it stops with the last of them, or when the receiver of its
/// events is dropped.
#[derive(Clone)]
pub struct Chain(Arc<Running>);

impl Chain {
    /// Begins to follow. The source need not be there yet: it is waited for.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start(
        source: Arc<dyn ChainSource>,
        options: ChainOptions,
    ) -> io::Result<(Self, mpsc::Receiver<ChainEvent>)> {
        let (events, receiver) = mpsc::channel(WAITING_EVENTS);
        let (requests, inbox) = std::sync::mpsc::channel();
        let notices = requests.clone();
        let shared = Arc::new(Shared {
            source,
            broadcasts: Broadcasts::default(),
            fees: FeeEstimates::new(options.fees),
            status: watch::Sender::new(ChainStatus::default()),
            registry: Mutex::default(),
            announcements: Announcements::start(Box::new(move || {
                notices.send(Request::Look).is_ok()
            }))?,
        });
        let wallet = options.wallet.clone();
        let follower = Follower::new(Arc::clone(&shared), inbox, events, options);
        let thread = thread::Builder::new()
            .name("bitcoin-follower".to_owned())
            .spawn(move || follower.run())?;
        Ok((
            Self(Arc::new(Running {
                shared,
                requests,
                thread: Mutex::new(Some(thread)),
                wallet,
            })),
            receiver,
        ))
    }

    /// Sets a watch; its past is searched from its `from_height` on. A watch of the same kind on the same output takes its place.
    /// Watches live in memory: the node sets them again at each start.
    pub fn watch(&self, watch: Watch) {
        self.request(Request::Watch(watch));
    }

    /// The unconfirmed transaction that was last seen to spend a watched output, while none is in a block. It may have left the
    /// mempool since.
    pub fn waiting_spend(&self, outpoint: &OutPoint) -> Option<Arc<Transaction>> {
        self.0.shared.registry().waiting_spend(outpoint)
    }

    /// Why a transaction that is being broadcast is not taken at this moment, if it is not.
    pub fn rejection(&self, txid: &Txid) -> Option<Rejection> {
        self.0.shared.broadcasts.rejection(txid)
    }

    /// Ends the watches on this output.
    pub fn unwatch(&self, outpoint: OutPoint) {
        self.request(Request::Unwatch(outpoint));
    }

    /// How following goes at this moment.
    pub fn status(&self) -> ChainStatus {
        self.0.shared.status.borrow().clone()
    }

    /// Tells each change of the status.
    pub fn status_changes(&self) -> watch::Receiver<ChainStatus> {
        self.0.shared.status.subscribe()
    }

    /// The feerates to pay.
    pub fn fees(&self) -> &FeeEstimates {
        &self.0.shared.fees
    }

    /// The wallet that is kept in step, if there is one.
    pub fn wallet(&self) -> Option<&Wallet> {
        self.0.wallet.as_ref()
    }

    /// Asks whether a transaction is in the blockchain, waits in the mempool, or is in neither.
    ///
    /// # Errors
    /// Whatever could not be asked. [`ChainError::NoIndex`] if bitcoind has no txindex, this node has not seen the transaction itself, and
    /// `hint` gives no height from which to search.
    pub async fn is_it_tx_in_blockchain(
        &self,
        txid: Txid,
        hint: TxHint,
    ) -> Result<TxStatus, ChainError> {
        let shared = Arc::clone(&self.0.shared);
        blocking(move || {
            let known = shared
                .broadcasts
                .block_of(&txid)
                .or_else(|| shared.registry().block_of(&txid));
            look_up(
                shared.source.as_ref(),
                &txid,
                hint,
                known.map(|block| block.hash),
            )
        })
        .await?
    }

    /// Broadcasts a transaction and keeps at it, after each block and each absence of the source, until it or another one that spends the
    /// same inputs is six blocks deep. [`ChainEvent::Broadcast`] tells what becomes of it.
    ///
    /// # Errors
    /// The network's refusal. If [`Rejection::may_pass_later`], the transaction is offered again nevertheless, until [`Self::stop_broadcast`].
    pub async fn broadcast_tx(
        &self,
        transaction: Transaction,
    ) -> Result<BroadcastOutcome, Rejection> {
        let running = Arc::clone(&self.0);
        let outcome = blocking(move || {
            running.note(&transaction);
            let shared = &running.shared;
            shared.broadcasts.add(transaction.clone());
            let outcome = shared
                .broadcasts
                .offer(shared.source.as_ref(), &transaction);
            if outcome
                .as_ref()
                .is_err_and(|rejection| !rejection.may_pass_later())
            {
                running.forget(&transaction.compute_txid());
            }
            outcome
        })
        .await;
        self.request(Request::Look);
        outcome.unwrap_or_else(|error| Ok(BroadcastOutcome::Waiting(error)))
    }

    /// As [`broadcast_tx`](Self::broadcast_tx), for a transaction alone, or for a parent and the child that pays for it: these are
    /// offered as a package where the parent's own fee is below what the mempool takes.
    ///
    /// # Errors
    /// The network's refusal of the last of them.
    pub async fn broadcast_package(
        &self,
        transactions: Vec<Transaction>,
    ) -> Result<BroadcastOutcome, Rejection> {
        let [parent, child] = transactions.as_slice() else {
            let mut last = Ok(BroadcastOutcome::Waiting(ChainError::Stopped));
            for transaction in transactions {
                last = self.broadcast_tx(transaction).await;
            }
            return last;
        };
        let (parent, child) = (parent.clone(), child.clone());
        let running = Arc::clone(&self.0);
        let outcome = blocking(move || {
            for transaction in [&parent, &child] {
                running.note(transaction);
                running.shared.broadcasts.add(transaction.clone());
            }
            let (shared, source) = (&running.shared, running.shared.source.as_ref());
            let outcome = shared.broadcasts.offer_package(source, &parent, &child);
            let lost = |rejection: &Rejection| !rejection.may_pass_later();
            if outcome.as_ref().is_err_and(lost) {
                running.forget(&child.compute_txid());
            }
            outcome
        })
        .await;
        self.request(Request::Look);
        outcome.unwrap_or_else(|error| Ok(BroadcastOutcome::Waiting(error)))
    }

    /// Pays from the wallet: builds, signs, writes down and broadcasts. Once this has returned `Ok`, the payment is pursued through restarts until
    /// it is confirmed.
    ///
    /// # Errors
    /// What the wallet, the signer or the network refuses. Unless the refusal is a passing one, the coins are free again.
    pub async fn send(
        &self,
        order: SendOrder,
        signer: impl FnOnce(&mut Psbt) -> Result<(), SignerFailure> + Send + 'static,
    ) -> Result<(Txid, BroadcastOutcome), SendError> {
        let wallet = self.0.wallet.clone().ok_or(SendError::NoWallet)?;
        let prepare = move || wallet.prepare_send(&order, signer);
        let transaction = blocking(prepare).await.map_err(WalletError::Chain)??;
        let txid = transaction.compute_txid();
        Ok((txid, self.broadcast_tx(transaction).await?))
    }

    /// Gives up a broadcast. What the network has already is not called back.
    pub fn stop_broadcast(&self, txid: &Txid) {
        self.0.shared.broadcasts.remove(txid);
    }

    /// Gives up a broadcast as long as this runs, whoever asks for it again. What the network has already is not called back.
    pub fn forbid_broadcast(&self, txid: Txid) {
        self.0.shared.broadcasts.forbid(txid);
    }

    /// Stops following, and waits until the follower has ended. Events not received yet are lost: the next run tells them again.
    pub async fn shutdown(self, events: mpsc::Receiver<ChainEvent>) {
        drop(events);
        self.request(Request::Stop);
        let thread = self
            .0
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            // A follower that panicked has ended too, and has said so in the log.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }

    fn request(&self, request: Request) {
        // A follower that has stopped needs no requests.
        let _ = self.0.requests.send(request);
    }
}

/// Asks in a thread that may wait.
async fn blocking<T: Send + 'static>(
    ask: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ChainError> {
    tokio::task::spawn_blocking(ask)
        .await
        .map_err(|_| ChainError::Stopped)
}
