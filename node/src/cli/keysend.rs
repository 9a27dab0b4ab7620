//! `zarnitsa keysend`

use bitcoin::secp256k1::PublicKey;
use clap::Args;
use zarnitsa_channel::amount::Msat;

use super::pay::{patient, report, SECONDS};
use super::{Client, Output};
use crate::api::{self, parse_msat};

#[derive(Debug, Args)]
pub struct Keysend {
    /// To whom
    #[arg(value_name = "PUBKEY")]
    node_id: PublicKey,
    /// How much: 50sat, 50000msat, 0.1btc
    #[arg(value_parser = parse_msat)]
    amount: Msat,
    /// The most to pay in routing fees
    #[arg(long, value_name = "AMOUNT", value_parser = parse_msat)]
    max_fee: Option<Msat>,
    /// How long to wait for the outcome
    #[arg(long, value_name = "SECONDS", default_value_t = SECONDS)]
    timeout: u32,
}

impl Keysend {
    pub fn run(self, client: &Client, out: Output) -> anyhow::Result<()> {
        let request = api::Keysend {
            node_id: self.node_id,
            amount_msat: self.amount,
            max_fee_msat: self.max_fee,
            timeout_seconds: Some(self.timeout),
        };
        let payment = patient(client, self.timeout).post("payments/keysend", request)?;
        report(&payment, out)
    }
}
