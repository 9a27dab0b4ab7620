//! `zarnitsa channel ...`

use clap::{Args, Subcommand};
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::ChannelId;

use super::{Client, Output};
use crate::api::{
    parse_msat, AmountOrAll, ChannelClosed, ChannelHistoryEntry, ChannelOpened, ChannelSummary,
    CloseChannel, OpenChannel, PeerAddress,
};

#[derive(Debug, Subcommand)]
pub enum Channel {
    /// Open a channel
    Open(Open),
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
}

impl From<Open> for OpenChannel {
    fn from(open: Open) -> Self {
        Self {
            peer: open.peer,
            amount: open.amount,
            push_msat: open.push,
            fee_rate_sat_vb: open.fee_rate,
            announce: open.announce,
        }
    }
}

impl Channel {
    pub fn run(self, client: &Client, out: Output) -> anyhow::Result<()> {
        match self {
            Self::Open(open) => {
                out.one(&client.post::<ChannelOpened>("channels", OpenChannel::from(open))?)
            }
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
                ];
                out.list(&history, &columns)
            }
            Self::Close {
                id,
                force,
                fee_rate,
            } => {
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
