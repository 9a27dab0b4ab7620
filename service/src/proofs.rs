//! Answers with proofs, for a client that believes only the validator's key.
//!
//! Each answer has the newest block with its precommits (`block_proof`), the way from the block's state hash to an index
//! (`to_table`, for `lightning.channels` and so on), and the way from the index to a value. Values are the stored bytes in
//! hex, as `proto/lightning_records.proto` describes them: what is hashed is what is shown. A proof of absence has the
//! same shape, with the key among the missing ones.
//!
//! All functions give none before the ledger's first block.

use std::borrow::Cow;
use std::ops::Range;

use exonum::blockchain::{BlockProof, IndexProof};
use exonum::crypto::Hash;
use exonum::merkledb::access::{AccessExt as _, Prefixed};
use exonum::merkledb::proof_map::Raw;
use exonum::merkledb::{BinaryValue, ListProof, MapProof, ObjectHash, Snapshot};
use exonum::runtime::SnapshotExt as _;
use serde::{Serialize, Serializer};
use zarnitsa_channel::ids::{ChannelId, PaymentHash};

use crate::read::hash_of;
use crate::records::HtlcKey;
use crate::INSTANCE_NAME;

/// The most entries that a list's proof gives at once.
pub const MAX_LIST_RANGE: u64 = 1_000;

/// A stored value as it is stored. JSON shows it in hex.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBytes(pub Vec<u8>);

impl BinaryValue for StoredBytes {
    fn to_bytes(&self) -> Vec<u8> {
        self.0.clone()
    }

    fn from_bytes(bytes: Cow<'_, [u8]>) -> anyhow::Result<Self> {
        Ok(Self(bytes.into_owned()))
    }
}

impl ObjectHash for StoredBytes {
    fn object_hash(&self) -> Hash {
        exonum::crypto::hash(&self.0)
    }
}

impl Serialize for StoredBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(&self.0))
    }
}

/// The way from a block that the validator signed to one of the service's indexes.
#[derive(Debug, Serialize)]
pub struct ToTable {
    /// The newest block with its precommits.
    pub block_proof: BlockProof,
    /// From its state hash to the index.
    pub to_table: MapProof<String, Hash>,
}

/// A channel's record, or its absence.
#[derive(Debug, Serialize)]
pub struct ChannelProof {
    /// To `lightning.channels`.
    #[serde(flatten)]
    pub table: ToTable,
    /// From there to a `ChannelRecord`.
    pub to_channel: MapProof<Hash, StoredBytes, Raw>,
}

/// A part of a channel's history. The list's root hash is in the channel's record.
#[derive(Debug, Serialize)]
pub struct HistoryProof {
    /// To `lightning.channels`.
    #[serde(flatten)]
    pub table: ToTable,
    /// From there to a `ChannelRecord`.
    pub to_channel: MapProof<Hash, StoredBytes, Raw>,
    /// From its `history_hash` to entries of type `HistoryEntry`.
    pub history: ListProof<StoredBytes>,
}

/// An HTLC's record, or its absence.
#[derive(Debug, Serialize)]
pub struct HtlcProof {
    /// To `lightning.htlcs`.
    #[serde(flatten)]
    pub table: ToTable,
    /// From there to an `HtlcRecord`.
    pub to_htlc: MapProof<Hash, StoredBytes, Raw>,
}

/// An invoice, or its absence.
#[derive(Debug, Serialize)]
pub struct InvoiceProof {
    /// To `lightning.invoices`.
    #[serde(flatten)]
    pub table: ToTable,
    /// From there to an `Invoice`.
    pub to_invoice: MapProof<Hash, StoredBytes, Raw>,
}

/// A payment, or its absence.
#[derive(Debug, Serialize)]
pub struct PaymentProof {
    /// To `lightning.payments`.
    #[serde(flatten)]
    pub table: ToTable,
    /// From there to a `Payment`.
    pub to_payment: MapProof<Hash, StoredBytes, Raw>,
}

