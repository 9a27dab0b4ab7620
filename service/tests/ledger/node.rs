//! One ledger in memory: each transaction is sealed in a block of its own, and all of them can be replayed.

use std::collections::BTreeMap;

use bitcoin::secp256k1::PublicKey as NodeId;
use chrono::{TimeZone as _, Utc};
use exonum::blockchain::config::GenesisConfigBuilder;
use exonum::blockchain::{
    ApiSender, BlockParams, Blockchain, BlockchainBuilder, BlockchainMut, ConsensusConfigBuilder,
    TxLocation, ValidatorKeys,
};
use exonum::crypto::{Hash, KeyPair, PublicKey, Seed};
use exonum::helpers::{Round, ValidatorId};
use exonum::merkledb::{ObjectHash as _, Snapshot, TemporaryDB};
use exonum::messages::{AnyTx, Precommit, Verified};
use exonum::runtime::{ExecutionError, SnapshotExt as _};
use exonum_rust_runtime::RustRuntimeBuilder;
use futures::channel::mpsc;
use zarnitsa_service::records::{Config, Genesis, Policy};
use zarnitsa_service::{transaction, LedgerCall, LightningService};

pub struct Node {
    chain: BlockchainMut,
    consensus: KeyPair,
    pub operator: KeyPair,
    pub node: KeyPair,
    pub genesis: Genesis,
    seed: u8,
    /// All transactions, in the order of their blocks.
    pub log: Vec<Verified<AnyTx>>,
}

pub fn keypair(tag: u8) -> KeyPair {
    KeyPair::from_seed(&Seed::new([tag; 32]))
}

impl Node {
    /// Keys and genesis are a function of `seed`.
    pub fn new(seed: u8, node_id: NodeId, policy: Policy) -> Self {
        let (operator, node) = (keypair(seed + 2), keypair(seed + 3));
        let genesis = Genesis {
            config: Config {
                operator_key: operator.public_key(),
                node_key: node.public_key(),
                node_id,
                network: "regtest".to_owned(),
            },
            policy,
        };
        Self::with_genesis(seed, genesis)
    }

    fn with_genesis(seed: u8, genesis: Genesis) -> Self {
        let (consensus, service) = (keypair(seed), keypair(seed + 1));
        let config = ConsensusConfigBuilder::new()
            .validator_keys(vec![ValidatorKeys::new(
                consensus.public_key(),
                service.public_key(),
            )])
            .build();
        let mut builder = GenesisConfigBuilder::with_consensus_config(config);
        let mut runtime = RustRuntimeBuilder::new();
        LightningService::default().deploy(&genesis, &mut builder, &mut runtime);
        let (endpoints, _) = mpsc::channel(1);
        let chain = Blockchain::new(TemporaryDB::new(), service, ApiSender::closed());
        let chain = BlockchainBuilder::new(chain)
            .with_genesis_config(builder.build())
            .with_runtime(runtime.build(endpoints))
            .build();
        Self {
            chain,
            consensus,
            operator: keypair(seed + 2),
            node: keypair(seed + 3),
            genesis,
            seed,
            log: Vec::new(),
        }
    }

    /// The same ledger before its first transaction.
    pub fn empty(&self) -> Self {
        Self::with_genesis(self.seed, self.genesis.clone())
    }

    /// The same ledger again, executed from its first block.
    pub fn replayed(&self) -> Self {
        let mut other = self.empty();
        for transaction in &self.log {
            // Refused transactions are refused again.
            let _ = other.execute(transaction.clone());
        }
        other
    }

    pub fn validator_key(&self) -> PublicKey {
        self.consensus.public_key()
    }

    pub fn snapshot(&self) -> Box<dyn Snapshot> {
        self.chain.snapshot()
    }

    pub fn state_hash(&self) -> Hash {
        self.chain.snapshot().for_core().last_block().state_hash
    }

    pub fn block_hash(&self) -> Hash {
        self.chain.snapshot().for_core().last_block().object_hash()
    }

    /// As the ledger does it: one block, signed.
    pub fn execute(&mut self, transaction: Verified<AnyTx>) -> Result<(), ExecutionError> {
        let hash = transaction.object_hash();
        let height = self.chain.snapshot().for_core().next_height();
        let is_new = !self
            .chain
            .snapshot()
            .for_core()
            .transactions_locations()
            .contains(&hash);
        assert!(is_new, "the ledger executes a transaction once");
        self.log.push(transaction.clone());
        let order = [hash];
        let params = BlockParams::new(ValidatorId(0), height, &order);
        let cache: BTreeMap<_, _> = [(hash, transaction)].into();
        let patch = self.chain.create_patch(params, &cache);
        let precommit = Precommit::new(
            ValidatorId(0),
            height,
            Round::first(),
            Hash::zero(),
            patch.block_hash(),
            Utc.timestamp_opt(1_700_000_000, 0).unwrap(),
        );
        let (public, secret) = (self.consensus.public_key(), self.consensus.secret_key());
        let precommit = Verified::from_value(precommit, public, secret);
        self.chain.commit(patch, vec![precommit]).unwrap();
        let snapshot = self.chain.snapshot();
        snapshot
            .for_core()
            .transaction_result(TxLocation::new(height, 0))
            .unwrap()
    }

    /// Signed by the node's key.
    pub fn report(&mut self, call: LedgerCall) -> Result<(), ExecutionError> {
        let transaction = transaction(&self.node, call);
        self.execute(transaction)
    }

    /// Signed by the operator's key. Gives the transaction's hash.
    pub fn command(&mut self, call: LedgerCall) -> Result<Hash, ExecutionError> {
        let transaction = transaction(&self.operator, call);
        let hash = transaction.object_hash();
        self.execute(transaction).map(|()| hash)
    }

    /// Refused, with this code, and nothing of the state has changed.
    pub fn refuses(&mut self, signer: &KeyPair, call: LedgerCall, code: u8) {
        let transaction = transaction(signer, call);
        self.refuses_transaction(transaction, code);
    }

    pub fn refuses_transaction(&mut self, transaction: Verified<AnyTx>, code: u8) {
        let before = self.state_hash();
        let error = self.execute(transaction).unwrap_err();
        assert_eq!(code_of(&error), code, "{error}");
        assert_eq!(self.state_hash(), before, "a refusal must change nothing");
    }
}

/// Codes of the service's own errors are below 128; Exonum's common ones are told apart by adding 128.
pub fn code_of(error: &ExecutionError) -> u8 {
    use exonum::runtime::ErrorKind;
    match error.kind() {
        ErrorKind::Service { code } => code,
        ErrorKind::Common { code } => code + 128,
        other => panic!("{other:?}: {error}"),
    }
}

/// "Unauthorized caller".
pub const UNAUTHORIZED: u8 = 128 + exonum::runtime::CommonError::UnauthorizedCaller as u8;

/// "Malformed arguments".
pub const MALFORMED: u8 = 128 + exonum::runtime::CommonError::MalformedArguments as u8;
