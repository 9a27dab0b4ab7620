//! What closes cost when blocks are dear: on a mempool that is full, beside others who are after the same, up to a deadline.

use bitcoin::{Amount, OutPoint, Transaction, Txid};
use serde_json::Value;
use zarnitsa_tests::mempool::{Waiting, SMALL_MEMPOOL};
use zarnitsa_tests::node::Node;
use zarnitsa_tests::wait;
use zarnitsa_tests::world::{Pair, World};

use crate::watching::hold;

const CAPACITY_SAT: u64 = 1_000_000;
const PUSHED_SAT: u64 = 400_000;
const ANCHOR_SAT: u64 = 330;

fn world_with_channel(arguments: &[&str]) -> (World, Pair) {
    let world = World::start_with(arguments);
    let pair = world.open(CAPACITY_SAT, PUSHED_SAT * 1_000);
    (world, pair)
}

/// Mines a block of nothing, and waits until the node has dealt with it.
fn pass(world: &World, node: &Node) {
    world.bitcoind.mine_empty();
    until_at_tip(world, node);
}

pub fn until_at_tip(world: &World, node: &Node) {
    let height = world.bitcoind.height();
    wait::until("the node sees the block", || {
        (node.api().info().ok()?.block_height >= height).then_some(())
    });
}

/// The places of a commitment's anchors.
fn anchors(commitment: &Transaction) -> Vec<OutPoint> {
    let txid = commitment.compute_txid();
    let outputs = (0..).zip(&commitment.output);
    let anchors = outputs.filter(|(_, output)| output.value.to_sat() == ANCHOR_SAT);
    anchors.map(|(vout, _)| OutPoint { txid, vout }).collect()
}

/// The child in the mempool that pays for a commitment by either anchor.
fn child(world: &World, commitment: &Transaction) -> Option<Waiting> {
    let mut anchors = anchors(commitment).into_iter();
    anchors.find_map(|anchor| world.bitcoind.waiting_spend(&anchor))
}

/// Waits until the commitment is in the mempool with a child that is as said.
fn until_child(world: &World, txid: &Txid, is_it: impl Fn(&Waiting) -> bool) -> Waiting {
    wait::until("a commitment and its child are in the mempool", || {
        world.bitcoind.waiting(txid)?;
        child(world, &world.bitcoind.transaction(txid)).filter(&is_it)
    })
}

fn shown(what: &str, waiting: &Waiting) {
    println!(
        "{what}: {} pays {} sat, {:.1} sat/vB with what it pays for",
        waiting.txid, waiting.fee_sat, waiting.package_feerate
    );
}

#[test]
fn commitment_below_a_full_mempools_minimum_gets_in_with_a_child_that_is_only_ever_raised() {
    let (mut world, pair) = world_with_channel(&[SMALL_MEMPOOL]);
    world.hub.kill_hard();
    world.bitcoind.fill_mempool(8);
    pass(&world, &world.user);
    let minimum = world.bitcoind.minimum_feerate();
    let closed = pair.user.force_close(&pair.id).expect("it closes");
    let txid: Txid = closed.closing_txid.parse().expect("a txid");
    let first = until_child(&world, &txid, |_| true);
    let parent = world.bitcoind.waiting(&txid).expect("it is in the mempool");
    shown("commitment", &parent);
    shown("child", &first);
    assert!(
        parent.package_feerate < minimum && first.package_feerate >= minimum,
        "the mempool takes {minimum} sat/vB"
    );

    // Dearer ones throw both out; they come back with a child that pays more.
    world.bitcoind.fill_mempool(25);
    wait::until("the commitment is thrown out", || {
        world.bitcoind.waiting(&txid).is_none().then_some(())
    });
    pass(&world, &world.user);
    let second = until_child(&world, &txid, |child| child.txid != first.txid);
    shown("child of dearer times", &second);
    assert!(second.package_feerate >= world.bitcoind.minimum_feerate());
    assert!(second.fee_sat > first.fee_sat);

    // Both start anew, in cheap times and with an empty mempool.
    world.user.kill_hard();
    world
        .bitcoind
        .restart_with(&[SMALL_MEMPOOL, "-persistmempool=0"]);
    assert!(world.bitcoind.mempool().is_empty());
    world.user.start();
    pass(&world, &world.user);
    let third = until_child(&world, &txid, |_| true);
    shown("child after the restart", &third);
    assert!(third.fee_sat >= second.fee_sat, "never a lower fee");
    for _ in 0..3 {
        pass(&world, &world.user);
        let later = until_child(&world, &txid, |_| true);
        assert!(later.fee_sat >= third.fee_sat);
    }
    world.bitcoind.mine(1);
    wait::until("the commitment is in a block", || {
        let closing = pair.user.channel(&pair.id).ok()?.closing?;
        (closing.spent_by.as_deref() == Some("local_commitment")).then_some(())
    });
}

