//! What a real mempool holds, asks and throws out.

use bitcoin::absolute::LockTime;
use bitcoin::consensus::encode::{deserialize_hex, serialize_hex};
use bitcoin::transaction::Version;
use bitcoin::{
    Address, Amount, Network, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid,
    Witness,
};
use bitcoincore_rpc::RpcApi;
use serde_json::{json, Value};

use crate::bitcoind::Bitcoind;

/// Arguments with which a mempool can be filled.
pub const SMALL_MEMPOOL: &str = "-maxmempool=5";

/// Outputs of one transaction that fills: together somewhat below what relays.
const OUTPUTS: usize = 2_200;

/// More transactions of that size than a small mempool has room for.
const MOST: usize = 60;

/// A transaction of the mempool, and what is paid for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Waiting {
    /// The transaction.
    pub txid: Txid,
    /// Its own fee, in sat.
    pub fee_sat: u64,
    /// Its own size, in virtual bytes.
    pub vsize: u64,
    /// With all its unconfirmed ancestors, in sat for each virtual byte.
    pub package_feerate: f64,
}

impl Bitcoind {
    /// What the mempool says of a transaction; `None` where it is not there.
    ///
    /// # Panics
    /// If it says something else.
    pub fn waiting(&self, txid: &Txid) -> Option<Waiting> {
        let entry: Value = self.rpc().call("getmempoolentry", &[json!(txid)]).ok()?;
        let sat = |name: &str| {
            let btc = entry["fees"][name].as_f64().expect("a fee");
            Amount::from_btc(btc).expect("an amount").to_sat()
        };
        let size = |name: &str| entry[name].as_u64().expect("a size");
        Some(Waiting {
            txid: *txid,
            fee_sat: sat("base"),
            vsize: size("vsize"),
            package_feerate: sat("ancestor") as f64 / size("ancestorsize") as f64,
        })
    }

    /// The transaction in the mempool that spends an output.
    ///
    /// # Panics
    /// If bitcoind does not answer as it should.
    pub fn waiting_spend(&self, outpoint: &OutPoint) -> Option<Waiting> {
        let asked = json!([{ "txid": outpoint.txid, "vout": outpoint.vout }]);
        let answer: Value = self.call("gettxspendingprevout", &[asked]);
        let txid = answer[0]["spendingtxid"].as_str()?;
        self.waiting(&txid.parse().expect("a txid"))
    }

    /// The feerate below which the mempool takes nothing, in sat for each virtual byte.
    ///
    /// # Panics
    /// If bitcoind does not answer as it should.
    pub fn minimum_feerate(&self) -> f64 {
        let info: Value = self.call("getmempoolinfo", &[]);
        info["mempoolminfee"].as_f64().expect("a feerate") * 100_000.0
    }

    /// Mines one block of these transactions and no others, whether the mempool takes them or not.
    pub fn mine_only(&self, transactions: &[Transaction]) {
        let hex: Vec<String> = transactions.iter().map(serialize_hex).collect();
        let _: Value = self.call("generateblock", &[json!(self.address()), json!(hex)]);
    }

    /// Fills a [small](SMALL_MEMPOOL) mempool with transactions of this feerate until it throws others out: from then on it takes
    /// nothing that pays less.
    ///
    /// # Panics
    /// If it is never full.
    pub fn fill_mempool(&self, sat_per_vbyte: u64) {
        let size = u64::try_from(OUTPUTS).expect("a small number") * 43 + 200;
        let fee = Amount::from_sat(size * sat_per_vbyte);
        let script = anyones();
        let each = Amount::from_sat(1_000);
        let needed = each * u64::try_from(OUTPUTS).expect("a small number") + fee;
        for coin in self.fan_out(&script.to_p2wsh(), needed) {
            if self.minimum_feerate() > sat_per_vbyte as f64 {
                return;
            }
            let output = TxOut {
                value: each,
                script_pubkey: script.to_p2wsh(),
            };
            let mut transaction = unsigned(coin, vec![output; OUTPUTS]);
            transaction.input[0].witness.push(&script);
            // The last one may be thrown out itself.
            let _: Result<Txid, _> = self
                .rpc()
                .call("sendrawtransaction", &[json!(serialize_hex(&transaction))]);
        }
        panic!("the mempool is never full: {}", self.minimum_feerate());
    }

    /// Where coins are sent that [`spend_into`](Self::spend_into) can spend.
    ///
    /// # Panics
    /// Never: the script has an address.
    pub fn anyones_address(&self) -> Address {
        Address::p2wsh(&anyones(), Network::Regtest)
    }

    /// Hands in a transaction that spends a coin of [that address](Self::anyones_address) into `first`, to the same address, and so
    /// many more of the smallest outputs, and pays what is left of the coin: large, and cheap where little is left.
    ///
    /// # Panics
    /// If the mempool does not take it.
    pub fn spend_into(&self, coin: OutPoint, first: Amount, more: usize) -> Txid {
        let script = anyones().to_p2wsh();
        let output = |value| TxOut {
            value,
            script_pubkey: script.clone(),
        };
        let mut outputs = vec![output(script.minimal_non_dust()); more];
        outputs.insert(0, output(first));
        let mut transaction = unsigned(coin, outputs);
        transaction.input[0].witness.push(anyones());
        self.call("sendrawtransaction", &[json!(serialize_hex(&transaction))])
    }

    /// Coins of this size, confirmed by a block that holds nothing else.
    fn fan_out(&self, script: &ScriptBuf, each: Amount) -> Vec<OutPoint> {
        let unspent: Vec<Value> = self.call("listunspent", &[json!(1)]);
        let value = |coin: &Value| coin["amount"].as_f64().unwrap_or_default();
        let largest = unspent
            .iter()
            .max_by(|a, b| value(a).total_cmp(&value(b)))
            .expect("a coin to spend");
        let total = Amount::from_btc(value(largest)).expect("an amount");
        let outpoint = OutPoint {
            txid: largest["txid"]
                .as_str()
                .and_then(|it| it.parse().ok())
                .expect("a txid"),
            vout: largest["vout"]
                .as_u64()
                .and_then(|it| it.try_into().ok())
                .expect("a number"),
        };
        let output = |value| TxOut {
            value,
            script_pubkey: script.clone(),
        };
        let count = u64::try_from(MOST).expect("a small number");
        let mut outputs = vec![output(each); MOST];
        outputs.push(output(total - each * count - Amount::from_sat(10_000)));
        let transaction = self.signed(&unsigned(outpoint, outputs));
        let txid = transaction.compute_txid();
        self.mine_only(&[transaction]);
        (0..u32::try_from(MOST).expect("a small number"))
            .map(|vout| OutPoint { txid, vout })
            .collect()
    }

    fn signed(&self, transaction: &Transaction) -> Transaction {
        let signed: Value = self.call(
            "signrawtransactionwithwallet",
            &[json!(serialize_hex(transaction))],
        );
        let hex = signed["hex"].as_str().expect("a transaction");
        deserialize_hex(hex).expect("a transaction from bitcoind")
    }
}

/// Who knows this script may spend what is paid to its hash: no wallet has to sign.
fn anyones() -> ScriptBuf {
    ScriptBuf::builder().push_int(1).into_script()
}

fn unsigned(coin: OutPoint, output: Vec<TxOut>) -> Transaction {
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: coin,
            script_sig: ScriptBuf::new(),
            sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
            witness: Witness::new(),
        }],
        output,
    }
}
