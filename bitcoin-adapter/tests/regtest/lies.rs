//! A bitcoind that answers what is not so: nothing is concluded from it, and the node goes on when it tells the truth again.

use bitcoin::consensus::encode::{deserialize_hex, serialize_hex};
use bitcoin::{Block, CompactTarget};
use serde_json::{json, Value};
use zarnitsa_bitcoin_adapter::{ChainError, ChainEvent, FeeTarget};

use crate::liar::{bitcoind, Liar};
use crate::world::{in_time, World};

/// The follower has met with something that it does not believe, and names it.
async fn until_problem(world: &World) -> String {
    let mut status = world.chain.status_changes();
    let wait = status.wait_for(|status| status.problem.is_some());
    let status = in_time("a problem is named", wait).await.unwrap();
    status.problem.clone().unwrap()
}

/// The next events are these blocks, in their order, and nothing else.
async fn told(world: &mut World, from: u32) {
    for height in from..=world.bitcoind.height() {
        match world.next().await {
            ChainEvent::Connected { block, .. } => {
                assert_eq!(block.height, height);
                assert_eq!(block.hash, world.bitcoind.hash_at(height));
            }
            other => panic!("unexpected {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn follower_of_a_bitcoind_that_answers_garbage_tells_nothing_until_it_answers_again() {
    let bitcoind = bitcoind();
    let liar = Liar::before(&bitcoind);
    let mut world = liar.world(bitcoind).await;
    let result = |result: Value| json!({ "result": result, "error": null, "id": 0 }).to_string();
    let garbage = [
        String::new(),
        "<html>busy</html>".to_owned(),
        r#"{"result":"#.to_owned(),
        "[]".to_owned(),
        result(Value::Null),
        result(json!(-1)),
        result(json!("00")),
        result(json!({ "blocks": -1, "bestblockhash": "no hash" })),
        result(json!({ "blocks": 1e300, "bestblockhash": "11".repeat(32) })),
        json!({ "result": null, "error": { "code": -1e9, "message": 5 }, "id": 0 }).to_string(),
    ];
    for garbage in garbage {
        world.caught_up().await;
        let before = world.bitcoind.height();
        let said = garbage.clone();
        liar.lies(move |_, _, _| said.clone());
        world.bitcoind.mine(1);
        let problem = until_problem(&world).await;
        println!("{garbage:.60}: {problem}");
        assert!(world.events.try_recv().is_err(), "{garbage}");
        liar.tells_the_truth();
        told(&mut world, before + 1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn follower_shown_another_block_than_it_asked_for_does_not_take_it() {
    let bitcoind = bitcoind();
    let genesis: String = bitcoind.call("getblock", &[json!(bitcoind.hash_at(0)), json!(0)]);
    let liar = Liar::before(&bitcoind);
    let mut world = liar.world(bitcoind).await;
    world.caught_up().await;
    let before = world.bitcoind.height();
    liar.lies(move |call, _, mut truth| {
        if call == "getblock" {
            truth["result"] = json!(genesis);
        }
        truth.to_string()
    });
    world.bitcoind.mine(2);
    let problem = until_problem(&world).await;
    assert!(problem.contains("it is not the block"), "{problem}");
    liar.tells_the_truth();
    told(&mut world, before + 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn follower_shown_a_block_without_the_work_of_its_target_does_not_take_it() {
    let bitcoind = bitcoind();
    let liar = Liar::before(&bitcoind);
    let mut world = liar.world(bitcoind).await;
    world.caught_up().await;
    let before = world.bitcoind.height();
    world.bitcoind.mine(1);
    let best = world.bitcoind.best_hash();
    told(&mut world, before + 1).await;
    // A block that says that it is as hard as bitcoin's first ones, at the next height, told of consistently.
    let hex: String = world.bitcoind.call("getblock", &[json!(best), json!(0)]);
    let mut forged: Block = deserialize_hex(&hex).unwrap();
    forged.header.prev_blockhash = best;
    forged.header.bits = CompactTarget::from_consensus(0x1d00_ffff);
    let (hash, height) = (forged.block_hash(), before + 2);
    let hex = serialize_hex(&forged);
    liar.lies(move |call, asked, mut truth| {
        let of_forged = asked[0] == json!(hash) || asked[0] == json!(height);
        match call {
            "getblockchaininfo" => {
                truth["result"]["blocks"] = json!(height);
                truth["result"]["bestblockhash"] = json!(hash);
            }
            "getblockhash" if of_forged => {
                truth = json!({ "result": hash, "error": null, "id": truth["id"] });
            }
            "getblock" if of_forged => {
                truth = json!({ "result": hex, "error": null, "id": truth["id"] });
            }
            _ => {}
        }
        truth.to_string()
    });
    let problem = until_problem(&world).await;
    assert!(problem.contains("above its target"), "{problem}");
    liar.tells_the_truth();
    world.bitcoind.mine(1);
    told(&mut world, before + 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn follower_of_a_bitcoind_that_has_gone_back_waits_for_it() {
    let bitcoind = bitcoind();
    let liar = Liar::before(&bitcoind);
    let mut world = liar.world(bitcoind).await;
    let before = world.bitcoind.height();
    world.bitcoind.mine(7);
    told(&mut world, before + 1).await;
    let (tip, height) = (world.best(), world.bitcoind.height());
    // As one that was restored from an older copy of its folder.
    let first = world.bitcoind.invalidate(6);
    let mut status = world.chain.status_changes();
    let wait = status.wait_for(|status| status.behind.is_some());
    let behind = in_time("bitcoind is known to be behind", wait)
        .await
        .unwrap()
        .behind;
    assert_eq!(behind, Some(height - 6));
    assert_eq!(world.chain.status().tip, Some(tip), "no block has left");
    assert!(world.events.try_recv().is_err(), "and none is told to have");
    let _: Value = world.bitcoind.call("reconsiderblock", &[json!(first)]);
    world.bitcoind.mine(1);
    told(&mut world, height + 1).await;
    assert_eq!(world.chain.status().behind, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn follower_whose_bitcoind_becomes_one_of_another_chain_gives_up_no_block() {
    let (here, elsewhere) = (bitcoind(), bitcoind());
    elsewhere.mine(20);
    let liar = Liar::before(&here);
    let mut world = liar.world(here).await;
    let before = world.bitcoind.height();
    world.bitcoind.mine(6);
    told(&mut world, before + 1).await;
    let tip = world.best();
    liar.moves_to(&elsewhere);
    match world.next().await {
        ChainEvent::Fault { error } => assert!(
            matches!(*error, ChainError::UnknownBlock { from } if from == tip),
            "{error}"
        ),
        other => panic!("unexpected {other:?}"),
    }
    assert_eq!(world.chain.status().tip, Some(tip));
    assert!(world.events.try_recv().is_err());
    liar.moves_to(&world.bitcoind);
    world.bitcoind.mine(1);
    told(&mut world, tip.height + 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fees_of_a_bitcoind_that_asks_for_everything_stay_within_bounds() {
    let bitcoind = bitcoind();
    let liar = Liar::before(&bitcoind);
    liar.lies(|call, _, mut truth| {
        let all = json!(20_999_999);
        match call {
            "estimatesmartfee" => truth["result"]["feerate"] = all,
            "getmempoolinfo" => {
                for name in ["mempoolminfee", "minrelaytxfee", "incrementalrelayfee"] {
                    truth["result"][name] = all.clone();
                }
            }
            _ => {}
        }
        truth.to_string()
    });
    let world = liar.world(bitcoind).await;
    let mut status = world.chain.status_changes();
    in_time("all is told", status.wait_for(|status| status.reachable))
        .await
        .unwrap();
    let fees = world.chain.fees();
    let most = 4 * 125_000;
    assert_eq!(fees.rate(FeeTarget::Normal).to_sat_per_kwu(), most);
    assert_eq!(fees.minimum().to_sat_per_kwu(), most);
    assert_eq!(fees.increment().to_sat_per_kwu(), most);
}
