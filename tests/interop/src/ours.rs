//! Our own node, by the parts of its interface that the harness of the other tests does not use.

use serde::Deserialize;
use serde_json::{json, Value};
use zarnitsa_tests::answers::{Invoice, Opened, Payment};
use zarnitsa_tests::api::{Api, CallError};

const SERVICE: &str = "/api/services/lightning/v1";

/// Why a payment failed, as the node says it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Failure {
    /// BOLT 4's name of the failure, or ours.
    pub code: String,
    /// For people.
    pub message: String,
    /// Who refused.
    pub node_id: Option<String>,
}

/// More of the HTTP interface.
pub trait Ours {
    /// Opens a channel that the world may know.
    ///
    /// # Errors
    /// If it is not opened.
    fn open_announced(&self, uri: &str, sat: u64, push_msat: u64) -> Result<Opened, CallError>;

    /// Pays without an invoice.
    ///
    /// # Errors
    /// If the payment is not begun.
    fn keysend(&self, node_id: &str, msat: u64) -> Result<Payment, CallError>;

    /// An invoice for a hash of the harness's, whose payment is only accepted: [`Api::settle`] or [`Api::cancel`] decides.
    ///
    /// # Errors
    /// If there is none.
    fn hold_invoice_for(&self, msat: u64, hash: &str) -> Result<Invoice, CallError>;

    /// Payments that went through this node.
    ///
    /// # Errors
    /// If the node does not answer.
    fn forwards(&self) -> Result<Vec<Value>, CallError>;

    /// Any part of the service, as JSON.
    ///
    /// # Errors
    /// If the node does not answer.
    fn look(&self, path: &str) -> Result<Value, CallError>;
}

impl Ours for Api {
    fn open_announced(&self, uri: &str, sat: u64, push_msat: u64) -> Result<Opened, CallError> {
        let push = (push_msat > 0).then(|| push_msat.to_string());
        let amount = format!("{sat}sat");
        let body = json!({ "peer": uri, "amount": amount, "push_msat": push, "announce": true });
        let answer = self.call(&format!("{SERVICE}/channels"), &[], Some(body))?;
        Ok(parse(answer))
    }

    fn keysend(&self, node_id: &str, msat: u64) -> Result<Payment, CallError> {
        let body = json!({ "node_id": node_id, "amount_msat": msat.to_string() });
        let answer = self.call(&format!("{SERVICE}/payments/keysend"), &[], Some(body))?;
        Ok(parse(answer))
    }

    fn hold_invoice_for(&self, msat: u64, hash: &str) -> Result<Invoice, CallError> {
        let amount = format!("{msat}msat");
        let body =
            json!({ "amount": amount, "description": "held", "hold": true, "payment_hash": hash });
        let answer = self.call(&format!("{SERVICE}/invoices"), &[], Some(body))?;
        Ok(parse(answer))
    }

    fn forwards(&self) -> Result<Vec<Value>, CallError> {
        Ok(parse(self.look("forwards")?))
    }

    fn look(&self, path: &str) -> Result<Value, CallError> {
        self.call(&format!("{SERVICE}/{path}"), &[], None)
    }
}

fn parse<T: serde::de::DeserializeOwned>(answer: Value) -> T {
    let text = answer.to_string();
    serde_json::from_value(answer).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Why it failed.
///
/// # Panics
/// If it says nothing of it.
pub fn failure(payment: &Payment) -> Failure {
    let said = payment.failure.clone();
    parse(said.unwrap_or_else(|| panic!("no failure: {payment:?}")))
}
