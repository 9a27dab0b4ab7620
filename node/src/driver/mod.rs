//! The driver: one task that owns all channels of this node.
//!
//! For each thing that happens it asks the pure machine first. What the machine refuses never reaches the
//! ledger. What it accepts is submitted ([`outbox`]), and the driver goes on with the next state at once, so that
//! many steps share a block; their effects wait in order until that block is on disk ([`effects`]). The driver itself stores nothing: after a restart it is made again from the ledger.

mod announcing;
mod asks;
mod attributing;
mod batches;
mod chain;
mod closing;
mod effects;
mod fees;
mod forgetting;
mod forwarding;
mod heads;
mod htlcs;
mod live;
mod negotiated;
mod opening;
mod outbox;
mod payments;
mod peers;
mod receiving;
mod requests;
mod resolving;
mod sending;
mod step;
mod updates;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bitcoin::secp256k1::PublicKey;
use bitcoin::OutPoint;
use exonum::crypto::Hash;
use tokio::sync::{mpsc, oneshot};
use tokio::time::MissedTickBehavior;
use zarnitsa_bitcoin_adapter::ChainEvent;
use zarnitsa_channel::ids::{ChannelId, HtlcId, PaymentHash};
use zarnitsa_ledger::CommittedBlock;
use zarnitsa_peer::{Connection, PeerEvent, PeerEvents};
use zarnitsa_service::read;
use zarnitsa_service::records::{OpenBatchRequest, OpenChannelRequest};
use zarnitsa_signer::SignerError;

use crate::parts::Parts;
use crate::peer_storage::PeerStorage;
use crate::sending::{NotSent, ReadyPart};
use crate::shared::Shared;
use crate::wire::WireError;

use announcing::Announcings;
use asks::Asks;
use batches::Batches;
use effects::Executor;
use forwarding::{Links, Names};
use heads::Heads;
use live::Live;
use opening::Openings;
use outbox::Outbox;
use receiving::Held;
use sending::Sendings;
use updates::Published;

pub(crate) use htlcs::Received;
pub(crate) use sending::Part;

/// How many events are taken before the commitments that they made due are sent: what comes together is committed together.
const EVENTS_PER_TURN: usize = 512;
/// How often what waits for time is looked at.
const TICK: Duration = Duration::from_secs(1);

/// What the effects' task tells the driver.
#[derive(Debug)]
pub(crate) enum Event {
    /// The ledger refused what the machine had accepted: a fault of ours. The channel is read again from the ledger.
    Diverged {
        channel_id: ChannelId,
        error: String,
    },
    /// A message could not be made or a transaction could not be signed.
    EffectFailed {
        channel_id: ChannelId,
        error: EffectError,
    },
    /// Something could not be read or written: the node must stop.
    StorageFailed(String),
    /// The peer of an ordered opening is connected.
    PeerReached {
        request: Hash,
        order: OpenChannelRequest,
        connection: Connection,
    },
    /// All peers of an ordered batch are connected.
    PeersReached {
        request: Hash,
        order: OpenBatchRequest,
        connections: Vec<Connection>,
    },
    /// A peer of an ordered batch could not be reached.
    PeerNotReached {
        request: Hash,
        peer: PublicKey,
        reason: String,
    },
    /// A hub that is to be asked for a channel is connected.
    HubReached(Connection),
    /// It could not be reached.
    HubNotReached { request: Hash, reason: String },
    /// The opening transaction of a peer's channel has had 2,016 blocks, and is in none.
    NeverConfirmed(ChannelId),
    /// Ways for a payment were looked for.
    Routed {
        hash: PaymentHash,
        attempt: u32,
        found: Result<Vec<ReadyPart>, NotSent>,
    },
}

/// Why an effect could not be carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EffectError {
    #[error(transparent)]
    Signer(#[from] SignerError),
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error("commitment {asked} was to be sent, but the ledger's newest is {is}")]
    OtherCommitment { asked: u64, is: u64 },
    #[error("HTLC {htlc} of {channel} has no onion in the ledger")]
    NoOnion { channel: ChannelId, htlc: u64 },
    #[error("not an update: {0}")]
    NotAnUpdate(String),
}

