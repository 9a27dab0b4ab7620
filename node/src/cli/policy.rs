//! `zarnitsa policy ...`

use clap::{Args, Subcommand};
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::ChannelId;

use super::{Client, Output};
use crate::api::{self, parse_msat, SetPolicy};

#[derive(Debug, Subcommand)]
pub enum Policy {
    /// What the node charges and demands
    Show,
    /// Change it; what is not said stays
    Set(Set),
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true, id = "change")]
pub struct Change {
    /// The fixed part of the forwarding fee
    #[arg(long, value_name = "AMOUNT", value_parser = parse_msat)]
    base_fee: Option<Msat>,
    /// Its proportional part, in millionths
    #[arg(long, value_name = "N")]
    fee_ppm: Option<u32>,
    /// Blocks between an incoming and an outgoing HTLC
    #[arg(long, value_name = "N")]
    cltv_delta: Option<u16>,
}

#[derive(Debug, Args)]
pub struct Set {
    #[command(flatten)]
    change: Change,
    /// For one channel only
    #[arg(long, value_name = "ID")]
    channel: Option<ChannelId>,
}

impl Policy {
    pub fn run(self, client: &Client, out: Output) -> anyhow::Result<()> {
        let policy: api::Policy = match self {
            Self::Show => client.get("policy")?,
            Self::Set(set) => {
                let request = SetPolicy {
                    base_fee_msat: set.change.base_fee,
                    fee_ppm: set.change.fee_ppm,
                    cltv_delta: set.change.cltv_delta,
                    channel_id: set.channel,
                };
                client.post("policy", request)?
            }
        };
        out.one(&policy)
    }
}
