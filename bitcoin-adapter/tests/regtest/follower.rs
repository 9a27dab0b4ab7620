//! Blocks, reorgs, and a bitcoind that comes and goes.

use std::sync::Arc;
use std::time::Duration;

use bitcoin::absolute::LockTime;
use bitcoin::hashes::Hash;
use bitcoin::secp256k1::{Secp256k1, SecretKey};
use bitcoin::taproot::{LeafVersion, TaprootBuilder};
use bitcoin::transaction::Version;
use bitcoin::{
    Address, Amount, BlockHash, Network, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Witness,
};
use serde_json::{json, Value};
use zarnitsa_bitcoin_adapter::{
    Auth, BitcoindConfig, BlockRef, Chain, ChainError, ChainEvent, ChainOptions, ChainSource,
    FeeTarget, SpendWatch, Start, Watch, WatchEvent,
};
use zarnitsa_tests::bitcoind::{Bitcoind, Options};

use crate::world::{follow, in_time, source, until, World};

/// Blocks as the events tell them: each must join at the top, and only the top may leave.
#[derive(Default)]
struct Told(Vec<BlockRef>);

impl Told {
    async fn read_until(&mut self, world: &mut World, tip: BlockRef) -> (u32, u32) {
        let (mut joined, mut left) = (0, 0);
        while self.0.last() != Some(&tip) {
            match world.next().await {
                ChainEvent::Connected { block, .. } => {
                    assert!(
                        self.0
                            .last()
                            .is_none_or(|top| top.height + 1 == block.height),
                        "a gap below {block}"
                    );
                    self.0.push(block);
                    joined += 1;
                }
                ChainEvent::Disconnected { block } => {
                    assert_eq!(self.0.pop(), Some(block));
                    left += 1;
                }
                other => panic!("unexpected {other:?}"),
            }
        }
        (joined, left)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn follower_started_before_bitcoind_waits_for_it() {
    let mut bitcoind = Bitcoind::prepare(Options::default());
    let (chain, events) = follow(&bitcoind, Start::Tip, None);
    let mut status = chain.status_changes();
    in_time(
        "a problem is named",
        status.wait_for(|status| status.problem.is_some()),
    )
    .await
    .unwrap();
    assert_eq!(chain.status().tip, None);
    bitcoind.launch();
    let mut world = World {
        bitcoind,
        chain,
        events,
    };
    assert_eq!(world.connected().await.height, 0);
    in_time(
        "bitcoind is reachable",
        status.wait_for(|status| status.reachable),
    )
    .await
    .unwrap();
    assert_eq!(world.chain.status().problem, None);
    assert_eq!(
        world.chain.fees().rate(FeeTarget::Urgent).to_sat_per_kwu(),
        253
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn source_of_a_warming_up_bitcoind_gives_temporary_errors_only() {
    let mut bitcoind = Bitcoind::prepare(Options::default());
    let source = source(&bitcoind);
    bitcoind.launch();
    until("bitcoind answers", || match source.best_block() {
        Ok(best) => best.height == 0,
        Err(error) => {
            assert!(error.is_temporary(), "{error}");
            false
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn follower_with_reorgs_of_one_to_six_blocks_tells_each_block() {
    let mut world = World::with_coins().await;
    let mut told = Told(vec![world.best()]);
    world.bitcoind.mine(7);
    let tip = world.best();
    told.read_until(&mut world, tip).await;
    for depth in 1..=6 {
        world.bitcoind.reorg(depth);
        let tip = world.best();
        let (joined, left) = told.read_until(&mut world, tip).await;
        assert_eq!((joined, left), (depth + 1, depth));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn follower_with_bitcoind_restarted_loses_no_block() {
    let mut world = World::with_coins().await;
    let mut told = Told(vec![world.best()]);
    for orderly in [true, false] {
        world.bitcoind.mine(3);
        if orderly {
            world.bitcoind.stop();
        } else {
            let tip = world.best();
            told.read_until(&mut world, tip).await;
            world.bitcoind.kill();
        }
        let mut status = world.chain.status_changes();
        in_time(
            "bitcoind is missed",
            status.wait_for(|status| !status.reachable),
        )
        .await
        .unwrap();
        // A new cookie with each start.
        world.bitcoind.resume();
        // Killed, it has forgotten what it had not flushed: it must get past that.
        world.bitcoind.mine(if orderly { 8 } else { 40 });
        let tip = world.best();
        told.read_until(&mut world, tip).await;
    }
    assert!(told
        .0
        .iter()
        .all(|block| world.bitcoind.hash_at(block.height) == block.hash));
}

#[tokio::test(flavor = "multi_thread")]
async fn follower_started_after_a_block_tells_the_downtime_with_its_reorg() {
    let world = World::with_coins().await;
    world.bitcoind.mine(2);
    world.caught_up().await;
    let last = world.best();
    world.bitcoind.reorg(2);
    let mut world = world.restart(Start::After(last), None).await;
    let before = BlockRef {
        height: last.height - 1,
        hash: world.bitcoind.block(&last.hash).header.prev_blockhash,
    };
    let mut told = Told(vec![before, last]);
    let tip = world.best();
    assert_eq!(told.read_until(&mut world, tip).await, (3, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn follower_started_after_an_unknown_block_says_so() {
    let bitcoind = Bitcoind::start_with_coins(Options::default());
    let from = BlockRef {
        height: 5,
        hash: BlockHash::all_zeros(),
    };
    let mut world = World::around(bitcoind, Start::After(from), None).await;
    let ChainEvent::Fault { error } = world.next().await else {
        panic!("no fault")
    };
    assert!(
        matches!(*error, ChainError::UnknownBlock { from: unknown } if unknown == from),
        "{error}"
    );
    assert!(world.chain.status().problem.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn follower_of_another_network_says_so() {
    let bitcoind = Bitcoind::start();
    let (chain, events) = Chain::start(
        source(&bitcoind),
        ChainOptions::new(Network::Signet, Start::Tip, None),
    )
    .unwrap();
    let mut world = World {
        bitcoind,
        chain,
        events,
    };
    let ChainEvent::Fault { error } = world.next().await else {
        panic!("no fault")
    };
    assert!(
        matches!(
            *error,
            ChainError::WrongNetwork {
                expected: Network::Signet,
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn follower_with_announcements_need_not_poll() {
    let bitcoind = Bitcoind::start_with(Options {
        zmq: true,
        ..Options::default()
    });
    let mut options = ChainOptions::new(Network::Regtest, Start::Tip, None);
    options.poll_interval = Duration::from_secs(3600);
    let (chain, events) = Chain::start(source(&bitcoind), options).unwrap();
    let mut world = World {
        bitcoind,
        chain,
        events,
    };
    world.connected().await;
    // The subscription is made in the background: blocks are mined until one of them is announced.
    let announced = in_time("an announced block", async {
        loop {
            world.bitcoind.mine(1);
            if let Ok(Some(event)) =
                tokio::time::timeout(Duration::from_millis(500), world.events.recv()).await
            {
                return event;
            }
        }
    });
    assert!(matches!(announced.await, ChainEvent::Connected { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn source_with_a_wrong_password_is_refused_and_keeps_it_secret() {
    let bitcoind = Bitcoind::start();
    let auth = Auth::UserPassword("user".to_owned(), "s3cret".to_owned());
    let config = BitcoindConfig::new(bitcoind.rpc_address(), auth);
    assert!(!format!("{config:?}").contains("s3cret"));
    let source: Arc<dyn ChainSource> = Arc::new(zarnitsa_bitcoin_adapter::Bitcoind::new(config));
    let error = source.best_block().unwrap_err();
    assert!(
        matches!(error, ChainError::Unauthorized { status: 401, .. }),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn source_with_user_and_password_is_let_in() {
    let arguments = vec!["-rpcuser=user".to_owned(), "-rpcpassword=s3cret".to_owned()];
    let mut bitcoind = Bitcoind::prepare(Options {
        arguments,
        ..Options::default()
    });
    bitcoind.launch();
    let auth = Auth::UserPassword("user".to_owned(), "s3cret".to_owned());
    let config = BitcoindConfig::new(bitcoind.rpc_address(), auth);
    let source = zarnitsa_bitcoin_adapter::Bitcoind::new(config);
    until("bitcoind answers", || source.best_block().is_ok()).await;
}

/// A script that consensus takes whatever stands beside it in the witness (BIP 342, `OP_SUCCESS80`), and a witness of half a million
/// items for it: parsers with limits of their own have stopped at such a block.
fn unreadable_to_some(bitcoind: &Bitcoind) -> Transaction {
    let secp = Secp256k1::new();
    let key = SecretKey::from_slice(&[3; 32]).unwrap();
    let internal = key.x_only_public_key(&secp).0;
    let script = ScriptBuf::from_bytes(vec![0x50]);
    let tree = TaprootBuilder::new().add_leaf(0, script.clone()).unwrap();
    let tree = tree.finalize(&secp, internal).unwrap();
    let address = Address::p2tr_tweaked(tree.output_key(), Network::Regtest);
    let coin = bitcoind.fund(&address, Amount::from_sat(1_000_000));
    let mut witness = vec![Vec::new(); 500_001];
    witness.push(script.to_bytes());
    let control = tree.control_block(&(script, LeafVersion::TapScript));
    witness.push(control.unwrap().serialize());
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: coin,
            script_sig: ScriptBuf::new(),
            sequence: Sequence::MAX,
            witness: Witness::from_slice(&witness),
        }],
        output: vec![TxOut {
            value: Amount::from_sat(100_000),
            script_pubkey: address.script_pubkey(),
        }],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn block_that_parsers_with_limits_of_their_own_refuse_is_read() {
    let mut world = World::with_coins().await;
    let transaction = unreadable_to_some(&world.bitcoind);
    world.caught_up().await;
    let spent = transaction.input[0].previous_output;
    world.chain.watch(Watch::Spend(SpendWatch {
        outpoint: spent,
        depth: 1,
        from_height: world.bitcoind.height(),
        reported: None,
    }));
    world.bitcoind.mine_only(std::slice::from_ref(&transaction));
    let told = world.watched().await;
    assert!(
        matches!(&told, WatchEvent::SpendConfirmed { transaction: by, .. } if **by == transaction),
        "it is not told"
    );
    world.bitcoind.mine(1);
    world.caught_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn header_without_its_block_is_known_to_the_source() {
    let bitcoind = Bitcoind::start_with_coins(Options::default());
    let source = source(&bitcoind);
    let before = source.best_block().unwrap();
    assert_eq!(source.headers().unwrap(), before.height);
    let output = json!(bitcoind.address().to_string());
    let withheld: Value = bitcoind.call("generateblock", &[output, json!([]), json!(false)]);
    let hex = withheld["hex"].as_str().unwrap();
    let _: Value = bitcoind.call("submitheader", &[json!(hex[..160])]);
    assert_eq!(source.headers().unwrap(), before.height + 1);
    assert_eq!(source.best_block().unwrap(), before);
}
