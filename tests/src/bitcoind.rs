//! A real bitcoind on regtest, in a folder of its own, that ends with the test.

use std::env;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::str::FromStr;

use bitcoin::{Address, Amount, Block, BlockHash, Network, OutPoint, ScriptBuf, Transaction, Txid};
use bitcoincore_rpc::{Auth, Client, RpcApi};
use serde_json::{json, Value};
use tempfile::TempDir;

use crate::port::free_port;
use crate::wait;

/// Blocks after which a coinbase may be spent.
const MATURITY: u32 = 100;
/// Blocks in which a payment of the wallet must be.
/// The wallet of bitcoind itself, which pays the tests' coins.
const WALLET: &str = "miner";

/// How a bitcoind differs from the plain one.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Announces blocks and transactions by ZMQ.
    pub zmq: bool,
    /// Indexes all transactions.
    pub txindex: bool,
    /// More arguments, e.g. `-persistmempool=0`.
    pub arguments: Vec<String>,
}

/// A bitcoind on regtest. It is killed when this is dropped.
#[derive(Debug)]
pub struct Bitcoind {
    folder: TempDir,
    options: Options,
    rpc: SocketAddr,
    zmq: SocketAddr,
    process: Option<Child>,
}

impl Bitcoind {
    /// Starts one without coins and waits until it answers.
    ///
    /// # Panics
    /// If there is no bitcoind on this machine, or it does not start.
    pub fn start() -> Self {
        Self::start_with(Options::default())
    }

    /// Starts one with these options and waits until it answers.
    ///
    /// # Panics
    /// If there is no bitcoind on this machine, or it does not start.
    pub fn start_with(options: Options) -> Self {
        let mut bitcoind = Self::prepare(options);
        bitcoind.resume();
        bitcoind
    }

    /// Makes the folder and picks the ports, but starts nothing yet: [`Self::resume`] or [`Self::launch`] does.
    pub fn prepare(options: Options) -> Self {
        let folder = TempDir::with_prefix("zarnitsa-bitcoind-").expect("a temporary folder");
        Self {
            folder,
            options,
            rpc: free_port(),
            zmq: free_port(),
            process: None,
        }
    }

    /// Starts it, with coins: mines until `amount` or more of bitcoind's own wallet can be spent.
    ///
    /// # Panics
    /// As [`Self::start`].
    pub fn start_with_coins(options: Options) -> Self {
        let bitcoind = Self::start_with(options);
        bitcoind.mine(MATURITY + 1);
        bitcoind
    }

    /// Starts it again, on the same folder and ports, and waits until it answers and has its wallet.
    ///
    /// # Panics
    /// If it does not start.
    pub fn resume(&mut self) {
        self.launch();
        self.wait_until_ready();
    }

    /// Starts it and does not wait: it is warming up.
    ///
    /// # Panics
    /// If it runs already, or there is no bitcoind on this machine.
    pub fn launch(&mut self) {
        assert!(self.process.is_none(), "bitcoind runs already");
        let log = |name: &str| {
            File::create(self.folder.path().join(name)).expect("a file in a temporary folder")
        };
        let process = Command::new(program())
            .args(self.arguments())
            .stdin(Stdio::null())
            .stdout(log("stdout"))
            .stderr(log("stderr"))
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", program().display()));
        self.process = Some(process);
    }

    fn arguments(&self) -> Vec<String> {
        let mut arguments = vec![
            "-regtest".to_owned(),
            format!("-datadir={}", self.folder.path().display()),
            format!("-rpcbind={}", self.rpc),
            format!("-rpcport={}", self.rpc.port()),
            "-rpcallowip=127.0.0.1".to_owned(),
        ];
        let plain = [
            "-server=1",
            "-listen=0",
            "-discover=0",
            "-dnsseed=0",
            "-fixedseeds=0",
            "-printtoconsole=0",
            "-acceptnonstdtxn=0",
        ];
        let light = [
            "-fallbackfee=0.00002",
            "-dbcache=16",
            "-rpcthreads=4",
            "-par=1",
            "-natpmp=0",
            // Its wallet alone would wait for the disk at each block.
            "-unsafesqlitesync",
        ];
        arguments.extend(plain.into_iter().chain(light).map(str::to_owned));
        if self.options.zmq {
            for topic in ["hashblock", "rawblock", "rawtx"] {
                arguments.push(format!("-zmqpub{topic}=tcp://{}", self.zmq));
            }
        }
        if self.options.txindex {
            arguments.push("-txindex=1".to_owned());
        }
        arguments.extend(self.options.arguments.iter().cloned());
        arguments
    }

