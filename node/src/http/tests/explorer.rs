//! Exonum's shapes, over a real ledger without services.

use serde_json::json;

use super::*;

fn explorer(path: &str) -> String {
    format!("/api/explorer/v1/{path}")
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_come_newest_first_with_what_was_asked_for() {
    let world = World::start();
    let range = world.get(&explorer("blocks?count=10")).json();
    assert_eq!(range["range"], json!({ "start": 0, "end": 2 }));
    let blocks = range["blocks"].as_array().unwrap();
    assert_eq!(blocks[0]["height"], 1);
    assert_eq!(blocks[0]["prev_hash"].as_str().unwrap().len(), 64);
    assert_eq!(blocks[0].get("precommits"), None);
    let path = explorer("blocks?count=1&add_precommits=true&add_blocks_time=true");
    let one = world.get(&path).json();
    assert_eq!(one["blocks"][0]["precommits"].as_array().unwrap().len(), 1);
    assert!(one["blocks"][0]["time"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn block_has_its_precommits_and_transactions() {
    let world = World::start();
    let block = world.get(&explorer("block?height=1")).json();
    assert_eq!(block["precommits"].as_array().unwrap().len(), 1);
    assert_eq!(block["txs"], json!([]));
    assert_eq!(world.get(&explorer("block?height=2")).code(), "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn question_that_has_no_answer_is_refused() {
    let world = World::start();
    let hash = "00".repeat(32);
    for (path, code) in [
        ("blocks".into(), "bad_request"),
        ("blocks?count=1001".into(), "bad_request"),
        ("blocks?count=1&latest=9".into(), "not_found"),
        ("block".into(), "bad_request"),
        ("transactions?hash=0".into(), "bad_request"),
        (format!("transactions?hash={hash}"), "not_found"),
        (format!("call_status/transaction?hash={hash}"), "not_found"),
    ] {
        assert_eq!(world.get(&explorer(&path)).code(), code, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ledger_is_verified_while_the_node_runs() {
    let world = World::start();
    let answer = world.post(&service("ledger/verify"), "");
    let last: Value = serde_json::from_str(answer.text.lines().last().unwrap()).unwrap();
    assert_eq!(
        last,
        json!({ "report": { "blocks": 2, "transactions": 0, "ok": true } })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn ledger_head_is_the_newest_block() {
    let world = World::start();
    let head = world.get(&service("ledger/head")).json();
    let block = world.get(&explorer("block?height=1")).json();
    assert_eq!(head["height"], 1);
    assert_eq!(head["state_hash"], block["state_hash"]);
}
