//! The questions of [`ChainSource`], put to bitcoind.

use std::collections::HashMap;
use std::sync::Arc;

use bitcoin::consensus::encode::{deserialize_hex, serialize_hex};
use bitcoin::{Amount, Block, BlockHash, FeeRate, OutPoint, Transaction, Txid};
use serde::de::DeserializeOwned;
use serde_json::{json, Value};

use super::answers::{
    ChainAnswer, FeeAnswer, HeaderAnswer, IndexAnswer, MempoolAnswer, OutputAnswer, PackageAnswer,
    TransactionAnswer, ZmqAnswer,
};
use super::connection::CallError;
use super::Bitcoind;
use crate::broadcast::Rejection;
use crate::error::ChainError;
use crate::source::{
    Accepted, Announcement, BlockRef, ChainSource, Header, Indexed, Unspent, USUAL_INCREMENT,
};

/// RPC_MISC_ERROR: among others, a block without data.
const MISC: i32 = -1;
/// RPC_INVALID_ADDRESS_OR_KEY: there is no such block or transaction.
const NOT_FOUND: i32 = -5;
/// RPC_INVALID_PARAMETER: among others, a height above the tip.
const INVALID_PARAMETER: i32 = -8;
/// RPC_DESERIALIZATION_ERROR: not a transaction at all.
const NOT_A_TRANSACTION: i32 = -22;
/// RPC_VERIFY_ERROR, RPC_VERIFY_REJECTED: a transaction that is not taken.
const NOT_TAKEN: [i32; 2] = [-25, -26];
/// RPC_METHOD_NOT_FOUND.
const NO_SUCH_METHOD: i32 = -32601;
/// RPC_VERIFY_ALREADY_IN_UTXO_SET.
const ALREADY_IN_CHAIN: i32 = -27;

impl Bitcoind {
    fn ask<T: DeserializeOwned>(
        &self,
        call: &'static str,
        arguments: &[Value],
    ) -> Result<T, ChainError> {
        self.connection
            .call(call, arguments)
            .map_err(|error| error.no_answer(call))
    }

    /// Asks where `absent`, and nothing else, means "there is none".
    fn ask_for<T: DeserializeOwned>(
        &self,
        call: &'static str,
        arguments: &[Value],
        absent: i32,
    ) -> Result<Option<T>, ChainError> {
        match self.connection.call(call, arguments) {
            Ok(answer) => Ok(Some(answer)),
            Err(CallError::Refused { code, .. }) if code == absent => Ok(None),
            Err(error) => Err(error.no_answer(call)),
        }
    }
}

impl ChainSource for Bitcoind {
    fn best_block(&self) -> Result<BlockRef, ChainError> {
        let answer: ChainAnswer = self.ask("getblockchaininfo", &[])?;
        Ok(BlockRef {
            height: answer.blocks,
            hash: answer.best,
        })
    }

    fn headers(&self) -> Result<u32, ChainError> {
        let answer: ChainAnswer = self.ask("getblockchaininfo", &[])?;
        Ok(answer.headers)
    }

    fn block_hash(&self, height: u32) -> Result<Option<BlockHash>, ChainError> {
        self.ask_for("getblockhash", &[json!(height)], INVALID_PARAMETER)
    }

    fn header(&self, hash: &BlockHash) -> Result<Option<Header>, ChainError> {
        let answer: Option<HeaderAnswer> =
            self.ask_for("getblockheader", &[json!(hash)], NOT_FOUND)?;
        Ok(answer.map(|header| Header {
            block: BlockRef {
                height: header.height,
                hash: header.hash,
            },
            previous: header.previous,
            time: header.time,
            in_best_chain: header.confirmations > 0,
        }))
    }

    fn block(&self, hash: &BlockHash) -> Result<Arc<Block>, ChainError> {
        let call = "getblock";
        if let Some(block) = self.cached(hash) {
            return Ok(block);
        }
        let hex: String = self
            .connection
            .call(call, &[json!(hash), json!(0)])
            .map_err(|error| match error {
                CallError::Refused {
                    code: MISC | NOT_FOUND,
                    message,
                } => ChainError::NoBlockData {
                    hash: *hash,
                    message,
                },
                error => error.no_answer(call),
            })?;
        let block: Block = read_hex(call, &hex)?;
        if block.block_hash() != *hash || !block.check_merkle_root() {
            return Err(ChainError::Answer {
                call,
                why: format!("it is not the block {hash} that was asked for"),
            });
        }
        let block = Arc::new(block);
        self.keep(*hash, &block);
        Ok(block)
    }

    fn unspent(&self, outpoint: &OutPoint) -> Result<Option<Unspent>, ChainError> {
        let arguments = [json!(outpoint.txid), json!(outpoint.vout), json!(false)];
        let answer: Option<OutputAnswer> = self.ask("gettxout", &arguments)?;
        Ok(answer.map(|output| Unspent {
            tip: output.tip,
            confirmations: output.confirmations,
            value: output.value,
            script: output.script.hex,
            coinbase: output.coinbase,
        }))
    }

    fn mempool(&self) -> Result<Vec<Txid>, ChainError> {
        self.ask("getrawmempool", &[])
    }

    fn in_mempool(&self, txid: &Txid) -> Result<bool, ChainError> {
        let entry: Option<Value> = self.ask_for("getmempoolentry", &[json!(txid)], NOT_FOUND)?;
        Ok(entry.is_some())
    }

    fn mempool_transaction(&self, txid: &Txid) -> Result<Option<Transaction>, ChainError> {
        let call = "getrawtransaction";
        let hex: Option<String> = self.ask_for(call, &[json!(txid), json!(false)], NOT_FOUND)?;
        hex.map(|hex| read_hex(call, &hex)).transpose()
    }

