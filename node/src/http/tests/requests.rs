//! What is asked and answered.

use serde_json::json;

use super::fake::NODE_ID;
use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn info_has_the_fields_of_the_interface() {
    let world = World::start();
    let info = world.get(&service("info")).json();
    let zero = "00".repeat(32);
    assert_eq!(
        info,
        json!({
            "node_id": NODE_ID, "alias": "fake", "uri": format!("{NODE_ID}@127.0.0.1:9735"),
            "role": "hub", "network": "regtest", "block_height": 101, "ledger_height": 7,
            "ledger_hash": zero, "state_hash": zero, "validator_key": zero, "version": "0.1.0",
            "chain_available": true, "alarm": null,
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn amounts_in_msat_are_strings_that_lose_nothing() {
    let world = World::start();
    let balance = world.get(&service("balance")).json();
    assert_eq!(balance["channels_local_msat"], "2100000000000000001");
    assert_eq!(balance["onchain_sat"], 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn proof_of_what_the_ledger_does_not_hold_is_refused() {
    let world = World::start();
    for path in ["info", "balance", "peers", "wallet"] {
        let answer = world.get(&service(&format!("{path}?proof=true")));
        assert_eq!(answer.code(), "not_supported", "{path}");
        let plain = world.get(&service(&format!("{path}?proof=false")));
        assert_eq!(plain.status, 200, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn channel_by_id_is_found_or_refused() {
    let world = World::start();
    let id = "07".repeat(32);
    let channel = world.get(&service(&format!("channels/{id}"))).json();
    assert_eq!(channel["channel_id"], id);
    assert_eq!(channel["state"], "awaiting_confirmations");
    assert_eq!(channel["opener"], "local");
    assert_eq!(channel["local_msat"], "90000000");
    assert_eq!(channel["closing_txid"], Value::Null);
    for other in ["08".repeat(32), "zz".into(), "07".into()] {
        let answer = world.get(&service(&format!("channels/{other}")));
        assert_eq!(answer.code(), "not_found", "{other}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn command_reaches_the_node_as_it_was_sent() {
    let world = World::start();
    let body = json!({ "peer": format!("{NODE_ID}@localhost:9735"), "amount": "0.001btc", "push_msat": "1000" });
    let opened = world.post(&service("channels"), &body.to_string());
    assert_eq!(opened.status, 200, "{}", opened.text);
    assert_eq!(opened.json()["opening_output"], 1);
    let commands = world.fake.commands.lock().unwrap();
    assert!(
        commands[0].contains("100000 SAT") || commands[0].contains("0.00100000 BTC"),
        "{commands:?}"
    );
    assert!(commands[0].contains("Msat(1000)"), "{commands:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn command_that_does_not_parse_is_refused_and_not_done() {
    let world = World::start();
    let open = service("channels");
    let bad = [
        "".to_string(),
        "{".into(),
        "[]".into(),
        json!({ "peer": NODE_ID }).to_string(),
        json!({ "peer": NODE_ID, "amount": 5 }).to_string(),
        json!({ "peer": NODE_ID, "amount": "5" }).to_string(),
        json!({ "peer": "me", "amount": "5sat" }).to_string(),
        json!({ "peer": NODE_ID, "amount": "5sat", "push_msat": 1 }).to_string(),
        json!({ "peer": NODE_ID, "amount": "5sat", "unknown": 1 }).to_string(),
    ];
    for body in bad {
        assert_eq!(world.post(&open, &body).code(), "bad_request", "{body}");
    }
    let headers = [
        world.bearer(true),
        ("Content-Type".into(), "text/plain".into()),
    ];
    assert_eq!(
        world.call("POST", &open, &headers, "{}").code(),
        "bad_request"
    );
    assert!(world.fake.commands.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn body_above_the_limit_is_refused() {
    let world = World::start();
    let body = json!({ "tx_body": "00".repeat(4_096) }).to_string();
    let answer = world.post("/api/explorer/v1/transactions", &body);
    assert_eq!((answer.status, answer.code().as_str()), (413, "too_large"));
}

#[tokio::test(flavor = "multi_thread")]
async fn transaction_is_taken_with_the_read_token_because_its_signature_commands() {
    let world = World::start();
    let path = "/api/explorer/v1/transactions";
    let answer = world.call(
        "POST",
        path,
        &[world.bearer(false)],
        r#"{"tx_body":"0a0b"}"#,
    );
    assert_eq!(answer.json(), json!({ "tx_hash": "00".repeat(32) }));
    assert_eq!(*world.fake.commands.lock().unwrap(), ["[10, 11]"]);
    assert_eq!(
        world.post(path, r#"{"tx_body":"0g"}"#).code(),
        "bad_request"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn error_of_the_node_keeps_its_code_and_status() {
    let world = World::start();
    let answer = world.post(&service("payments"), r#"{"invoice":"lnbcrt1"}"#);
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (422, "route_not_found")
    );
    assert_eq!(answer.json()["detail"], "no route");
}

#[tokio::test(flavor = "multi_thread")]
async fn path_or_method_that_does_not_exist_is_refused_as_a_problem() {
    let world = World::start();
    for path in [
        "/api",
        "/api/",
        "/api/x",
        &service("nothing"),
        &service("channels/1/2/3"),
    ] {
        assert_eq!(world.get(path).code(), "not_found", "{path}");
    }
    let answer = world.call("DELETE", &service("info"), &[world.bearer(true)], "");
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (405, "method_not_allowed")
    );
    let answer = world.call("POST", "/", &[world.bearer(true)], "x");
    assert_eq!(answer.code(), "method_not_allowed");
    for path in [
        "/../../etc/passwd.txt",
        "/%2e%2e/%2e%2e/Cargo.toml",
        "/x.js",
    ] {
        assert_eq!(world.get(path).code(), "not_found", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_tells_a_watchdog_by_its_status() {
    let world = World::start();
    let path = "/api/system/v1/health";
    assert_eq!(world.call("GET", path, &[], "").status, 200);
    *world.fake.healthy.lock().unwrap() = false;
    let answer = world.call("GET", path, &[], "");
    assert_eq!(
        (answer.status, &answer.json()["ok"]),
        (503, &Value::Bool(false))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_name_each_balance_and_state() {
    let world = World::start();
    let text = world.get("/metrics").text;
    for line in [
        "zarnitsa_block_height 101",
        "zarnitsa_ledger_height 7",
        "zarnitsa_balance_sat{kind=\"onchain\"} 5",
        "zarnitsa_channels_msat{side=\"local\"} 2100000000000000001",
        "zarnitsa_channels{state=\"awaiting_confirmations\"} 1",
        "# TYPE zarnitsa_htlcs gauge",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn server_when_stopped_frees_its_port() {
    let server = Server::start(&config(), Arc::new(Fake::new()), Tokens::generate()).unwrap();
    let address = server.address();
    server.stop().await.unwrap();
    std::net::TcpListener::bind(address).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn session_says_what_its_token_allows() {
    let world = World::start();
    let path = service("session");
    for (full, access) in [(false, "read"), (true, "command")] {
        let answer = world.call("GET", &path, &[world.bearer(full)], "");
        assert_eq!(answer.json(), json!({ "access": access }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn draft_of_an_invoice_is_made_with_the_read_token_because_it_commands_nothing() {
    let world = World::start();
    let headers = [world.bearer(false)];
    let path = service("invoices/draft");
    let draft = world.call("POST", &path, &headers, r#"{"amount":"any"}"#);
    assert_eq!(draft.json()["invoice"], "lnbcrt1");
    assert_eq!(draft.json()["amount_msat"], "0");
    assert!(world.fake.commands.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn draft_of_a_keysend_is_made_with_the_read_token_because_it_commands_nothing() {
    let world = World::start();
    let path = service("payments/keysend/draft");
    let draft = world.call("POST", &path, &[world.bearer(false)], "");
    assert_eq!(draft.json()["payment_hash"], "07".repeat(32));
    assert_eq!(draft.json()["session_nonce"], "08".repeat(32));
    assert!(world.fake.commands.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn draft_of_an_offer_s_payment_is_made_with_the_read_token_and_an_offer_is_not() {
    let world = World::start();
    let headers = [world.bearer(false)];
    let path = service("payments/offer/draft");
    let body = r#"{"offer":"lno1","amount_msat":"5000"}"#;
    let draft = world.call("POST", &path, &headers, body);
    assert_eq!(draft.json()["invoice"], "lni1");
    assert_eq!(draft.json()["amount_msat"], "5000");
    assert!(world.fake.commands.lock().unwrap().is_empty());
    // An offer is worth money once it is there: nothing is signed after it.
    let made = world.call("POST", &service("offers"), &headers, r#"{"amount":"any"}"#);
    assert_eq!(made.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn preimage_of_a_held_invoice_is_told_to_the_full_token_alone() {
    let world = World::start();
    let path = service("invoices/preimage");
    let body = format!(r#"{{"payment_hash":"{}"}}"#, "07".repeat(32));
    let refused = world.call("POST", &path, &[world.bearer(false)], &body);
    assert_eq!(refused.status, 403);
    let told = world.call("POST", &path, &[world.bearer(true)], &body);
    assert_eq!(told.json()["preimage"], "09".repeat(32));
}

#[tokio::test(flavor = "multi_thread")]
async fn log_is_given_no_longer_than_the_limit() {
    let world = World::start();
    let lines = |query: &str| {
        let answer = world.get(&service(&format!("log{query}"))).json();
        answer["lines"].as_array().unwrap().len()
    };
    assert_eq!(
        (lines(""), lines("?lines=3"), lines("?lines=99999")),
        (200, 3, 2_000)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn order_and_owner_that_the_ledger_does_not_have_are_not_found() {
    let world = World::start();
    for path in [
        format!("requests/{}", "07".repeat(32)),
        "requests/x".into(),
        "config".into(),
    ] {
        assert_eq!(world.get(&service(&path)).code(), "not_found", "{path}");
    }
}
