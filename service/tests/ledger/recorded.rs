//! A real node's ledger, recorded from a run over a real bitcoind, executed again: every block comes out the same.
//!
//! `ZARNITSA_RECORD=FILE cargo test -p zarnitsa-tests --test node recording` makes it anew. Do so only when a change of the stored formats is meant: a
//! recording that no longer replays says that existing ledgers would not either.

use std::collections::BTreeMap;

use chrono::{TimeZone as _, Utc};
use exonum::blockchain::config::GenesisConfigBuilder;
use exonum::blockchain::{
    ApiSender, BlockParams, Blockchain, BlockchainBuilder, BlockchainMut, ConsensusConfigBuilder,
    ValidatorKeys,
};
use exonum::crypto::{Hash, PublicKey};
use exonum::helpers::{Height, Round, ValidatorId};
use exonum::merkledb::{BinaryValue as _, ObjectHash as _, TemporaryDB};
use exonum::messages::{AnyTx, Precommit, SignedMessage, Verified};
use exonum::runtime::SnapshotExt as _;
use exonum_rust_runtime::RustRuntimeBuilder;
use futures::channel::mpsc;
use serde::Deserialize;
use zarnitsa_service::records::{Config, Genesis, Policy};
use zarnitsa_service::LightningService;

use crate::node::keypair;

const RECORDING: &str = include_str!("../../../tests/vectors/recorded-ledger.json");

/// What one needs of a ledger to make it again, and the hashes that must come out.
#[derive(Deserialize)]
struct Recording {
    consensus_key: PublicKey,
    service_key: PublicKey,
    operator_key: PublicKey,
    node_id: bitcoin::secp256k1::PublicKey,
    blocks: Vec<Recorded>,
}

#[derive(Deserialize)]
struct Recorded {
    hash: Hash,
    state_hash: Hash,
    /// Signed messages, in hex.
    transactions: Vec<String>,
}

fn chain_of(recording: &Recording) -> BlockchainMut {
    let keys = ValidatorKeys::new(recording.consensus_key, recording.service_key);
    let consensus = ConsensusConfigBuilder::new()
        .validator_keys(vec![keys])
        .build();
    let mut builder = GenesisConfigBuilder::with_consensus_config(consensus);
    let mut runtime = RustRuntimeBuilder::new();
    let genesis = Genesis {
        config: Config {
            operator_key: recording.operator_key,
            node_key: recording.service_key,
            node_id: recording.node_id,
            network: "regtest".to_owned(),
        },
        policy: Policy::user(),
    };
    LightningService::default().deploy(&genesis, &mut builder, &mut runtime);
    let (endpoints, _) = mpsc::channel(1);
    // A replay signs nothing that counts: any service key will do.
    let chain = Blockchain::new(TemporaryDB::new(), keypair(1), ApiSender::closed());
    BlockchainBuilder::new(chain)
        .with_genesis_config(builder.build())
        .with_runtime(runtime.build(endpoints))
        .build()
}

fn transaction(text: &str) -> Verified<AnyTx> {
    let bytes = hex::decode(text).unwrap();
    let signed = SignedMessage::from_bytes(bytes.into()).unwrap();
    signed.into_verified::<AnyTx>().unwrap()
}

/// Executes a block; its hash and the state's.
fn execute(chain: &mut BlockchainMut, height: u64, recorded: &Recorded) -> (Hash, Hash) {
    let transactions: Vec<_> = recorded
        .transactions
        .iter()
        .map(|text| transaction(text))
        .collect();
    let order: Vec<Hash> = transactions.iter().map(|tx| tx.object_hash()).collect();
    let cache: BTreeMap<_, _> = order.iter().copied().zip(transactions).collect();
    let height = Height(height);
    let params = BlockParams::new(ValidatorId(0), height, &order);
    let patch = chain.create_patch(params, &cache);
    let hash = patch.block_hash();
    let time = Utc.timestamp_opt(1_700_000_000, 0).unwrap();
    let precommit = Precommit::new(
        ValidatorId(0),
        height,
        Round::first(),
        Hash::zero(),
        hash,
        time,
    );
    let signer = keypair(2);
    let precommit = Verified::from_value(precommit, signer.public_key(), signer.secret_key());
    chain.commit(patch, vec![precommit]).unwrap();
    let state_hash = chain.snapshot().for_core().last_block().state_hash;
    (hash, state_hash)
}

#[test]
fn recorded_ledger_of_a_real_node_replays_to_the_same_hashes() {
    let recording: Recording = serde_json::from_str(RECORDING).unwrap();
    let mut chain = chain_of(&recording);
    let genesis = chain.snapshot().for_core().last_block();
    let first = &recording.blocks[0];
    assert_eq!(genesis.object_hash(), first.hash, "genesis");
    assert_eq!(genesis.state_hash, first.state_hash, "genesis");
    for (height, recorded) in (1..).zip(&recording.blocks[1..]) {
        let (hash, state_hash) = execute(&mut chain, height, recorded);
        assert_eq!(state_hash, recorded.state_hash, "state at block {height}");
        assert_eq!(hash, recorded.hash, "block {height}");
    }
}
