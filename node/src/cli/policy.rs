//! `zarnitsa policy ...`

use bitcoin::secp256k1::PublicKey;
use clap::{Args, Subcommand};
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::ChannelId;

use super::{Client, Output};
use crate::api::{self, parse_msat, SetAskPolicy, SetPolicy};

#[derive(Debug, Subcommand)]
pub enum Policy {
    /// What the node charges and demands
    Show,
    /// Change it; what is not said stays
    Set(Set),
    /// What it wants of peers that ask for channels; what is not said stays
    Asks(SetAskPolicy),
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
    /// Whether peers may open channels to this node
    #[arg(long, value_name = "BOOL")]
    accept_channels: Option<bool>,
    /// Whether payments of others are forwarded
    #[arg(long, value_name = "BOOL")]
    forward: Option<bool>,
    /// Whether payments without an invoice are taken
    #[arg(long, value_name = "BOOL")]
    accept_keysend: Option<bool>,
    /// Confirmations that an opening transaction of a peer needs
    #[arg(long, value_name = "N")]
    minimum_depth: Option<u32>,
    /// Whether a peer may open channels that are usable unconfirmed
    #[arg(long, value_name = "BOOL")]
    zero_conf: Option<bool>,
    /// How many channels there may be before peers may open no more
    #[arg(long, value_name = "N")]
    max_channels: Option<u32>,
    /// How many of them one peer may have
    #[arg(long, value_name = "N")]
    max_channels_per_peer: Option<u32>,
    /// Whether the peer is one of those that may ask for channels where only listed ones may
    #[arg(long, value_name = "BOOL", requires = "peer")]
    listed: Option<bool>,
    /// The smallest payment that the channel carries out
    #[arg(long, value_name = "AMOUNT", value_parser = parse_msat, requires = "channel")]
    htlc_minimum: Option<Msat>,
    /// The largest
    #[arg(long, value_name = "AMOUNT", value_parser = parse_msat, requires = "channel")]
    htlc_maximum: Option<Msat>,
}

#[derive(Debug, Args)]
pub struct Set {
    #[command(flatten)]
    change: Change,
    /// For one channel only
    #[arg(long, value_name = "ID", conflicts_with = "peer")]
    channel: Option<ChannelId>,
    /// For one peer only: --minimum-depth, --zero-conf and --listed
    #[arg(long, value_name = "PUBKEY")]
    peer: Option<PublicKey>,
}

impl Policy {
    pub fn run(self, client: &Client, out: Output) -> anyhow::Result<()> {
        let policy: api::Policy = match self {
            Self::Show => client.get("policy")?,
            Self::Asks(asks) => {
                let request = SetPolicy {
                    asks: Some(asks),
                    ..SetPolicy::default()
                };
                client.post("policy", request)?
            }
            Self::Set(set) => {
                let request = SetPolicy {
                    base_fee_msat: set.change.base_fee,
                    fee_ppm: set.change.fee_ppm,
                    cltv_delta: set.change.cltv_delta,
                    accept_channels: set.change.accept_channels,
                    forward: set.change.forward,
                    accept_keysend: set.change.accept_keysend,
                    minimum_depth: set.change.minimum_depth,
                    zero_conf: set.change.zero_conf,
                    max_channels: set.change.max_channels,
                    max_channels_per_peer: set.change.max_channels_per_peer,
                    htlc_minimum_msat: set.change.htlc_minimum,
                    htlc_maximum_msat: set.change.htlc_maximum,
                    listed: set.change.listed,
                    asks: None,
                    channel_id: set.channel,
                    peer: set.peer,
                };
                client.post("policy", request)?
            }
        };
        out.one(&policy)
    }
}
