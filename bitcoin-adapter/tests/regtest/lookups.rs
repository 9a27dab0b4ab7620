//! `is_it_tx_in_blockchain`, with and without txindex.

use bitcoin::hashes::Hash;
use bitcoin::{Amount, OutPoint, Txid};
use zarnitsa_bitcoin_adapter::{BlockRef, ChainError, Start, TxHint, TxStatus};
use zarnitsa_tests::bitcoind::{Bitcoind, Options};

use crate::world::{spend, World};

async fn ask(world: &World, txid: Txid, hint: TxHint) -> Result<TxStatus, ChainError> {
    world.chain.is_it_tx_in_blockchain(txid, hint).await
}

/// A confirmed transaction whose only known output is spent, two blocks later: the hardest to find.
fn spent(world: &World) -> (OutPoint, BlockRef) {
    let address = world.bitcoind.address();
    let coin = world.bitcoind.fund(&address, Amount::from_sat(50_000));
    let block = world.best();
    let spender = spend(&world.bitcoind, coin, 0.000_49);
    world.bitcoind.call::<Txid>(
        "sendrawtransaction",
        &[bitcoin::consensus::encode::serialize_hex(&spender).into()],
    );
    world.bitcoind.mine(2);
    (coin, block)
}

#[tokio::test(flavor = "multi_thread")]
async fn transaction_is_unknown_then_in_mempool_then_confirmed() {
    let world = World::with_coins().await;
    let txid = world
        .bitcoind
        .send(&world.bitcoind.address(), Amount::from_sat(50_000));
    assert_eq!(
        ask(&world, txid, TxHint::default()).await.unwrap(),
        TxStatus::InMempool
    );
    world.bitcoind.mine(2);
    let block = BlockRef {
        height: world.bitcoind.height() - 1,
        hash: world.bitcoind.hash_at(world.bitcoind.height() - 1),
    };
    let confirmed = TxStatus::Confirmed { block, depth: 2 };
    for output in [0, 1] {
        let hint = TxHint {
            output: Some(output),
            ..TxHint::default()
        };
        assert_eq!(ask(&world, txid, hint).await.unwrap(), confirmed);
    }
    world.bitcoind.reorg(2);
    let hint = TxHint {
        block: Some(block.hash),
        ..TxHint::default()
    };
    assert_eq!(ask(&world, txid, hint).await.unwrap(), TxStatus::InMempool);
}

#[tokio::test(flavor = "multi_thread")]
async fn transaction_without_txindex_is_found_by_block_or_height_and_never_guessed() {
    let world = World::with_coins().await;
    let (coin, block) = spent(&world);
    let confirmed = TxStatus::Confirmed { block, depth: 3 };
    let by_block = TxHint {
        block: Some(block.hash),
        ..TxHint::default()
    };
    assert_eq!(ask(&world, coin.txid, by_block).await.unwrap(), confirmed);
    let by_height = TxHint {
        from_height: Some(block.height),
        ..TxHint::default()
    };
    assert_eq!(ask(&world, coin.txid, by_height).await.unwrap(), confirmed);
    let by_output = TxHint {
        output: Some(coin.vout),
        ..TxHint::default()
    };
    let error = ask(&world, coin.txid, by_output).await.unwrap_err();
    assert!(
        matches!(error, ChainError::NoIndex { txid } if txid == coin.txid),
        "a spent output proves nothing: {error}"
    );
    let nobodys = Txid::all_zeros();
    assert_eq!(
        ask(
            &world,
            nobodys,
            TxHint {
                from_height: Some(0),
                ..TxHint::default()
            }
        )
        .await
        .unwrap(),
        TxStatus::Unknown
    );
    assert!(ask(&world, nobodys, TxHint::default()).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn transaction_with_txindex_needs_no_hint() {
    let bitcoind = Bitcoind::start_with_coins(Options {
        txindex: true,
        ..Options::default()
    });
    let world = World::around(bitcoind, Start::Tip, None).await;
    let (coin, block) = spent(&world);
    // The index follows the chain a moment later: until then the answer is an error.
    let deadline = std::time::Instant::now() + zarnitsa_tests::wait::DEADLINE;
    let status = loop {
        match ask(&world, coin.txid, TxHint::default()).await {
            Err(ChainError::NoIndex { .. }) if std::time::Instant::now() < deadline => {}
            answer => break answer.unwrap(),
        }
    };
    assert_eq!(status, TxStatus::Confirmed { block, depth: 3 });
    assert_eq!(
        ask(&world, Txid::all_zeros(), TxHint::default())
            .await
            .unwrap(),
        TxStatus::Unknown
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn transaction_asked_of_an_absent_bitcoind_is_an_error() {
    let mut world = World::with_coins().await;
    let (coin, block) = spent(&world);
    let hint = TxHint {
        block: Some(block.hash),
        from_height: Some(0),
        output: Some(0),
    };
    world.bitcoind.stop();
    let error = ask(&world, coin.txid, hint).await.unwrap_err();
    assert!(error.is_temporary(), "{error}");
    world.bitcoind.resume();
    assert!(matches!(
        ask(&world, coin.txid, hint).await.unwrap(),
        TxStatus::Confirmed { .. }
    ));
}
