//! `zarnitsa channel ...`

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::ChannelId;

use super::{ask, Client, Output};
use crate::api::{
    parse_msat, parse_sat, AmountOrAll, BatchChannel, ChannelClosed, ChannelHistoryEntry,
    ChannelOpened, ChannelSummary, CloseChannel, OpenBatch, OpenChannel, PeerAddress,
};

#[derive(Debug, Subcommand)]
pub enum Channel {
    /// Open a channel
    Open(Open),
    /// Open several channels by one opening transaction, all of them or none
    OpenBatch(OpenBatchArgs),
    /// Ask a hub to open a channel to this node
    Ask(ask::Ask),
    /// What this node asked hubs for, and what peers ask it for
    Asks,
    /// Open what a peer asks for, together with what others ask for
    Approve(ask::Approve),
    /// Do not open it
    Refuse(ask::Refuse),
    /// Every channel
    List,
    /// One channel
    Show {
        /// Which
        id: ChannelId,
    },
    /// Every step of a channel, as the ledger keeps it
    History {
        /// Which
        id: ChannelId,
    },
    /// Close a channel
    Close {
        /// Which
        id: ChannelId,
        /// Without the peer: coins come back after a delay
        #[arg(long)]
        force: bool,
        /// Fee rate in sat/vB [default: the estimate]
        #[arg(long, value_name = "SAT_VB")]
        fee_rate: Option<u64>,
    },
}

#[derive(Debug, Args)]
pub struct Open {
    /// With whom; the address may be left out for a connected peer
    #[arg(value_name = "PUBKEY[@HOST:PORT]")]
    peer: PeerAddress,
    /// How much to lock: 50000sat, 0.1btc, all
    amount: AmountOrAll,
    /// How much of it is the peer's from the start
    #[arg(long, value_name = "AMOUNT", value_parser = parse_msat)]
    push: Option<Msat>,
    /// Fee rate in sat/vB [default: the estimate]
    #[arg(long, value_name = "SAT_VB")]
    fee_rate: Option<u64>,
    /// Let the world know the channel
    #[arg(long)]
    announce: bool,
    /// Use it before its opening transaction is confirmed, if the peer trusts this node so far
    #[arg(long)]
    zero_conf: bool,
}

#[derive(Debug, Args)]
pub struct OpenBatchArgs {
    /// One channel a line, `PUBKEY[@HOST:PORT] AMOUNT`; what follows a # is for people
    file: PathBuf,
    /// Fee rate in sat/vB [default: the estimate]
    #[arg(long, value_name = "SAT_VB")]
    fee_rate: Option<u64>,
    /// Let the world know the channels
    #[arg(long)]
    announce: bool,
}

impl OpenBatchArgs {
    fn request(self) -> anyhow::Result<OpenBatch> {
        let name = self.file.display();
        let text = std::fs::read_to_string(&self.file).with_context(|| format!("{name}"))?;
        let mut channels = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let (said, _) = line.split_once('#').unwrap_or((line, ""));
            let words: Vec<&str> = said.split_whitespace().collect();
            match words[..] {
                [] => {}
                [peer, amount] => channels.push(
                    batch_channel(peer, amount)
                        .with_context(|| format!("{name}, line {number}"))?,
                ),
                _ => anyhow::bail!("{name}, line {number}: a peer and an amount were expected"),
            }
        }
        Ok(OpenBatch {
            channels,
            fee_rate_sat_vb: self.fee_rate,
            announce: self.announce,
        })
    }
}

fn batch_channel(peer: &str, amount: &str) -> anyhow::Result<BatchChannel> {
    Ok(BatchChannel {
        peer: peer.parse()?,
        amount_sat: parse_sat(amount)?.to_sat(),
    })
}

impl From<Open> for OpenChannel {
    fn from(open: Open) -> Self {
        Self {
            peer: open.peer,
            amount: open.amount,
            push_msat: open.push,
            fee_rate_sat_vb: open.fee_rate,
            announce: open.announce,
            zero_conf: open.zero_conf,
        }
    }
}

impl Channel {
    pub fn run(self, client: &Client, out: Output) -> anyhow::Result<()> {
        match self {
            Self::Open(open) => {
                out.one(&client.post::<ChannelOpened>("channels", OpenChannel::from(open))?)
            }
            Self::OpenBatch(batch) => {
                let request = batch.request()?;
                let opened: Vec<ChannelOpened> = client.post("channels/batch", request)?;
                out.list(&opened, &["channel_id", "opening_txid", "opening_output"])
            }
            Self::Ask(order) => ask::ask(order, client, out),
            Self::Asks => ask::list(client, out),
            Self::Approve(approve) => ask::approve(&approve, client, out),
            Self::Refuse(refuse) => ask::refuse(refuse, client, out),
            Self::List => {
                let channels: Vec<ChannelSummary> = client.get("channels")?;
                let columns = [
                    "channel_id",
                    "peer",
                    "state",
                    "capacity_sat",
                    "local_msat",
                    "remote_msat",
                ];
                out.list(&channels, &columns)
            }
            Self::Show { id } => out.one(&client.get::<ChannelSummary>(&format!("channels/{id}"))?),
            Self::History { id } => {
                let path = format!("channels/{id}/history");
                let history: Vec<ChannelHistoryEntry> = client.get(&path)?;
                let columns = [
                    "index",
                    "kind",
                    "ledger_height",
                    "commitment_number",
                    "peer_commitment_number",
                    "local_msat",
                    "remote_msat",
                    "txid",
                    "note",
                ];
                out.list(&history, &columns)
            }
            Self::Close {
                id,
                force,
                fee_rate,
            } => {
                if force && fee_rate.is_some() {
                    eprintln!("note: --fee-rate is for an agreed close; a commitment's fee follows its deadlines");
                }
                let request = CloseChannel {
                    channel_id: id,
                    force,
                    fee_rate_sat_vb: fee_rate,
                };
                out.one(&client.post::<ChannelClosed>("channels/close", request)?)
            }
        }
    }
}