    fn wait_until_ready(&mut self) {
        wait::until("bitcoind answers", || {
            self.check_alive();
            self.client("").ok()?.get_blockchain_info().ok()
        });
        let root = self.client("").expect("it has just answered");
        let wallets = root.list_wallets().expect("the list of wallets");
        if wallets.iter().any(|wallet| wallet == WALLET) {
            return;
        }
        let folder = self.folder.path().join("regtest/wallets").join(WALLET);
        let call = match folder.exists() {
            true => "loadwallet",
            false => "createwallet",
        };
        root.call::<Value>(call, &[json!(WALLET)])
            .expect("its wallet");
    }

    fn check_alive(&mut self) {
        let status: Option<ExitStatus> = self
            .process
            .as_mut()
            .and_then(|process| process.try_wait().ok().flatten());
        if let Some(status) = status {
            let said = fs::read_to_string(self.folder.path().join("stderr")).unwrap_or_default();
            panic!("bitcoind ended with {status}: {said}");
        }
    }

    /// Stops it in an orderly way, as `bitcoin-cli stop` does, and waits until it has ended. Its chain stays.
    pub fn stop(&mut self) {
        let Some(mut process) = self.process.take() else {
            return;
        };
        if let Ok(client) = self.client("") {
            // If it does not answer, killing it is what remains.
            if client.stop().is_err() {
                let _ = process.kill();
            }
        }
        wait::until("bitcoind ends", || process.try_wait().ok().flatten());
    }

    /// Kills it, as a power cut would.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Stops and starts it.
    ///
    /// # Panics
    /// If it does not start again.
    pub fn restart(&mut self) {
        self.stop();
        self.resume();
    }

    /// Stops it and starts it with these arguments beside the plain ones.
    ///
    /// # Panics
    /// If it does not start again.
    pub fn restart_with(&mut self, arguments: &[&str]) {
        self.options.arguments = arguments.iter().copied().map(str::to_owned).collect();
        self.restart();
    }

    /// Address of its RPC server.
    pub fn rpc_address(&self) -> SocketAddr {
        self.rpc
    }

    /// Its cookie file. Each start writes a new one.
    pub fn cookie_file(&self) -> PathBuf {
        self.folder.path().join("regtest/.cookie")
    }

    /// Its data folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A client of its RPC, on bitcoind's own wallet.
    ///
    /// # Panics
    /// If it does not run.
    pub fn rpc(&self) -> Client {
        self.client(&format!("/wallet/{WALLET}"))
            .expect("bitcoind runs and has written its cookie")
    }

    fn client(&self, path: &str) -> Result<Client, bitcoincore_rpc::Error> {
        Client::new(
            &format!("http://{}{path}", self.rpc),
            Auth::CookieFile(self.cookie_file()),
        )
    }

    /// Calls it.
    ///
    /// # Panics
    /// If it refuses.
    pub fn call<T: for<'a> serde::Deserialize<'a>>(&self, call: &str, arguments: &[Value]) -> T {
        self.rpc()
            .call(call, arguments)
            .unwrap_or_else(|error| panic!("bitcoind refuses {call} {arguments:?}: {error}"))
    }

    /// Height of its best chain.
    pub fn height(&self) -> u32 {
        self.call("getblockcount", &[])
    }

    /// The best block.
    pub fn best_hash(&self) -> BlockHash {
        self.call("getbestblockhash", &[])
    }

    /// The block of the best chain at this height.
    pub fn hash_at(&self, height: u32) -> BlockHash {
        self.call("getblockhash", &[json!(height)])
    }

