//! A close that a rival holds down by size: what hangs on its outputs is as large as relay allows, and pays next to nothing.

use bitcoin::{Amount, OutPoint, Txid};
use serde_json::{json, Value};
use zarnitsa_tests::wait;
use zarnitsa_tests::world::World;

use crate::contested::{children, commitment_waits, pass_until, settle};

/// What descends from a transaction may have so many virtual bytes together, with it (`-limitdescendantsize`).
const MOST_VBYTES: u64 = 101_000;
/// One more child of the smallest kind would be over that.
const SLACK_VBYTES: u64 = 100;
/// Of one more output of a script's hash.
const OUTPUT_VBYTES: u64 = 43;
/// Of a transaction with one input, beside its outputs.
const REST_VBYTES: u64 = 60;
/// The smallest output of a script's hash.
const OUTPUT_SAT: u64 = 330;

fn descendants(world: &World, txid: &Txid) -> u64 {
    let entry: Value = world.bitcoind.call("getmempoolentry", &[json!(txid)]);
    entry["descendantsize"].as_u64().expect("a size")
}

/// The rival's coins go where anybody may spend them, by way of the change of the child that pays for its commitment.
fn coin_below_the_child(world: &World, sat: u64) -> OutPoint {
    let address = world.bitcoind.anyones_address();
    let (to, amount) = (address.to_string(), format!("{sat}sat"));
    let sent: Value = world
        .user
        .json(&["wallet", "send", &to, &amount, "--fee-rate", "1"]);
    let txid: Txid = sent["txid"].as_str().expect("a txid").parse().expect("one");
    wait::until("it is in the mempool", || world.bitcoind.waiting(&txid));
    let outputs = world.bitcoind.transaction(&txid).output;
    let mut outputs = (0..).zip(outputs);
    let (vout, _) = outputs
        .find(|(_, output)| output.script_pubkey == address.script_pubkey())
        .expect("it pays the address");
    OutPoint { txid, vout }
}

/// Fills what may descend from the commitment, at one satoshi a virtual byte.
fn fill(world: &World, commitment: &Txid) {
    const FIRST_OUTPUTS: u64 = 1_150;
    let sat = 1_600_000;
    let coin = coin_below_the_child(world, sat);
    let vbytes = REST_VBYTES + (FIRST_OUTPUTS + 1) * OUTPUT_VBYTES;
    let left = sat - FIRST_OUTPUTS * OUTPUT_SAT - vbytes;
    let count = |number: u64| usize::try_from(number).expect("a small number");
    let txid = world
        .bitcoind
        .spend_into(coin, Amount::from_sat(left), count(FIRST_OUTPUTS));
    let free = MOST_VBYTES - descendants(world, commitment);
    let more = (free - REST_VBYTES) / OUTPUT_VBYTES - 1;
    let vbytes = REST_VBYTES + (more + 1) * OUTPUT_VBYTES;
    let left = left - more * OUTPUT_SAT - vbytes;
    let coin = OutPoint { txid, vout: 0 };
    let last = world
        .bitcoind
        .spend_into(coin, Amount::from_sat(left), count(more));
    println!("{:?}", world.bitcoind.waiting(&last));
}

#[test]
fn commitment_pinned_by_descendants_as_large_as_relay_allows_gets_a_child_of_ours_all_the_same() {
    let (mut world, pair, commitment) = commitment_waits(Amount::from_sat(3_000_000));
    let txid = commitment.compute_txid();
    let theirs = pass_until(
        &world,
        &world.user,
        "the user pays for its commitment",
        || children(&world, &commitment).first().copied(),
    );
    fill(&world, &txid);
    let size = descendants(&world, &txid);
    println!("{size} virtual bytes hang on {txid}, by {theirs:?}");
    assert!((MOST_VBYTES - SLACK_VBYTES..=MOST_VBYTES).contains(&size));
    world.user.kill_hard();

    world.hub.start();
    settle(&world);
    let ours = pass_until(&world, &world.hub, "the hub's child is in", || {
        let mut all = children(&world, &commitment).into_iter();
        all.find(|child| child.txid != theirs.txid)
    });
    println!("theirs {theirs:?}, ours {ours:?}");
    let raised = pass_until(&world, &world.hub, "the hub's child is raised", || {
        let mut all = children(&world, &commitment).into_iter();
        all.find(|child| child.txid != theirs.txid && child.fee_sat > ours.fee_sat)
    });
    println!(
        "raised {raised:?}, with {} virtual bytes",
        descendants(&world, &txid)
    );
    assert!(
        raised.package_feerate > 1.5,
        "what it pays for counts, not what hangs beside it"
    );
    world.bitcoind.mine(1);
    wait::until("the user's commitment is in a block", || {
        let closing = pair.hub.channel(&pair.id).ok()?.closing?;
        (closing.spent_by.as_deref() == Some("remote_commitment")).then_some(())
    });
}
