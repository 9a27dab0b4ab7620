//! The on-chain wallet.

use bitcoin::Txid;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::AmountOrAll;

/// The kinds of addresses that the wallet gives out.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum AddressType {
    /// BIP 84, pay to witness public key hash.
    #[default]
    Segwit,
    /// BIP 86, pay to taproot.
    Taproot,
}

/// Which kind of address is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AddressWanted {
    /// Its kind.
    #[serde(default, rename = "type")]
    #[schemars(default)]
    pub kind: AddressType,
}

/// `zarnitsa wallet address`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WalletAddress {
    /// Never given out before.
    pub address: String,
}

/// `zarnitsa wallet send`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WalletSend {
    /// To whom.
    pub address: String,
    /// How much: `50000sat`, `0.1btc`, `all`, which is all but what is kept to pay for closing channels.
    #[schemars(with = "String")]
    pub amount: AmountOrAll,
    /// Fee rate; the estimate if absent.
    #[serde(default)]
    pub fee_rate_sat_vb: Option<u64>,
    /// Whether what is kept to pay for closing channels may go too.
    #[serde(default)]
    pub spend_reserve: bool,
}

/// What [`WalletSend`] answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WalletSent {
    /// The transaction.
    #[schemars(with = "String")]
    pub txid: Txid,
    /// What had to be left on chain, to pay for closing channels.
    pub kept_sat: u64,
}

/// An unspent output of the wallet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Utxo {
    /// Its transaction.
    #[schemars(with = "String")]
    pub txid: Txid,
    /// Its number there.
    pub vout: u32,
    /// How much it holds.
    pub amount_sat: u64,
    /// The address that it was paid to.
    pub address: Option<String>,
    /// 0 while it is in the mempool.
    pub confirmations: u32,
}

/// A transaction that touches the wallet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WalletTransaction {
    /// Which.
    #[schemars(with = "String")]
    pub txid: Txid,
    /// What it brought, negative where it took.
    pub amount_sat: i64,
    /// What it cost, where the wallet paid for it.
    pub fee_sat: Option<u64>,
    /// The block that holds it.
    pub block_height: Option<u32>,
    /// 0 while it is in the mempool.
    pub confirmations: u32,
}

/// `/wallet`: all of it at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WalletOverview {
    /// Confirmed coins.
    pub onchain_sat: u64,
    /// Coins that are not confirmed yet.
    pub onchain_unconfirmed_sat: u64,
    /// What is kept of them to pay for closing channels at the worst time.
    pub onchain_reserve_sat: u64,
    /// Unspent outputs.
    pub utxos: Vec<Utxo>,
    /// Transactions, newest first.
    pub transactions: Vec<WalletTransaction>,
}

/// What transactions cost now, by how soon they are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FeeRates {
    /// The least that is relayed.
    pub minimum_sat_vb: u64,
    /// Within a day.
    pub slow_sat_vb: u64,
    /// Within a few hours: what the node takes where nothing is said.
    pub normal_sat_vb: u64,
    /// Within the next blocks.
    pub fast_sat_vb: u64,
}