    /// A whole block.
    ///
    /// # Panics
    /// If it does not exist.
    pub fn block(&self, hash: &BlockHash) -> Block {
        self.rpc()
            .get_block(hash)
            .expect("a block that it has named")
    }

    /// An address of bitcoind's own wallet.
    ///
    /// # Panics
    /// If bitcoind gives an address of another network.
    pub fn address(&self) -> Address {
        let address: String = self.call("getnewaddress", &[]);
        regtest_address(&address)
    }

    /// Mines blocks to bitcoind's own wallet.
    pub fn mine(&self, blocks: u32) -> Vec<BlockHash> {
        self.mine_to(blocks, &self.address())
    }

    /// Mines blocks to an address.
    pub fn mine_to(&self, blocks: u32, address: &Address) -> Vec<BlockHash> {
        self.call("generatetoaddress", &[json!(blocks), json!(address)])
    }

    /// Mines blocks whose coins are nobody's: where many are only to pass, bitcoind's wallet need not note each of them.
    pub fn pass(&self, blocks: u32) -> Vec<BlockHash> {
        let nobody = Address::p2wsh(&ScriptBuf::new(), Network::Regtest);
        self.mine_to(blocks, &nobody)
    }

    /// Mines one block without any transaction of the mempool.
    pub fn mine_empty(&self) -> BlockHash {
        let answer: Value = self.call("generateblock", &[json!(self.address()), json!([])]);
        answer["hash"]
            .as_str()
            .and_then(|hash| hash.parse().ok())
            .expect("the hash of a new block")
    }

    /// Pays from bitcoind's own wallet.
    pub fn send(&self, address: &Address, amount: Amount) -> Txid {
        self.send_at(address, amount, None)
    }

    /// Pays from bitcoind's own wallet at a fee rate in sat/vB; none is bitcoind's own choice.
    ///
    /// Without a lock time: bitcoind sets one of up to a hundred blocks ago now and then, and one of 21 is nonstandard to Bitcoin
    /// Knots (`parasite-cat21`), whose wallet makes and names such a payment all the same.
    ///
    /// # Panics
    /// If bitcoind does not make the payment.
    pub fn send_at(&self, address: &Address, amount: Amount, fee_rate: Option<u32>) -> Txid {
        let outputs = json!([{ address.to_string(): amount.to_btc() }]);
        let options = json!({ "locktime": 0 });
        let arguments = [
            outputs,
            Value::Null,
            json!("unset"),
            json!(fee_rate),
            options,
        ];
        let sent: Value = self.call("send", &arguments);
        sent["txid"]
            .as_str()
            .and_then(|txid| txid.parse().ok())
            .unwrap_or_else(|| panic!("bitcoind has not sent it: {sent}"))
    }

    /// Pays from bitcoind's own wallet and mines one block with it; which output it is.
    ///
    /// # Panics
    /// If bitcoind does not make the payment that it names.
    pub fn fund(&self, address: &Address, amount: Amount) -> OutPoint {
        let txid = self.send(address, amount);
        assert!(
            self.mempool().contains(&txid),
            "bitcoind does not relay its own {txid}"
        );
        self.mine(1);
        let transaction = self.transaction(&txid);
        let script = address.script_pubkey();
        let outputs = (0..).zip(&transaction.output);
        let (vout, _) = outputs
            .into_iter()
            .find(|(_, output)| output.script_pubkey == script)
            .expect("it pays the address");
        OutPoint { txid, vout }
    }

    /// A transaction of bitcoind's own wallet, or of the mempool.
    ///
    /// # Panics
    /// If bitcoind does not know it.
    pub fn transaction(&self, txid: &Txid) -> Transaction {
        let wallet: Result<Value, _> = self.rpc().call("gettransaction", &[json!(txid)]);
        let hex = match wallet {
            Ok(answer) => answer["hex"]
                .as_str()
                .map(str::to_owned)
                .expect("the transaction itself"),
            Err(_) => self.call("getrawtransaction", &[json!(txid)]),
        };
        bitcoin::consensus::encode::deserialize_hex(&hex).expect("a transaction from bitcoind")
    }