/// Payments that passed through this node, or their absence.
#[derive(Debug, Serialize)]
pub struct ForwardProof {
    /// To `lightning.forwards`.
    #[serde(flatten)]
    pub table: ToTable,
    /// From there, by the HTLC in, to a `Forward`.
    pub to_forward: MapProof<Hash, StoredBytes, Raw>,
}

/// An order of the operator, or its absence.
#[derive(Debug, Serialize)]
pub struct RequestProof {
    /// To `lightning.requests`.
    #[serde(flatten)]
    pub table: ToTable,
    /// From there to a `Request`.
    pub to_request: MapProof<Hash, StoredBytes, Raw>,
}

/// What peers ask this node for, or its absence.
#[derive(Debug, Serialize)]
pub struct AskProof {
    /// To `lightning.asks`.
    #[serde(flatten)]
    pub table: ToTable,
    /// From there to an `Ask`.
    pub to_ask: MapProof<Hash, StoredBytes, Raw>,
}

/// A value that is an index by itself: its SHA-256 is the index's hash in `to_table`.
#[derive(Debug, Serialize)]
pub struct EntryProof {
    /// To `lightning.policy` or `lightning.config`.
    #[serde(flatten)]
    pub table: ToTable,
    /// A `Policy` or a `Config`.
    pub value: Option<StoredBytes>,
}

/// A channel, present or absent.
pub fn channel(snapshot: &dyn Snapshot, id: &ChannelId) -> Option<ChannelProof> {
    Some(ChannelProof {
        table: to_table(snapshot, "channels")?,
        to_channel: to_key(snapshot, "channels", &id.0)?,
    })
}

/// Several channels by one proof: those that are absent are proven absent.
pub fn channels(snapshot: &dyn Snapshot, ids: &[ChannelId]) -> Option<ChannelProof> {
    let index = service(snapshot)?.get_raw_proof_map::<_, Hash, StoredBytes>("channels");
    Some(ChannelProof {
        table: to_table(snapshot, "channels")?,
        to_channel: index.get_multiproof(ids.iter().map(|id| hash_of(&id.0))),
    })
}

/// A channel's steps `range`, cut to what there is and to [`MAX_LIST_RANGE`].
pub fn history(snapshot: &dyn Snapshot, id: &ChannelId, range: Range<u64>) -> Option<HistoryProof> {
    let key = hash_of(&id.0);
    let list = service(snapshot)?.get_proof_list::<_, StoredBytes>(("history", &key));
    Some(HistoryProof {
        table: to_table(snapshot, "channels")?,
        to_channel: to_key(snapshot, "channels", &id.0)?,
        history: list.get_range_proof(cut(&range, list.len())),
    })
}

/// An HTLC, present or absent.
pub fn htlc(snapshot: &dyn Snapshot, key: &HtlcKey) -> Option<HtlcProof> {
    let index = service(snapshot)?.get_raw_proof_map::<_, Hash, StoredBytes>("htlcs");
    Some(HtlcProof {
        table: to_table(snapshot, "htlcs")?,
        to_htlc: index.get_proof(key.raw()),
    })
}

/// An invoice, present or absent.
pub fn invoice(snapshot: &dyn Snapshot, hash: &PaymentHash) -> Option<InvoiceProof> {
    Some(InvoiceProof {
        table: to_table(snapshot, "invoices")?,
        to_invoice: to_key(snapshot, "invoices", &hash.0)?,
    })
}

/// A payment, present or absent.
pub fn payment(snapshot: &dyn Snapshot, hash: &PaymentHash) -> Option<PaymentProof> {
    Some(PaymentProof {
        table: to_table(snapshot, "payments")?,
        to_payment: to_key(snapshot, "payments", &hash.0)?,
    })
}

