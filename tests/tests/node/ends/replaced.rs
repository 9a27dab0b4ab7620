//! Closes that a reorg of up to six blocks takes back, with another transaction in their place.

use std::fs;

use bitcoin::Txid;
use serde_json::{json, Value};
use zarnitsa_tests::wait;
use zarnitsa_tests::world::Pair;

use super::htlcs::{Fate, Htlc};
use super::moment::Moment;
use super::report::{print_head, taken, Ended, ANCHORS_SAT};
use super::stage::Stage;
use super::By;

/// A node's newest commitment as it would broadcast it, out of a life that is then taken back: nobody has heard of it, the
/// mempool included.
fn commitment(stage: &mut Stage, pair: &Pair, by: By, name: &str) -> String {
    stage.silence_both();
    let kept = stage.keep(by, name);
    let closed = stage.api(by).force_close(&pair.id).expect("it closes");
    let txid: Txid = closed.closing_txid.parse().expect("a txid");
    wait::until("the commitment is in the mempool", || {
        stage.world.bitcoind.mempool().contains(&txid).then_some(())
    });
    let hex = stage
        .world
        .bitcoind
        .call("getrawtransaction", &[json!(txid)]);
    stage.go_back(by, &kept);
    let bitcoind = &mut stage.world.bitcoind;
    bitcoind.stop();
    let mempool = bitcoind.folder().join("regtest/mempool.dat");
    fs::remove_file(mempool).expect("bitcoind keeps its mempool");
    bitcoind.resume();
    assert_eq!(bitcoind.mempool(), Vec::<Txid>::new());
    for by in By::BOTH {
        let api = stage.api(by);
        wait::until("the node has its bitcoind again", || {
            api.info().ok()?.chain_available.then_some(())
        });
    }
    hex
}

/// The best `depth` blocks give way to as many empty ones, and one with this transaction alone.
fn replace(stage: &Stage, depth: u32, hex: &str) {
    let bitcoind = &stage.world.bitcoind;
    if depth > 0 {
        bitcoind.invalidate(depth);
    }
    for _ in 0..depth {
        bitcoind.mine_empty();
    }
    let _: Value = bitcoind.call("generateblock", &[json!(bitcoind.address()), json!([hex])]);
    stage.until_seen(&By::BOTH);
}

/// Both know the spend for what it is.
fn until_known(stage: &Stage, pair: &Pair, user: &str, hub: &str) {
    for (by, kind) in [(By::User, user), (By::Hub, hub)] {
        wait::until(&format!("{by:?} knows {kind}"), || {
            let closing = stage.api(by).channel(&pair.id).ok()?.closing?;
            (closing.spent_by.as_deref() == Some(kind)).then_some(())
        });
    }
    println!("confirmed: {user} of the user's, {hub} of the hub's");
}

/// HTLCs that are to expire and to be claimed, each way.
fn hold_some(stage: &Stage) -> Vec<Htlc> {
    let fates = [Fate::Expires, Fate::Claimed, Fate::Dust];
    let all = fates.map(|fate| By::BOTH.map(|payer| stage.offer(fate, payer)));
    let all: Vec<Htlc> = all.into_iter().flatten().collect();
    all.iter().for_each(|htlc| stage.until_held(htlc));
    all
}

