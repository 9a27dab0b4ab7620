//! Users ask a hub for channels, and the hub opens them together.

use bitcoin::Amount;
use serde_json::{json, Value};
use zarnitsa_tests::answers::Channel;
use zarnitsa_tests::api::Api;
use zarnitsa_tests::net::Net;
use zarnitsa_tests::node::Node;
use zarnitsa_tests::wait;
use zarnitsa_tests::world;

const SAT: u64 = 600_000;

/// A hub with coins, and users that are connected to it and accept no channels but those that they ask for.
fn net(users: &[&str], asks: &Value) -> Net {
    let mut all = vec![("hub", "hub")];
    all.extend(users.iter().map(|name| (*name, "user")));
    let net = Net::start(&all);
    world::fund(&net.bitcoind, net.node("hub"), Amount::from_sat(10_000_000));
    let set = json!({ "asks": asks });
    net.api("hub").set_policy(set).expect("a policy");
    for user in users {
        let closed = json!({ "accept_channels": false });
        net.api(user).set_policy(closed).expect("a policy");
    }
    net
}

fn ask(net: &Net, user: &str, sat: u64) -> Value {
    let uri = net.api("hub").info().expect("info").uri;
    let amount = format!("{sat}sat");
    net.node(user).json(&["channel", "ask", &uri, &amount])
}

fn asks(node: &Node) -> Vec<Value> {
    node.json(&["channel", "asks"])
}

/// The node's only ask, once it stands there.
fn until_ask(node: &Node, status: &str) -> Value {
    let what = format!("{}'s ask is {status}", node.name());
    wait::until(&what, || {
        let all = asks(node);
        let newest = all.first()?;
        (newest["status"] == status).then(|| newest.clone())
    })
}

fn until_usable(api: &Api, count: usize) -> Vec<Channel> {
    wait::until("every channel is usable", || {
        let all = api.channels().ok()?;
        let usable = all.iter().filter(|one| one.state == "normal").count();
        (usable == count).then_some(all)
    })
}

#[test]
fn two_users_ask_and_the_hub_opens_both_by_one_transaction_that_carry_payments_to_them() {
    // Nothing is opened by time here: the second to ask makes the batch full.
    let together = json!({ "approve": false, "wait_seconds": 3_000, "max_batch": 2 });
    let net = net(&["ann", "bob"], &together);
    let hub = net.api("hub");
    let asked = ask(&net, "ann", SAT);
    assert_eq!(
        (&asked["status"], &asked["direction"]),
        (&json!("asked"), &json!("outgoing"))
    );
    let waiting = until_ask(net.node("hub"), "approved");
    assert_eq!(waiting["amount_sat"], SAT);
    let path = "/api/services/lightning/v1/channels/asks?proof=true";
    let proof = hub.call(path, &[], None).expect("a proof");
    let proven = proof["to_ask"]["entries"].as_array().expect("entries");
    assert_eq!(proven.len(), 1, "{proof}");
    assert_eq!(proven[0]["key"], waiting["ask_id"]);
    // One ask at a time, at the user's own node and at the hub.
    let uri = hub.info().expect("info").uri;
    let twice = net
        .node("ann")
        .command(&["channel", "ask", &uri, "500000sat"]);
    assert!(!twice.status.success());
    // Before the channel nobody can pay Ann.
    let early = net
        .api("ann")
        .invoice(20_000_000, "too early")
        .expect("an invoice");
    let unpaid = hub.pay(&early.invoice).expect("an outcome");
    assert_eq!(unpaid.status, "failed", "{unpaid:?}");

    ask(&net, "bob", SAT + 100_000);
    let opened: Vec<Value> = ["ann", "bob"]
        .iter()
        .map(|user| until_ask(net.node(user), "opened"))
        .collect();
    let of_hub = hub.channels().expect("channels");
    assert_eq!(of_hub.len(), 2, "{of_hub:?}");
    assert_eq!(of_hub[0].opening_txid, of_hub[1].opening_txid);
    for one in &opened {
        let id = one["channel_id"].as_str().expect("an id");
        assert!(of_hub.iter().any(|channel| channel.channel_id == id));
    }
    let txid = of_hub[0].opening_txid.parse().expect("a txid");
    wait::until("the one opening transaction is in the mempool", || {
        net.bitcoind.mempool().contains(&txid).then_some(())
    });
    net.bitcoind.mine(6);
    until_usable(&hub, 2);
    for (user, msat) in [("ann", 20_000_000), ("bob", 30_000_000)] {
        until_usable(&net.api(user), 1);
        let invoice = net.api(user).invoice(msat, "welcome").expect("an invoice");
        let paid = hub.pay(&invoice.invoice).expect("an outcome");
        assert_eq!(paid.status, "succeeded", "{paid:?}");
    }
    // From user to user, over two channels of one transaction.
    let invoice = net
        .api("bob")
        .invoice(10_000_000, "thanks")
        .expect("an invoice");
    let paid = net.api("ann").pay(&invoice.invoice).expect("an outcome");
    assert_eq!(paid.status, "succeeded", "{paid:?}");
    net.verify_ledgers();
}