/// The driver's inputs.
pub(crate) struct Inputs {
    pub peers: PeerEvents,
    pub chain: mpsc::Receiver<ChainEvent>,
    pub blocks: mpsc::Receiver<Arc<CommittedBlock>>,
    pub stop: oneshot::Receiver<()>,
}

/// The one owner of all channels.
pub(crate) struct Driver {
    shared: Arc<Shared>,
    channels: BTreeMap<ChannelId, Live>,
    by_peer: HashMap<PublicKey, HashSet<ChannelId>>,
    openings: Openings,
    batches: Batches,
    /// Channels that peers ask for, and that hubs are asked for.
    asks: Asks,
    /// Channels whose commitment is due.
    due: HashSet<ChannelId>,
    /// Invoices that an HTLC is claiming in steps not yet on disk, so that no second HTLC claims them too.
    claiming: HashSet<PaymentHash>,
    /// Payments to this node whose other parts are to come.
    parts: Parts,
    /// Invoices that the operator holds.
    held: Held,
    /// Which HTLCs in the HTLCs out are for.
    links: Links,
    /// What onions call the channels.
    names: Names,
    /// Channels on their way to being public.
    announcings: Announcings,
    /// One of them could not be signed before the ledger's next block.
    announcement_waits: bool,
    /// What was told to all of those that are.
    published: Published,
    /// What peers keep for this node, and it for them.
    heads: Heads,
    /// Payments of this node that are under way.
    sendings: Sendings,
    outbox: Outbox,
    events: mpsc::UnboundedReceiver<Event>,
    to_self: mpsc::UnboundedSender<Event>,
    /// Outputs of closes that are watched, and whose they are.
    tracked: HashMap<OutPoint, ChannelId>,
    /// Feerates that the operator ordered for closings.
    closing_feerates: HashMap<ChannelId, u32>,
    /// The first entry of the ledger's event log that has woken nobody yet.
    next_event: u64,
    /// Of the chain; 0 until it is first heard of.
    block_height: u32,
    /// The height from which on this node has heard of each block when it came.
    present_since: u32,
    /// The chain was heard of: the height is known, and the channels that the ledger had at the start are watched.
    watching: bool,
    /// HTLCs that were accepted before that. Whether they are in time is known only then, and a preimage that is
    /// released too late is given away.
    too_early: BTreeSet<(ChannelId, HtlcId)>,
}

