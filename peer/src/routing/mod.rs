//! Finding ways for payments: the network graph of BOLT 7, what was learnt of its channels, and LDK's route finder over
//! both.
//!
//! All of it is a cache: the gossip that it is made of can be heard again, and what was learnt can be learnt again. No
//! payment depends on its being there.

mod file;
mod find;
mod learn;
mod request;

use std::path::{Path as FilePath, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bitcoin::secp256k1::PublicKey;
use bitcoin::Network;
use lightning::routing::gossip::NetworkGraph;
use lightning::routing::scoring::{ProbabilisticScorer, ProbabilisticScoringDecayParameters};
use lightning::util::ser::{ReadableArgs, Writeable};

use crate::logger::TracingLogger;

pub use file::CacheError;
pub use find::{arrivals, Arrival, NoRoute};
pub use learn::{NextTry, Returned};
pub use request::{FirstHop, RouteRequest, DEFAULT_MAX_PARTS};

/// What is known of the network's public channels and nodes.
pub type Graph = NetworkGraph<Arc<TracingLogger>>;
type Scorer = ProbabilisticScorer<Arc<Graph>, Arc<TracingLogger>>;

/// The graph's file, and that of what was learnt.
const GRAPH_FILE: &str = "graph";
const SCORES_FILE: &str = "scores";

/// Finds routes and learns from how they end.
pub struct Router {
    node_id: PublicKey,
    graph: Arc<Graph>,
    scorer: RwLock<Scorer>,
    folder: PathBuf,
}

impl Router {
    /// Reads what an earlier run left in `folder`. What is missing or damaged begins empty: it is only a cache.
    pub fn open(node_id: PublicKey, network: Network, folder: &FilePath) -> Self {
        let logger = Arc::new(TracingLogger);
        let graph = read(folder, GRAPH_FILE, |mut bytes| {
            Graph::read(&mut bytes, Arc::clone(&logger))
        })
        .filter(|graph| {
            graph.get_chain_hash() == bitcoin::constants::ChainHash::using_genesis_block(network)
        })
        .unwrap_or_else(|| Graph::new(network, Arc::clone(&logger)));
        let graph = Arc::new(graph);
        let decay = ProbabilisticScoringDecayParameters::default();
        let scorer = read(folder, SCORES_FILE, |mut bytes| {
            Scorer::read(&mut bytes, (decay, Arc::clone(&graph), Arc::clone(&logger)))
        })
        .unwrap_or_else(|| Scorer::new(decay, Arc::clone(&graph), logger));
        Self {
            node_id,
            graph,
            scorer: RwLock::new(scorer),
            folder: folder.to_owned(),
        }
    }

    /// The network as it is known.
    pub fn graph(&self) -> &Arc<Graph> {
        &self.graph
    }

    /// Writes graph and scores into the folder, which is made where it is missing, for the next run.
    ///
    /// # Errors
    /// Where the disk refuses. Nothing but time is lost by it.
    pub fn save(&self) -> Result<(), CacheError> {
        std::fs::create_dir_all(&self.folder)?;
        file::write(&self.folder.join(GRAPH_FILE), &self.graph.encode())?;
        let scores = self.scorer().encode();
        file::write(&self.folder.join(SCORES_FILE), &scores)
    }

    fn scorer(&self) -> RwLockReadGuard<'_, Scorer> {
        // What a panic elsewhere leaves half learnt is an estimate as before.
        self.scorer.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn scorer_mut(&self) -> RwLockWriteGuard<'_, Scorer> {
        self.scorer.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Router {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Router")
            .field("node_id", &self.node_id)
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

fn read<T, E: std::fmt::Debug>(
    folder: &FilePath,
    name: &str,
    decode: impl FnOnce(&[u8]) -> Result<T, E>,
) -> Option<T> {
    let path = folder.join(name);
    let bytes = match file::read(&path) {
        Ok(bytes) => bytes?,
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "a cache begins empty");
            return None;
        }
    };
    match decode(&bytes) {
        Ok(value) => Some(value),
        Err(error) => {
            tracing::warn!(path = %path.display(), ?error, "a cache begins empty");
            None
        }
    }
}
