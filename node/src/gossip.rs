//! The node's part of BOLT 7: where announced channels are looked up, what is kept of the network, and what is told of this node.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bitcoin::TxOut;
use lightning::ln::msgs::SocketAddress;
use tokio::time::{interval, MissedTickBehavior};
use zarnitsa_bitcoin_adapter::{unspent_at, ChainSource, OutputPlace};
use zarnitsa_peer::{FundingOutputs, NotAsked};

use crate::shared::Shared;

/// How often what is known of the network is written, for the next start.
const SAVE: Duration = Duration::from_secs(600);

/// bitcoind, asked for the outputs of announced channels.
pub(crate) struct Outputs(pub Arc<dyn ChainSource>);

impl FundingOutputs for Outputs {
    fn output(&self, short_channel_id: u64) -> Result<Option<TxOut>, NotAsked> {
        // BOLT 7, "Definition of short_channel_id": three bytes, three bytes, two.
        let part = |shift: u32, bits: u64| u32::try_from((short_channel_id >> shift) & bits);
        let place = match (part(40, 0xff_ffff), part(16, 0xff_ffff), part(0, 0xffff)) {
            (Ok(height), Ok(index), Ok(vout)) => OutputPlace {
                height,
                index,
                vout,
            },
            _ => return Ok(None),
        };
        unspent_at(&*self.0, place).map_err(|error| NotAsked(error.to_string()))
    }
}

/// Writes what is known of the network now and then, and forgets what is stale, until the node stops.
pub(crate) fn keep(shared: &Arc<Shared>) {
    let stopping = shared.stopping.clone();
    let shared = Arc::downgrade(shared); // it must not keep the ledger open
    tokio::spawn(async move {
        let mut saves = interval(SAVE);
        saves.set_missed_tick_behavior(MissedTickBehavior::Delay);
        saves.tick().await; // the first tick of an interval is immediate
        loop {
            tokio::select! {
                () = stopping.cancelled() => return,
                _ = saves.tick() => {}
            }
            let Some(shared) = shared.upgrade() else {
                return;
            };
            let saved = tokio::task::spawn_blocking(move || {
                shared.gossip.prune();
                shared.save_network();
            });
            if let Err(error) = saved.await {
                tracing::error!(%error, "what is known of the network is not kept");
            }
        }
    });
}

impl Shared {
    /// Writes what is known of the network, for the next start. Nothing but time is lost where it fails.
    pub(crate) fn save_network(&self) {
        let folder = self.config.network_dir().join("gossip");
        let terms = self.peer_terms.save(&folder);
        let saved = self.router.save().map_err(|error| error.to_string());
        if let Err(error) = saved.and(terms.map_err(|error| error.to_string())) {
            tracing::warn!(error, "what is known of the network is not kept");
        }
    }

    /// BOLT 7, node_announcement: alias, colour and addresses. The peers believe it only of a node with a public channel.
    pub(crate) fn announce_node(&self) {
        let [red, green, blue, ..] = self.signer.node_id().serialize();
        let addresses = &self.config.lightning.announce;
        let addresses = addresses.iter().filter_map(|text| address(text)).collect();
        let alias = alias(&self.config.alias);
        self.peers
            .announce_node([red, green, blue], alias, addresses);
    }
}

/// At most 32 bytes, cut between two characters, zeroes behind.
fn alias(name: &str) -> [u8; 32] {
    let mut alias = [0; 32];
    let mut used = 0;
    for character in name.chars() {
        let next = used + character.len_utf8();
        let Some(place) = alias.get_mut(used..next) else {
            break;
        };
        character.encode_utf8(place);
        used = next;
    }
    alias
}

/// As BOLT 7 writes an address. A host name is told as it is.
fn address(text: &str) -> Option<SocketAddress> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(match address {
            SocketAddr::V4(v4) => SocketAddress::TcpIpV4 {
                addr: v4.ip().octets(),
                port: v4.port(),
            },
            SocketAddr::V6(v6) => SocketAddress::TcpIpV6 {
                addr: v6.ip().octets(),
                port: v6.port(),
            },
        });
    }
    let (host, port) = text.rsplit_once(':')?;
    Some(SocketAddress::Hostname {
        hostname: host.to_owned().try_into().ok()?,
        port: port.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alias_longer_than_32_bytes_is_cut_between_characters() {
        assert_eq!(&alias("hub")[..4], b"hub\0");
        let long = "зарница".repeat(5);
        let cut = alias(&long);
        let text = std::str::from_utf8(&cut).expect("whole characters");
        assert_eq!(text.trim_end_matches('\0'), &long[..32]);
        let odd = format!("x{long}");
        let cut = alias(&odd);
        assert_eq!(cut[31], 0, "a character of two bytes does not fit in one");
    }

    #[test]
    fn address_is_read_as_bolt_7_has_it() {
        assert!(matches!(
            address("127.0.0.1:9735"),
            Some(SocketAddress::TcpIpV4 { port: 9_735, .. })
        ));
        assert!(matches!(
            address("[::1]:9735"),
            Some(SocketAddress::TcpIpV6 { .. })
        ));
        assert!(matches!(
            address("hub.example:9735"),
            Some(SocketAddress::Hostname { .. })
        ));
        assert!(address("nonsense").is_none());
        assert!(address("host:port").is_none());
    }
}
