//! Whether an announced channel exists: its output is asked of the chain, beside the tasks that read from peers.

use std::sync::mpsc::{sync_channel, Receiver, SyncSender};
use std::sync::{Arc, OnceLock, Weak};
use std::thread;
use std::time::Duration;

use bitcoin::constants::ChainHash;
use bitcoin::TxOut;
use lightning::routing::utxo::{UtxoFuture, UtxoLookup, UtxoLookupError, UtxoResult};
use tokio::sync::Notify;

use super::Sync;
use crate::routing::Graph;

/// Announcements that wait to be looked up. LDK stops reading from peers at 32, loosely.
const WAITING: usize = 1_024;

/// How often the chain is asked when it does not answer, and the pause between. Then the announcement is dropped, neither
/// believed nor held against anybody: it will be heard again.
const ATTEMPTS: usize = 3;
const PAUSE: Duration = Duration::from_millis(500);

/// The chain could not be asked. That says nothing of the output.
#[derive(Debug, thiserror::Error)]
#[error("the chain could not be asked: {0}")]
pub struct NotAsked(pub String);

/// Where the outputs of announced channels are looked up.
pub trait FundingOutputs: Send + std::marker::Sync + 'static {
    /// The unspent output that a short channel id names; `Ok(None)` only where the chain says that there is none. It may
    /// block.
    ///
    /// # Errors
    /// Where the chain could not be asked.
    fn output(&self, short_channel_id: u64) -> Result<Option<TxOut>, NotAsked>;
}

struct Question {
    short_channel_id: u64,
    answer: UtxoFuture,
}

/// LDK's question, handed to a thread of its own.
pub(crate) struct Lookup {
    chain: ChainHash,
    questions: SyncSender<Question>,
    sync: Arc<OnceLock<Weak<Sync>>>,
}

impl Lookup {
    /// Starts the thread, which ends with the last handle.
    pub(super) fn start(
        graph: Arc<Graph>,
        outputs: Arc<dyn FundingOutputs>,
        looked_up: Arc<Notify>,
    ) -> Arc<Self> {
        let (questions, waiting) = sync_channel(WAITING);
        let sync = Arc::new(OnceLock::new());
        let chain = graph.get_chain_hash();
        let thread = Thread {
            graph,
            outputs,
            looked_up,
            sync: Arc::clone(&sync),
        };
        // Without the thread questions are dropped, and no stranger's announcement is believed.
        if let Err(error) = thread::Builder::new()
            .name("gossip lookup".to_owned())
            .spawn(move || thread.run(&waiting))
        {
            tracing::error!(%error, "announced channels cannot be looked up");
        }
        Arc::new(Self {
            chain,
            questions,
            sync,
        })
    }

    /// Announcements that were found are passed on by this.
    pub(super) fn relay_by(&self, sync: &Arc<Sync>) {
        let _ = self.sync.set(Arc::downgrade(sync)); // set once, by `Gossip::new`
    }
}

impl UtxoLookup for Lookup {
    fn get_utxo(&self, chain_hash: &ChainHash, short_channel_id: u64) -> UtxoResult {
        if *chain_hash != self.chain {
            return UtxoResult::Sync(Err(UtxoLookupError::UnknownChain));
        }
        let answer = UtxoFuture::new();
        let question = Question {
            short_channel_id,
            answer: answer.clone(),
        };
        // A question that finds no room is dropped, and its announcement with it.
        if self.questions.try_send(question).is_err() {
            tracing::debug!(
                short_channel_id,
                "too many announcements wait for the chain"
            );
        }
        UtxoResult::Async(answer)
    }
}

/// The output of a channel of this node's own.
pub(super) struct KnownOutput(pub(super) TxOut);

impl UtxoLookup for KnownOutput {
    fn get_utxo(&self, _chain_hash: &ChainHash, _short_channel_id: u64) -> UtxoResult {
        UtxoResult::Sync(Ok(self.0.clone()))
    }
}

struct Thread {
    graph: Arc<Graph>,
    outputs: Arc<dyn FundingOutputs>,
    looked_up: Arc<Notify>,
    sync: Arc<OnceLock<Weak<Sync>>>,
}

impl Thread {
    fn run(&self, waiting: &Receiver<Question>) {
        while let Ok(question) = waiting.recv() {
            if let Some(output) = self.ask(question.short_channel_id) {
                let answer = output.ok_or(UtxoLookupError::UnknownTx);
                match self.sync.get().and_then(Weak::upgrade) {
                    Some(sync) => question.answer.resolve(&self.graph, sync, answer),
                    None => return, // the handler is gone
                }
            }
            drop(question); // before LDK counts what waits
            self.looked_up.notify_one();
        }
    }

    fn ask(&self, short_channel_id: u64) -> Option<Option<TxOut>> {
        for attempt in 1..=ATTEMPTS {
            match self.outputs.output(short_channel_id) {
                Ok(output) => return Some(output),
                Err(error) if attempt == ATTEMPTS => {
                    tracing::debug!(short_channel_id, %error, "an announcement is dropped");
                }
                Err(_) => thread::sleep(PAUSE),
            }
        }
        None
    }
}
