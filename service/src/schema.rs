//! The service's indexes. Those that people ask about are proof indexes.

use exonum::crypto::Hash;
use exonum_merkledb::access::{Access, FromAccess};
use exonum_merkledb::{
    Group, KeySetIndex, ListIndex, MapIndex, ProofEntry, ProofListIndex, RawProofMapIndex,
};

use crate::records::{
    Ask, ChannelPolicy, ChannelRecord, Config, Event, Forward, HistoryEntry, HtlcKey, HtlcRecord,
    HtlcRef, Invoice, Payment, Policy, Request, ReturnedFailure,
};

/// The indexes of the service. Each is opened when it is asked for: to open a proof index for writing counts as a change
/// of it, and its hash is written anew with the block.
#[derive(Clone, Debug)]
pub struct Schema<T>(T);

/// A method for each index, and one that opens them all.
macro_rules! indexes {
    ($($(#[$doc:meta])+ $name:ident: $index:ty,)+) => {
        impl<T: Access> Schema<T> {
            $($(#[$doc])+
            pub fn $name(&self) -> $index {
                self.open(stringify!($name))
            })+

            /// Creates the indexes that are not there yet, so that there are proofs from the first block on.
            pub(crate) fn create(&self) {
                $(drop(self.$name());)+
            }
        }
    };
}

indexes! {
    /// Whose ledger this is.
    config: ProofEntry<T::Base, Config>,
    /// What the operator wants.
    policy: ProofEntry<T::Base, Policy>,
    /// What single channels forward for, by channel_id.
    channel_policies: RawProofMapIndex<T::Base, Hash, ChannelPolicy>,
    /// All channels that ever were, by channel_id.
    channels: RawProofMapIndex<T::Base, Hash, ChannelRecord>,
    /// Each channel's steps. Their hash and number stand in the channel's record.
    history: Group<T, Hash, ProofListIndex<T::Base, HistoryEntry>>,
    /// All HTLCs that ever were, by [`HtlcKey::raw`].
    htlcs: RawProofMapIndex<T::Base, Hash, HtlcRecord>,
    /// Onions of HTLCs that live, each with its path key where it has one.
    onions: MapIndex<T::Base, HtlcKey, Vec<u8>>,
    /// Attribution data of HTLCs that fail, and of those that this node fulfils, until they are gone.
    attributions: MapIndex<T::Base, HtlcKey, Vec<u8>>,
    /// Payments that pass through this node, by the [`HtlcKey::raw`] of the HTLC in.
    forwards: RawProofMapIndex<T::Base, Hash, Forward>,
    /// HTLCs in, in the order in which they were forwarded.
    forward_order: ListIndex<T::Base, HtlcRef>,
    /// Why HTLCs out failed, while the HTLC in still has to be told.
    returned_failures: MapIndex<T::Base, HtlcKey, ReturnedFailure>,
    /// By payment hash.
    invoices: RawProofMapIndex<T::Base, Hash, Invoice>,
    /// By payment hash.
    payments: RawProofMapIndex<T::Base, Hash, Payment>,
    /// By hash of the ledger transaction that gave the order.
    requests: RawProofMapIndex<T::Base, Hash, Request>,
    /// The numbered log: what to look at. It proves nothing, and need not: what an event is about does.
    events: ListIndex<T::Base, Event>,
    /// Channels that are not over.
    live_channels: KeySetIndex<T::Base, Hash>,
    /// Funding outputs that a channel has or had: txid, then index in big-endian.
    funding_outpoints: KeySetIndex<T::Base, Vec<u8>>,
    /// Payment hashes in the order in which the invoices were made.
    invoice_order: ListIndex<T::Base, Hash>,
    /// Payment hashes in the order in which the payments were first ordered.
    payment_order: ListIndex<T::Base, Hash>,
    /// The newest time that a transaction has brought, Unix time in seconds.
    newest_time: ProofEntry<T::Base, u64>,
    /// Orders that are pending.
    pending_requests: KeySetIndex<T::Base, Hash>,
    /// What peers ask for, by [`Ask::key`].
    asks: RawProofMapIndex<T::Base, Hash, Ask>,
    /// Keys of asks in the order in which they came.
    ask_order: ListIndex<T::Base, Hash>,
    /// Asks that are not over.
    open_asks: KeySetIndex<T::Base, Hash>,
    /// The newest ask of each peer, by its node id.
    newest_asks: MapIndex<T::Base, Vec<u8>, Hash>,
}

impl<T: Access> Schema<T> {
    /// The schema in `access`.
    pub fn new(access: T) -> Self {
        Self(access)
    }

    fn open<I: FromAccess<T>>(&self, name: &str) -> I {
        I::from_access(self.0.clone(), name.into())
            .expect("the service's indexes have the types that it gave them")
    }
}
