//! `zarnitsa channel ask`, `asks`, `approve` and `refuse`.

use bitcoin::Amount;
use clap::Args;
use exonum::crypto::Hash;
use hex::FromHex;

use super::{Client, Output};
use crate::api::{parse_sat, ApproveAsk, AskChannel, ChannelAsk, PeerAddress, RefuseAsk};

const PATH: &str = "channels/asks";

#[derive(Debug, Args)]
pub struct Ask {
    /// Whom; the address may be left out for a connected peer
    #[arg(value_name = "PUBKEY[@HOST:PORT]")]
    peer: PeerAddress,
    /// How large it is to be: 500000sat, 0.01btc
    #[arg(value_parser = parse_sat)]
    amount: Amount,
}

#[derive(Debug, Args)]
pub struct Approve {
    /// Which, as `channel asks` lists it
    #[arg(value_parser = ask_id)]
    ask_id: Hash,
}

#[derive(Debug, Args)]
pub struct Refuse {
    /// Which, as `channel asks` lists it
    #[arg(value_parser = ask_id)]
    ask_id: Hash,
    /// Why; the peer hears it
    #[arg(long)]
    reason: Option<String>,
}

fn ask_id(text: &str) -> Result<Hash, String> {
    Hash::from_hex(text).map_err(|_| "not 64 digits of hex".to_owned())
}

pub fn ask(ask: Ask, client: &Client, out: Output) -> anyhow::Result<()> {
    let request = AskChannel {
        peer: ask.peer,
        amount_sat: ask.amount.to_sat(),
    };
    out.one(&client.post::<ChannelAsk>(PATH, request)?)
}

pub fn list(client: &Client, out: Output) -> anyhow::Result<()> {
    let asks: Vec<ChannelAsk> = client.get(PATH)?;
    let columns = [
        "ask_id",
        "direction",
        "peer",
        "amount_sat",
        "status",
        "reason",
    ];
    out.list(&asks, &columns)
}

pub fn approve(approve: &Approve, client: &Client, out: Output) -> anyhow::Result<()> {
    let request = ApproveAsk {
        ask_id: approve.ask_id,
    };
    out.one(&client.post::<ChannelAsk>("channels/asks/approve", request)?)
}

pub fn refuse(refuse: Refuse, client: &Client, out: Output) -> anyhow::Result<()> {
    let request = RefuseAsk {
        ask_id: refuse.ask_id,
        reason: refuse.reason,
    };
    out.one(&client.post::<ChannelAsk>("channels/asks/refuse", request)?)
}
