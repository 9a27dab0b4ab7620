//! The world's Bitcoin Core, on regtest.

use std::env;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{bail, Context};
use bitcoin::{Amount, Transaction, Txid};
use bitcoincore_rpc::{Auth, Client, RpcApi};
use serde::de::DeserializeOwned;
use serde::Deserialize;
use serde_json::{json, Value};

use super::patience::{until, Interrupt};
use super::process::Process;

/// bitcoind's own wallet, which mines and endows.
const WALLET: &str = "miner";
/// Blocks after which a coinbase may be spent, and one.
const FIRST_BLOCKS: u32 = 101;
const START_PATIENCE: Duration = Duration::from_secs(60);

/// What `send` answers.
#[derive(Deserialize)]
struct Sent {
    txid: Txid,
}

/// A running bitcoind.
pub struct Bitcoind {
    process: Process,
    folder: PathBuf,
    rpc_port: u16,
    zmq_port: u16,
}

impl Bitcoind {
    /// Starts it on `folder`, and mines the first coins if its chain is new.
    pub fn start(
        folder: &Path,
        rpc_port: u16,
        zmq_port: u16,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Self> {
        fs::create_dir_all(folder)?;
        let mut command = Command::new(env::current_exe()?);
        command.arg("guard").arg("--").arg(program()?);
        command.arg(format!("-datadir={}", folder.display()));
        command.arg(format!("-rpcport={rpc_port}"));
        command.arg(format!(
            "-zmqpubhashblock=tcp://{}:{zmq_port}",
            Ipv4Addr::LOCALHOST
        ));
        command.args([
            "-regtest",
            "-server=1",
            "-listen=0",
            "-discover=0",
            "-dnsseed=0",
            "-fixedseeds=0",
            "-printtoconsole=0",
            "-txindex=1",
            "-fallbackfee=0.00002",
            "-dbcache=16",
            "-par=1",
        ]);
        let process = Process::start("bitcoind", command, &folder.join("stderr"))?;
        let mut bitcoind = Self {
            process,
            folder: folder.into(),
            rpc_port,
            zmq_port,
        };
        until("bitcoind answers", START_PATIENCE, interrupt, || {
            bitcoind.check()?;
            Ok(bitcoind
                .client("")
                .ok()
                .and_then(|client| client.get_block_count().ok()))
        })?;
        bitcoind.open_wallet()?;
        if bitcoind.height()? < u64::from(FIRST_BLOCKS) {
            bitcoind.mine(FIRST_BLOCKS)?;
        }
        Ok(bitcoind)
    }

    fn open_wallet(&self) -> anyhow::Result<()> {
        let client = self.client("")?;
        let loaded: Vec<String> = client.call("listwallets", &[])?;
        if loaded.iter().any(|name| name == WALLET) {
            return Ok(());
        }
        if client
            .call::<Value>("loadwallet", &[json!(WALLET)])
            .is_err()
        {
            client.call::<Value>("createwallet", &[json!(WALLET)])?;
        }
        Ok(())
    }

    /// An error if it has ended.
    pub fn check(&mut self) -> anyhow::Result<()> {
        self.process.check()
    }

    /// Ends it.
    pub fn end(&mut self) {
        self.process.end();
    }

    /// `http://host:port`
    pub fn rpc_url(&self) -> String {
        format!("http://{}:{}", Ipv4Addr::LOCALHOST, self.rpc_port)
    }

    /// Where it announces blocks.
    pub fn zmq(&self) -> String {
        format!("tcp://{}:{}", Ipv4Addr::LOCALHOST, self.zmq_port)
    }

    /// Its cookie file.
    pub fn cookie_file(&self) -> PathBuf {
        self.folder.join("regtest").join(".cookie")
    }

    /// The chain's height.
    pub fn height(&self) -> anyhow::Result<u64> {
        self.call("getblockcount", &[])
    }

    /// Mines to its own wallet.
    pub fn mine(&self, blocks: u32) -> anyhow::Result<()> {
        let address: String = self.call("getnewaddress", &[])?;
        self.call::<Value>("generatetoaddress", &[json!(blocks), json!(address)])?;
        Ok(())
    }

    /// How many transactions wait for a block.
    pub fn waiting(&self) -> anyhow::Result<usize> {
        let waiting: Vec<String> = self.call("getrawmempool", &[])?;
        Ok(waiting.len())
    }

    /// Pays from its own wallet.
    pub fn send(&self, address: &str, amount: Amount) -> anyhow::Result<Txid> {
        // Its JSON wants bitcoin as a decimal number; exact below 2^53 satoshis.
        let outputs = json!([{ address: amount.to_btc() }]);
        // No lock time: one of block 21, which bitcoind would choose now and then on so short a chain, is nonstandard to
        // Bitcoin Knots.
        let options = json!({ "locktime": 0 });
        let unset = json!("unset");
        let arguments = [outputs, Value::Null, unset, Value::Null, options];
        let sent: Sent = self.call("send", &arguments)?;
        Ok(sent.txid)
    }

    /// A transaction of chain or mempool.
    pub fn transaction(&self, txid: &Txid) -> anyhow::Result<Transaction> {
        let client = self.client("")?;
        Ok(client.get_raw_transaction(txid, None)?)
    }

    /// Inputs less outputs.
    pub fn fee(&self, transaction: &Transaction) -> anyhow::Result<Amount> {
        let mut inputs = Amount::ZERO;
        for input in &transaction.input {
            let spent = self.transaction(&input.previous_output.txid)?;
            let index = usize::try_from(input.previous_output.vout)?;
            let output = spent
                .output
                .get(index)
                .context("a transaction spends what is not there")?;
            inputs = inputs
                .checked_add(output.value)
                .context("inputs overflow")?;
        }
        let outputs = transaction.output.iter().map(|output| output.value);
        let outputs = outputs.sum::<Amount>();
        inputs
            .checked_sub(outputs)
            .context("a transaction pays more than it has")
    }

    /// What an output holds, if it is unspent in the chain.
    pub fn unspent(&self, txid: &Txid, vout: u32) -> anyhow::Result<Option<Amount>> {
        let output: Value = self.call("gettxout", &[json!(txid), json!(vout), json!(false)])?;
        match output.get("value") {
            None => Ok(None),
            Some(value) => {
                let value = value.as_f64().context("gettxout gives no number")?;
                Ok(Some(Amount::from_btc(value)?))
            }
        }
    }

    fn call<T: DeserializeOwned>(&self, name: &str, arguments: &[Value]) -> anyhow::Result<T> {
        let client = self.client(&format!("/wallet/{WALLET}"))?;
        client
            .call(name, arguments)
            .with_context(|| format!("bitcoind refuses {name}"))
    }

    fn client(&self, path: &str) -> anyhow::Result<Client> {
        let url = format!("{}{path}", self.rpc_url());
        Ok(Client::new(&url, Auth::CookieFile(self.cookie_file()))?)
    }
}

/// bitcoind on PATH, or where the installation script puts it.
fn program() -> anyhow::Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = env::split_paths(&path).collect();
    if let Some(home) = env::var_os("HOME") {
        folders.push(Path::new(&home).join(".cache/zarnitsa/bitcoind/bin"));
    }
    let mut programs = folders.iter().map(|folder| folder.join("bitcoind"));
    match programs.find(|program| program.is_file()) {
        Some(program) => Ok(program),
        None => bail!("there is no bitcoind on PATH: run scripts/install-bitcoind"),
    }
}
