//! What a ledger is given when it is opened: keys, services, limits.

use std::{fmt, sync::Arc, time::Duration};

use exonum::{
    blockchain::{
        config::{GenesisConfig, GenesisConfigBuilder},
        ConsensusConfig, ConsensusConfigBuilder, ValidatorKeys,
    },
    crypto::{KeyPair, PublicKey},
};
use exonum_rust_runtime::RustRuntimeBuilder;

/// The keys of the one validator. The two must differ (Exonum demands it).
#[derive(Clone)]
pub struct Validator {
    /// Signs the precommit of every block: what light clients pin.
    pub consensus: KeyPair,
    /// The node's key as an author of transactions.
    pub service: KeyPair,
}

impl Validator {
    /// The public halves.
    pub fn public(&self) -> ValidatorPublic {
        ValidatorPublic {
            consensus: self.consensus.public_key(),
            service: self.service.public_key(),
        }
    }
}

impl fmt::Debug for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.public().fmt(f)
    }
}

/// The public keys of the validator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValidatorPublic {
    /// Verifies precommits.
    pub consensus: PublicKey,
    /// Verifies the node's own transactions.
    pub service: PublicKey,
}

type Deploy = dyn Fn(&mut GenesisConfigBuilder, &mut RustRuntimeBuilder) + Send + Sync;

/// The services that live on the ledger: adds their artifacts and instances to the genesis and their factories to the
/// runtime. Must say the same at every start: the genesis is compared with the stored one.
#[derive(Clone)]
pub struct Services(Arc<Deploy>);

impl Services {
    /// Wraps the function that deploys them, usually by `exonum_rust_runtime::spec::Deploy::deploy`.
    pub fn new(
        deploy: impl Fn(&mut GenesisConfigBuilder, &mut RustRuntimeBuilder) + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(deploy))
    }

    /// The genesis with these services under the given validator, and the runtime that can run them.
    pub(crate) fn deploy(&self, validator: ValidatorPublic) -> (GenesisConfig, RustRuntimeBuilder) {
        let mut genesis = GenesisConfigBuilder::with_consensus_config(consensus_config(validator));
        let mut runtime = RustRuntimeBuilder::new();
        (self.0)(&mut genesis, &mut runtime);
        (genesis.build(), runtime)
    }
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Services")
    }
}

/// The consensus configuration of the genesis. Its timeouts rule nothing here (nobody is voted with), but they are
/// part of the genesis and so of the state hash: they must never change.
fn consensus_config(validator: ValidatorPublic) -> ConsensusConfig {
    ConsensusConfigBuilder::new()
        .validator_keys(vec![ValidatorKeys::new(
            validator.consensus,
            validator.service,
        )])
        .build()
}

/// Bounds on what the ledger takes, keeps waiting and writes at once.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Most transactions in one block.
    pub batch_transactions: usize,
    /// Most bytes of transactions in one block (a single larger transaction still gets a block).
    pub batch_bytes: usize,
    /// Most transactions waiting for a block.
    pub queue_transactions: usize,
    /// Most bytes waiting for a block.
    pub queue_bytes: usize,
    /// Largest signed transaction, in bytes.
    pub transaction_bytes: usize,
    /// The write-ahead log is flushed into tables when it has grown beyond this, in bytes.
    pub log_bytes: u64,
    /// The log's size is looked at once in so many blocks.
    pub log_check_blocks: u64,
    /// Up to this size a database is read through at the start, every checksum checked; of a larger one only the newest
    /// block and the files' sizes are. In bytes.
    pub scan_bytes: u64,
    /// How long [`Ledger::shutdown`](crate::Ledger::shutdown) waits for other handles and snapshots to be dropped.
    pub shutdown_wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            batch_transactions: 512,
            batch_bytes: 4 << 20,
            queue_transactions: 8_192,
            queue_bytes: 64 << 20,
            transaction_bytes: 1 << 20,
            log_bytes: 32 << 20,
            log_check_blocks: 64,
            scan_bytes: 512 << 20,
            shutdown_wait: Duration::from_secs(10),
        }
    }
}

/// All that [`Ledger::open`](crate::Ledger::open) needs beside the path.
#[derive(Debug, Clone)]
pub struct LedgerOptions {
    /// This node's keys.
    pub validator: Validator,
    /// What runs on the ledger.
    pub services: Services,
    /// Bounds; [`Limits::default`] is meant for a node.
    pub limits: Limits,
    /// Whether a ledger is made when there is none.
    pub create: bool,
    /// Faults to inject into the database.
    #[cfg(feature = "testing")]
    pub faults: Arc<crate::faults::FaultHook>,
}

impl LedgerOptions {
    /// Options with the default limits that make a ledger where there is none.
    pub fn new(validator: Validator, services: Services) -> Self {
        Self {
            validator,
            services,
            limits: Limits::default(),
            create: true,
            #[cfg(feature = "testing")]
            faults: Arc::default(),
        }
    }
}
