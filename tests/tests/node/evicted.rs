//! Claims that bitcoind throws out, because they have waited for too long or others pay more: they come back by themselves, with no
//! block between.

use std::time::{SystemTime, UNIX_EPOCH};

use bitcoin::{Amount, OutPoint, Transaction, Txid};
use bitcoincore_rpc::RpcApi;
use serde_json::{json, Value};
use zarnitsa_tests::mempool::{Waiting, SMALL_MEMPOOL};
use zarnitsa_tests::wait;
use zarnitsa_tests::world::{Pair, World};

use crate::fees::htlc_output;
use crate::watching::hold;

const CAPACITY_SAT: u64 = 1_000_000;
const PUSHED_SAT: u64 = 400_000;
const HELD_SAT: u64 = 100_000;

/// The hub's two claims of the user's commitment wait for a block: an HTLC by its preimage, and its balance.
fn claims_wait(arguments: &[&str]) -> (World, Pair, [OutPoint; 2]) {
    let mut world = World::start_with(arguments);
    let pair = world.open(CAPACITY_SAT, PUSHED_SAT * 1_000);
    world.fund(&world.hub, Amount::from_sat(200_000));
    let (hash, paying) = hold(&world.user.api(), &world.hub, HELD_SAT);
    world.hub.stop();
    let closed = pair.user.force_close(&pair.id).expect("it closes");
    let txid: Txid = closed.closing_txid.parse().expect("a txid");
    wait::until("the commitment is in the mempool", || {
        world.bitcoind.waiting(&txid)
    });
    world.bitcoind.mine(1);
    world.user.kill_hard();
    paying.join().expect("the payer ends");
    world.hub.start();
    let _: Value = world.hub.json(&["invoice", "settle", &hash]);
    let commitment: Transaction = world.transaction(&closed.closing_txid);
    let outputs = [HELD_SAT, PUSHED_SAT].map(|sat| htlc_output(&commitment, sat));
    let _ = until_claimed(&world, &outputs);
    (world, pair, outputs)
}

fn claims(world: &World, outputs: &[OutPoint; 2]) -> [Option<Waiting>; 2] {
    outputs.map(|output| world.bitcoind.waiting_spend(&output))
}

fn until_claimed(world: &World, outputs: &[OutPoint; 2]) -> [Waiting; 2] {
    wait::until("both claims are in the mempool", || {
        match claims(world, outputs) {
            [Some(one), Some(two)] => Some([one, two]),
            _ => None,
        }
    })
}

/// Both are in the block that comes, and the hub's.
fn until_confirmed(world: &World, pair: &Pair, outputs: &[OutPoint; 2]) {
    world.bitcoind.mine(1);
    wait::until("the hub has taken both", || {
        let closing = pair.hub.channel(&pair.id).ok()?.closing?;
        let is_taken = |output: &OutPoint| {
            let mut known = closing.outputs.iter();
            known.any(|it| it["output"] == output.to_string() && it["taken_by"] == "local")
        };
        outputs.iter().all(is_taken).then_some(())
    });
}

#[test]
fn claims_that_have_waited_for_longer_than_a_mempool_keeps_anything_come_back_by_themselves() {
    let (world, pair, outputs) = claims_wait(&["-mempoolexpiry=1"]);
    let before = until_claimed(&world, &outputs);
    let bitcoind = &world.bitcoind;
    let height = bitcoind.height();

    // Two hours later, for bitcoind; what comes in next makes it look.
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let later = now.expect("a time after 1970").as_secs() + 2 * 3_600;
    let _: Value = bitcoind.call("setmocktime", &[json!(later)]);
    let sent = bitcoind.send(&bitcoind.address(), Amount::from_sat(50_000));
    let entered = |txid: &Txid| {
        let entry: Result<Value, _> = bitcoind.rpc().call("getmempoolentry", &[json!(txid)]);
        entry.ok()?["time"].as_u64()
    };
    assert!(entered(&sent) >= Some(later));
    let back = wait::until("both were thrown out and offered again", || {
        let back = until_claimed(&world, &outputs);
        let is_back = |claim: &Waiting| entered(&claim.txid) >= Some(later);
        back.iter().all(is_back).then_some(back)
    });
    println!("{before:?} came back as {back:?}");
    assert_eq!(bitcoind.height(), height, "no block was needed");
    until_confirmed(&world, &pair, &outputs);
}

#[test]
fn claims_that_dearer_ones_throw_out_come_back_by_themselves_and_pay_more() {
    let (world, pair, outputs) = claims_wait(&[SMALL_MEMPOOL]);
    let before = until_claimed(&world, &outputs);
    let bitcoind = &world.bitcoind;
    bitcoind.fill_mempool(25);
    let height = bitcoind.height();
    let minimum = bitcoind.minimum_feerate();
    assert!(before.iter().all(|claim| claim.package_feerate < minimum));
    let back = wait::until("both are back, and pay what is asked", || {
        let back = match claims(&world, &outputs) {
            [Some(one), Some(two)] => [one, two],
            _ => return None,
        };
        let enough = |claim: &Waiting| claim.package_feerate >= minimum;
        back.iter().all(enough).then_some(back)
    });
    println!("the mempool takes {minimum} sat/vB: {before:?} came back as {back:?}");
    for (before, back) in before.iter().zip(&back) {
        assert!(back.fee_sat > before.fee_sat);
    }
    assert_eq!(bitcoind.height(), height, "no block was needed");
    until_confirmed(&world, &pair, &outputs);
}

#[test]
fn claims_that_bitcoind_has_lost_while_the_node_was_away_come_back_when_it_starts() {
    let (mut world, pair, outputs) = claims_wait(&[]);
    let before = until_claimed(&world, &outputs);
    world.hub.kill_hard();
    world.bitcoind.restart_with(&["-persistmempool=0"]);
    assert!(world.bitcoind.mempool().is_empty());
    world.hub.start();
    let after = until_claimed(&world, &outputs);
    for (before, after) in before.iter().zip(&after) {
        assert!(after.fee_sat >= before.fee_sat, "{before:?}, {after:?}");
    }
    until_confirmed(&world, &pair, &outputs);
    world.verify_ledgers();
}