fn expiry(pair: &Pair) -> u32 {
    let channel = pair.hub.channel(&pair.id).expect("the channel");
    let heights = channel.htlcs.iter().map(|htlc| &htlc["cltv_expiry"]);
    let first = heights.filter_map(Value::as_u64).min();
    first.expect("an HTLC").try_into().expect("a height")
}

/// The commitment's output of an HTLC of this size.
pub fn htlc_output(commitment: &Transaction, sat: u64) -> OutPoint {
    let mut outputs = (0..).zip(&commitment.output);
    let found = outputs.find(|(_, output)| output.value.to_sat() == sat);
    let (vout, _) = found.expect("the HTLC has an output");
    OutPoint {
        txid: commitment.compute_txid(),
        vout,
    }
}

#[test]
fn htlc_success_transactions_share_a_coin_of_the_wallet_and_are_raised_up_to_the_expiry() {
    const HELD_SAT: [u64; 2] = [60_000, 50_000];
    let (mut world, pair) = world_with_channel(&[]);
    // One coin has to do for all that the hub claims.
    world.fund(&world.hub, Amount::from_sat(200_000));
    let held = HELD_SAT.map(|sat| hold(&world.user.api(), &world.hub, sat));
    let expiry = expiry(&pair);
    world.user.kill_hard();
    let closed = pair.hub.force_close(&pair.id).expect("it closes");
    let txid: Txid = closed.closing_txid.parse().expect("a txid");
    wait::until("the commitment is in the mempool", || {
        world.bitcoind.waiting(&txid)
    });
    world.bitcoind.mine(1);
    for (hash, paying) in held {
        let _: Value = world.hub.json(&["invoice", "settle", &hash]);
        paying.join().expect("the payer ends");
    }
    let commitment = world.transaction(&closed.closing_txid);
    let outputs = HELD_SAT.map(|sat| htlc_output(&commitment, sat));
    let claim = || {
        let claims = outputs.map(|output| world.bitcoind.waiting_spend(&output));
        let [Some(one), Some(two)] = claims else {
            return None;
        };
        (one == two).then_some(one)
    };
    let first = wait::until("one transaction claims both", claim);
    shown("HTLC-success", &first);
    let transaction = world.bitcoind.transaction(&first.txid);
    assert_eq!(transaction.input.len(), 3, "two HTLCs and a coin");

    let mut fees = vec![first.fee_sat];
    while world.bitcoind.height() + 1 < expiry {
        pass(&world, &world.hub);
        let last = *fees.last().expect("there is one");
        let left = expiry - world.bitcoind.height();
        // Near the expiry the first block passes without a claim being older than it.
        let now = match left < 17 {
            true => wait::until("the claim is raised", || {
                claim().filter(|now| now.fee_sat > last)
            }),
            false => wait::until("both are claimed", claim),
        };
        assert!(now.fee_sat >= last, "never less: {fees:?}, {now:?}");
        if now.fee_sat > last {
            fees.push(now.fee_sat);
        }
        if now.fee_sat * 10 > (HELD_SAT[0] + HELD_SAT[1]) * 7 {
            break;
        }
    }
    println!("{} fees up to the expiry: {fees:?}", fees.len());
    assert!(fees.len() > 10);
    let most = (HELD_SAT[0] + HELD_SAT[1]) * 9 / 10;
    assert!(fees.iter().all(|fee| *fee <= most), "at most nine tenths");
    world.bitcoind.mine(1);
    assert!(world.bitcoind.height() <= expiry);
    let spent = |output: &OutPoint| world.bitcoind.unspent(output).is_none();
    assert!(outputs.iter().all(spent));
}

