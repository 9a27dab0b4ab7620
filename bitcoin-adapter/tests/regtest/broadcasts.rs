//! `broadcast_tx`: what is taken, refused, repeated, confirmed and replaced.

use bitcoin::{Amount, OutPoint, ScriptBuf, Transaction};
use zarnitsa_bitcoin_adapter::{Accepted, BroadcastEvent, BroadcastOutcome, Rejection, Start};
use zarnitsa_tests::bitcoind::{Bitcoind, Options};

use crate::world::{spend, World};

fn coin(world: &World) -> OutPoint {
    let address = world.bitcoind.address();
    world.bitcoind.fund(&address, Amount::from_sat(50_000))
}

async fn accept(world: &World, transaction: &Transaction) -> Accepted {
    match world.chain.broadcast_tx(transaction.clone()).await.unwrap() {
        BroadcastOutcome::Accepted(accepted) => accepted,
        BroadcastOutcome::Waiting(error) => panic!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn broadcast_twice_and_after_confirmation_is_accepted() {
    let mut world = World::with_coins().await;
    let transaction = spend(&world.bitcoind, coin(&world), 0.000_49);
    assert_eq!(accept(&world, &transaction).await, Accepted::InMempool);
    assert_eq!(accept(&world, &transaction).await, Accepted::InMempool);
    world.bitcoind.mine(1);
    let (txid, block) = (transaction.compute_txid(), world.best());
    assert_eq!(
        world.broadcast().await,
        BroadcastEvent::Confirmed { txid, block }
    );
    assert_eq!(accept(&world, &transaction).await, Accepted::InChain);
}

#[tokio::test(flavor = "multi_thread")]
async fn broadcast_that_is_refused_says_why() {
    let world = World::with_coins().await;
    let offer = |transaction: Transaction| world.chain.broadcast_tx(transaction);
    let coin = coin(&world);
    let free = spend(&world.bitcoind, coin, 0.000_5);
    let refused = offer(free.clone()).await;
    assert!(
        matches!(refused, Err(Rejection::BelowMinFee { .. })),
        "{refused:?}"
    );
    let mut unsigned = spend(&world.bitcoind, coin, 0.000_49);
    unsigned.input[0].witness.clear();
    unsigned.input[0].script_sig = ScriptBuf::new();
    let refused = offer(unsigned).await;
    assert!(
        matches!(refused, Err(Rejection::Invalid { .. })),
        "{refused:?}"
    );
    let mut orphan = spend(&world.bitcoind, coin, 0.000_49);
    orphan.input[0].previous_output = OutPoint::new(free.compute_txid(), 0);
    let refused = offer(orphan).await;
    assert!(
        matches!(refused, Err(Rejection::MissingInputs { .. })),
        "{refused:?}"
    );
    let good = spend(&world.bitcoind, coin, 0.000_48);
    accept(&world, &good).await;
    let cheaper = spend(&world.bitcoind, coin, 0.000_481);
    let refused = offer(cheaper).await;
    assert!(
        matches!(refused, Err(Rejection::Conflict { .. })),
        "{refused:?}"
    );
    let address = world.bitcoind.address();
    let large = world.bitcoind.fund(&address, Amount::from_sat(50_000_000));
    let absurd = spend(&world.bitcoind, large, 0.000_01);
    let refused = offer(absurd).await;
    assert!(
        matches!(refused, Err(Rejection::FeeTooHigh { .. })),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn broadcast_forgotten_by_bitcoind_is_repeated() {
    let arguments = vec!["-persistmempool=0".to_owned()];
    let bitcoind = Bitcoind::start_with_coins(Options {
        arguments,
        ..Options::default()
    });
    let mut world = World::around(bitcoind, Start::Tip, None).await;
    let transaction = spend(&world.bitcoind, coin(&world), 0.000_49);
    accept(&world, &transaction).await;
    world.bitcoind.restart();
    world.until_in_mempool(&transaction.compute_txid()).await;
    world.bitcoind.mine(1);
    assert!(matches!(
        world.broadcast().await,
        BroadcastEvent::Confirmed { .. }
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn broadcast_to_an_absent_bitcoind_waits_for_it() {
    let mut world = World::with_coins().await;
    let transaction = spend(&world.bitcoind, coin(&world), 0.000_49);
    world.bitcoind.stop();
    let outcome = world.chain.broadcast_tx(transaction.clone()).await.unwrap();
    assert!(
        matches!(outcome, BroadcastOutcome::Waiting(_)),
        "{outcome:?}"
    );
    world.bitcoind.resume();
    world.until_in_mempool(&transaction.compute_txid()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn broadcast_that_is_forbidden_while_bitcoind_is_away_never_reaches_it() {
    let mut world = World::with_coins().await;
    let [forbidden, other] = [(); 2].map(|()| spend(&world.bitcoind, coin(&world), 0.000_49));
    let txid = forbidden.compute_txid();
    world.bitcoind.stop();
    for transaction in [&forbidden, &other] {
        let outcome = world.chain.broadcast_tx(transaction.clone()).await.unwrap();
        assert!(matches!(outcome, BroadcastOutcome::Waiting(_)));
    }
    world.chain.forbid_broadcast(txid);
    world.bitcoind.resume();
    // What was given later is offered later.
    world.until_in_mempool(&other.compute_txid()).await;
    assert!(!world.bitcoind.mempool().contains(&txid));
    let refused = world.chain.broadcast_tx(forbidden.clone()).await;
    assert!(matches!(refused, Err(Rejection::Forbidden)), "{refused:?}");
    let family = vec![forbidden, other];
    let refused = world.chain.broadcast_package(family).await;
    assert!(matches!(refused, Err(Rejection::Forbidden)), "{refused:?}");
    assert!(!world.bitcoind.mempool().contains(&txid));
}

#[tokio::test(flavor = "multi_thread")]
async fn broadcast_of_a_child_before_its_parent_succeeds_once_the_parent_is_there() {
    let world = World::with_coins().await;
    let parent = spend(&world.bitcoind, coin(&world), 0.000_49);
    let parent_id = parent.compute_txid();
    let hex = bitcoin::consensus::encode::serialize_hex(&parent);
    // bitcoind's wallet signs the child while it knows the parent.
    let outpoint = OutPoint::new(parent_id, 0);
    let previous = serde_json::json!([{
        "txid": parent_id, "vout": 0, "amount": 0.000_49,
        "scriptPubKey": parent.output[0].script_pubkey.to_hex_string(),
    }]);
    let inputs = serde_json::json!([{"txid": outpoint.txid, "vout": outpoint.vout}]);
    let outputs = serde_json::json!([{world.bitcoind.address().to_string(): 0.000_48}]);
    let raw: String = world
        .bitcoind
        .call("createrawtransaction", &[inputs, outputs]);
    let signed: serde_json::Value = world
        .bitcoind
        .call("signrawtransactionwithwallet", &[raw.into(), previous]);
    let child: Transaction =
        bitcoin::consensus::encode::deserialize_hex(signed["hex"].as_str().unwrap()).unwrap();
    let refused = world.chain.broadcast_tx(child.clone()).await.unwrap_err();
    assert!(matches!(refused, Rejection::MissingInputs { .. }) && refused.may_pass_later());
    world
        .bitcoind
        .call::<bitcoin::Txid>("sendrawtransaction", &[hex.into()]);
    world.bitcoind.mine(1);
    // Offered before the block, it is mined with its parent; offered after it, it waits in the mempool. Both are right.
    world.until_taken(&child).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn broadcast_whose_input_another_transaction_takes_is_told_replaced() {
    let mut world = World::with_coins().await;
    let coin = coin(&world);
    let transaction = spend(&world.bitcoind, coin, 0.000_49);
    accept(&world, &transaction).await;
    let other = spend(&world.bitcoind, coin, 0.000_4);
    world.bitcoind.call::<bitcoin::Txid>(
        "sendrawtransaction",
        &[bitcoin::consensus::encode::serialize_hex(&other).into()],
    );
    world.bitcoind.mine(1);
    let (txid, by, block) = (
        transaction.compute_txid(),
        other.compute_txid(),
        world.best(),
    );
    // It is offered against the better one in the mempool before the block comes, or just after it, when its coin is gone, or
    // not at all: each is right.
    let told = loop {
        match world.broadcast().await {
            BroadcastEvent::Rejected {
                rejection: Rejection::Conflict { .. } | Rejection::MissingInputs { .. },
                ..
            } => {}
            event => break event,
        }
    };
    assert_eq!(told, BroadcastEvent::Replaced { txid, by, block });
}

#[tokio::test(flavor = "multi_thread")]
async fn broadcast_reorged_out_is_repeated() {
    let mut world = World::with_coins().await;
    let transaction = spend(&world.bitcoind, coin(&world), 0.000_49);
    accept(&world, &transaction).await;
    world.bitcoind.mine(1);
    assert!(matches!(
        world.broadcast().await,
        BroadcastEvent::Confirmed { .. }
    ));
    world.bitcoind.reorg(1);
    world.caught_up().await;
    world.until_in_mempool(&transaction.compute_txid()).await;
    world.bitcoind.mine(1);
    let block = world.best();
    assert_eq!(
        world.broadcast().await,
        BroadcastEvent::Confirmed {
            txid: transaction.compute_txid(),
            block
        }
    );
}
