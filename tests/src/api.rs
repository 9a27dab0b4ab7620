//! A node's HTTP interface, as a program of the operator uses it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{json, Value};

use crate::answers::{Balance, Channel, Closed, Info, Invoice, Opened, Payment, Peer, Step, Utxo};

/// Where the service's endpoints are.
const SERVICE: &str = "/api/services/lightning/v1";
/// Longer than a node takes for anything that it is asked here.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallError {
    /// The node refused, in its words.
    Refused {
        /// HTTP status.
        status: u16,
        /// The stable code.
        code: String,
        /// For people.
        detail: String,
    },
    /// No answer: the node does not run, or died while it was asked. What it did is not known.
    Unreachable(String),
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused {
                status,
                code,
                detail,
            } => write!(f, "{status} {code}: {detail}"),
            Self::Unreachable(why) => write!(f, "no answer: {why}"),
        }
    }
}

impl CallError {
    /// The refusal's code; empty where there was no answer.
    pub fn code(&self) -> &str {
        match self {
            Self::Refused { code, .. } => code,
            Self::Unreachable(_) => "",
        }
    }
}

/// A client of one node. It stays good when the node starts again.
#[derive(Clone, Debug)]
pub struct Api {
    address: SocketAddr,
    token: Option<String>,
    agent: ureq::Agent,
}

impl Api {
    /// Of the node that listens here, with this token.
    pub fn new(address: SocketAddr, token: Option<String>) -> Self {
        // No connection is kept: one to a node that was killed would fail the first call to its successor.
        let agent = ureq::AgentBuilder::new()
            .max_idle_connections(0)
            .timeout_connect(Duration::from_secs(5))
            .timeout(TIMEOUT)
            .build();
        Self {
            address,
            token,
            agent,
        }
    }

