//! Who may come in.

use super::*;
use crate::http::endpoint::Access;
use crate::http::endpoints;

fn header(name: &str, value: &str) -> (String, String) {
    (name.into(), value.into())
}

/// The explorer needs a real ledger; who may read it does not.
fn paths() -> Vec<(String, String, Access)> {
    let concrete = |path: &str| {
        let id = "07".repeat(32);
        path.replace("{channel_id}", &id)
            .replace("{payment_hash}", &id)
            .replace("{tx_hash}", &id)
    };
    let rules = endpoints().into_iter().map(|endpoint| endpoint.rule());
    rules
        .map(|rule| (rule.method.to_string(), concrete(rule.path), rule.access))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn request_without_token_is_refused_at_each_endpoint_but_health() {
    let world = World::start();
    let mut open = Vec::new();
    for (method, path, access) in paths() {
        let answer = world.call(&method, &path, &[], "");
        match access {
            Access::Open => open.push(path),
            Access::Read | Access::Command => assert_eq!(answer.code(), "unauthorized", "{path}"),
        }
    }
    assert_eq!(open, ["/api/system/v1/health"]);
    assert!(world.fake.commands.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn request_with_a_wrong_token_is_refused_whatever_else_it_shows() {
    let world = World::start();
    let wrong = header("Authorization", &format!("Bearer {}", "0".repeat(64)));
    assert_eq!(
        world
            .call("GET", &service("info"), std::slice::from_ref(&wrong), "")
            .code(),
        "unauthorized"
    );
    let path = format!("{}?token={}", service("info"), world.tokens.read.reveal());
    assert_eq!(world.call("GET", &path, &[], "").status, 200);
    assert_eq!(
        world.call("GET", &path, &[wrong], "").code(),
        "unauthorized"
    );
    let basic = header("Authorization", world.tokens.read.reveal());
    assert_eq!(
        world.call("GET", &service("info"), &[basic], "").code(),
        "unauthorized"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn command_with_the_read_token_is_refused_at_each_endpoint() {
    let world = World::start();
    let mut commands = 0;
    for (method, path, access) in paths() {
        if access == Access::Command {
            let answer = world.call(&method, &path, &[world.bearer(false)], "{}");
            assert_eq!(answer.code(), "forbidden", "{path}");
            commands += 1;
        }
    }
    assert!(commands >= 10);
    assert!(world.fake.commands.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn request_for_another_host_is_refused_even_at_health() {
    let world = World::start();
    for host in [
        "evil.example",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.0.0.1.evil.example:9780",
    ] {
        let answer = world.call("GET", "/api/system/v1/health", &[header("Host", host)], "");
        assert_eq!(answer.code(), "host_refused", "{host}");
    }
    let port = world.server.address().port();
    for host in [
        format!("localhost:{port}"),
        format!("LOCALHOST:{port}"),
        "node.example".into(),
    ] {
        let answer = world.call("GET", "/api/system/v1/health", &[header("Host", &host)], "");
        assert_eq!(answer.status, 200, "{host}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn request_from_another_site_is_refused_with_the_right_token_too() {
    let world = World::start();
    for origin in [
        "null",
        "http://evil.example",
        "http://127.0.0.1:1",
        "http://node.example",
    ] {
        let headers = [world.bearer(true), header("Origin", origin)];
        let answer = world.call("GET", &service("info"), &headers, "");
        assert_eq!(answer.code(), "origin_refused", "{origin}");
    }
    let own = format!("http://{}", world.server.address());
    for origin in [own.as_str(), "https://node.example"] {
        let headers = [world.bearer(true), header("Origin", origin)];
        assert_eq!(
            world.call("GET", &service("info"), &headers, "").status,
            200,
            "{origin}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn link_with_the_token_becomes_a_cookie_that_commands_only_from_the_own_site() {
    let world = World::start();
    let locked = world.call("GET", "/", &[], "");
    assert_eq!(locked.status, 401);
    assert!(locked
        .header("content-type")
        .unwrap()
        .starts_with("text/html"));
    let wrong = world.call("GET", "/?token=00", &[], "");
    assert_eq!((wrong.status, wrong.header("set-cookie")), (401, None));

    let link = format!("/?token={}", world.tokens.full.reveal());
    let entered = world.call("GET", &link, &[], "");
    assert_eq!(
        (entered.status, entered.header("location")),
        (303, Some("/"))
    );
    let set = entered.header("set-cookie").unwrap();
    assert!(
        set.contains("HttpOnly") && set.contains("SameSite=Strict"),
        "{set}"
    );
    let cookie = header("Cookie", set.split(';').next().unwrap());

    assert_eq!(
        world
            .call("GET", "/", std::slice::from_ref(&cookie), "")
            .status,
        200
    );
    assert_eq!(
        world
            .call("GET", &service("info"), std::slice::from_ref(&cookie), "")
            .status,
        200
    );
    let path = service("wallet/address");
    assert_eq!(
        world
            .call("POST", &path, std::slice::from_ref(&cookie), "")
            .code(),
        "unauthorized"
    );
    let own = header("Origin", &format!("http://{}", world.server.address()));
    assert_eq!(world.call("POST", &path, &[cookie, own], "").status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn link_to_a_path_with_two_slashes_stays_on_this_site() {
    let world = World::start();
    let link = format!("//evil.example/?token={}", world.tokens.full.reveal());
    let location = world
        .call("GET", &link, &[], "")
        .header("location")
        .unwrap()
        .to_string();
    assert!(
        location.starts_with('/') && !location.starts_with("//"),
        "{location}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_of_any_kind_carries_the_protecting_headers() {
    let world = World::start();
    for path in [
        "/",
        "/api/system/v1/health",
        "/page.js",
        "/nowhere.js",
        &service("info"),
    ] {
        for headers in [vec![], vec![world.bearer(false)]] {
            let answer = world.call("GET", path, &headers, "");
            let policy = answer.header("content-security-policy").unwrap();
            assert!(policy.starts_with("default-src 'none'"), "{path}");
            assert!(!policy.contains("unsafe"), "{path}");
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
            assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
            assert_eq!(answer.header("cache-control"), Some("no-store"));
            assert_eq!(answer.header("access-control-allow-origin"), None);
        }
    }
}
