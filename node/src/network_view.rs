//! The network graph as people and programs are shown it, a page at a time.

use bitcoin::secp256k1::PublicKey;
use lightning::ln::msgs::SocketAddress;
use lightning::routing::gossip::{ChannelInfo, ChannelUpdateInfo, NodeId, NodeInfo};
use zarnitsa_channel::amount::Msat;
use zarnitsa_peer::printable;
use zarnitsa_peer::routing::Graph;

use crate::api::{self, ApiError};
use crate::view;

/// Of nodes and of channels, unless the caller says otherwise, and at most.
const USUAL: usize = 200;
const MOST: usize = 1_000;

/// A page of nodes and a page of channels.
pub(crate) fn page(graph: &Graph, page: &api::NetworkPage) -> Result<api::NetworkGraph, ApiError> {
    let limit = page.limit.unwrap_or(USUAL).clamp(1, MOST);
    let channels_after = match &page.channels_after {
        Some(text) => Some(short_channel_id(text).ok_or_else(|| {
            ApiError::bad_request(format_args!("{text:?} is no short channel id: 1x2x3"))
        })?),
        None => None,
    };
    let graph = graph.read_only();
    let nodes_after = page.nodes_after.map(|id| NodeId::from_pubkey(&id));
    let (node_ids, more_nodes) = first(graph.nodes().unordered_keys(), nodes_after, limit);
    let (channel_ids, more_channels) =
        first(graph.channels().unordered_keys(), channels_after, limit);
    let nodes: Vec<_> = node_ids
        .iter()
        .filter_map(|id| node(id, graph.node(id)?))
        .collect();
    let channels: Vec<_> = channel_ids
        .iter()
        .filter_map(|id| channel(*id, graph.channel(*id)?))
        .collect();
    Ok(api::NetworkGraph {
        node_count: graph.nodes().len(),
        channel_count: graph.channels().len(),
        next_nodes: nodes.last().filter(|_| more_nodes).map(|node| node.node_id),
        next_channels: channels
            .last()
            .filter(|_| more_channels)
            .map(|channel| channel.short_channel_id.clone()),
        nodes,
        channels,
    })
}

/// The first `limit` keys behind `after` in their order, and whether there are more.
fn first<'a, T: Copy + Ord + 'a>(
    keys: impl Iterator<Item = &'a T>,
    after: Option<T>,
    limit: usize,
) -> (Vec<T>, bool) {
    let mut keys: Vec<T> = keys
        .copied()
        .filter(|key| after.is_none_or(|after| *key > after))
        .collect();
    keys.sort_unstable();
    let more = keys.len() > limit;
    keys.truncate(limit);
    (keys, more)
}

/// `1x2x3` as BOLT 7 packs it.
fn short_channel_id(text: &str) -> Option<u64> {
    let mut parts = text.split('x').map(|part| part.parse::<u64>().ok());
    let (height, index, output) = (parts.next()??, parts.next()??, parts.next()??);
    let fits = height <= 0xff_ffff && index <= 0xff_ffff && output <= 0xffff;
    (fits && parts.next().is_none()).then_some(height << 40 | index << 16 | output)
}

fn node(id: &NodeId, info: &NodeInfo) -> Option<api::NetworkNode> {
    let told = info.announcement_info.as_ref();
    Some(api::NetworkNode {
        node_id: key(id)?,
        alias: told.map(|it| alias(&it.alias().0)).unwrap_or_default(),
        color: told.map(|it| {
            let [red, green, blue] = it.rgb();
            format!("#{red:02x}{green:02x}{blue:02x}")
        }),
        addresses: told
            .map(|it| it.addresses().iter().map(address).collect())
            .unwrap_or_default(),
        channels: info.channels.len(),
        updated_at: told.map_or(0, |it| it.last_update()),
    })
}

/// What a stranger calls itself goes to people's screens: nothing in it may steer them.
fn alias(bytes: &[u8; 32]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(32);
    printable(&String::from_utf8_lossy(&bytes[..end]))
}

