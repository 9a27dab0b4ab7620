//! `zarnitsa payment ...` and `zarnitsa forward ...`

use clap::Subcommand;
use zarnitsa_channel::ids::PaymentHash;

use super::{Client, Output};
use crate::api;

#[derive(Debug, Subcommand)]
pub enum Payment {
    /// Every payment sent, newest first
    List,
    /// One payment sent
    Show {
        /// Its payment hash
        hash: PaymentHash,
    },
}

impl Payment {
    pub fn run(self, client: &Client, out: Output) -> anyhow::Result<()> {
        match self {
            Self::List => {
                let payments: Vec<api::Payment> = client.get("payments")?;
                out.list(
                    &payments,
                    &["payment_hash", "amount_msat", "fee_msat", "status"],
                )
            }
            Self::Show { hash } => {
                out.one(&client.get::<api::Payment>(&format!("payments/{hash}"))?)
            }
        }
    }
}

#[derive(Debug, Subcommand)]
pub enum Forward {
    /// Every payment forwarded, newest first
    List,
}

impl Forward {
    pub fn run(self, client: &Client, out: Output) -> anyhow::Result<()> {
        match self {
            Self::List => {
                let forwards: Vec<api::Forward> = client.get("forwards")?;
                let columns = [
                    "payment_hash",
                    "incoming_channel_id",
                    "outgoing_channel_id",
                    "amount_msat",
                    "fee_msat",
                    "status",
                ];
                out.list(&forwards, &columns)
            }
        }
    }
}
