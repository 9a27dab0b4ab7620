//! HTLCs that one coin of the wallet's pays for, of which the peer takes one.

use bitcoin::{OutPoint, Transaction, Txid};
use serde_json::{json, Value};
use zarnitsa_tests::mempool::Waiting;
use zarnitsa_tests::wait;
use zarnitsa_tests::world::{Pair, World};

use crate::fees::{htlc_output, until_at_tip};
use crate::watching::hold;

const CAPACITY_SAT: u64 = 1_000_000;
const PUSHED_SAT: u64 = 400_000;
const HELD_SAT: [u64; 2] = [60_000, 50_000];

/// The user's commitment is in a block with two expired HTLCs of its own, and one transaction with its only coin takes both back.
/// The hub is away, and had a claim of the first by its preimage.
struct Shared {
    world: World,
    pair: Pair,
    hashes: Vec<String>,
    outputs: [OutPoint; 2],
    coin: OutPoint,
    together: Waiting,
    rival: Transaction,
}

fn until_waiting(world: &World, txid: &Txid) -> Waiting {
    wait::until("it is in the mempool", || world.bitcoind.waiting(txid))
}

fn expiries(pair: &Pair, htlcs: usize) -> Vec<u64> {
    pair.until_both("in step", |channel| {
        channel.state == "normal" && channel.htlcs.len() == htlcs
    });
    let channel = pair.user.channel(&pair.id).expect("the channel");
    let expiries = channel.htlcs.iter().map(|htlc| &htlc["cltv_expiry"]);
    expiries.filter_map(Value::as_u64).collect()
}

/// Two payments of the user's that the hub holds and that expire together: their hashes, and when. A payer adds to the expiry by
/// chance.
fn hold_two(world: &World, pair: &Pair) -> (Vec<String>, u64) {
    for _ in 0..20 {
        let held = HELD_SAT.map(|sat| hold(&pair.user, &world.hub, sat));
        let expiries = expiries(pair, 2);
        if expiries[0] == expiries[1] {
            let hashes = held.into_iter().map(|(hash, _)| hash).collect();
            return (hashes, expiries[0]);
        }
        for (hash, paying) in held {
            let _: Value = world.hub.json(&["invoice", "cancel", &hash]);
            paying.join().expect("the payer ends");
        }
        pair.until_quiet();
    }
    panic!("no two expire together");
}

/// Two HTLCs of the user's wait in its commitment, which is in a block. Their hashes, and when they expire.
fn close_with_two(world: &World, pair: &Pair) -> (Transaction, Vec<String>, u32) {
    let (hashes, expiry) = hold_two(world, pair);
    let closed = pair.user.force_close(&pair.id).expect("it closes");
    let txid: Txid = closed.closing_txid.parse().expect("a txid");
    until_waiting(world, &txid);
    let commitment = world.bitcoind.transaction(&txid);
    world.bitcoind.mine(1);
    until_at_tip(world, &world.user);
    let expiry = u32::try_from(expiry).expect("a height");
    (commitment, hashes, expiry)
}

/// The hub's claim of this output by the payment's preimage, as it was in the mempool. The hub and the mempool are gone then.
fn rival(world: &mut World, output: &OutPoint, hash: &str) -> Transaction {
    world.user.kill_hard();
    until_at_tip(world, &world.hub);
    let _: Value = world.hub.json(&["invoice", "settle", hash]);
    let claim = wait::until("the hub claims it by its preimage", || {
        world.bitcoind.waiting_spend(output)
    });
    let claim = world.bitcoind.transaction(&claim.txid);
    world.hub.kill_hard();
    world.bitcoind.restart_with(&["-persistmempool=0"]);
    assert!(world.bitcoind.mempool().is_empty());
    claim
}

fn pass(world: &World) {
    world.bitcoind.mine_empty();
    until_at_tip(world, &world.user);
}