    /// A transaction of the chain, where all are indexed, or of the mempool.
    ///
    /// # Panics
    /// If bitcoind does not know it.
    pub fn indexed(&self, txid: &str) -> Transaction {
        let hex: String = self.call("getrawtransaction", &[json!(txid)]);
        bitcoin::consensus::encode::deserialize_hex(&hex).expect("a transaction from bitcoind")
    }

    /// What a transaction pays the miner: what its inputs hold, less what its outputs hold.
    ///
    /// # Panics
    /// If bitcoind does not know what it spends.
    pub fn fee(&self, transaction: &Transaction) -> Amount {
        let inputs = transaction.input.iter().map(|input| {
            let spent = input.previous_output;
            let before = self.indexed(&spent.txid.to_string());
            before.output[usize::try_from(spent.vout).expect("a small number")].value
        });
        let outputs = transaction.output.iter().map(|output| output.value);
        inputs.sum::<Amount>() - outputs.sum::<Amount>()
    }

    /// The transaction of the mempool that spends an output.
    pub fn spender(&self, outpoint: &OutPoint) -> Option<Txid> {
        let asked = json!([{ "txid": outpoint.txid, "vout": outpoint.vout }]);
        let answer: Value = self.call("gettxspendingprevout", &[asked]);
        answer[0]["spendingtxid"].as_str()?.parse().ok()
    }

    /// Ids in the mempool.
    pub fn mempool(&self) -> Vec<Txid> {
        self.call("getrawmempool", &[])
    }

    /// Takes the best `depth` blocks out of the chain, as if they had never been valid. Their transactions return to the mempool.
    pub fn invalidate(&self, depth: u32) -> BlockHash {
        let first = self.hash_at(self.height() + 1 - depth);
        self.call::<Value>("invalidateblock", &[json!(first)]);
        first
    }

    /// A reorg: replaces the best `depth` blocks by `depth + 1` empty ones. What they held waits in the mempool again.
    pub fn reorg(&self, depth: u32) {
        self.invalidate(depth);
        for _ in 0..=depth {
            self.mine_empty();
        }
    }

    /// What bitcoind's own wallet can spend.
    pub fn balance(&self) -> Amount {
        let btc: f64 = self.call("getbalance", &[]);
        Amount::from_btc(btc).expect("a balance that is an amount")
    }

    /// An unspent output of the best chain, in its own words; `None` if it is spent or unknown.
    pub fn unspent(&self, outpoint: &OutPoint) -> Option<Value> {
        self.call(
            "gettxout",
            &[json!(outpoint.txid), json!(outpoint.vout), json!(false)],
        )
    }

    /// Confirmed coins of an address, found by searching the whole set of unspent outputs.
    ///
    /// # Panics
    /// If bitcoind gives no amount.
    pub fn confirmed_at(&self, address: &Address) -> Amount {
        let answer: Value = self.call(
            "scantxoutset",
            &[json!("start"), json!([format!("addr({address})")])],
        );
        let btc = answer["total_amount"]
            .as_f64()
            .expect("the sum of the coins");
        Amount::from_btc(btc).expect("a sum that is an amount")
    }
}

impl Drop for Bitcoind {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Where bitcoind is: on PATH, or where `scripts/install-bitcoind` puts it.
///
/// # Panics
/// If it is in neither place: a test that needs it must not pass without it.
pub fn program() -> PathBuf {
    let on_path = env::var_os("PATH")
        .into_iter()
        .flat_map(|path| env::split_paths(&path).collect::<Vec<_>>());
    let cache = env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")));
    let installed = cache.map(|cache| cache.join("zarnitsa/bitcoind/bin"));
    on_path
        .chain(installed)
        .map(|folder| folder.join("bitcoind"))
        .find(|program| program.is_file())
        .unwrap_or_else(|| {
            panic!(
                "there is no bitcoind on PATH or in the cache folder: run scripts/install-bitcoind"
            )
        })
}

fn regtest_address(address: &str) -> Address {
    let address = Address::from_str(address).expect("an address from bitcoind");
    address
        .require_network(Network::Regtest)
        .expect("an address of regtest")
}