#[test]
fn htlc_timeout_transaction_is_raised_with_every_block_up_to_the_deadline() {
    const HELD_SAT: u64 = 100_000;
    /// Blocks after its expiry in which an HTLC is to be taken back: the one that pays for it upstream expires then.
    const LEFT_AT_EXPIRY: u32 = 18;
    let (mut world, pair) = world_with_channel(&[]);
    let (hash, paying) = hold(&world.user.api(), &world.hub, HELD_SAT);
    let expiry = expiry(&pair);
    world.hub.kill_hard();
    let closed = pair.user.force_close(&pair.id).expect("it closes");
    let txid: Txid = closed.closing_txid.parse().expect("a txid");
    wait::until("the commitment is in the mempool", || {
        world.bitcoind.waiting(&txid)
    });
    world.bitcoind.mine(1);
    let commitment = world.transaction(&closed.closing_txid);
    let output = htlc_output(&commitment, HELD_SAT);
    let claim = || world.bitcoind.waiting_spend(&output);
    while world.bitcoind.height() < expiry - 1 {
        let left = expiry - 1 - world.bitcoind.height();
        world.bitcoind.mine(left.min(50));
        until_at_tip(&world, &world.user);
    }
    assert!(claim().is_none(), "the payee has its time");
    pass(&world, &world.user);
    let first = wait::until("it is taken back", claim);
    shown("HTLC-timeout", &first);
    let transaction = world.bitcoind.transaction(&first.txid);
    assert_eq!(transaction.input.len(), 2, "the HTLC and a coin");
    assert_eq!(transaction.lock_time.to_consensus_u32(), expiry);

    let most = HELD_SAT * 9 / 10;
    let mut fees = vec![first.fee_sat];
    while world.bitcoind.height() < expiry + LEFT_AT_EXPIRY {
        pass(&world, &world.user);
        let last = *fees.last().expect("there is one");
        let now = wait::until("the claim is raised", || {
            claim().filter(|now| now.fee_sat > last)
        });
        fees.push(now.fee_sat);
    }
    println!("{} fees up to the deadline: {fees:?}", fees.len());
    assert_eq!(fees.len(), 19, "one for every block");
    assert!(fees.iter().all(|fee| *fee <= most), "at most nine tenths");
    world.bitcoind.mine(1);
    assert!(world.bitcoind.unspent(&output).is_none());
    world.bitcoind.mine(7);
    paying.join().expect("the payer ends");
    assert_eq!(pair.user.payment(&hash).expect("it").status, "failed");
}

#[test]
fn peers_commitment_that_waits_is_paid_for_by_our_anchor_when_an_htlc_of_ours_needs_it() {
    const HELD_SAT: u64 = 100_000;
    let (mut world, pair) = world_with_channel(&[]);
    world.fund(&world.hub, Amount::from_sat(200_000));
    let (hash, paying) = hold(&world.user.api(), &world.hub, HELD_SAT);
    world.hub.stop();
    let closed = pair.user.force_close(&pair.id).expect("it closes");
    let txid: Txid = closed.closing_txid.parse().expect("a txid");
    wait::until("the commitment is in the mempool", || {
        world.bitcoind.waiting(&txid)
    });
    world.user.kill_hard();
    paying.join().expect("the payer ends");
    world.hub.start();
    let _: Value = world.hub.json(&["invoice", "settle", &hash]);
    let commitment = world.bitcoind.transaction(&txid);
    let mut fees = Vec::new();
    for _ in 0..20 {
        pass(&world, &world.hub);
        if let Some(child) = child(&world, &commitment) {
            shown("the hub's child of the user's commitment", &child);
            assert!(fees.last().is_none_or(|last| *last <= child.fee_sat));
            fees.push(child.fee_sat);
        }
    }
    fees.dedup();
    assert!(fees.len() >= 2, "it is raised: {fees:?}");
    world.bitcoind.mine(1);
    wait::until("the user's commitment is in a block", || {
        let closing = pair.hub.channel(&pair.id).ok()?.closing?;
        (closing.spent_by.as_deref() == Some("remote_commitment")).then_some(())
    });
    let claimed = htlc_output(&commitment, HELD_SAT);
    wait::until("the HTLC is claimed by its preimage", || {
        world.bitcoind.waiting_spend(&claimed)
    });
}
