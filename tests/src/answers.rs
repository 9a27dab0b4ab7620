//! What a node answers, as a stranger reads it: only the fields that the tests look at.

use serde::{Deserialize, Deserializer};

/// `info`
#[derive(Clone, Debug, Deserialize)]
pub struct Info {
    /// The node's identity.
    pub node_id: String,
    /// `node_id@host:port`
    pub uri: String,
    /// The chain's height as far as the node has looked at it.
    pub block_height: u32,
    /// Height of the newest durable ledger block.
    pub ledger_height: u64,
    /// Whether bitcoind answered when it was last asked.
    pub chain_available: bool,
    /// Why the node does nothing of channels.
    pub alarm: Option<String>,
}

/// `balance`
#[derive(Clone, Debug, Deserialize)]
pub struct Balance {
    /// Confirmed coins, in sat.
    pub onchain_sat: u64,
    /// Coins that are not confirmed, in sat.
    pub onchain_unconfirmed_sat: u64,
    /// This node's side of its channels.
    #[serde(deserialize_with = "msat")]
    pub channels_local_msat: u64,
    /// The peers' side of them.
    #[serde(deserialize_with = "msat")]
    pub channels_remote_msat: u64,
    /// What closed channels still owe the wallet, in sat.
    pub pending_close_sat: u64,
}

/// One of `channels`.
#[derive(Clone, Debug, Deserialize)]
pub struct Channel {
    /// Its id, the same on both sides.
    pub channel_id: String,
    /// Where it stands.
    pub state: String,
    /// `local` or `remote`
    pub opener: String,
    /// What was locked in it, in sat.
    pub capacity_sat: u64,
    /// This node's, without HTLCs under way.
    #[serde(deserialize_with = "msat")]
    pub local_msat: u64,
    /// The peer's, without HTLCs under way.
    #[serde(deserialize_with = "msat")]
    pub remote_msat: u64,
    /// Number of this node's newest commitment transaction.
    pub commitment_number: u64,
    /// Number of the peer's.
    pub peer_commitment_number: u64,
    /// The opening transaction.
    pub opening_txid: String,
    /// Its output that holds the channel.
    pub opening_output: u32,
    /// What spends it.
    pub closing_txid: Option<String>,
    /// Payments under way.
    pub htlcs: Vec<serde_json::Value>,
    /// How it ends on the chain.
    #[serde(default)]
    pub closing: Option<Closing>,
}

/// How a channel ends on the chain.
#[derive(Clone, Debug, Deserialize)]
pub struct Closing {
    /// Why it closes.
    pub cause: String,
    /// Why this node closed it by itself.
    pub reason: Option<String>,
    /// What spent the opening output.
    pub spent_by: Option<String>,
    /// Outputs in which this node has a part.
    pub outputs: Vec<serde_json::Value>,
}

/// One of `channels/{id}/history`.
#[derive(Clone, Debug, Deserialize)]
pub struct Step {
    /// What happened.
    pub kind: String,
    /// Number of this node's commitment transaction after it.
    pub commitment_number: u64,
    /// This node's balance after it.
    #[serde(deserialize_with = "msat")]
    pub local_msat: u64,
    /// The Bitcoin transaction that it is about.
    #[serde(default)]
    pub txid: Option<String>,
    /// Why.
    #[serde(default)]
    pub note: Option<String>,
}

/// What opening a channel answers.
#[derive(Clone, Debug, Deserialize)]
pub struct Opened {
    /// The channel's id.
    pub channel_id: String,
    /// The opening transaction.
    pub opening_txid: String,
    /// Its output that holds the channel.
    pub opening_output: u32,
}

/// What closing a channel answers.
#[derive(Clone, Debug, Deserialize)]
pub struct Closed {
    /// The transaction that spends the channel.
    pub closing_txid: String,
}

/// One of `invoices`.
#[derive(Clone, Debug, Deserialize)]
pub struct Invoice {
    /// The BOLT 11 string.
    pub invoice: String,
    /// Its hash.
    pub payment_hash: String,
    /// Where it stands.
    pub status: String,
    /// What came in.
    #[serde(deserialize_with = "msat_option")]
    pub received_msat: Option<u64>,
}

/// One of `payments`.
#[derive(Clone, Debug, Deserialize)]
pub struct Payment {
    /// Its hash.
    pub payment_hash: String,
    /// The proof of payment.
    pub preimage: Option<String>,
    /// What arrived.
    #[serde(deserialize_with = "msat")]
    pub amount_msat: u64,
    /// What it cost beside.
    #[serde(deserialize_with = "msat")]
    pub fee_msat: u64,
    /// Where it stands.
    pub status: String,
    /// The nodes on its way.
    pub route: Vec<Hop>,
    /// Its HTLCs.
    pub parts: Vec<Part>,
    /// Why it failed.
    pub failure: Option<serde_json::Value>,
}

/// One hop of a route.
#[derive(Clone, Debug, Deserialize)]
pub struct Hop {
    /// Where it leads.
    pub node_id: String,
    /// What arrives there.
    #[serde(deserialize_with = "msat")]
    pub amount_msat: u64,
    /// What the node keeps.
    #[serde(deserialize_with = "msat")]
    pub fee_msat: u64,
}

/// One HTLC of a payment.
#[derive(Clone, Debug, Deserialize)]
pub struct Part {
    /// The channel that it left by.
    pub channel_id: String,
    /// What arrives by it.
    #[serde(deserialize_with = "msat")]
    pub amount_msat: u64,
    /// What it costs beside.
    #[serde(deserialize_with = "msat")]
    pub fee_msat: u64,
    /// Where it stands.
    pub status: String,
    /// Its own way.
    pub route: Vec<Hop>,
}

/// One of `wallet/utxos`.
#[derive(Clone, Debug, Deserialize)]
pub struct Utxo {
    /// Its transaction.
    pub txid: String,
    /// Its number there.
    pub vout: u32,
    /// What it holds, in sat.
    pub amount_sat: u64,
    /// 0 while it is in the mempool.
    pub confirmations: u32,
}

/// One of `peers`.
#[derive(Clone, Debug, Deserialize)]
pub struct Peer {
    /// Its identity.
    pub node_id: String,
    /// Whether it is connected now.
    pub connected: bool,
}

/// `zarnitsa ledger verify --json`
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Report {
    /// Blocks replayed.
    pub blocks: u64,
    /// Transactions in them.
    pub transactions: u64,
    /// All of it holds.
    pub ok: bool,
}

/// A u64 is a string in JSON, and nothing else will do.
fn msat<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    String::deserialize(deserializer)?
        .parse()
        .map_err(serde::de::Error::custom)
}

fn msat_option<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Option::<String>::deserialize(deserializer)?
        .map(|text| text.parse().map_err(serde::de::Error::custom))
        .transpose()
}