    fn indexed(&self, txid: &Txid) -> Result<Indexed, ChainError> {
        let best = self.best_block()?;
        let indexes: HashMap<String, IndexAnswer> =
            self.ask("getindexinfo", &[json!("txindex")])?;
        let Some(index) = indexes.get("txindex") else {
            return Ok(Indexed::NoIndex);
        };
        let complete = index.synced && index.height >= best.height;
        let answer: Option<TransactionAnswer> =
            self.ask_for("getrawtransaction", &[json!(txid), json!(true)], NOT_FOUND)?;
        Ok(match answer {
            Some(TransactionAnswer { block: Some(block) }) => Indexed::In(block),
            Some(TransactionAnswer { block: None }) | None if complete => Indexed::Absent,
            Some(_) | None => Indexed::NoIndex,
        })
    }

    fn broadcast(
        &self,
        transaction: &Transaction,
    ) -> Result<Result<Accepted, Rejection>, ChainError> {
        let call = "sendrawtransaction";
        let answer: Result<Txid, CallError> = self
            .connection
            .call(call, &[json!(serialize_hex(transaction))]);
        match answer {
            Ok(_) => Ok(Ok(Accepted::InMempool)),
            Err(CallError::Refused {
                code: ALREADY_IN_CHAIN,
                ..
            }) => Ok(Ok(Accepted::InChain)),
            Err(CallError::Refused { code, message })
                if NOT_TAKEN.contains(&code) || code == NOT_A_TRANSACTION =>
            {
                Ok(Rejection::read(message).map_or_else(Ok, Err))
            }
            Err(error) => Err(error.no_answer(call)),
        }
    }

    fn broadcast_package(
        &self,
        transactions: &[&Transaction],
    ) -> Result<Result<Accepted, Rejection>, ChainError> {
        let call = "submitpackage";
        let package: Vec<String> = transactions.iter().map(|tx| serialize_hex(*tx)).collect();
        let answer: Result<PackageAnswer, CallError> =
            // Without bitcoind's own limit: a child that pays for a large parent has a high feerate by itself.
            self.connection.call(call, &[json!(package), json!(0)]);
        match answer {
            Ok(answer) => Ok(match answer.refusal() {
                None => Ok(Accepted::InMempool),
                Some(message) => Rejection::read(message).map_or_else(Ok, Err),
            }),
            // A bitcoind from before packages: one after the other, as far as that goes.
            Err(CallError::Refused {
                code: NO_SUCH_METHOD,
                ..
            }) => {
                let mut last = Ok(Accepted::InMempool);
                for transaction in transactions {
                    last = self.broadcast(transaction)?;
                }
                Ok(last)
            }
            Err(CallError::Refused { code, message }) if NOT_TAKEN.contains(&code) => {
                Ok(Rejection::read(message).map_or_else(Ok, Err))
            }
            Err(error) => Err(error.no_answer(call)),
        }
    }

    fn estimate_fee(&self, blocks: u16) -> Result<Option<FeeRate>, ChainError> {
        let answer: FeeAnswer = self.ask("estimatesmartfee", &[json!(blocks)])?;
        Ok(answer.rate.map(rate))
    }

    fn mempool_min_fee(&self) -> Result<FeeRate, ChainError> {
        let answer: MempoolAnswer = self.ask("getmempoolinfo", &[])?;
        Ok(rate(answer.min_fee.max(answer.min_relay_fee)))
    }

    fn replacement_increment(&self) -> Result<FeeRate, ChainError> {
        let answer: MempoolAnswer = self.ask("getmempoolinfo", &[])?;
        Ok(answer.increment.map_or(USUAL_INCREMENT, rate))
    }

    fn announcements(&self) -> Result<Vec<Announcement>, ChainError> {
        let answer: Vec<ZmqAnswer> = self.ask("getzmqnotifications", &[])?;
        let host = self.connection.host();
        // bitcoind names the address it is bound to: all interfaces means the one on which its RPC is reached.
        let reachable = |address: String| {
            address
                .replace("//0.0.0.0:", &format!("//{host}:"))
                .replace("//*:", &format!("//{host}:"))
        };
        Ok(answer
            .into_iter()
            .filter_map(|zmq| {
                Some(Announcement {
                    topic: zmq.kind.strip_prefix("pub")?.to_owned(),
                    address: reachable(zmq.address),
                })
            })
            .collect())
    }
}

fn read_hex<T: bitcoin::consensus::Decodable>(
    call: &'static str,
    hex: &str,
) -> Result<T, ChainError> {
    deserialize_hex(hex).map_err(|error| ChainError::Answer {
        call,
        why: error.to_string(),
    })
}

/// From the price of 1000 virtual bytes, rounded up: a rate that is a trifle too low is refused, one too high is not.
fn rate(per_kvb: Amount) -> FeeRate {
    FeeRate::from_sat_per_kwu(per_kvb.to_sat().div_ceil(4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fee_rate_of_one_satoshi_per_vbyte_is_250_per_kwu() {
        assert_eq!(rate(Amount::from_sat(1000)), FeeRate::from_sat_per_kwu(250));
        assert_eq!(rate(Amount::from_sat(1001)), FeeRate::from_sat_per_kwu(251));
    }

    #[test]
    fn fee_answer_without_a_rate_is_read_as_none() {
        let answer: FeeAnswer =
            serde_json::from_str(r#"{"errors":["Insufficient data"],"blocks":2}"#).unwrap();
        assert_eq!(answer.rate, None);
        let answer: FeeAnswer = serde_json::from_str(r#"{"feerate":1e-5,"blocks":2}"#).unwrap();
        assert_eq!(answer.rate, Some(Amount::from_sat(1000)));
    }
}
