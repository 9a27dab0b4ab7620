//! `zarnitsa invoice ...`

use clap::Subcommand;
use zarnitsa_channel::ids::PaymentHash;

use super::{Client, Output};
use crate::api::{self, AmountOrAny, CancelInvoice, CreateInvoice, Metadata, SettleInvoice};

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
        /// Hold what is paid until it is settled or cancelled; with the hash of a preimage that the node does not know
        #[arg(long, value_name = "HASH", num_args = 0..=1)]
        hold: Option<Option<PaymentHash>>,
        /// What the payer must send along, up to 639 bytes
        #[arg(long, value_name = "HEX")]
        metadata: Option<Metadata>,
    },
    /// Claim what is held: by the preimage, or by the payment hash where the node has the preimage
    Settle {
        /// 32 bytes in hex
        #[arg(value_name = "PREIMAGE")]
        preimage_or_hash: String,
    },
    /// Take an invoice back, and give back what is held for it
    Cancel {
        /// Its payment hash
        hash: PaymentHash,
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
                hold,
                metadata,
            } => {
                let request = CreateInvoice {
                    amount,
                    description,
                    expiry_seconds: expiry,
                    hold: hold.is_some(),
                    payment_hash: hold.flatten(),
                    metadata,
                };
                out.one(&client.post::<api::Invoice>("invoices", request)?)
            }
            Self::Settle { preimage_or_hash } => {
                let request = SettleInvoice { preimage_or_hash };
                out.one(&client.post::<api::Invoice>("invoices/settle", request)?)
            }
            Self::Cancel { hash } => {
                let request = CancelInvoice { payment_hash: hash };
                out.one(&client.post::<api::Invoice>("invoices/cancel", request)?)
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
