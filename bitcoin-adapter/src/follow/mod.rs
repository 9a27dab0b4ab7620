//! The follower: one thread that walks along the best chain and tells what it passes.

pub(crate) mod mempool;
pub(crate) mod position;
pub(crate) mod registry;
pub(crate) mod scan;
pub(crate) mod stalled;
mod work;

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bitcoin::{Network, OutPoint};
use tokio::sync::mpsc::error::TrySendError;

use self::mempool::Mempool;
use self::position::{Position, Step};
use self::scan::search;
use self::stalled::{Sight, Watchdog};
use crate::chain::{ChainEvent, ChainStatus, Shared, Start};
use crate::error::ChainError;
use crate::source::BlockRef;
use crate::wallet::Wallet;
use crate::watch::Watch;

/// The pause after the first failure; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause between two tries to reach the source.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Estimates are asked for this often, and after each block.
const FEE_INTERVAL: Duration = Duration::from_secs(60);
/// What waits for room in a full queue of events looks again this often.
const FULL_QUEUE_PAUSE: Duration = Duration::from_millis(20);

/// What others ask of the follower.
#[derive(Debug)]
pub(crate) enum Request {
    /// Look now: something may be new.
    Look,
    Stop,
    Unwatch(OutPoint),
    Watch(Watch),
}

/// How a round ended.
enum Round {
    /// There is more to do at once.
    More,
    /// All is told: wait for news.
    Settled,
    Stop,
}

pub(crate) struct Follower {
    pub(crate) shared: std::sync::Arc<Shared>,
    pub(crate) requests: Receiver<Request>,
    pub(crate) events: tokio::sync::mpsc::Sender<ChainEvent>,
    pub(crate) network: Network,
    pub(crate) start: Start,
    pub(crate) poll_interval: Duration,
    pub(crate) wallet: Option<Wallet>,
    state: State,
}

/// What the follower itself remembers.
#[derive(Default)]
struct State {
    position: Option<Position>,
    mempool: Mempool,
    unsearched: VecDeque<Watch>,
    failures: u32,
    fees_due: Option<Instant>,
    told_fault: bool,
    stopping: bool,
    wallet_behind: bool,
    watchdog: Watchdog,
}

impl Follower {
    pub(crate) fn new(
        shared: std::sync::Arc<Shared>,
        requests: Receiver<Request>,
        events: tokio::sync::mpsc::Sender<ChainEvent>,
        options: crate::chain::ChainOptions,
    ) -> Self {
        let state = State {
            wallet_behind: true,
            ..State::default()
        };
        Self {
            shared,
            requests,
            events,
            network: options.network,
            start: options.start,
            poll_interval: options.poll_interval,
            wallet: options.wallet,
            state,
        }
    }

    /// Runs until asked to stop, or nobody listens any more.
    pub(crate) fn run(mut self) {
        loop {
            let pause = match self.round() {
                Ok(Round::More) => Duration::ZERO,
                Ok(Round::Settled) => {
                    self.reached();
                    self.poll_interval
                }
                Ok(Round::Stop) | Err(ChainError::Stopped) => break,
                Err(error) => self.failed(error),
            };
            if !self.listen(pause) {
                break;
            }
        }
        self.shared
            .status
            .send_modify(|status| status.reachable = false);
    }

    /// One round: the watches first, so that every block finds them; then a step along the chain; at the tip, everything else.
    fn round(&mut self) -> Result<Round, ChainError> {
        let mut position = match self.state.position.take() {
            Some(position) => position,
            None => self.begin()?,
        };
        let outcome = self.advance(&mut position);
        self.state.position = Some(position);
        outcome
    }

