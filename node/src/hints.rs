//! What a payer must know of this node's private channels: route hints in invoices (BOLT 11, `r`), made of the terms that
//! the peers have told of their ends.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bitcoin::secp256k1::PublicKey;
use lightning::ln::msgs::{ChannelUpdate, UnsignedChannelUpdate};
use lightning::routing::router::{RouteHint, RouteHintHop};
use lightning::types::routing::RoutingFees;
use lightning::util::ser::{LengthReadable, Readable, Writeable};
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::ChannelId;
use zarnitsa_channel::state::Channel;
use zarnitsa_service::read;
use zarnitsa_service::records::ChannelRecord;

use crate::shared::Shared;

/// An invoice has to fit into a QR code.
const MAX_HINTS: usize = 3;
/// BOLT 7, channel_flags: no payments for now.
const DISABLED: u8 = 1 << 1;
const FILE: &str = "peer-terms";

/// On what terms each peer passes payments on to this node: the newest channel_update that it sent for its end. A cache:
/// peers say it again on each connection.
#[derive(Debug, Default)]
pub(crate) struct PeerTerms(Mutex<BTreeMap<ChannelId, UnsignedChannelUpdate>>);

impl PeerTerms {
    /// What an earlier run left; what cannot be read begins empty.
    pub(crate) fn open(folder: &Path) -> Self {
        let bytes = std::fs::read(folder.join(FILE)).unwrap_or_default();
        let mut rest = &bytes[..];
        let mut terms = BTreeMap::new();
        while let Some((id, update)) = entry(&mut rest) {
            terms.insert(id, update);
        }
        Self(Mutex::new(terms))
    }

    /// For the next run.
    pub(crate) fn save(&self, folder: &Path) -> std::io::Result<()> {
        let mut bytes = Vec::new();
        for (id, update) in &*self.terms() {
            let update = update.encode();
            let length = u16::try_from(update.len()).unwrap_or(u16::MAX);
            bytes.extend(id.0);
            bytes.extend(length.to_be_bytes());
            bytes.extend(update);
        }
        std::fs::create_dir_all(folder)?;
        let draft = folder.join(format!("{FILE}.new"));
        std::fs::write(&draft, bytes)?;
        std::fs::rename(&draft, folder.join(FILE))
    }

    fn terms(&self) -> MutexGuard<'_, BTreeMap<ChannelId, UnsignedChannelUpdate>> {
        // One insert or removal is the only change, so a panic elsewhere leaves the map whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An update that is checked to be the peer's own. An older one changes nothing.
    pub(crate) fn learn(&self, id: ChannelId, update: &ChannelUpdate) {
        let mut terms = self.terms();
        let newest = terms.get(&id).map_or(0, |known| known.timestamp);
        if update.contents.timestamp > newest {
            let contents = UnsignedChannelUpdate {
                excess_data: Vec::new(), // nothing that anybody here understands
                ..update.contents.clone()
            };
            terms.insert(id, contents);
        }
    }

    /// The channel is over.
    pub(crate) fn forget(&self, id: &ChannelId) {
        self.terms().remove(id);
    }

    fn of(&self, id: &ChannelId) -> Option<UnsignedChannelUpdate> {
        self.terms().get(id).cloned()
    }
}