/// Several payments that passed through this node by one proof, by their HTLCs in.
pub fn forwards(snapshot: &dyn Snapshot, incoming: &[HtlcKey]) -> Option<ForwardProof> {
    let index = service(snapshot)?.get_raw_proof_map::<_, Hash, StoredBytes>("forwards");
    Some(ForwardProof {
        table: to_table(snapshot, "forwards")?,
        to_forward: index.get_multiproof(incoming.iter().map(HtlcKey::raw)),
    })
}

/// Several invoices by one proof.
pub fn invoices(snapshot: &dyn Snapshot, hashes: &[PaymentHash]) -> Option<InvoiceProof> {
    Some(InvoiceProof {
        table: to_table(snapshot, "invoices")?,
        to_invoice: to_keys(snapshot, "invoices", hashes)?,
    })
}

/// Several payments by one proof.
pub fn payments(snapshot: &dyn Snapshot, hashes: &[PaymentHash]) -> Option<PaymentProof> {
    Some(PaymentProof {
        table: to_table(snapshot, "payments")?,
        to_payment: to_keys(snapshot, "payments", hashes)?,
    })
}

/// An order of the operator, present or absent.
pub fn request(snapshot: &dyn Snapshot, tx_hash: &Hash) -> Option<RequestProof> {
    Some(RequestProof {
        table: to_table(snapshot, "requests")?,
        to_request: to_key(snapshot, "requests", &tx_hash.as_bytes())?,
    })
}

/// Several channels that peers ask for by one proof, by [`Ask::key`](crate::records::Ask::key).
pub fn asks(snapshot: &dyn Snapshot, keys: &[Hash]) -> Option<AskProof> {
    let index = service(snapshot)?.get_raw_proof_map::<_, Hash, StoredBytes>("asks");
    Some(AskProof {
        table: to_table(snapshot, "asks")?,
        to_ask: index.get_multiproof(keys.iter().copied()),
    })
}

/// The policy.
pub fn policy(snapshot: &dyn Snapshot) -> Option<EntryProof> {
    entry(snapshot, "policy")
}

/// Whose ledger it is.
pub fn config(snapshot: &dyn Snapshot) -> Option<EntryProof> {
    entry(snapshot, "config")
}

fn service(snapshot: &dyn Snapshot) -> Option<Prefixed<&dyn Snapshot>> {
    snapshot.for_service(INSTANCE_NAME)
}

fn to_table(snapshot: &dyn Snapshot, index: &str) -> Option<ToTable> {
    let IndexProof {
        block_proof,
        index_proof,
        ..
    } = snapshot.proof_for_index(&format!("{INSTANCE_NAME}.{index}"))?;
    Some(ToTable {
        block_proof,
        to_table: index_proof,
    })
}

fn to_key(
    snapshot: &dyn Snapshot,
    index: &str,
    key: &[u8; 32],
) -> Option<MapProof<Hash, StoredBytes, Raw>> {
    let index = service(snapshot)?.get_raw_proof_map::<_, Hash, StoredBytes>(index);
    Some(index.get_proof(hash_of(key)))
}

fn to_keys(
    snapshot: &dyn Snapshot,
    index: &str,
    keys: &[PaymentHash],
) -> Option<MapProof<Hash, StoredBytes, Raw>> {
    let index = service(snapshot)?.get_raw_proof_map::<_, Hash, StoredBytes>(index);
    Some(index.get_multiproof(keys.iter().map(|key| hash_of(&key.0))))
}

fn entry(snapshot: &dyn Snapshot, index: &str) -> Option<EntryProof> {
    let value = service(snapshot)?
        .get_proof_entry::<_, StoredBytes>(index)
        .get();
    Some(EntryProof {
        table: to_table(snapshot, index)?,
        value,
    })
}

fn cut(range: &Range<u64>, len: u64) -> Range<u64> {
    let start = range.start.min(len);
    let longest = start.saturating_add(MAX_LIST_RANGE);
    let end = range.end.clamp(start, longest).min(len);
    start..end
}
