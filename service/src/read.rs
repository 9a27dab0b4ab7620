//! Questions about a snapshot of the ledger.

use bitcoin::secp256k1::PublicKey;
use exonum::crypto::Hash;
use exonum::merkledb::access::Prefixed;
use exonum::merkledb::Snapshot;
use zarnitsa_channel::ids::{ChannelId, HtlcId, PaymentHash};
use zarnitsa_channel::params::Side;
use zarnitsa_channel::state::Channel;

use crate::records::{
    Ask, ChannelPolicy, ChannelRecord, Config, Event, Forward, HistoryEntry, HtlcKey, HtlcOnion,
    HtlcRecord, Invoice, Payment, Policy, Request, ReturnedFailure,
};
use crate::schema::Schema;
use crate::INSTANCE_NAME;

/// 32 bytes as a key of the ledger's indexes.
pub fn hash_of(bytes: &[u8; 32]) -> Hash {
    Hash::new(*bytes)
}

/// The service's indexes in a snapshot. Before the ledger's first block they are empty.
pub fn schema(snapshot: &dyn Snapshot) -> Schema<Prefixed<&dyn Snapshot>> {
    Schema::new(Prefixed::new(INSTANCE_NAME, snapshot))
}

/// Whose ledger it is.
pub fn config(snapshot: &dyn Snapshot) -> Option<Config> {
    schema(snapshot).config().get()
}

/// What the operator wants.
pub fn policy(snapshot: &dyn Snapshot) -> Option<Policy> {
    schema(snapshot).policy().get()
}

/// What single channels forward for, in the order of their ids.
pub fn channel_policies(snapshot: &dyn Snapshot) -> Vec<ChannelPolicy> {
    let schema = schema(snapshot);
    schema.channel_policies().values().collect()
}

/// A channel's record, closed channels included.
pub fn channel_record(snapshot: &dyn Snapshot, id: &ChannelId) -> Option<ChannelRecord> {
    schema(snapshot).channels().get(&hash_of(&id.0))
}

/// The channel machine's state, of channels that are over too. None where there is no such channel, or where its bytes
/// are damaged.
pub fn channel(snapshot: &dyn Snapshot, id: &ChannelId) -> Option<Channel> {
    let record = channel_record(snapshot, id)?;
    Channel::decode(&record.machine).ok()
}

/// The number of the channel's next step: how many it has made, its opening included.
pub fn next_step(snapshot: &dyn Snapshot, id: &ChannelId) -> Option<u64> {
    channel_record(snapshot, id).map(|record| record.history_len)
}

/// All channels that ever were, in the order of their ids.
pub fn channel_records(snapshot: &dyn Snapshot) -> Vec<ChannelRecord> {
    let schema = schema(snapshot);
    schema.channels().values().collect()
}

/// The ids of the channels that are not over.
pub fn live_channels(snapshot: &dyn Snapshot) -> Vec<ChannelId> {
    let schema = schema(snapshot);
    schema
        .live_channels()
        .iter()
        .map(|hash| ChannelId(hash.as_bytes()))
        .collect()
}

/// A channel's steps from number `from` on, `limit` at most.
pub fn history(
    snapshot: &dyn Snapshot,
    id: &ChannelId,
    from: u64,
    limit: usize,
) -> Vec<HistoryEntry> {
    let schema = schema(snapshot);
    let list = schema.history().get(&hash_of(&id.0));
    let entries = list.iter_from(from).take(limit).collect();
    entries
}

/// An HTLC, resolved ones included.
pub fn htlc(snapshot: &dyn Snapshot, key: &HtlcKey) -> Option<HtlcRecord> {
    schema(snapshot).htlcs().get(&key.raw())
}

/// The HTLCs of a channel with ids below these, of this node's and of the peer's, resolved ones included.
pub fn htlcs_below(snapshot: &dyn Snapshot, id: &ChannelId, below: (u64, u64)) -> Vec<HtlcRecord> {
    let schema = schema(snapshot);
    let holder = (0..below.0).map(|number| (Side::Holder, number));
    let counterparty = (0..below.1).map(|number| (Side::Counterparty, number));
    holder
        .chain(counterparty)
        .filter_map(|(side, number)| {
            schema
                .htlcs()
                .get(&HtlcKey::new(id, side, HtlcId(number)).raw())
        })
        .collect()
}

/// The attribution data beside the failure or the preimage of an HTLC that is not gone yet.
pub fn attribution(snapshot: &dyn Snapshot, key: &HtlcKey) -> Option<Vec<u8>> {
    schema(snapshot).attributions().get(key)
}

/// The onion of an HTLC that lives.
pub fn onion(snapshot: &dyn Snapshot, key: &HtlcKey) -> Option<HtlcOnion> {
    HtlcOnion::from_stored(schema(snapshot).onions().get(key)?)
}

/// Why an HTLC of this node's failed, as it came: while the HTLC that it was forwarded for lives.
pub fn returned_failure(snapshot: &dyn Snapshot, outgoing: &HtlcKey) -> Option<ReturnedFailure> {
    schema(snapshot).returned_failures().get(outgoing)
}

