//! Watches: what is seen, what a reorg takes back, what a restart repeats.

use bitcoin::{Amount, OutPoint, ScriptBuf};
use zarnitsa_bitcoin_adapter::{
    BlockRef, ReportedSpend, SpendWatch, Start, TransactionWatch, Watch, WatchEvent,
};

use crate::world::{spend, World};

fn transaction_watch(outpoint: OutPoint, depth: u32) -> TransactionWatch {
    TransactionWatch {
        outpoint,
        script: ScriptBuf::new(),
        depth,
        from_height: 0,
        reported: None,
    }
}

fn spend_watch(outpoint: OutPoint, depth: u32) -> SpendWatch {
    SpendWatch {
        outpoint,
        depth,
        from_height: 0,
        reported: None,
    }
}

fn place(event: &WatchEvent) -> BlockRef {
    match event {
        WatchEvent::TransactionConfirmed { block, .. }
        | WatchEvent::SpendConfirmed { block, .. } => *block,
        other => panic!("not confirmed: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn transaction_watched_is_told_at_its_depth_and_again_after_a_reorg() {
    let mut world = World::with_coins().await;
    let address = world.bitcoind.address();
    let txid = world.bitcoind.send(&address, Amount::from_sat(70_000));
    let transaction = world.bitcoind.transaction(&txid);
    let vout = transaction
        .output
        .iter()
        .position(|output| output.value.to_sat() == 70_000)
        .unwrap();
    let outpoint = OutPoint::new(txid, u32::try_from(vout).unwrap());
    world
        .chain
        .watch(Watch::Transaction(transaction_watch(outpoint, 3)));
    world.bitcoind.mine(2);
    let height = world.bitcoind.height();
    assert_eq!(
        world.watched_until(height).await,
        [],
        "two confirmations are not three"
    );
    world.bitcoind.mine(1);
    let expected = WatchEvent::TransactionConfirmed {
        outpoint,
        output: Some(transaction.output[vout].clone()),
        block: BlockRef {
            height: height - 1,
            hash: world.bitcoind.hash_at(height - 1),
        },
        index: 1,
        coinbase: false,
    };
    assert_eq!(world.watched_until(height + 1).await, [expected]);
    world.bitcoind.reorg(3);
    assert_eq!(
        world.watched_until(height + 2).await,
        [WatchEvent::TransactionReorged { outpoint }]
    );
    world.bitcoind.mine(3);
    let told = world.watched_until(height + 5).await;
    assert_eq!(
        told.iter().map(place).collect::<Vec<_>>(),
        [BlockRef {
            height: height + 3,
            hash: world.bitcoind.hash_at(height + 3)
        }]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn transaction_of_the_past_is_found_unspent_and_spent() {
    let mut world = World::with_coins().await;
    let address = world.bitcoind.address();
    let coin = world.bitcoind.fund(&address, Amount::from_sat(50_000));
    let created = world.best();
    world.bitcoind.mine(2);
    world.caught_up().await;
    world
        .chain
        .watch(Watch::Transaction(transaction_watch(coin, 1)));
    assert_eq!(place(&world.watched().await), created);
    let spender = spend(&world.bitcoind, coin, 0.000_49);
    world.chain.broadcast_tx(spender.clone()).await.unwrap();
    world.mine(2).await;
    // Another follower sets both watches after the fact.
    let mut world = world.restart(Start::Tip, None).await;
    world
        .chain
        .watch(Watch::Transaction(transaction_watch(coin, 1)));
    assert_eq!(place(&world.watched().await), created);
    world.chain.watch(Watch::Spend(spend_watch(coin, 2)));
    let told = world.watched().await;
    let WatchEvent::SpendConfirmed { transaction, .. } = &told else {
        panic!("{told:?}")
    };
    assert_eq!(**transaction, spender);
    assert!(matches!(
        world.watched().await,
        WatchEvent::SpendBuried { .. }
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn transaction_without_the_watched_output_is_told_without_it() {
    let mut world = World::with_coins().await;
    let address = world.bitcoind.address();
    let coin = world.bitcoind.fund(&address, Amount::from_sat(50_000));
    world.caught_up().await;
    let outpoint = OutPoint::new(coin.txid, 17);
    world
        .chain
        .watch(Watch::Transaction(transaction_watch(outpoint, 1)));
    assert!(matches!(
        world.watched().await,
        WatchEvent::TransactionConfirmed { output: None, .. }
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn coinbase_watched_is_told_to_be_one() {
    let mut world = World::with_coins().await;
    let coinbase = world
        .bitcoind
        .block(&world.bitcoind.hash_at(1))
        .txdata
        .remove(0);
    let outpoint = OutPoint::new(coinbase.compute_txid(), 0);
    world
        .chain
        .watch(Watch::Transaction(transaction_watch(outpoint, 1)));
    assert!(matches!(
        world.watched().await,
        WatchEvent::TransactionConfirmed {
            coinbase: true,
            index: 0,
            ..
        }
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn spend_watched_is_seen_confirmed_buried_and_reorged() {
    let mut world = World::with_coins().await;
    let address = world.bitcoind.address();
    let outpoint = world.bitcoind.fund(&address, Amount::from_sat(50_000));
    world.caught_up().await;
    world.chain.watch(Watch::Spend(spend_watch(outpoint, 3)));
    let transaction = spend(&world.bitcoind, outpoint, 0.000_49);
    let spender = transaction.compute_txid();
    world.chain.broadcast_tx(transaction).await.unwrap();
    assert!(
        matches!(world.watched().await, WatchEvent::SpendSeen { outpoint: seen, .. } if seen == outpoint)
    );
    world.bitcoind.mine(1);
    let block = world.best();
    assert_eq!(place(&world.watched().await), block);
    world.bitcoind.mine(1);
    assert_eq!(world.watched_until(block.height + 1).await, []);
    world.bitcoind.mine(1);
    assert_eq!(
        world.watched().await,
        WatchEvent::SpendBuried {
            outpoint,
            spender,
            block
        }
    );
    world.bitcoind.reorg(3);
    assert_eq!(
        world.watched().await,
        WatchEvent::SpendReorged { outpoint, spender }
    );
    assert!(
        matches!(world.watched().await, WatchEvent::SpendSeen { .. }),
        "it waits in the mempool again"
    );
    world.bitcoind.mine(1);
    assert!(matches!(
        world.watched().await,
        WatchEvent::SpendConfirmed { .. }
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn watches_set_again_repeat_nothing_that_still_holds() {
    let mut world = World::with_coins().await;
    let address = world.bitcoind.address();
    let coin = world.bitcoind.fund(&address, Amount::from_sat(50_000));
    let created = world.best();
    let transaction = spend(&world.bitcoind, coin, 0.000_49);
    let spender = transaction.compute_txid();
    world.chain.broadcast_tx(transaction).await.unwrap();
    world.mine(1).await;
    let height = world.bitcoind.height();
    let opening = TransactionWatch {
        reported: Some(created),
        ..transaction_watch(coin, 1)
    };
    let spending = SpendWatch {
        reported: Some(ReportedSpend { spender, height }),
        ..spend_watch(coin, 9)
    };
    let mut world = world.restart(Start::Tip, None).await;
    world.chain.watch(Watch::Transaction(opening.clone()));
    world.chain.watch(Watch::Spend(spending.clone()));
    world.bitcoind.mine(1);
    assert_eq!(world.watched_until(height + 1).await, []);
    // A reorg takes both while this node is away.
    let last = world.best();
    world.bitcoind.reorg(3);
    let mut world = world.restart(Start::After(last), None).await;
    world.caught_up().await;
    world.chain.watch(Watch::Transaction(opening));
    world.chain.watch(Watch::Spend(spending));
    assert_eq!(
        world.watched().await,
        WatchEvent::TransactionReorged { outpoint: coin }
    );
    assert_eq!(
        world.watched().await,
        WatchEvent::SpendReorged {
            outpoint: coin,
            spender
        }
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn unwatched_output_is_silent() {
    let mut world = World::with_coins().await;
    let address = world.bitcoind.address();
    let coin = world.bitcoind.fund(&address, Amount::from_sat(50_000));
    world.caught_up().await;
    world.chain.watch(Watch::Spend(spend_watch(coin, 1)));
    world.chain.unwatch(coin);
    let transaction = spend(&world.bitcoind, coin, 0.000_49);
    world.chain.broadcast_tx(transaction).await.unwrap();
    world.bitcoind.mine(1);
    let height = world.bitcoind.height();
    assert_eq!(world.watched_until(height).await, []);
}