fn entry(rest: &mut &[u8]) -> Option<(ChannelId, UnsignedChannelUpdate)> {
    let id = <[u8; 32]>::read(rest).ok()?;
    let length = usize::from(u16::read(rest).ok()?);
    let (update, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    let update = UnsignedChannelUpdate::read_from_fixed_length_buffer(&mut &update[..]).ok()?;
    Some((ChannelId(id), update))
}

/// A channel by which a payment can come to this node.
pub(crate) struct Hint {
    /// From whom.
    pub peer: PublicKey,
    /// What the peer calls the channel (BOLT 2, channel_ready's alias).
    pub short_channel_id: u64,
    /// On what terms the peer passes payments on.
    pub terms: UnsignedChannelUpdate,
    /// About what can come by it now.
    pub receivable: Msat,
}

impl Shared {
    /// Ways to this node for an invoice of `amount`: none where a public channel leads here.
    pub(crate) fn route_hints(&self, amount: Msat) -> Vec<RouteHint> {
        let ways = self.ways_in(amount).unwrap_or_default();
        ways.iter().map(route_hint).collect()
    }

    /// The best private ways to this node for `amount`. None where a public channel leads here.
    pub(crate) fn ways_in(&self, amount: Msat) -> Option<Vec<Hint>> {
        let snapshot = self.ledger.snapshot();
        let records = read::live_channels(&*snapshot).into_iter();
        let records = records.filter_map(|id| read::channel_record(&*snapshot, &id));
        let usable: Vec<_> = records.filter(|it| it.state == "normal").collect();
        if usable.iter().any(|it| self.is_public(it)) {
            return None;
        }
        let best = most_receivable_first(usable, amount);
        let hints = best.iter().filter_map(|record| {
            let machine = Channel::decode(&record.machine).ok()?;
            let terms = self.peer_terms.of(&record.channel_id)?;
            hint(&machine, terms, about_receivable(record))
        });
        Some(hints.take(MAX_HINTS).collect())
    }

    /// Whether there is a channel with the node that is not over.
    pub(crate) fn has_channel_with(&self, node: &PublicKey) -> bool {
        let snapshot = self.ledger.snapshot();
        let records = read::live_channels(&*snapshot).into_iter();
        let mut records = records.filter_map(|id| read::channel_record(&*snapshot, &id));
        records.any(|record| record.peer == *node)
    }

    fn is_public(&self, record: &ChannelRecord) -> bool {
        record.announced && self.gossip.is_announced(record.short_channel_id)
    }
}

/// Channels that can receive all of it, else all, for it may come in parts.
fn most_receivable_first(mut records: Vec<ChannelRecord>, amount: Msat) -> Vec<ChannelRecord> {
    records.sort_by_key(|record| std::cmp::Reverse(record.remote_msat));
    if records.iter().any(|record| record.remote_msat >= amount) {
        records.retain(|record| record.remote_msat >= amount);
    }
    records
}

/// What the peer can send by the channel, without its reserve and its commitment's fee; in eighths of the channel, so that
/// whoever is told it learns no more of the balance than that.
fn about_receivable(record: &ChannelRecord) -> Msat {
    let capacity = record.capacity_sat.to_sat().saturating_mul(1_000);
    let (eighth, kept) = (capacity / 8, capacity / 40);
    let free = record.remote_msat.to_msat().saturating_sub(kept);
    Msat::new(free - free % eighth.max(1))
}

fn hint(machine: &Channel, terms: UnsignedChannelUpdate, receivable: Msat) -> Option<Hint> {
    if terms.channel_flags & DISABLED != 0 {
        return None;
    }
    let named = machine.counterparty_alias();
    Some(Hint {
        peer: machine.params().peer,
        short_channel_id: named.or_else(|| machine.short_channel_id())?,
        terms,
        receivable,
    })
}

/// The one hop from the peer to this node.
fn route_hint(hint: &Hint) -> RouteHint {
    RouteHint(vec![RouteHintHop {
        src_node_id: hint.peer,
        short_channel_id: hint.short_channel_id,
        fees: RoutingFees {
            base_msat: hint.terms.fee_base_msat,
            proportional_millionths: hint.terms.fee_proportional_millionths,
        },
        cltv_expiry_delta: hint.terms.cltv_expiry_delta,
        htlc_minimum_msat: None,
        htlc_maximum_msat: None,
    }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use bitcoin::constants::ChainHash;
    use bitcoin::secp256k1::{Message, SecretKey, SECP256K1};

    fn update(timestamp: u32, fee_base_msat: u32) -> ChannelUpdate {
        let key = SecretKey::from_slice(&[1; 32]).expect("a valid key");
        ChannelUpdate {
            signature: SECP256K1.sign_ecdsa(&Message::from_digest([2; 32]), &key),
            contents: UnsignedChannelUpdate {
                chain_hash: ChainHash::REGTEST,
                short_channel_id: 7,
                timestamp,
                message_flags: 1,
                channel_flags: 0,
                cltv_expiry_delta: 40,
                htlc_minimum_msat: 1,
                htlc_maximum_msat: 2,
                fee_base_msat,
                fee_proportional_millionths: 3,
                excess_data: vec![9; 100],
            },
        }
    }

    #[test]
    fn terms_older_than_the_known_ones_change_nothing() {
        let terms = PeerTerms::default();
        let id = ChannelId([1; 32]);
        terms.learn(id, &update(10, 1));
        terms.learn(id, &update(9, 2));
        terms.learn(id, &update(10, 3));
        assert_eq!(terms.of(&id).map(|it| it.fee_base_msat), Some(1));
        terms.learn(id, &update(11, 4));
        assert_eq!(terms.of(&id).map(|it| it.fee_base_msat), Some(4));
        terms.forget(&id);
        assert!(terms.of(&id).is_none());
    }

    #[test]
    fn terms_saved_come_back_and_damaged_ones_begin_empty() {
        let folder = tempfile::tempdir().expect("a folder");
        let terms = PeerTerms::default();
        for byte in 1..4 {
            terms.learn(ChannelId([byte; 32]), &update(10, byte.into()));
        }
        terms.save(folder.path()).expect("it can be written");
        let again = PeerTerms::open(folder.path());
        for byte in 1..4 {
            let known = again.of(&ChannelId([byte; 32])).expect("it was kept");
            assert_eq!(known.fee_base_msat, u32::from(byte));
        }
        std::fs::write(folder.path().join(FILE), [1; 50]).expect("it can be written");
        assert!(PeerTerms::open(folder.path()).terms().is_empty());
        assert!(PeerTerms::open(Path::new("/nonexistent"))
            .terms()
            .is_empty());
    }
}
