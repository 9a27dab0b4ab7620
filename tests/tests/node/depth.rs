//! How deep an opening transaction must be before a channel is usable, by the policy for its peer.

use bitcoin::Amount;
use serde_json::{json, Value};
use zarnitsa_tests::api::Api;
use zarnitsa_tests::net::Net;
use zarnitsa_tests::wait;
use zarnitsa_tests::world;

const SAT: u64 = 500_000;

fn open(net: &Net, user: &str, zero_conf: bool) -> Result<String, String> {
    let uri = net.api("hub").info().expect("info").uri;
    let amount = format!("{SAT}sat");
    let mut order = vec!["channel", "open", &uri, &amount, "--json"];
    if zero_conf {
        order.push("--zero-conf");
    }
    let output = net.node(user).command(&order);
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let opened: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    Ok(opened["channel_id"].as_str().expect("an id").to_owned())
}

fn state(api: &Api, id: &str) -> String {
    api.channel(id).expect("the channel").state
}

fn until_state(net: &Net, node: &str, id: &str, wanted: &str) {
    wait::until(&format!("{node}'s channel is {wanted}"), || {
        let channel = net.api(node).channel(id).ok()?;
        (channel.state == wanted).then_some(())
    });
}

/// What came of paying the hub.
fn pays(net: &Net, user: &str) -> String {
    let invoice = net
        .api("hub")
        .invoice(20_000_000, "tea")
        .expect("an invoice");
    net.api(user)
        .pay(&invoice.invoice)
        .expect("an outcome")
        .status
}

fn until_height(net: &Net, height: u32) {
    for node in &net.nodes {
        wait::until("every node has seen the block", || {
            let info = node.api().info().ok()?;
            (info.block_height == height).then_some(())
        });
    }
}

#[test]
fn unconfirmed_channel_of_a_trusted_peer_pays_over_a_restart_and_that_of_another_waits() {
    let mut net = Net::start(&[("hub", "hub"), ("ann", "user"), ("bob", "user")]);
    for user in ["ann", "bob"] {
        world::fund(&net.bitcoind, net.node(user), Amount::from_sat(2 * SAT));
    }
    let id = |name: &str| net.api(name).info().expect("info").node_id;
    let trusted = json!({ "peer": id("ann"), "zero_conf": true });
    let deeper = json!({ "peer": id("bob"), "minimum_depth": 3 });
    for policy in [trusted, deeper] {
        net.api("hub").set_policy(policy).expect("a policy");
    }
    // What was said of single peers is in the ledger.
    net.node_mut("hub").kill_hard();
    net.node_mut("hub").start();

    let start = net.bitcoind.height();
    let of_ann = open(&net, "ann", true).expect("a trusted peer's channel");
    for node in ["ann", "hub"] {
        until_state(&net, node, &of_ann, "normal");
    }
    assert_eq!(pays(&net, "ann"), "succeeded");
    let refused = open(&net, "bob", true).expect_err("bob is not trusted");
    assert!(
        refused.contains("once their opening transaction is confirmed"),
        "{refused}"
    );
    let of_bob = open(&net, "bob", false).expect("bob's channel");
    until_state(&net, "bob", &of_bob, "awaiting_confirmations");
    assert_eq!(pays(&net, "bob"), "failed");

    // The trusted peer's channel goes on unconfirmed after a restart of either side.
    net.node_mut("hub").kill_hard();
    net.node_mut("ann").kill_hard();
    net.node_mut("hub").start();
    net.node_mut("ann").start();
    for node in ["ann", "hub"] {
        until_state(&net, node, &of_ann, "normal");
    }
    assert_eq!(pays(&net, "ann"), "succeeded");
    assert_eq!(net.bitcoind.height(), start, "no block has come");

    net.bitcoind.mine(2);
    until_height(&net, start + 2);
    assert_eq!(state(&net.api("hub"), &of_bob), "awaiting_confirmations");
    assert_eq!(pays(&net, "bob"), "failed");
    net.bitcoind.mine(1);
    for node in ["bob", "hub"] {
        until_state(&net, node, &of_bob, "normal");
    }
    assert_eq!(pays(&net, "bob"), "succeeded");
    assert_eq!(state(&net.api("hub"), &of_ann), "normal");
    net.verify_ledgers();
}