    fn advance(&mut self, position: &mut Position) -> Result<Round, ChainError> {
        let source = std::sync::Arc::clone(&self.shared.source);
        self.search_new_watches(position.tip())?;
        match position.step(source.as_ref())? {
            Step::Connected(block, body, more) => {
                if more == 0 {
                    self.bring_wallet_along(block);
                }
                let mut events: Vec<ChainEvent> = self
                    .shared
                    .registry()
                    .connect(block, &body)
                    .into_iter()
                    .map(ChainEvent::Watch)
                    .collect();
                events.extend(
                    self.shared
                        .broadcasts
                        .connect(block, &body)
                        .into_iter()
                        .map(ChainEvent::Broadcast),
                );
                events.push(ChainEvent::Connected {
                    block,
                    time: body.header.time,
                    more,
                });
                self.moved(block, events)
            }
            Step::Disconnected(block) => {
                let mut events: Vec<ChainEvent> = self
                    .shared
                    .registry()
                    .disconnect(block)
                    .into_iter()
                    .map(ChainEvent::Watch)
                    .collect();
                self.shared.broadcasts.disconnect(block);
                // What the block held may have returned to the mempool before it left the chain here.
                self.state.mempool.forget();
                events.push(ChainEvent::Disconnected { block });
                self.moved(position.tip(), events)
            }
            Step::Behind(height) => {
                self.is_behind(Some(height), position.tip());
                self.at_the_tip(position.tip())
            }
            Step::None => {
                self.is_behind(None, position.tip());
                self.at_the_tip(position.tip())
            }
        }
    }

    /// Whoever hears of the newest block may pay from the wallet at once: it must not offer coins that a reorg has just taken.
    fn bring_wallet_along(&mut self, tip: BlockRef) {
        if let Err(error) = self.sync_wallet(tip) {
            tracing::debug!(%error, "the wallet comes after the block");
        }
    }

    /// Says once that the source has gone back, and that it is there again.
    fn is_behind(&self, height: Option<u32>, tip: BlockRef) {
        self.shared.status.send_if_modified(|status| {
            if status.behind == height {
                return false;
            }
            if let (None, Some(height)) = (status.behind, height) {
                tracing::warn!(height, %tip, "bitcoind is behind what it has told before: it is waited for");
            }
            status.behind = height;
            true
        });
    }

    fn moved(&mut self, tip: BlockRef, events: Vec<ChainEvent>) -> Result<Round, ChainError> {
        self.state.wallet_behind = true;
        self.state.fees_due = None;
        self.state.mempool.look_soon();
        self.shared.broadcasts.hurry();
        self.shared.status.send_modify(|status| {
            status.tip = Some(tip);
            status.behind = None;
        });
        for event in events {
            if !self.tell(event) {
                return Ok(Round::Stop);
            }
        }
        Ok(Round::More)
    }

    /// Finds out where to begin, once the source answers.
    fn begin(&mut self) -> Result<Position, ChainError> {
        let source = &self.shared.source;
        let expected = bitcoin::constants::genesis_block(self.network).block_hash();
        if let Some(found) = source.block_hash(0)?.filter(|found| *found != expected) {
            return Err(ChainError::WrongNetwork {
                expected: self.network,
                found,
            });
        }
        let tip = match self.start {
            Start::After(block) => block,
            Start::Tip => {
                let best = source.best_block()?;
                let time = source.block(&best.hash)?.header.time;
                self.tell(ChainEvent::Connected {
                    block: best,
                    time,
                    more: 0,
                });
                best
            }
        };
        self.shared
            .status
            .send_modify(|status| status.tip = Some(tip));
        Ok(Position::new(self.network, tip))
    }

    fn search_new_watches(&mut self, tip: BlockRef) -> Result<(), ChainError> {
        while self.drain() {}
        if self.state.stopping {
            return Err(ChainError::Stopped);
        }
        if self.state.unsearched.is_empty() {
            return Ok(());
        }
        let watches: Vec<Watch> = self.state.unsearched.iter().cloned().collect();
        let listening = || !self.events.is_closed();
        let searched = search(self.shared.source.as_ref(), tip, &watches, &listening)?;
        // Those whose watch was set while the search ran are behind these in the queue.
        self.state.unsearched.drain(..watches.len());
        for found in searched {
            let events = match found.watch {
                Watch::Spend(watch) => self.shared.registry().add_spend(watch, found.place, tip),
                Watch::Transaction(watch) => {
                    self.shared
                        .registry()
                        .add_transaction(watch, found.place, tip)
                }
            };
            for event in events {
                self.tell(ChainEvent::Watch(event));
            }
        }
        // What waits in the mempool already is news to a new watch.
        self.state.mempool.forget();
        Ok(())
    }

