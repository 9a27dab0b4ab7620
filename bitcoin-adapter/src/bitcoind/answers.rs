//! bitcoind's answers: only the fields that are needed, so that they are read from any version.

use bitcoin::{Amount, BlockHash, ScriptBuf};
use serde::Deserialize;

/// Of `getblockheader`.
#[derive(Debug, Deserialize)]
pub(super) struct HeaderAnswer {
    pub(super) hash: BlockHash,
    pub(super) height: u32,
    /// -1 beside the best chain.
    pub(super) confirmations: i64,
    #[serde(rename = "previousblockhash")]
    pub(super) previous: Option<BlockHash>,
    pub(super) time: u32,
}

/// Of `getblockchaininfo`.
#[derive(Debug, Deserialize)]
pub(super) struct ChainAnswer {
    pub(super) blocks: u32,
    pub(super) headers: u32,
    #[serde(rename = "bestblockhash")]
    pub(super) best: BlockHash,
}

/// Of `gettxout`.
#[derive(Debug, Deserialize)]
pub(super) struct OutputAnswer {
    #[serde(rename = "bestblock")]
    pub(super) tip: BlockHash,
    pub(super) confirmations: u32,
    #[serde(with = "bitcoin::amount::serde::as_btc")]
    pub(super) value: Amount,
    #[serde(rename = "scriptPubKey")]
    pub(super) script: ScriptAnswer,
    pub(super) coinbase: bool,
}

/// A script as bitcoind shows it.
#[derive(Debug, Deserialize)]
pub(super) struct ScriptAnswer {
    pub(super) hex: ScriptBuf,
}

/// Of `getrawtransaction` with details.
#[derive(Debug, Deserialize)]
pub(super) struct TransactionAnswer {
    #[serde(rename = "blockhash")]
    pub(super) block: Option<BlockHash>,
}

/// Of `getindexinfo`, for one index.
#[derive(Debug, Deserialize)]
pub(super) struct IndexAnswer {
    pub(super) synced: bool,
    #[serde(rename = "best_block_height")]
    pub(super) height: u32,
}

/// Of `estimatesmartfee`.
#[derive(Debug, Deserialize)]
pub(super) struct FeeAnswer {
    /// For 1000 virtual bytes.
    #[serde(
        default,
        rename = "feerate",
        with = "bitcoin::amount::serde::as_btc::opt"
    )]
    pub(super) rate: Option<Amount>,
}

/// Of `getmempoolinfo`.
#[derive(Debug, Deserialize)]
pub(super) struct MempoolAnswer {
    /// For 1000 virtual bytes.
    #[serde(rename = "mempoolminfee", with = "bitcoin::amount::serde::as_btc")]
    pub(super) min_fee: Amount,
    /// For 1000 virtual bytes.
    #[serde(rename = "minrelaytxfee", with = "bitcoin::amount::serde::as_btc")]
    pub(super) min_relay_fee: Amount,
    /// For 1000 virtual bytes. A bitcoind older than 24 does not say.
    #[serde(
        default,
        rename = "incrementalrelayfee",
        with = "bitcoin::amount::serde::as_btc::opt"
    )]
    pub(super) increment: Option<Amount>,
}

/// Of `getzmqnotifications`, one of them.
#[derive(Debug, Deserialize)]
pub(super) struct ZmqAnswer {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) address: String,
}

/// Of `submitpackage`.
#[derive(Debug, Deserialize)]
pub(super) struct PackageAnswer {
    #[serde(rename = "package_msg")]
    message: String,
    #[serde(default, rename = "tx-results")]
    results: std::collections::BTreeMap<String, PackageResult>,
}

#[derive(Debug, Deserialize)]
struct PackageResult {
    error: Option<String>,
}

impl PackageAnswer {
    /// Why the package was not taken, `None` where it was.
    pub(super) fn refusal(self) -> Option<String> {
        if self.message == "success" {
            return None;
        }
        // What follows from another transaction's fault says nothing.
        let errors = self.results.into_values().filter_map(|result| result.error);
        let mut telling = errors.filter(|error| error != "package-not-validated");
        Some(telling.next().unwrap_or(self.message))
    }
}