#[test]
fn ask_is_refused_by_size_by_the_operator_and_by_a_node_that_opens_nothing() {
    let approved = json!({ "approve": true, "wait_seconds": 0, "max_sat": 700_000 });
    let net = net(&["ann", "bob"], &approved);
    ask(&net, "ann", 700_001);
    let refused = until_ask(net.node("ann"), "refused");
    let reason = refused["reason"].as_str().expect("a reason");
    assert!(reason.contains("0.00700000 BTC"), "{reason}");
    assert!(
        asks(net.node("hub")).is_empty(),
        "it never reached the hub's ledger"
    );

    // The operator says no, in words that the user reads.
    ask(&net, "ann", SAT);
    let waiting = until_ask(net.node("hub"), "asked");
    let id = waiting["ask_id"].as_str().expect("an id").to_owned();
    let no = ["channel", "refuse", &id, "--reason", "not this week"];
    let said: Value = net.node("hub").json(&no);
    assert_eq!(said["status"], "refused");
    let refused = until_ask(net.node("ann"), "refused");
    assert_eq!(refused["reason"], "the hub refused: not this week");
    let late = net.node("hub").command(&["channel", "approve", &id]);
    assert!(!late.status.success());

    // Bob's node opens nothing on request. The hub's operator gets an answer too.
    let uri = net.api("bob").info().expect("info").uri;
    let _: Value = net.node("hub").json(&["channel", "ask", &uri, "500000sat"]);
    let refused = until_ask(net.node("hub"), "refused");
    assert_eq!(refused["direction"], "outgoing");
    assert!(net.api("hub").channels().expect("channels").is_empty());
    net.verify_ledgers();
}

#[test]
fn hub_killed_between_the_ask_and_the_batch_opens_it_after_its_restart() {
    let approved = json!({ "approve": true, "wait_seconds": 0 });
    let mut net = net(&["ann", "bob"], &approved);
    for user in ["ann", "bob"] {
        ask(&net, user, SAT);
    }
    wait::until("the hub has both asks", || {
        let all = asks(net.node("hub"));
        (all.len() == 2 && all.iter().all(|one| one["status"] == "asked")).then_some(())
    });
    net.node_mut("hub").kill_hard();
    // Bob's node goes too: its own order is in its ledger.
    net.node_mut("bob").kill_hard();
    net.node_mut("hub").start();
    net.node_mut("bob").start();
    for one in asks(net.node("hub")) {
        assert_eq!(one["status"], "asked", "{one}");
        let id = one["ask_id"].as_str().expect("an id").to_owned();
        let _: Value = net.node("hub").json(&["channel", "approve", &id]);
    }
    for user in ["ann", "bob"] {
        until_ask(net.node(user), "opened");
    }
    net.bitcoind.mine(6);
    until_usable(&net.api("hub"), 2);
    for user in ["ann", "bob"] {
        until_usable(&net.api(user), 1);
        let invoice = net
            .api(user)
            .invoice(20_000_000, "welcome")
            .expect("an invoice");
        let paid = net.api("hub").pay(&invoice.invoice).expect("an outcome");
        assert_eq!(paid.status, "succeeded", "{paid:?}");
    }
    net.verify_ledgers();
}
