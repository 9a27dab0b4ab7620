//! The service's indexes. Those that people ask about are proof indexes.

use exonum::crypto::Hash;
use exonum_derive::FromAccess;
use exonum_merkledb::access::{Access, FromAccess};
use exonum_merkledb::{
    Group, KeySetIndex, ListIndex, MapIndex, ProofEntry, ProofListIndex, ProofMapIndex,
    RawProofMapIndex,
};

use crate::records::{
    Ask, ChannelPolicy, ChannelRecord, Config, Event, Forward, HistoryEntry, HtlcKey, HtlcRecord,
    HtlcRef, Invoice, Payment, Policy, Request, ReturnedFailure,
};

/// All indexes of the service. Channel ids and payment hashes stand as `Hash`: they are 32 bytes.
#[derive(Debug, FromAccess)]
pub struct Schema<T: Access> {
    /// Whose ledger this is.
    pub config: ProofEntry<T::Base, Config>,
    /// What the operator wants.
    pub policy: ProofEntry<T::Base, Policy>,
    /// What single channels forward for, by channel_id.
    pub channel_policies: RawProofMapIndex<T::Base, Hash, ChannelPolicy>,
    /// All channels that ever were, by channel_id.
    pub channels: RawProofMapIndex<T::Base, Hash, ChannelRecord>,
    /// Each channel's steps. Their hash and number stand in the channel's record.
    pub history: Group<T, Hash, ProofListIndex<T::Base, HistoryEntry>>,
    /// All HTLCs that ever were.
    pub htlcs: ProofMapIndex<T::Base, HtlcKey, HtlcRecord>,
    /// Onions of HTLCs that live, each with its path key where it has one.
    pub onions: MapIndex<T::Base, HtlcKey, Vec<u8>>,
    /// Attribution data of HTLCs that fail, until they are gone.
    pub attributions: MapIndex<T::Base, HtlcKey, Vec<u8>>,
    /// Payments that pass through this node, by the HTLC in.
    pub forwards: ProofMapIndex<T::Base, HtlcKey, Forward>,
    /// HTLCs in, in the order in which they were forwarded.
    pub forward_order: ListIndex<T::Base, HtlcRef>,
    /// Why HTLCs out failed, while the HTLC in still has to be told.
    pub returned_failures: MapIndex<T::Base, HtlcKey, ReturnedFailure>,
    /// By payment hash.
    pub invoices: RawProofMapIndex<T::Base, Hash, Invoice>,
    /// By payment hash.
    pub payments: RawProofMapIndex<T::Base, Hash, Payment>,
    /// By hash of the ledger transaction that gave the order.
    pub requests: RawProofMapIndex<T::Base, Hash, Request>,
    /// The numbered log.
    pub events: ProofListIndex<T::Base, Event>,
    /// Channels that are not over.
    pub live_channels: KeySetIndex<T::Base, Hash>,
    /// Funding outputs that a channel has or had: txid, then index in big-endian.
    pub funding_outpoints: KeySetIndex<T::Base, Vec<u8>>,
    /// Payment hashes in the order in which the invoices were made.
    pub invoice_order: ListIndex<T::Base, Hash>,
    /// Payment hashes in the order in which the payments were first ordered.
    pub payment_order: ListIndex<T::Base, Hash>,
    /// The newest time that a transaction has brought, Unix time in seconds.
    pub newest_time: ProofEntry<T::Base, u64>,
    /// Orders that are pending.
    pub pending_requests: KeySetIndex<T::Base, Hash>,
    /// What peers ask for, by [`Ask::key`].
    pub asks: RawProofMapIndex<T::Base, Hash, Ask>,
    /// Keys of asks in the order in which they came.
    pub ask_order: ListIndex<T::Base, Hash>,
    /// Asks that are not over.
    pub open_asks: KeySetIndex<T::Base, Hash>,
    /// The newest ask of each peer, by its node id.
    pub newest_asks: MapIndex<T::Base, Vec<u8>, Hash>,
}

impl<T: Access> Schema<T> {
    /// The schema in `access`. On a fork this creates indexes that are not there yet.
    pub fn new(access: T) -> Self {
        Self::from_root(access).expect("the service's indexes have the types that it gave them")
    }
}
