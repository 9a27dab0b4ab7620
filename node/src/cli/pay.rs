//! `zarnitsa pay`

use std::time::Duration;

use anyhow::bail;
use clap::Args;
use zarnitsa_channel::amount::Msat;

use super::{Client, Output};
use crate::api::{self, parse_msat, Payment, PaymentStatus};

/// How long a payment may take where nobody says.
pub const SECONDS: u32 = 60;
/// The node answers within the payment's timeout; then the answer has to travel.
const MARGIN: Duration = Duration::from_secs(15);

#[derive(Debug, Args)]
pub struct Pay {
    /// A BOLT 11 invoice or a BOLT 12 offer
    #[arg(value_name = "STRING")]
    invoice: String,
    /// How much, where that leaves it open
    #[arg(long, value_parser = parse_msat)]
    amount: Option<Msat>,
    /// The most to pay in routing fees
    #[arg(long, value_name = "AMOUNT", value_parser = parse_msat)]
    max_fee: Option<Msat>,
    /// How long to wait for the outcome
    #[arg(long, value_name = "SECONDS", default_value_t = SECONDS)]
    timeout: u32,
}

impl Pay {
    pub fn run(self, client: &Client, out: Output) -> anyhow::Result<()> {
        let request = api::Pay {
            invoice: self.invoice,
            amount_msat: self.amount,
            max_fee_msat: self.max_fee,
            timeout_seconds: Some(self.timeout),
        };
        let payment = patient(client, self.timeout).post("payments", request)?;
        report(&payment, out)
    }
}

/// A client that waits for a payment.
pub fn patient(client: &Client, seconds: u32) -> Client {
    client.with_timeout(Duration::from_secs(seconds.into()).saturating_add(MARGIN))
}

/// Prints the outcome; one that is not success is an error with its reason.
pub fn report(payment: &Payment, out: Output) -> anyhow::Result<()> {
    match payment.status {
        PaymentStatus::Succeeded => out.one(payment),
        PaymentStatus::Pending => {
            if out.is_json() {
                out.one(payment)?;
            }
            bail!(
                "the payment {} is still under way: see `zarnitsa payment show`",
                payment.payment_hash
            )
        }
        PaymentStatus::Failed => {
            if out.is_json() {
                out.one(payment)?;
            }
            match &payment.failure {
                Some(failure) => {
                    bail!("the payment failed: {} ({})", failure.message, failure.code)
                }
                None => bail!("the payment failed"),
            }
        }
    }
}
