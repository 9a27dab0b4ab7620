//! The whole server on a port of its own, in front of a node that answers from samples.

mod access;
mod description;
mod events;
mod explorer;
mod fake;
mod requests;

use std::sync::Arc;

use serde_json::Value;

use super::Server;
use crate::api::{Network, Role};
use crate::config::{Config, HttpConfig};
use crate::data_dir::Tokens;
use fake::Fake;

/// A running server with its tokens.
struct World {
    server: Server,
    tokens: Tokens,
    fake: Arc<Fake>,
}

/// What came back.
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    text: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(header, _)| header == name)?;
        Some(&header.1)
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    /// The stable code of a refusal; checks its form on the way.
    fn code(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{}",
            self.text
        );
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        problem["code"].as_str().unwrap().to_string()
    }
}

fn config() -> HttpConfig {
    let mut config = Config::defaults(Network::Regtest, Role::User).http;
    config.listen.set_port(0);
    config.allowed_hosts = vec!["node.example".into()];
    config.allowed_origins = vec!["https://node.example".into()];
    config.body_limit_bytes = 4_096;
    config.max_event_streams = 2;
    config
}

impl Drop for World {
    fn drop(&mut self) {
        self.fake.close();
    }
}

impl World {
    fn start() -> Self {
        let (tokens, fake) = (Tokens::generate(), Arc::new(Fake::new()));
        let server = Server::start(&config(), fake.clone(), tokens.clone()).unwrap();
        Self {
            server,
            tokens,
            fake,
        }
    }

    fn bearer(&self, full: bool) -> (String, String) {
        let token = if full {
            &self.tokens.full
        } else {
            &self.tokens.read
        };
        ("Authorization".into(), format!("Bearer {}", token.reveal()))
    }

    fn call(&self, method: &str, path: &str, headers: &[(String, String)], body: &str) -> Answer {
        let agent = ureq::AgentBuilder::new().redirects(0).build();
        let mut request = agent.request(method, &format!("http://{}{path}", self.server.address()));
        for (name, value) in headers {
            request = request.set(name, value);
        }
        // ureq's error is as large as its answer.
        #[allow(clippy::result_large_err)]
        let sent = tokio::task::block_in_place(|| match body {
            "" => request.call(),
            body if headers.iter().any(|(name, _)| name == "Content-Type") => {
                request.send_string(body)
            }
            body => request
                .set("Content-Type", "application/json")
                .send_string(body),
        });
        let response = match sent {
            Ok(response) | Err(ureq::Error::Status(_, response)) => response,
            Err(error) => panic!("{method} {path}: {error}"),
        };
        let names = response.headers_names();
        Answer {
            status: response.status(),
            headers: names
                .iter()
                .map(|name| {
                    (
                        name.clone(),
                        response.header(name).unwrap_or_default().to_string(),
                    )
                })
                .collect(),
            text: response.into_string().unwrap(),
        }
    }

    fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &[self.bearer(false)], "")
    }

    fn post(&self, path: &str, body: &str) -> Answer {
        self.call("POST", path, &[self.bearer(true)], body)
    }
}

/// `/api/services/lightning/v1/...`
fn service(path: &str) -> String {
    format!("/api/services/lightning/v1/{path}")
}