#[test]
fn commitment_that_a_reorg_replaces_by_the_other_sides_pays_both_what_the_ledgers_say() {
    let mut stage = Stage::start();
    let pair = stage.open();
    let before = stage.coins();
    let htlcs = hold_some(&stage);
    let users = commitment(&mut stage, &pair, By::User, "user's");
    let hubs = commitment(&mut stage, &pair, By::Hub, "hub's");
    stage.world.bitcoind.mine(6);

    replace(&stage, 0, &users);
    until_known(&stage, &pair, "local_commitment", "remote_commitment");
    let ledger = By::BOTH.map(|by| {
        let channel = stage.api(by).channel(&pair.id).expect("the channel");
        channel.local_msat / 1_000
    });
    let claimed = htlcs.iter().filter(|htlc| htlc.fate == Fate::Claimed);
    claimed.for_each(|htlc| stage.settle(htlc));
    // Second stages and direct claims confirm and go away again, six times.
    for (depth, hex) in [
        (1, &hubs),
        (2, &users),
        (3, &hubs),
        (4, &users),
        (5, &hubs),
        (6, &users),
        (3, &hubs),
    ] {
        let tip = stage.world.bitcoind.height();
        stage.resolve_to(&pair, &By::BOTH, tip + depth - 1);
        replace(&stage, depth, hex);
        let (user, hub) = match hex == &hubs {
            true => ("remote_commitment", "local_commitment"),
            false => ("local_commitment", "remote_commitment"),
        };
        until_known(&stage, &pair, user, hub);
    }
    let channels = stage.resolve(&pair, &By::BOTH);
    // The wallets give up what went with the commitments that lost only when no reorg brings those back.
    wait::until("all coins are confirmed ones", || {
        stage.world.bitcoind.mine(1);
        stage.until_seen(&By::BOTH);
        let settled = By::BOTH.map(|by| {
            let utxos = stage.api(by).utxos().ok()?;
            utxos.iter().all(|it| it.confirmations > 0).then_some(())
        });
        settled.iter().all(Option::is_some).then_some(())
    });
    print_head();
    let ended = Ended {
        stage: &stage,
        moment: Moment::Newest,
        by: By::Hub,
        htlcs,
        before: Some(before),
        channels: channels.try_into().expect("two"),
        ledger,
    };
    let wrong = ended.check();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    stage.world.verify_ledgers();
}

#[test]
fn mutual_close_that_a_reorg_replaces_by_a_commitment_and_that_by_a_revoked_one_is_punished() {
    let mut stage = Stage::start();
    let pair = stage.open();
    let held = hold_some(&stage);
    let revoked = commitment(&mut stage, &pair, By::User, "revoked");
    stage.reconnect();
    for htlc in &held {
        match htlc.fate {
            Fate::Claimed => stage.settle(htlc),
            Fate::Expires | Fate::Dust | Fate::Released | Fate::Late => stage.cancel(htlc),
        }
    }
    pair.until_quiet();
    let users = commitment(&mut stage, &pair, By::User, "user's");
    stage.reconnect();
    pair.until_usable();
    let before = stage.coins_of(By::Hub);

    let closed = pair.user.close(&pair.id).expect("it closes");
    stage.confirm(&closed.closing_txid, &By::BOTH);
    until_known(&stage, &pair, "mutual", "mutual");
    stage.world.bitcoind.mine(5);
    pair.until_both("closed", |channel| channel.state == "closed");

    replace(&stage, 6, &users);
    until_known(&stage, &pair, "local_commitment", "remote_commitment");
    let tip = stage.world.bitcoind.height();
    stage.resolve_to(&pair, &[By::Hub], tip + 2);
    replace(&stage, 3, &revoked);
    wait::until("the hub knows the commitment for what it is", || {
        let closing = stage.api(By::Hub).channel(&pair.id).ok()?.closing?;
        (closing.spent_by.as_deref() == Some("revoked_commitment")).then_some(())
    });
    let known = stage.resolve(&pair, &[By::Hub]).remove(0);
    let world = &stage.world;
    let closing = known.closing_txid.as_ref().expect("it is closed");
    let commitment = world.transaction(closing);
    let outputs: u64 = commitment.output.iter().map(|it| it.value.to_sat()).sum();
    let claims = taken(&known);
    let fee = |txid: &String| world.fee(&world.transaction(txid)).to_sat();
    let fees: u64 = claims.iter().map(fee).sum();
    let got = stage.coins_of(By::Hub) - before;
    println!("revoked {closing}: the hub has {got} sat by {claims:?}, {fees} sat of fees");
    assert_eq!(got + fees, outputs - ANCHORS_SAT, "all but the anchors");
    world.verify_ledgers();
}
