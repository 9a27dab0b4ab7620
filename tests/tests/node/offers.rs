//! BOLT 12: offers, invoices asked for by onion messages, and payments by blinded paths.

use serde_json::Value;
use zarnitsa_tests::node::Node;
use zarnitsa_tests::wait;
use zarnitsa_tests::world::{Pair, World};

const SAT: u64 = 2_000_000;

fn offer(node: &Node, amount: &str) -> (String, String) {
    let made: Value = node.json(&["offer", "create", amount, "--description", "tea"]);
    let text = |name: &str| made[name].as_str().expect("text").to_owned();
    assert_eq!(made["description"], "tea");
    (text("offer"), text("offer_id"))
}

fn pay(node: &Node, offer: &str, more: &[&str]) -> Value {
    let words = [&["pay", offer], more].concat();
    node.json(&words)
}

/// What the payee has received by the offer, newest first.
fn received(payee: &Node, offer_id: &str) -> Vec<Value> {
    let all: Vec<Value> = payee.json(&["invoice", "list"]);
    let of_it = |one: &Value| {
        one["description"]
            .as_str()
            .is_some_and(|it| it.contains(offer_id))
    };
    all.into_iter().filter(of_it).collect()
}

#[test]
fn offer_is_paid_again_and_again_also_after_a_restart_of_its_maker() {
    let mut world = World::start();
    let pair = world.open(SAT, 500_000_000);
    let before = pair.check_agreement();
    let (tea, id) = offer(&world.user, "3000sat");
    assert!(tea.starts_with("lno1"), "{tea}");
    let paid = pay(&world.hub, &tea, &[]);
    assert_eq!(paid["status"], "succeeded", "{paid}");
    assert_eq!(paid["amount_msat"], "3000000");

    // Nothing of it is kept, and it is worth as much after a kill.
    world.user.kill_hard();
    world.user.start();
    pair.until_both("in step", |channel| channel.state == "normal");
    let paid = pay(&world.hub, &tea, &["--amount", "3000sat"]);
    assert_eq!(paid["status"], "succeeded", "{paid}");
    pair.until_quiet();
    assert_eq!(pair.check_agreement(), before + 6_000_000);
    let entries = received(&world.user, &id);
    assert_eq!(entries.len(), 2, "{entries:?}");
    for entry in &entries {
        assert_eq!(entry["status"], "paid");
        assert_eq!(entry["received_msat"], "3000000");
    }

    refusals(&world, &pair, &tea);
    world.verify_ledgers();
}

fn refusals(world: &World, pair: &Pair, tea: &str) {
    let before = pair.check_agreement();
    let refused = |words: &[&str]| {
        let output = world.hub.command(&[&["pay"], words].concat());
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(refused(&[tea, "--amount", "2999sat"]).contains("another amount"));
    assert!(refused(&["lno1qqqq"]).contains("not a BOLT 12 offer"));
    let (any, _) = offer(&world.user, "any");
    assert!(refused(&[&any]).contains("names no amount"));
    let short: Value = world
        .user
        .json(&["offer", "create", "1sat", "--expiry", "1"]);
    let short = short["offer"].as_str().expect("an offer");
    wait::until("the offer has expired", || {
        let output = world.hub.command(&["pay", short, "--amount", "2sat"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        said.contains("expired").then_some(())
    });
    for wrong in [["0sat", "60"], ["1sat", "0"]] {
        let words = ["offer", "create", wrong[0], "--expiry", wrong[1]];
        assert_eq!(world.user.command(&words).status.code(), Some(1));
    }
    pair.until_quiet();
    assert_eq!(pair.check_agreement(), before);
}

#[test]
fn offer_of_a_user_behind_a_hub_is_paid_by_another_in_parts_too() {
    let world = World::start();
    let mut payee = Node::create(world.folder(), "payee", "user", &world.bitcoind);
    payee.start();
    let first = world.open(SAT, 0);
    let uri = |node: &Node| node.api().info().expect("info").uri;
    // Two channels from the hub to the payee: neither holds the whole amount.
    world.fund(&world.hub, bitcoin::Amount::from_sat(10_000_000));
    for _ in 0..2 {
        let opened: Value = world
            .hub
            .json(&["channel", "open", &uri(&payee), "300000sat"]);
        let txid = opened["opening_txid"].as_str().expect("its opening");
        let txid = txid.parse().expect("a txid");
        wait::until("the opening transaction is in the mempool", || {
            world.bitcoind.mempool().contains(&txid).then_some(())
        });
        world.bitcoind.mine(6);
    }
    wait::until("both channels are usable at both ends", || {
        let usable = |node: &Node| {
            let all = node.api().channels().unwrap_or_default();
            all.iter().filter(|one| one.state == "normal").count()
        };
        (usable(&payee) == 2 && usable(&world.hub) == 3).then_some(())
    });
    let (any, id) = offer(&payee, "any");
    let small = pay(&world.user, &any, &["--amount", "20000sat"]);
    assert_eq!(small["status"], "succeeded", "{small}");
    let fee: u64 = small["fee_msat"]
        .as_str()
        .expect("a fee")
        .parse()
        .expect("msat");
    assert!(fee > 0, "the hub works for nothing");
    let large = pay(&world.user, &any, &["--amount", "400000sat"]);
    assert_eq!(large["status"], "succeeded", "{large}");
    let parts = large["parts"].as_array().expect("its HTLCs");
    assert!(parts.len() > 1, "{large}");
    first.until_quiet();
    let entries = received(&payee, &id);
    let sums: Vec<&Value> = entries.iter().map(|one| &one["received_msat"]).collect();
    assert_eq!(sums, ["400000000", "20000000"]);

    // The hub forwards nothing any more. Until the payee has heard of it, the payer learns that something fails in the
    // path, and no more; then the payee has no path to give.
    let _: Value = world.hub.json(&["policy", "set", "--forward", "false"]);
    wait::until("the payee has no path to give", || {
        let failed = world.user.command(&["pay", &any, "--amount", "1000sat"]);
        assert_eq!(failed.status.code(), Some(1));
        let said = String::from_utf8_lossy(&failed.stderr).into_owned();
        let away = said.contains("gives no invoice");
        assert!(away || said.contains("invalid_onion_blinding"), "{said}");
        away.then_some(())
    });
    world.verify_ledgers();
}
