//! The ledger of a channel's whole life, exported: what the replay test of the service is made of.

use std::env;
use std::fs;

use exonum::merkledb::BinaryValue as _;
use exonum::messages::{AnyTx, SignedMessage, Verified};
use serde_json::{json, Value};
use zarnitsa_tests::node::Node;
use zarnitsa_tests::world::World;

use crate::traffic::ways;

const CAPACITY_SAT: u64 = 1_000_000;

/// The signed bytes of each transaction of a block, as the export has them.
fn messages(block: &Value) -> Vec<String> {
    let transactions = block["transactions"].as_array().expect("a list");
    let message = |transaction: &Value| {
        let message = transaction["message"].as_str();
        message.expect("a signed message in hex").to_owned()
    };
    transactions.iter().map(message).collect()
}

fn signed(message: &str) -> Verified<AnyTx> {
    let bytes = hex::decode(message).expect("hex");
    let signed = SignedMessage::from_bytes(bytes.into()).expect("a signed message");
    signed.into_verified().expect("a transaction")
}

/// The recording that the service's replay test reads.
fn recording(node: &Node, node_id: &str) -> Value {
    let file = node.folder().join("export.jsonl");
    let path = file.to_str().expect("a plain path");
    let made = node.command(&["ledger", "export", path]);
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let text = fs::read_to_string(&file).expect("it was written");
    let mut lines = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON"));
    let title = lines.next().expect("a title");
    let blocks: Vec<Value> = lines.collect();
    let service_key = title["service_key"].as_str().expect("a key");
    // All that the node did not sign itself, its operator did.
    let operator_key = blocks
        .iter()
        .flat_map(messages)
        .map(|message| signed(&message).author().to_hex())
        .find(|author| author != service_key)
        .expect("an order");
    let blocks: Vec<Value> = blocks
        .iter()
        .map(|block| {
            json!({
                "hash": hash_of(block),
                "state_hash": block["block"]["state_hash"],
                "transactions": messages(block),
            })
        })
        .collect();
    json!({
        "consensus_key": title["consensus_key"],
        "service_key": service_key,
        "operator_key": operator_key,
        "node_id": node_id,
        "blocks": blocks,
    })
}

fn hash_of(block: &Value) -> Value {
    use exonum::merkledb::ObjectHash as _;
    let header: exonum::blockchain::Block =
        serde_json::from_value(block["block"].clone()).expect("a block's header");
    json!(header.object_hash().to_hex())
}

#[test]
fn ledger_of_a_whole_life_is_exported_with_every_order() {
    let mut world = World::start();
    let pair = world.open(CAPACITY_SAT, CAPACITY_SAT * 300);
    for way in ways(&pair) {
        for msat in [1, 353_000, 354_001, 50_000_000] {
            let invoice = way.payee.invoice(msat, "recorded").expect("an invoice");
            let payment = way.payer.pay(&invoice.invoice).expect("an outcome");
            assert_eq!(payment.status, "succeeded", "{payment:?}");
        }
    }
    pair.until_quiet();
    crate::settlement::until_closed(&world, &pair);
    let node_id = pair.user.info().expect("who it is").node_id;
    let head = pair.user.info().expect("how far it is").ledger_height;
    world.user.stop();
    let recording = recording(&world.user, &node_id);
    let blocks = recording["blocks"].as_array().expect("blocks");
    assert!(blocks.len() as u64 > head, "{} of {head}", blocks.len());
    if let Some(file) = env::var_os("ZARNITSA_RECORD") {
        fs::write(file, format!("{recording}\n")).expect("the recording can be written");
    }
}
