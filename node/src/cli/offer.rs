//! `zarnitsa offer ...`

use clap::Subcommand;

use super::{Client, Output};
use crate::api::{self, AmountOrAny, CreateOffer};

#[derive(Debug, Subcommand)]
pub enum Offer {
    /// Make a BOLT 12 offer, which can be paid again and again
    Create {
        /// How much: 50sat, 50000msat, 0.1btc, or any
        amount: AmountOrAny,
        /// What it is for; the payer sees it
        #[arg(long, default_value = "")]
        description: String,
        /// Until when it may be paid [default: for ever]
        #[arg(long, value_name = "SECONDS")]
        expiry: Option<u32>,
    },
}

impl Offer {
    pub fn run(self, client: &Client, out: Output) -> anyhow::Result<()> {
        let Self::Create {
            amount,
            description,
            expiry,
        } = self;
        let request = CreateOffer {
            amount,
            description,
            expiry_seconds: expiry,
        };
        out.one(&client.post::<api::Offer>("offers", request)?)
    }
}
