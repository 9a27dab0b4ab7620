//! The HTTP port is on loopback, where any program and any web page can knock.

use serde_json::json;
use zarnitsa_tests::api::{Api, CallError};
use zarnitsa_tests::world::World;

const INFO: &str = "/api/services/lightning/v1/info";
const INVOICES: &str = "/api/services/lightning/v1/invoices";

/// Status and code of a refusal.
fn refusal(api: &Api, path: &str, headers: &[(&str, &str)], is_command: bool) -> (u16, String) {
    let body = is_command.then(|| json!({ "amount": "1sat", "description": "" }));
    match api.call(path, headers, body) {
        Err(CallError::Refused { status, code, .. }) => (status, code),
        other => panic!("{path} with {headers:?} is answered by {other:?}"),
    }
}

#[test]
fn http_is_closed_to_strangers() {
    let world = World::start();
    let hub = &world.hub;
    let (full, read) = (hub.api(), hub.api_with(Some(hub.token("read.token"))));
    let unauthorized = (401, "unauthorized".to_owned());
    let forbidden = |code: &str| (403, code.to_owned());

    let wrong = hub.api_with(Some("00".repeat(32)));
    let foreign = hub.api_with(Some(world.user.token("full.token")));
    for stranger in [hub.api_with(None), wrong, foreign] {
        for (path, is_command) in [
            (INFO, false),
            (INVOICES, true),
            ("/metrics", false),
            ("/openapi.json", false),
            ("/api/explorer/v1/blocks", false),
            ("/api/services/lightning/v1/events", false),
        ] {
            assert_eq!(
                refusal(&stranger, path, &[], is_command),
                unauthorized,
                "{path}"
            );
        }
        assert!(stranger.is_healthy(), "health is open");
    }

    // The read token reads, and commands nothing.
    assert!(read.info().is_ok());
    assert_eq!(refusal(&read, INVOICES, &[], true), forbidden("forbidden"));

    // A page of another site, and a name that was bound to this address: even with a token.
    let port = hub.http_address().port();
    for host in [
        "evil.example",
        "evil.example:80",
        "127.0.0.1",
        "127.0.0.1:1",
    ] {
        let headers = [("Host", host)];
        assert_eq!(
            refusal(&full, INFO, &headers, false),
            forbidden("host_refused"),
            "{host}"
        );
    }
    let origins = [
        "https://evil.example".to_owned(),
        "null".to_owned(),
        format!("http://evil.example:{port}"),
        format!("http://127.0.0.1:{}", world.user.http_address().port()),
    ];
    for origin in &origins {
        let headers = [("Origin", origin.as_str())];
        for (path, is_command) in [(INFO, false), (INVOICES, true)] {
            let refused = refusal(&full, path, &headers, is_command);
            assert_eq!(refused, forbidden("origin_refused"), "{origin}");
        }
    }
    let own = format!("http://127.0.0.1:{port}");
    assert!(full.call(INFO, &[("Origin", &own)], None).is_ok());

    // Nothing of all this made an invoice.
    assert!(full.invoices().unwrap().is_empty());
}