fn address(address: &SocketAddress) -> String {
    printable(&address.to_string())
}

fn channel(id: u64, info: &ChannelInfo) -> Option<api::NetworkChannel> {
    Some(api::NetworkChannel {
        short_channel_id: view::short_channel_id(id)?,
        node_1: key(&info.node_one)?,
        node_2: key(&info.node_two)?,
        capacity_sat: info.capacity_sats,
        from_1: info.one_to_two.as_ref().map(terms),
        from_2: info.two_to_one.as_ref().map(terms),
    })
}

fn terms(info: &ChannelUpdateInfo) -> api::NetworkTerms {
    api::NetworkTerms {
        enabled: info.enabled,
        base_fee_msat: Msat::new(info.fees.base_msat.into()),
        fee_ppm: info.fees.proportional_millionths,
        cltv_delta: info.cltv_expiry_delta,
        htlc_minimum_msat: Msat::new(info.htlc_minimum_msat),
        htlc_maximum_msat: Msat::new(info.htlc_maximum_msat),
        updated_at: info.last_update,
    }
}

fn key(id: &NodeId) -> Option<PublicKey> {
    id.as_pubkey().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bitcoin::secp256k1::{SecretKey, SECP256K1};
    use bitcoin::Network;
    use lightning::types::features::ChannelFeatures;
    use std::sync::Arc;
    use zarnitsa_peer::TracingLogger;

    fn graph(channels: u64) -> Graph {
        let graph = Graph::new(Network::Regtest, Arc::new(TracingLogger));
        let id = |byte| {
            let key = SecretKey::from_slice(&[byte; 32]).expect("a valid key");
            NodeId::from_pubkey(&key.public_key(SECP256K1))
        };
        let mut ends = [id(1), id(2)];
        ends.sort_unstable();
        for number in 1..=channels {
            let features = ChannelFeatures::empty();
            let seconds = crate::time::unix();
            graph
                .add_channel_from_partial_announcement(
                    number << 40,
                    Some(5),
                    seconds,
                    features,
                    ends[0],
                    ends[1],
                )
                .expect("a new channel");
        }
        graph
    }

    #[test]
    fn page_after_page_shows_each_channel_and_node_once() {
        let graph = graph(5);
        let (mut channels, mut nodes) = (Vec::new(), Vec::new());
        let mut asked = api::NetworkPage {
            limit: Some(2),
            ..api::NetworkPage::default()
        };
        loop {
            let shown = page(&graph, &asked).expect("a page");
            assert_eq!((shown.channel_count, shown.node_count), (5, 2));
            assert!(shown.channels.len() <= 2);
            channels.extend(shown.channels.into_iter().map(|it| it.short_channel_id));
            if asked.nodes_after.is_none() {
                nodes.extend(shown.nodes.into_iter().map(|it| it.node_id));
            }
            asked.channels_after = shown.next_channels;
            if asked.channels_after.is_none() {
                break;
            }
            asked.nodes_after = nodes.last().copied();
        }
        assert_eq!(channels, ["1x0x0", "2x0x0", "3x0x0", "4x0x0", "5x0x0"]);
        assert_eq!(nodes.len(), 2);
    }

    #[test]
    fn place_that_is_no_short_channel_id_is_refused() {
        for text in [
            "",
            "1",
            "1x2",
            "1x2x3x4",
            "16777216x0x0",
            "1x2x65536",
            "ax0x0",
        ] {
            let asked = api::NetworkPage {
                channels_after: Some(text.to_owned()),
                ..api::NetworkPage::default()
            };
            assert!(page(&graph(1), &asked).is_err(), "{text:?}");
        }
    }

    #[test]
    fn alias_with_control_characters_is_made_printable() {
        let mut bytes = [0; 32];
        bytes[..6].copy_from_slice(b"a\x1b[31m");
        assert!(!alias(&bytes).contains('\x1b'));
    }
}