impl Driver {
    /// Reads every channel from the ledger, and starts the effects' task.
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let next_event = read::event_count(&*shared.ledger.snapshot());
        // Unbounded, but each entry was let in by a bounded queue: the peers' and the ledger's.
        let (effects, batches) = mpsc::unbounded_channel();
        let (to_self, events) = mpsc::unbounded_channel();
        let kept = PeerStorage::open(shared.config.network_dir().join("peer-storage"));
        let executor = Executor::new(shared.clone(), to_self.clone());
        tokio::spawn(executor.run(batches));
        Self {
            outbox: Outbox::new(shared.clone(), effects),
            shared,
            channels: BTreeMap::new(),
            by_peer: HashMap::new(),
            openings: Openings::default(),
            batches: Batches::default(),
            asks: Asks::default(),
            due: HashSet::new(),
            claiming: HashSet::new(),
            parts: Parts::default(),
            held: Held::new(),
            links: Links::default(),
            names: Names::default(),
            announcings: Announcings::default(),
            announcement_waits: false,
            published: Published::default(),
            heads: Heads::new(kept),
            sendings: Sendings::default(),
            events,
            to_self,
            tracked: HashMap::new(),
            closing_feerates: HashMap::new(),
            next_event,
            block_height: 0,
            present_since: 0,
            watching: false,
            too_early: BTreeSet::new(),
        }
    }

    /// Until it is told to stop, or the ledger stops, which is the error.
    pub(crate) async fn run(mut self, mut inputs: Inputs) -> Result<(), String> {
        if self.shared.signer.refusing().is_none() {
            self.resume();
            self.outbox.flush();
            // Before a channel ends: for its peer the time begins then.
            self.tidy_kept();
        } else {
            self.resume_refusing();
        }
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let turn = tokio::select! {
                biased;
                _ = &mut inputs.stop => {
                    self.heads.stop();
                    return Ok(());
                }
                Some(event) = self.events.recv() => Turn::Event(event),
                Some(event) = inputs.chain.recv() => Turn::Chain(event),
                block = inputs.blocks.recv() => Turn::Block(block.ok_or_else(|| self.why_stopped())?),
                () = self.outbox.closed() => return Err(self.why_stopped()),
                _ = ticks.tick(), if self.waits_for_time() => Turn::Tick,
                event = inputs.peers.recv() => Turn::Peer(event),
            };
            // All steps of a turn, the commitments included, share a block.
            let shared = self.shared.clone();
            let _gathering = shared.ledger.gather();
            self.take(turn)?;
            for turn in std::iter::from_fn(|| inputs.next_waiting()).take(EVENTS_PER_TURN) {
                self.take(turn)?;
            }
            if self.shared.signer.refusing().is_none() {
                self.commit_what_is_due();
            }
            self.outbox.flush();
        }
    }

    /// The ledger makes no block any more, or nobody carries out what follows from them.
    fn why_stopped(&self) -> String {
        match self.shared.ledger.stopped() {
            Some(error) => error.to_string(),
            None => "the ledger's blocks or what follows from them cannot be read".to_owned(),
        }
    }

    fn waits_for_time(&self) -> bool {
        let height = self.shared.ledger.head().height;
        !self.parts.is_empty()
            || !self.batches.is_empty()
            || self.asks.wait_for_time()
            || self.heads.waits(height)
    }

    fn take(&mut self, turn: Turn) -> Result<(), String> {
        if self.shared.signer.refusing().is_some() {
            return self.take_refusing(turn);
        }
        match turn {
            Turn::Event(Event::StorageFailed(error)) => return Err(error),
            Turn::Event(Event::Diverged { channel_id, error }) => self.diverged(channel_id, &error),
            Turn::Event(Event::EffectFailed { channel_id, error }) => {
                self.diverged(channel_id, &error.to_string());
            }
            Turn::Event(Event::PeerReached {
                request,
                order,
                connection,
            }) => {
                self.begin_opening(request, &order, connection);
            }
            Turn::Event(Event::PeersReached {
                request,
                order,
                connections,
            }) => {
                self.begin_batch(request, order, &connections);
            }
            Turn::Event(Event::PeerNotReached {
                request,
                peer,
                reason,
            }) => self.order_failed_by(request, &peer, &reason),
            Turn::Event(Event::HubReached(connection)) => self.say_asks(connection),
            Turn::Event(Event::HubNotReached { request, reason }) => {
                self.hub_not_reached(request, &reason);
            }
            Turn::Event(Event::NeverConfirmed(id)) => self.never_confirmed(id),
            Turn::Event(Event::Routed {
                hash,
                attempt,
                found,
            }) => self.routed(&hash, attempt, found),
            Turn::Chain(event) => self.chain_event(event),
            Turn::Block(block) => self.block_committed(&block),
            Turn::Peer(event) => self.peer_event(event),
            Turn::Tick => {
                self.fail_overdue_parts();
                self.fail_overdue_batches();
                self.tell_heads();
                self.gather_asks();
                self.give_up_asking();
            }
        }
        Ok(())
    }
}

/// One thing that happened.
enum Turn {
    Event(Event),
    Chain(ChainEvent),
    Block(Arc<CommittedBlock>),
    Peer(PeerEvent),
    /// A second has passed, and something waits for time.
    Tick,
}

impl Inputs {
    fn next_waiting(&mut self) -> Option<Turn> {
        if let Ok(event) = self.chain.try_recv() {
            return Some(Turn::Chain(event));
        }
        if let Ok(block) = self.blocks.try_recv() {
            return Some(Turn::Block(block));
        }
        self.peers.try_recv().map(Turn::Peer)
    }
}
