//! A channel's life by the command line, as scripts live it: the fields of each JSON answer, and the exit codes.

use bitcoin::{Address, Amount};
use serde_json::{json, Value};
use zarnitsa_tests::node::Node;
use zarnitsa_tests::wait;
use zarnitsa_tests::world::World;

/// One command whose answer has at least these fields, in each of its things where it is a list.
fn ask(node: &Node, line: &str, fields: &str) -> Value {
    let words: Vec<&str> = line.split_whitespace().collect();
    let answer: Value = node.json(&words);
    let one = std::slice::from_ref(&answer);
    for thing in answer.as_array().map_or(one, Vec::as_slice) {
        for field in fields.split_whitespace() {
            assert!(thing.get(field).is_some(), "{line}: no {field} in {thing}");
        }
    }
    // People get a table of it, which is no JSON.
    if !COMMANDS.iter().any(|command| line.starts_with(command)) {
        let table = node.command(&words);
        assert!(table.status.success(), "{line}");
        assert!(
            serde_json::from_slice::<Value>(&table.stdout).is_err(),
            "{line}"
        );
    }
    answer
}

/// What must not be done a second time for the sake of a table.
const COMMANDS: [&str; 9] = [
    "wallet send",
    "wallet address",
    "peer connect",
    "peer disconnect",
    "channel open",
    "channel close",
    "invoice create",
    "pay",
    "keysend",
];

/// One command that fails: its exit code is 1, and standard error says this.
fn refused(node: &Node, line: &str, says: &str) -> Vec<u8> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let output = node.command(&words);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{line}: {said}");
    assert!(
        said.starts_with("error: ") && said.contains(says),
        "{line}: {said}"
    );
    output.stdout
}

fn text<'a>(of: &'a Value, name: &str) -> &'a str {
    of[name]
        .as_str()
        .unwrap_or_else(|| panic!("{name} in {of}"))
}

const CHANNEL: &str =
    "channel_id short_channel_id peer state opener announced capacity_sat local_msat remote_msat \
                       commitment_number opening_txid closing_txid htlcs";
const PAYMENT: &str = "payment_hash preimage amount_msat fee_msat status route";

#[test]
fn life_of_a_channel_by_the_command_line_answers_every_field_of_the_interface() {
    let world = World::start();
    let (user, hub) = (&world.user, &world.hub);
    let of_hub = ask(
        hub,
        "info",
        "node_id alias uri role network block_height ledger_height ledger_hash state_hash validator_key version",
    );
    let (hub_id, uri) = (text(&of_hub, "node_id"), text(&of_hub, "uri"));
    coins(&world);

    ask(user, &format!("peer connect {uri}"), "node_id");
    ask(user, "peer list", "node_id address connected features");
    let opened = ask(
        user,
        &format!("channel open {hub_id} 1000000sat --push 200000sat --fee-rate 3"),
        "channel_id opening_txid opening_output",
    );
    let id = text(&opened, "channel_id").to_owned();
    wait::until("the opening transaction is in the mempool", || {
        let txid = text(&opened, "opening_txid").parse().ok()?;
        world.bitcoind.mempool().contains(&txid).then_some(())
    });
    world.bitcoind.mine(6);
    let pair = world.pair(&id);
    pair.until_usable();
    ask(user, "channel list", CHANNEL);
    let shown = ask(user, &format!("channel show {id}"), CHANNEL);
    assert_eq!(shown["local_msat"], "800000000", "{shown}");
    payments(&world);
    pair.until_quiet();
    ask(
        user,
        &format!("channel history {id}"),
        "kind ledger_height commitment_number local_msat",
    );
    refused(
        user,
        &format!("channel show {}", "07".repeat(32)),
        "no such channel",
    );

    ask(user, "ledger head", "height block_hash state_hash");
    let report = ask(user, "ledger verify", "blocks transactions ok");
    assert_eq!(report["ok"], true);
    refused(user, "ledger export f", "stop the node first");

    ask(user, "balance", "onchain_sat onchain_unconfirmed_sat channels_local_msat channels_remote_msat pending_close_sat");
    let closed = ask(
        user,
        &format!("channel close {id} --fee-rate 2"),
        "closing_txid",
    );
    assert_eq!(text(&closed, "closing_txid").len(), 64);
    world.bitcoind.mine(6);
    wait::until("the channel is closed", || {
        let channel: Value = user.json(&["channel", "show", &id]);
        (channel["state"] == "closed").then_some(())
    });
    ask(user, &format!("peer disconnect {hub_id}"), "node_id");
    refused(user, &format!("channel close {id}"), "");
}

