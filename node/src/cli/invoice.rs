//! `zarnitsa invoice ...`

use clap::Subcommand;
use zarnitsa_channel::ids::PaymentHash;

use super::{Client, Output};
use crate::api::{self, AmountOrAny, CreateInvoice};

#[derive(Debug, Subcommand)]
pub enum Invoice {
    /// Make a BOLT 11 invoice
    Create {
        /// How much: 50sat, 50000msat, 0.1btc, or any
        amount: AmountOrAny,
        /// What it is for; the payer sees it
        #[arg(long, default_value = "")]
        description: String,
        /// Until when it may be paid [default: 3600]
        #[arg(long, value_name = "SECONDS")]
        expiry: Option<u32>,
    },
    /// Every invoice, newest first
    List,
    /// One invoice
    Show {
        /// Its payment hash
        hash: PaymentHash,
    },
}

impl Invoice {
    pub fn run(self, client: &Client, out: Output) -> anyhow::Result<()> {
        match self {
            Self::Create {
                amount,
                description,
                expiry,
            } => {
                let request = CreateInvoice {
                    amount,
                    description,
                    expiry_seconds: expiry,
                };
                out.one(&client.post::<api::Invoice>("invoices", request)?)
            }
            Self::List => {
                let invoices: Vec<api::Invoice> = client.get("invoices")?;
                out.list(
                    &invoices,
                    &["payment_hash", "amount_msat", "status", "description"],
                )
            }
            Self::Show { hash } => {
                out.one(&client.get::<api::Invoice>(&format!("invoices/{hash}"))?)
            }
        }
    }
}