/// A payment that passes through this node, by its HTLC in.
pub fn forward(snapshot: &dyn Snapshot, incoming: &HtlcKey) -> Option<Forward> {
    schema(snapshot).forwards().get(&incoming.raw())
}

/// Payments that pass or passed through this node, the newest first: `limit` at most, `skip` left out.
pub fn forwards(snapshot: &dyn Snapshot, skip: u64, limit: usize) -> Vec<Forward> {
    let schema = schema(snapshot);
    newest(schema.forward_order().len(), skip, limit)
        .filter_map(|index| {
            schema
                .forwards()
                .get(&schema.forward_order().get(index)?.key().raw())
        })
        .collect()
}

/// An invoice.
pub fn invoice(snapshot: &dyn Snapshot, hash: &PaymentHash) -> Option<Invoice> {
    schema(snapshot).invoices().get(&hash_of(&hash.0))
}

/// Invoices, the newest first: `limit` at most, `skip` left out.
pub fn invoices(snapshot: &dyn Snapshot, skip: u64, limit: usize) -> Vec<Invoice> {
    let schema = schema(snapshot);
    newest(schema.invoice_order().len(), skip, limit)
        .filter_map(|index| schema.invoices().get(&schema.invoice_order().get(index)?))
        .collect()
}

/// A payment.
pub fn payment(snapshot: &dyn Snapshot, hash: &PaymentHash) -> Option<Payment> {
    schema(snapshot).payments().get(&hash_of(&hash.0))
}

/// Payments, the newest first: `limit` at most, `skip` left out.
pub fn payments(snapshot: &dyn Snapshot, skip: u64, limit: usize) -> Vec<Payment> {
    let schema = schema(snapshot);
    newest(schema.payment_order().len(), skip, limit)
        .filter_map(|index| schema.payments().get(&schema.payment_order().get(index)?))
        .collect()
}

/// An order of the operator, by the hash of its ledger transaction.
pub fn request(snapshot: &dyn Snapshot, tx_hash: &Hash) -> Option<Request> {
    schema(snapshot).requests().get(tx_hash)
}

/// All orders that were ever given, in the order of their hashes.
pub fn requests(snapshot: &dyn Snapshot) -> Vec<(Hash, Request)> {
    let schema = schema(snapshot);
    schema.requests().iter().collect()
}

/// The orders that are neither carried out nor given up, in the order of their hashes.
pub fn pending_requests(snapshot: &dyn Snapshot) -> Vec<(Hash, Request)> {
    let schema = schema(snapshot);
    let pending = schema.pending_requests();
    let hashes = pending.iter();
    hashes
        .filter_map(|hash| Some((hash, schema.requests().get(&hash)?)))
        .collect()
}

/// What a peer asks for, by its [key](Ask::key).
pub fn ask(snapshot: &dyn Snapshot, key: &Hash) -> Option<Ask> {
    schema(snapshot).asks().get(key)
}

/// The newest ask of a peer.
pub fn newest_ask(snapshot: &dyn Snapshot, peer: &PublicKey) -> Option<Ask> {
    let schema = schema(snapshot);
    let key = schema.newest_asks().get(&peer.serialize().to_vec())?;
    schema.asks().get(&key)
}

/// Asks that are not over, in the order of their keys.
pub fn open_asks(snapshot: &dyn Snapshot) -> Vec<Ask> {
    let schema = schema(snapshot);
    let open = schema.open_asks();
    let keys = open.iter();
    keys.filter_map(|key| schema.asks().get(&key)).collect()
}

/// Asks, the newest first: `limit` at most, `skip` left out.
pub fn asks(snapshot: &dyn Snapshot, skip: u64, limit: usize) -> Vec<Ask> {
    let schema = schema(snapshot);
    newest(schema.ask_order().len(), skip, limit)
        .filter_map(|index| schema.asks().get(&schema.ask_order().get(index)?))
        .collect()
}

/// How many events there are: the number that the next one gets.
pub fn event_count(snapshot: &dyn Snapshot) -> u64 {
    schema(snapshot).events().len()
}

/// Events from number `from` on, `limit` at most, with their numbers.
pub fn events(snapshot: &dyn Snapshot, from: u64, limit: usize) -> Vec<(u64, Event)> {
    let schema = schema(snapshot);
    (from..)
        .zip(schema.events().iter_from(from))
        .take(limit)
        .collect()
}

/// The newest time that a transaction has brought, Unix time in seconds. A time that is given to the ledger is not
/// before it.
pub fn newest_time(snapshot: &dyn Snapshot) -> u64 {
    schema(snapshot).newest_time().get().unwrap_or_default()
}

/// Indexes from the end of a list of `len`.
fn newest(len: u64, skip: u64, limit: usize) -> impl Iterator<Item = u64> {
    (0..len.saturating_sub(skip)).rev().take(limit)
}