    /// One call with headers of one's own; `None` as a body is a GET.
    pub fn call(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Result<Value, CallError> {
        let url = format!("http://{}{path}", self.address);
        let method = if body.is_some() { "POST" } else { "GET" };
        let mut request = self.agent.request(method, &url);
        if let Some(token) = &self.token {
            request = request.set("Authorization", &format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.set(name, value);
        }
        let answer = match body {
            Some(body) => request.send_json(body),
            None => request.call(),
        };
        match answer {
            Ok(response) => response
                .into_json()
                .map_err(|error| CallError::Unreachable(error.to_string())),
            Err(ureq::Error::Status(status, response)) => Err(refusal(status, response)),
            Err(error) => Err(CallError::Unreachable(error.to_string())),
        }
    }

    /// `/metrics`: each line's value by its name and labels.
    pub fn metrics(&self) -> Result<BTreeMap<String, f64>, CallError> {
        let url = format!("http://{}/metrics", self.address);
        let token = self.token.clone().unwrap_or_default();
        let answer = self
            .agent
            .get(&url)
            .set("Authorization", &format!("Bearer {token}"))
            .call();
        let text = match answer {
            Ok(response) => response.into_string(),
            Err(ureq::Error::Status(status, response)) => return Err(refusal(status, response)),
            Err(error) => return Err(CallError::Unreachable(error.to_string())),
        };
        let text = text.map_err(|error| CallError::Unreachable(error.to_string()))?;
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Ok(lines
            .filter_map(|line| {
                let (name, value) = line.rsplit_once(' ')?;
                Some((name.to_owned(), value.parse().ok()?))
            })
            .collect())
    }

    fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, CallError> {
        parse(path, self.call(&format!("{SERVICE}/{path}"), &[], None)?)
    }

    pub(crate) fn command<T: DeserializeOwned>(
        &self,
        path: &str,
        body: Value,
    ) -> Result<T, CallError> {
        let answer = self.call(&format!("{SERVICE}/{path}"), &[], Some(body))?;
        parse(path, answer)
    }

    /// Whether the node says that it is up.
    pub fn is_healthy(&self) -> bool {
        self.call("/api/system/v1/health", &[], None).is_ok()
    }

    /// Who the node is and how far it has come.
    pub fn info(&self) -> Result<Info, CallError> {
        self.read("info")
    }

    /// Its money.
    pub fn balance(&self) -> Result<Balance, CallError> {
        self.read("balance")
    }

    /// Its channels.
    pub fn channels(&self) -> Result<Vec<Channel>, CallError> {
        self.read("channels")
    }

    /// One channel.
    pub fn channel(&self, id: &str) -> Result<Channel, CallError> {
        self.read(&format!("channels/{id}"))
    }

    /// All that happened in a channel.
    pub fn history(&self, id: &str) -> Result<Vec<Step>, CallError> {
        self.read(&format!("channels/{id}/history"))
    }

    /// Its peers.
    pub fn peers(&self) -> Result<Vec<Peer>, CallError> {
        self.read("peers")
    }

    /// A new address of its wallet.
    pub fn address(&self) -> Result<String, CallError> {
        let answer: Value = self.command("wallet/address", json!({}))?;
        parse("wallet/address", answer["address"].clone())
    }

    /// What its wallet can spend.
    pub fn utxos(&self) -> Result<Vec<Utxo>, CallError> {
        self.read("wallet/utxos")
    }

    /// Connects it to a peer.
    pub fn connect(&self, uri: &str) -> Result<(), CallError> {
        self.command::<Value>("peers/connect", json!({ "peer": uri }))
            .map(|_| ())
    }

    /// Opens a channel.
    pub fn open(&self, uri: &str, sat: u64, push_msat: u64) -> Result<Opened, CallError> {
        let push = (push_msat > 0).then(|| push_msat.to_string());
        let body = json!({ "peer": uri, "amount": format!("{sat}sat"), "push_msat": push });
        self.open_with(body)
    }

    /// Opens a channel on terms of its own: what `POST channels` takes.
    pub fn open_with(&self, request: Value) -> Result<Opened, CallError> {
        self.command("channels", request)
    }

    /// Closes a channel with its peer.
    pub fn close(&self, id: &str) -> Result<Closed, CallError> {
        self.command("channels/close", json!({ "channel_id": id }))
    }

    /// Closes a channel without its peer.
    pub fn force_close(&self, id: &str) -> Result<Closed, CallError> {
        let body = json!({ "channel_id": id, "force": true });
        self.command("channels/close", body)
    }

    /// Makes an invoice.
    pub fn invoice(&self, msat: u64, description: &str) -> Result<Invoice, CallError> {
        let body = json!({ "amount": format!("{msat}msat"), "description": description });
        self.command("invoices", body)
    }

    /// Makes an invoice whose payment is held until it is settled or cancelled.
    pub fn hold_invoice(&self, sat: u64) -> Result<Invoice, CallError> {
        let body = json!({ "amount": format!("{sat}sat"), "description": "held", "hold": true });
        self.command("invoices", body)
    }

    /// Claims what is held, by the node's own preimage.
    pub fn settle(&self, hash: &str) -> Result<Invoice, CallError> {
        self.command("invoices/settle", json!({ "preimage_or_hash": hash }))
    }

    /// Gives back what is held.
    pub fn cancel(&self, hash: &str) -> Result<Invoice, CallError> {
        self.command("invoices/cancel", json!({ "payment_hash": hash }))
    }

    /// One of its invoices.
    pub fn invoice_of(&self, hash: &str) -> Result<Invoice, CallError> {
        self.read(&format!("invoices/{hash}"))
    }

    /// All of its invoices.
    pub fn invoices(&self) -> Result<Vec<Invoice>, CallError> {
        self.read("invoices")
    }

    /// Pays and waits for the outcome.
    pub fn pay(&self, invoice: &str) -> Result<Payment, CallError> {
        self.command("payments", json!({ "invoice": invoice }))
    }

    /// Pays within limits of its own: what `POST payments` takes.
    pub fn pay_with(&self, request: Value) -> Result<Payment, CallError> {
        self.command("payments", request)
    }

    /// Pays a node without an invoice, and waits for the outcome.
    pub fn keysend(&self, node_id: &str, msat: u64) -> Result<Payment, CallError> {
        let body = json!({ "node_id": node_id, "amount_msat": msat.to_string() });
        self.command("payments/keysend", body)
    }

    /// Changes the policy: what `POST policy` takes.
    pub fn set_policy(&self, request: Value) -> Result<Value, CallError> {
        self.command("policy", request)
    }

    /// Public nodes and channels.
    pub fn network(&self) -> Result<Value, CallError> {
        self.read("network")
    }

    /// One of its payments.
    pub fn payment(&self, hash: &str) -> Result<Payment, CallError> {
        self.read(&format!("payments/{hash}"))
    }

    /// All of its payments.
    pub fn payments(&self) -> Result<Vec<Payment>, CallError> {
        self.read("payments")
    }
}

fn refusal(status: u16, response: ureq::Response) -> CallError {
    let text = response.into_string().unwrap_or_default();
    let problem: Value = serde_json::from_str(&text).unwrap_or_default();
    CallError::Refused {
        status,
        code: problem["code"].as_str().unwrap_or_default().to_owned(),
        detail: problem["detail"].as_str().unwrap_or(&text).to_owned(),
    }
}

/// # Panics
/// If the answer has not the fields that the interface promises.
fn parse<T: DeserializeOwned>(path: &str, answer: Value) -> Result<T, CallError> {
    let text = answer.to_string();
    Ok(serde_json::from_value(answer)
        .unwrap_or_else(|error| panic!("{path} answers {text}: {error}")))
}