    /// All blocks are told: the wallet, the mempool, the broadcasts and the fees.
    fn at_the_tip(&mut self, tip: BlockRef) -> Result<Round, ChainError> {
        let source = std::sync::Arc::clone(&self.shared.source);
        if self.state.wallet_behind {
            self.sync_wallet(tip)?;
        }
        if self.state.mempool.is_due() {
            let changes = self.state.mempool.look(source.as_ref())?;
            for transaction in &changes.entered {
                let events = self.shared.registry().see(transaction);
                for event in events {
                    self.tell(ChainEvent::Watch(event));
                }
            }
            if let Some(wallet) = &self.wallet {
                if let Err(error) = wallet.mempool_changed(
                    &changes.entered,
                    &changes.left,
                    self.state.mempool.known(),
                ) {
                    tracing::error!(%error, "the wallet cannot follow the mempool");
                }
            }
        }
        for event in self
            .shared
            .broadcasts
            .offer_again(source.as_ref(), self.state.mempool.known())?
        {
            self.tell(ChainEvent::Broadcast(event));
        }
        self.give_up_lost(tip);
        if self.state.fees_due.is_none_or(|due| Instant::now() >= due) {
            self.shared.fees.refresh(source.as_ref())?;
            self.look_for_stalls(tip)?;
            self.state.fees_due = Some(Instant::now() + FEE_INTERVAL);
        }
        Ok(if self.events.is_closed() {
            Round::Stop
        } else {
            Round::Settled
        })
    }

