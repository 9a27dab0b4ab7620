//! Revoked commitments with every kind of HTLC, whose broadcaster has taken what it can by second stages before the cheated side
//! comes back: it loses all of it.

use serde_json::Value;
use zarnitsa_tests::answers::Channel;
use zarnitsa_tests::wait;
use zarnitsa_tests::world::Pair;

use super::htlcs::{find, Fate, Htlc};
use super::report::{taken, ANCHORS_SAT};
use super::stage::Stage;
use super::By;

/// Before an HTLC's expiry its payee gives back what it holds: until then the cheat may still learn a preimage.
const HELD_UNTIL_BLOCKS: u32 = 24;
/// The cheat's own outputs wait for 144 blocks. The other side is back before.
const MOST_BLOCKS_AWAY: u32 = 138;

#[test]
fn revoked_commitment_of_the_user_and_its_second_stages_are_the_hubs() {
    cheat(By::User);
}

#[test]
fn revoked_commitment_of_the_hub_and_its_second_stages_are_the_users() {
    cheat(By::Hub);
}

/// Heights at which the HTLCs of a channel expire: those that `by` offered, then the others.
fn expiries(stage: &Stage, pair: &Pair, by: By) -> [Vec<u32>; 2] {
    let channel = stage.api(by).channel(&pair.id).expect("the channel");
    ["outgoing", "incoming"].map(|direction| {
        let htlcs = channel.htlcs.iter();
        let of = htlcs.filter(|htlc| htlc["direction"] == direction);
        of.map(|htlc| {
            let height = htlc["cltv_expiry"].as_u64().expect("a height");
            u32::try_from(height).expect("a height")
        })
        .collect()
    })
}

fn cheat(by: By) {
    let mut stage = Stage::start();
    let (pair, htlcs) = (stage.open(), stage.hold_all());
    let [offered, received] = expiries(&stage, &pair, by);
    // Preimages that were released and that nobody has answered.
    stage.silence_both();
    for payer in By::BOTH {
        stage.settle(&find(&htlcs, Fate::Released, payer));
    }
    let kept = stage.keep(by, "kept");
    go_on(&stage, &pair, by, &htlcs);

    // Just before the HTLCs of then expire.
    let first = offered.iter().chain(&received).min().expect("HTLCs");
    let tip = stage.world.bitcoind.height();
    stage
        .world
        .bitcoind
        .mine(first - HELD_UNTIL_BLOCKS - 3 - tip);
    let honest = by.other();
    let before = stage.coins_of(honest);
    stage.silence_both();
    stage.node_mut(honest).stop();
    stage.go_back(by, &kept);
    let cheats_before = stage.coins_of(by);
    let closing = stage.api(by).force_close(&pair.id).expect("it closes");
    let closing = closing.closing_txid;
    stage.confirm(&closing, &[by]);
    stage.settle(&find(&htlcs, Fate::Claimed, honest));
    let tip = stage.world.bitcoind.height();
    let last = offered.iter().filter(|it| **it < tip + MOST_BLOCKS_AWAY);
    let last = last.max().expect("most of them");
    stage.resolve_to(&pair, &[by], last + 2);

    stage.node_mut(honest).start();
    wait::until("the commitment is known for what it is", || {
        let closing = stage.api(honest).channel(&pair.id).ok()?.closing?;
        (closing.spent_by.as_deref() == Some("revoked_commitment")).then_some(())
    });
    let known = stage.resolve(&pair, &[honest]).remove(0);
    let moved = print(by, &htlcs, &known);
    assert!(moved >= 3, "second stages confirmed first: {moved}");

    let world = &stage.world;
    let commitment = world.transaction(&closing);
    let outputs: u64 = commitment.output.iter().map(|it| it.value.to_sat()).sum();
    let claims = taken(&known);
    let fee = |txid: &String| world.fee(&world.transaction(txid)).to_sat();
    let fees: u64 = claims.iter().map(fee).sum();
    let got = stage.coins_of(honest) - before;
    let lost = cheats_before - stage.coins_of(by);
    println!(
        "| **{closing:.12}** of {by:?} | {honest:?} | due {} | got {got} + fees {fees} | {} claims | {by:?} paid {lost} |",
        outputs - ANCHORS_SAT,
        claims.len(),
    );
    assert_eq!(got + fees, outputs - ANCHORS_SAT, "all but the anchors");
    world.verify_ledgers();
}

/// The channel lives on: its HTLCs end, and the cheat spends.
fn go_on(stage: &Stage, pair: &Pair, by: By, htlcs: &[Htlc]) {
    stage.reconnect();
    for htlc in htlcs {
        match htlc.fate {
            Fate::Claimed => stage.settle(htlc),
            Fate::Expires | Fate::Dust => stage.cancel(htlc),
            Fate::Released | Fate::Late => {}
        }
    }
    pair.until_quiet();
    let payee = stage.api(by.other());
    let invoice = payee.invoice(200_000_000, "a test").expect("an invoice");
    let paid = stage.api(by).pay(&invoice.invoice).expect("a payment");
    assert_eq!(paid.status, "succeeded");
    pair.until_quiet();
}

/// One row an HTLC. How many of them the cheat had taken by a second stage.
fn print(by: By, htlcs: &[Htlc], known: &Channel) -> usize {
    println!("| revoked, of | HTLC | offered by | sat | its output is spent by | and that by |");
    println!("|---|---|---|---|---|---|");
    let outputs = known.closing.as_ref().map_or(&[][..], |it| &it.outputs);
    let with = |htlc: &Htlc, kinds: &[&str], at: &str| {
        let mut outputs = outputs.iter();
        let fits = |it: &&Value| {
            let kind = it["kind"].as_str().unwrap_or_default();
            let outpoint = it["output"].as_str().unwrap_or_default();
            let holds = it["amount_sat"].as_u64() == Some(htlc.sat);
            holds && kinds.contains(&kind) && outpoint.starts_with(at)
        };
        let spent = outputs.find(fits)?;
        let txid = spent["spent_txid"].as_str()?.to_owned();
        Some((txid, spent["taken_by"] == "local"))
    };
    let mut moved = 0;
    for htlc in htlcs {
        let first = with(htlc, &["outgoing_htlc", "incoming_htlc"], "");
        let second = first.as_ref().filter(|(_, honest)| !honest);
        let second = second.map(|(txid, _)| with(htlc, &["second_stage"], txid));
        let name = |spend: &Option<(String, bool)>| match spend {
            Some((txid, true)) => format!("{txid:.12}, a penalty"),
            Some((txid, false)) => format!("{txid:.12}, its second stage"),
            None => "nothing".to_owned(),
        };
        println!(
            "| {by:?} | {:?} | {:?} | {} | {} | {} |",
            htlc.fate,
            htlc.payer,
            htlc.sat,
            name(&first),
            second.as_ref().map_or_else(String::new, &name),
        );
        assert_eq!(first.is_some(), htlc.fate != Fate::Dust, "{htlc:?}");
        if let Some(second) = second {
            moved += 1;
            assert!(second.is_some_and(|(_, honest)| honest), "{htlc:?}");
        }
    }
    moved
}
