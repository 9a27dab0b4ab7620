//! The OpenAPI document against the routes.

use std::collections::BTreeSet;

use super::*;
use crate::http::{document, endpoints};

fn described() -> BTreeSet<(String, String)> {
    let document = document();
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().keys();
            methods.map(move |method| (method.to_uppercase(), path.clone()))
        })
        .collect()
}

#[test]
fn description_names_every_route_once_and_nothing_else() {
    let rules: Vec<_> = endpoints().iter().map(|endpoint| endpoint.rule()).collect();
    let routes: BTreeSet<_> = rules
        .iter()
        .map(|rule| (rule.method.to_string(), rule.path.to_string()))
        .collect();
    assert_eq!(routes.len(), rules.len(), "a route is there twice");
    assert_eq!(described(), routes);
    for path in [
        "/api/explorer/v1/blocks",
        "/api/explorer/v1/block",
        "/api/explorer/v1/transactions",
        "/api/explorer/v1/call_status/transaction",
        "/api/system/v1/health",
        "/metrics",
        "/openapi.json",
    ] {
        assert!(routes.iter().any(|(_, route)| route == path), "{path}");
    }
    for path in [
        "info",
        "balance",
        "channels",
        "channels/{channel_id}",
        "channels/{channel_id}/history",
        "payments",
        "invoices",
        "forwards",
        "network",
        "peers",
        "policy",
        "wallet",
        "events",
    ] {
        assert!(routes.contains(&("GET".into(), service(path))), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn route_that_is_described_is_served() {
    let world = World::start();
    for (method, path) in described() {
        if path.starts_with("/api/explorer") && method == "GET" {
            continue; // their queries are not optional: see explorer.rs
        }
        let path = path
            .replace("{channel_id}", &"07".repeat(32))
            .replace("{payment_hash}", &"07".repeat(32))
            .replace("{tx_hash}", &"07".repeat(32));
        let answer = world.call(&method, &path, &[world.bearer(true)], "");
        // What the fake's ledger does not have is not found; a route that is not served is another thing.
        let is_served = answer.status != 404 || !answer.text.contains("no such endpoint");
        assert!(
            is_served && ![401, 403, 405, 500].contains(&answer.status),
            "{method} {path}: {}",
            answer.text
        );
    }
}

#[test]
fn description_has_no_reference_that_leads_nowhere() {
    let document = document();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let text = document.to_string();
    let references: BTreeSet<&str> = text
        .split("\"#/components/schemas/")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert!(references.len() > 20);
    for reference in references {
        assert!(schemas.contains_key(reference), "{reference}");
    }
    assert!(
        !text.contains("$defs"),
        "schemas lie where OpenAPI looks for them"
    );
    assert_eq!(
        schemas["Balance"]["properties"]["channels_local_msat"]["type"],
        "string"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn description_is_served() {
    let world = World::start();
    assert_eq!(world.get("/openapi.json").json()["openapi"], "3.1.0");
}