    /// Says once that blocks do not come any more, and notes it for as long as it is so.
    fn look_for_stalls(&mut self, tip: BlockRef) -> Result<(), ChainError> {
        let source = &self.shared.source;
        let Some(header) = source.header(&tip.hash)? else {
            return Ok(());
        };
        let sight = Sight {
            // A clock before 1970 finds no block old.
            now: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |time| time.as_secs()),
            tip,
            tip_time: header.time,
            headers: source.headers()?,
        };
        let stalled = self.state.watchdog.look(self.network, sight);
        self.shared.status.send_if_modified(|status| {
            if status.stalled == stalled {
                return false;
            }
            match stalled {
                Some(stall) => tracing::warn!("{stall}"),
                None => tracing::info!(%tip, "blocks come again"),
            }
            status.stalled = stalled;
            true
        });
        Ok(())
    }

    /// A payment of the wallet's whose other inputs are gone, as where a channel ended by another commitment than the one that it
    /// pays for, holds the wallet's coins no longer.
    fn give_up_lost(&self, tip: BlockRef) {
        let Some(wallet) = &self.wallet else {
            return;
        };
        for transaction in self.shared.broadcasts.lost(tip.height) {
            if !wallet.pays(&transaction) {
                continue;
            }
            let txid = transaction.compute_txid();
            tracing::info!(%txid, "can never confirm: its coins are free");
            self.shared.broadcasts.remove(&txid);
            if let Err(error) = wallet.forget(&txid) {
                tracing::error!(%error, "the wallet cannot forget a lost transaction");
            }
        }
    }

    fn sync_wallet(&mut self, tip: BlockRef) -> Result<(), ChainError> {
        let Some(wallet) = &self.wallet else {
            return Ok(());
        };
        match wallet.sync(self.shared.source.as_ref(), tip) {
            Ok(()) => {
                self.state.wallet_behind = false;
                // The wallet's own transactions go on where an earlier run stopped.
                for transaction in wallet.unconfirmed_sends() {
                    self.shared.broadcasts.add(transaction);
                }
                self.shared
                    .status
                    .send_modify(|status| status.wallet_tip = Some(tip));
                Ok(())
            }
            Err(error) => error.into_chain_error().map_or_else(
                |error| {
                    tracing::error!(%error, "the wallet cannot follow the chain");
                    Ok(())
                },
                Err,
            ),
        }
    }

    /// The source answered everything.
    fn reached(&mut self) {
        let first = self.state.failures > 0 || !self.shared.status.borrow().reachable;
        self.state.failures = 0;
        self.state.told_fault = false;
        if !first {
            return;
        }
        tracing::info!("following the chain");
        match self.shared.source.announcements() {
            Ok(endpoints) => self.shared.announced(endpoints),
            Err(error) => tracing::debug!(%error, "cannot ask for announcements: polling"),
        }
        self.shared.status.send_modify(|status| {
            *status = ChainStatus {
                reachable: true,
                problem: None,
                ..status.clone()
            }
        });
    }

    /// Notes a failure; how long to wait before the next try.
    fn failed(&mut self, error: ChainError) -> Duration {
        self.state.failures = self.state.failures.saturating_add(1);
        let problem = error.to_string();
        if self.shared.status.borrow().problem.as_ref() != Some(&problem) {
            tracing::warn!(%error, "cannot follow the chain, trying again");
        }
        self.shared.status.send_modify(|status| {
            *status = ChainStatus {
                reachable: false,
                problem: Some(problem),
                ..status.clone()
            }
        });
        // A restarted bitcoind may have another mempool.
        self.state.mempool.look_soon();
        self.shared.broadcasts.hurry();
        if !error.is_temporary() && !std::mem::replace(&mut self.state.told_fault, true) {
            self.tell(ChainEvent::Fault {
                error: std::sync::Arc::new(error),
            });
            return LONGEST_PAUSE;
        }
        FIRST_PAUSE
            .saturating_mul(1 << self.state.failures.saturating_sub(1).min(10))
            .min(LONGEST_PAUSE)
    }

    /// Waits for requests; whether to go on.
    fn listen(&mut self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        // After a failure only time, a new watch or a stop matter: announcements must not turn the pause into a busy loop.
        let failing = self.state.failures > 0;
        loop {
            if self.state.stopping || self.events.is_closed() {
                return false;
            }
            match self
                .requests
                .recv_timeout(until.saturating_duration_since(Instant::now()))
            {
                Ok(request) => {
                    self.take(request);
                    while self.drain() {}
                    if !failing {
                        return !self.state.stopping;
                    }
                }
                Err(RecvTimeoutError::Timeout) => return true,
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
    }

    fn drain(&mut self) -> bool {
        match self.requests.try_recv() {
            Ok(request) => {
                self.take(request);
                true
            }
            Err(TryRecvError::Empty) => false,
            Err(TryRecvError::Disconnected) => {
                self.state.stopping = true;
                false
            }
        }
    }

    fn take(&mut self, request: Request) {
        match request {
            Request::Look => {}
            Request::Stop => self.state.stopping = true,
            Request::Unwatch(outpoint) => {
                self.state
                    .unsearched
                    .retain(|watch| watch.outpoint() != outpoint);
                let mut registry = self.shared.registry();
                registry.remove_spend(&outpoint);
                registry.remove_transaction(&outpoint);
            }
            Request::Watch(watch) => self.state.unsearched.push_back(watch),
        }
    }

    /// Hands an event over, however long the receiver takes; whether there still is one.
    fn tell(&self, event: ChainEvent) -> bool {
        let mut event = event;
        loop {
            match self.events.try_send(event) {
                Ok(()) => return true,
                Err(TrySendError::Closed(_)) => return false,
                Err(TrySendError::Full(back)) => {
                    event = back;
                    std::thread::sleep(FULL_QUEUE_PAUSE);
                }
            }
        }
    }
}