fn take_both_back() -> Shared {
    let mut world = World::start();
    let pair = world.open(CAPACITY_SAT, PUSHED_SAT * 1_000);
    let (commitment, hashes, expiry) = close_with_two(&world, &pair);
    let outputs = HELD_SAT.map(|sat| htlc_output(&commitment, sat));
    let rival = rival(&mut world, &outputs[0], &hashes[0]);
    world.user.start();
    while world.bitcoind.height() < expiry - 3 {
        let left = expiry - 3 - world.bitcoind.height();
        world.bitcoind.mine(left.min(50));
        until_at_tip(&world, &world.user);
    }
    // All that it has on chain becomes one coin.
    let address = pair.user.address().expect("an address");
    let all = ["wallet", "send", &address, "all", "--spend-reserve"];
    let sent: Value = world.user.json(&all);
    let sent = sent["txid"].as_str().expect("a txid");
    until_waiting(&world, &sent.parse().expect("a txid"));
    world.bitcoind.mine(1);
    until_at_tip(&world, &world.user);
    let utxos = pair.user.utxos().expect("the wallet's outputs");
    assert!(utxos.iter().all(|utxo| utxo.txid == sent), "{utxos:?}");
    while world.bitcoind.height() < expiry {
        pass(&world);
    }
    let together = wait::until("one transaction takes both back", || {
        let claims = outputs.map(|output| world.bitcoind.waiting_spend(&output));
        let [Some(one), Some(two)] = claims else {
            return None;
        };
        (one == two).then_some(one)
    });
    let transaction = world.bitcoind.transaction(&together.txid);
    assert_eq!(transaction.input.len(), 3, "two HTLCs and the coin");
    let coin = transaction.input[2].previous_output;
    assert_eq!(coin.txid.to_string(), sent);
    Shared {
        world,
        pair,
        hashes,
        outputs,
        coin,
        together,
        rival,
    }
}

impl Shared {
    /// The other HTLC is taken back by a transaction of its own, with the same coin.
    fn until_other_is_taken(&self) {
        let world = &self.world;
        let alone = wait::until("the other is taken back alone", || {
            let claim = world.bitcoind.waiting_spend(&self.outputs[1])?;
            (claim.txid != self.together.txid).then_some(claim)
        });
        println!("together {:?}, alone {alone:?}", self.together);
        let transaction = world.bitcoind.transaction(&alone.txid);
        let inputs = transaction.input.iter().map(|input| input.previous_output);
        assert_eq!(inputs.collect::<Vec<_>>(), [self.outputs[1], self.coin]);
        world.bitcoind.mine(1);
        assert!(world.bitcoind.unspent(&self.outputs[1]).is_none());
    }

    /// What the hub took is paid, and what it did not take is not.
    fn check_payments(&self) {
        self.world.bitcoind.mine(8);
        until_at_tip(&self.world, &self.world.user);
        for (hash, expected) in self.hashes.iter().zip(["succeeded", "failed"]) {
            wait::until("the payment has an outcome", || {
                let payment = self.pair.user.payment(hash).ok()?;
                (payment.status == expected).then_some(())
            });
        }
    }
}

#[test]
fn htlc_that_shared_a_coin_is_taken_back_with_it_when_a_block_has_the_peers_claim_of_the_other() {
    let shared = take_both_back();
    shared
        .world
        .bitcoind
        .mine_only(std::slice::from_ref(&shared.rival));
    until_at_tip(&shared.world, &shared.world.user);
    shared.until_other_is_taken();
    shared.check_payments();
}

#[test]
fn htlc_that_shared_a_coin_is_taken_back_with_it_while_the_peers_claim_of_the_other_waits() {
    let shared = take_both_back();
    let bitcoind = &shared.world.bitcoind;
    let txid = shared.rival.compute_txid();
    // It replaces the user's as one that pays far more.
    let _: bool = bitcoind.call(
        "prioritisetransaction",
        &[json!(txid), json!(0), json!(1_000_000)],
    );
    let hex = bitcoin::consensus::encode::serialize_hex(&shared.rival);
    let _: Txid = bitcoind.call("sendrawtransaction", &[json!(hex)]);
    assert!(bitcoind.waiting(&shared.together.txid).is_none());
    wait::until("the user knows of it", || {
        let log = shared.world.user.log();
        log.contains("somebody else is after an output")
            .then_some(())
    });
    pass(&shared.world);
    let waiting = bitcoind.waiting_spend(&shared.outputs[0]);
    assert_eq!(waiting.map(|waiting| waiting.txid), Some(txid));
    shared.until_other_is_taken();
    shared.check_payments();
}
