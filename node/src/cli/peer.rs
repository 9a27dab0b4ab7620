//! `zarnitsa peer ...`

use bitcoin::secp256k1::PublicKey;
use clap::Subcommand;

use super::{Client, Output};
use crate::api::{self, PeerAddress, PeerConnect, PeerDisconnect, PeerNamed};

#[derive(Debug, Subcommand)]
pub enum Peer {
    /// Connect, and stay connected
    Connect {
        /// Whom
        #[arg(value_name = "PUBKEY@HOST:PORT", value_parser = with_address)]
        peer: PeerAddress,
    },
    /// Peers that are connected or that the node tries to reach
    List,
    /// End the connection
    Disconnect {
        /// Whom
        #[arg(value_name = "PUBKEY")]
        node_id: PublicKey,
    },
}

fn with_address(text: &str) -> Result<PeerAddress, String> {
    let peer: PeerAddress = text.parse().map_err(|error| format!("{error}"))?;
    match peer.address {
        Some(_) => Ok(peer),
        None => Err("add where the peer listens: PUBKEY@HOST:PORT".into()),
    }
}

impl Peer {
    pub fn run(self, client: &Client, out: Output) -> anyhow::Result<()> {
        match self {
            Self::Connect { peer } => {
                out.one(&client.post::<PeerNamed>("peers/connect", PeerConnect { peer })?)
            }
            Self::List => {
                let peers: Vec<api::Peer> = client.get("peers")?;
                out.list(&peers, &["node_id", "address", "connected", "features"])
            }
            Self::Disconnect { node_id } => {
                out.one(&client.post::<PeerNamed>("peers/disconnect", PeerDisconnect { node_id })?)
            }
        }
    }
}