/// Addresses of both kinds, coins on them, and a send.
fn coins(world: &World) {
    let user = &world.user;
    for (line, begin) in [
        ("wallet address", "bcrt1q"),
        ("wallet address --type taproot", "bcrt1p"),
    ] {
        let answer = ask(user, line, "address");
        let address = text(&answer, "address");
        assert!(address.starts_with(begin), "{address}");
        let address: Address<_> = address.parse().expect("an address");
        world
            .bitcoind
            .fund(&address.assume_checked(), Amount::from_sat(3_000_000));
    }
    wait::until("the coins are there", || {
        let balance: Value = user.json(&["balance"]);
        (balance["onchain_sat"] == 6_000_000).then_some(())
    });
    let utxos = ask(user, "wallet utxos", "txid vout amount_sat address");
    assert_eq!(utxos.as_array().map(Vec::len), Some(2));
    let to = world.bitcoind.address();
    let sent = ask(user, &format!("wallet send {to} 50000sat"), "txid");
    let txid = text(&sent, "txid").parse().expect("a txid");
    wait::until("the send is in the mempool", || {
        world.bitcoind.mempool().contains(&txid).then_some(())
    });
    world.bitcoind.mine(1);
    ask(user, "wallet transactions", "txid amount_sat");
    refused(user, &format!("wallet send {to} 1btc"), "");
    refused(user, "wallet send nonsense 1sat", "");
}

/// Invoices, payments there and back, one that cannot be, and what the hub charges.
fn payments(world: &World) {
    let (user, hub) = (&world.user, &world.hub);
    let invoice = ask(
        hub,
        "invoice create 50000msat --description tea --expiry 600",
        "invoice payment_hash amount_msat status",
    );
    let hash = text(&invoice, "payment_hash");
    let paid = ask(
        user,
        &format!(
            "pay {} --max-fee 1sat --timeout 30",
            text(&invoice, "invoice")
        ),
        PAYMENT,
    );
    assert_eq!(
        (text(&paid, "status"), text(&paid, "amount_msat")),
        ("succeeded", "50000")
    );
    ask(user, "payment list", PAYMENT);
    ask(user, &format!("payment show {hash}"), PAYMENT);
    ask(
        hub,
        "invoice list",
        "invoice payment_hash amount_msat status",
    );
    assert_eq!(
        ask(hub, &format!("invoice show {hash}"), "status")["status"],
        "paid"
    );

    let open = ask(user, "invoice create any --description gift", "invoice");
    let paid = ask(
        hub,
        &format!("pay {} --amount 7sat", text(&open, "invoice")),
        PAYMENT,
    );
    assert_eq!(paid["amount_msat"], "7000");

    let too_much = ask(hub, "invoice create 0.02btc", "invoice");
    let too_much = text(&too_much, "invoice");
    let told = refused(user, &format!("pay {too_much} --json"), "route_not_found");
    if !told.is_empty() {
        let told: Value = serde_json::from_slice(&told).expect("JSON");
        assert_eq!(told["status"], "failed", "{told}");
    }
    refused(user, "pay nonsense", "not a BOLT 11 invoice");

    let forwards: Value = hub.json(&["forward", "list"]);
    assert_eq!(forwards, Value::Array(Vec::new()));
    ask(
        hub,
        "policy set --base-fee 2sat --fee-ppm 10 --cltv-delta 50 --max-channels 1200 --max-channels-per-peer 12",
        "base_fee_msat fee_ppm cltv_delta",
    );
    let policy = ask(hub, "policy show", "");
    assert_eq!(policy["base_fee_msat"], "2000");
    assert_eq!(
        (&policy["max_channels"], &policy["max_channels_per_peer"]),
        (&json!(1_200), &json!(12))
    );
}
