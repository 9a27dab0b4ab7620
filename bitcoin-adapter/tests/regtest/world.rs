//! A bitcoind, and a node's view of it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bitcoin::bip32::{DerivationPath, Xpriv, Xpub};
use bitcoin::secp256k1::Secp256k1;
use bitcoin::{Network, OutPoint, Psbt, Transaction, Txid};
use tokio::sync::mpsc;
use zarnitsa_bitcoin_adapter::{
    AccountDescriptors, AddressKind, Auth, Birthday, BitcoindConfig, BlockRef, BroadcastEvent,
    Chain, ChainEvent, ChainOptions, ChainSource, SignerFailure, Start, Wallet, WalletOptions,
    WatchEvent,
};
use zarnitsa_tests::bitcoind::{Bitcoind, Options};
use zarnitsa_tests::wait::DEADLINE;

/// A node's view of the chain of one bitcoind.
pub struct World {
    pub bitcoind: Bitcoind,
    pub chain: Chain,
    pub events: mpsc::Receiver<ChainEvent>,
}

impl World {
    /// Follows a bitcoind with coins from its tip on.
    pub async fn with_coins() -> Self {
        Self::around(
            Bitcoind::start_with_coins(Options::default()),
            Start::Tip,
            None,
        )
        .await
    }

    /// Follows this bitcoind, and waits until its tip is told if it runs.
    pub async fn around(bitcoind: Bitcoind, start: Start, wallet: Option<Wallet>) -> Self {
        let (chain, events) = follow(&bitcoind, start, wallet);
        let mut world = Self {
            bitcoind,
            chain,
            events,
        };
        if start == Start::Tip {
            world.connected().await;
        }
        world
    }

    /// Stops following and begins anew, as a restarted node does.
    pub async fn restart(self, start: Start, wallet: Option<Wallet>) -> Self {
        let Self {
            bitcoind,
            chain,
            events,
        } = self;
        chain.shutdown(events).await;
        Self::around(bitcoind, start, wallet).await
    }

    /// The next event.
    pub async fn next(&mut self) -> ChainEvent {
        let event = tokio::time::timeout(DEADLINE, self.events.recv()).await;
        let event = event.unwrap_or_else(|_| panic!("no event, {:?}", self.chain.status()));
        event.expect("the follower runs")
    }

    /// The next event of which `pick` makes something; others before it are passed over.
    pub async fn find<T>(
        &mut self,
        what: &str,
        mut pick: impl FnMut(&ChainEvent) -> Option<T>,
    ) -> T {
        let search = async {
            loop {
                let event = self.events.recv().await.expect("the follower runs");
                if let Some(found) = pick(&event) {
                    return found;
                }
            }
        };
        in_time(what, search).await
    }

    /// The next block that joins.
    pub async fn connected(&mut self) -> BlockRef {
        self.find("a block joins", |event| match event {
            ChainEvent::Connected { block, .. } => Some(*block),
            _ => None,
        })
        .await
    }

    /// Waits until this height has joined; everything a watch told until then, in order.
    pub async fn watched_until(&mut self, height: u32) -> Vec<WatchEvent> {
        let mut told = Vec::new();
        self.find("the height is reached", |event| match event {
            ChainEvent::Watch(event) => {
                told.push(event.clone());
                None
            }
            ChainEvent::Connected { block, .. } => (block.height == height).then_some(()),
            _ => None,
        })
        .await;
        told
    }

    /// The next thing that a watch tells.
    pub async fn watched(&mut self) -> WatchEvent {
        self.find("a watch tells something", |event| match event {
            ChainEvent::Watch(event) => Some(event.clone()),
            _ => None,
        })
        .await
    }

    /// The next news of a broadcast.
    pub async fn broadcast(&mut self) -> BroadcastEvent {
        self.find("news of a broadcast", |event| match event {
            ChainEvent::Broadcast(event) => Some(event.clone()),
            _ => None,
        })
        .await
    }

    /// Waits until the mempool of bitcoind holds it.
    pub async fn until_in_mempool(&self, txid: &Txid) {
        until("the transaction is in the mempool", || {
            self.bitcoind.mempool().contains(txid)
        })
        .await;
    }

    /// Waits until bitcoind has it, in the mempool or in a block with its first output unspent.
    pub async fn until_taken(&self, transaction: &Transaction) {
        let output = OutPoint::new(transaction.compute_txid(), 0);
        until("the transaction is taken", || {
            self.bitcoind.mempool().contains(&output.txid)
                || self.bitcoind.unspent(&output).is_some()
        })
        .await;
    }

    /// Mines blocks and waits until they are told and known to the wallet.
    pub async fn mine(&mut self, blocks: u32) {
        self.bitcoind.mine(blocks);
        self.caught_up().await;
    }

    /// Waits until follower and wallet know the best block.
    pub async fn caught_up(&self) {
        let best = self.best();
        let mut status = self.chain.status_changes();
        let wait = status.wait_for(|status| {
            status.tip == Some(best) && status.wallet_tip.is_none_or(|tip| tip == best)
        });
        in_time("the best block is told", wait)
            .await
            .expect("the follower runs");
    }

    /// bitcoind's best block.
    pub fn best(&self) -> BlockRef {
        BlockRef {
            height: self.bitcoind.height(),
            hash: self.bitcoind.best_hash(),
        }
    }
}

/// A source of this bitcoind.
pub fn source(bitcoind: &Bitcoind) -> Arc<dyn ChainSource> {
    let config = BitcoindConfig::new(bitcoind.rpc_address(), Auth::Cookie(bitcoind.cookie_file()));
    Arc::new(zarnitsa_bitcoin_adapter::Bitcoind::new(config))
}

/// Follows this bitcoind.
pub fn follow(
    bitcoind: &Bitcoind,
    start: Start,
    wallet: Option<Wallet>,
) -> (Chain, mpsc::Receiver<ChainEvent>) {
    Chain::start(
        source(bitcoind),
        ChainOptions::new(Network::Regtest, start, wallet),
    )
    .expect("threads")
}

/// Waits for something that must happen.
pub async fn in_time<T>(what: &str, wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, wait)
        .await
        .unwrap_or_else(|_| panic!("waited in vain: {what}"))
}

/// Waits until a condition holds.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    in_time(what, async {
        let mut poll = tokio::time::interval(Duration::from_millis(20));
        while !holds() {
            poll.tick().await;
        }
    })
    .await;
}

/// The keys of a wallet.
#[derive(Clone, Copy)]
pub struct Keys(Xpriv);

impl Keys {
    /// Keys from a seed of this byte.
    pub fn new(seed: u8) -> Self {
        Self(Xpriv::new_master(Network::Regtest, &[seed; 32]).expect("a master key"))
    }

    /// The wallet of these keys in this folder, the first account of the first kind.
    pub fn wallet(self, folder: &std::path::Path, kinds: &[AddressKind]) -> Wallet {
        Wallet::open(self.options(folder, kinds)).expect("a wallet")
    }

    pub fn options(self, folder: &std::path::Path, kinds: &[AddressKind]) -> WalletOptions {
        let accounts = kinds.iter().map(|kind| self.descriptors(*kind)).collect();
        WalletOptions {
            path: folder.join("wallet.sqlite"),
            network: Network::Regtest,
            accounts,
            birthday: Birthday::Genesis,
        }
    }

    fn descriptors(self, kind: AddressKind) -> AccountDescriptors {
        let secp = Secp256k1::new();
        let (function, purpose) = match kind {
            AddressKind::Segwit => ("wpkh", 84),
            AddressKind::Taproot => ("tr", 86),
        };
        let path: DerivationPath = format!("{purpose}'/1'/0'").parse().expect("a path");
        let account = Xpub::from_priv(
            &secp,
            &self.0.derive_priv(&secp, &path).expect("an account"),
        );
        let fingerprint = self.0.fingerprint(&secp);
        let descriptor = |chain| format!("{function}([{fingerprint}/{path}]{account}/{chain}/*)");
        AccountDescriptors {
            kind,
            external: descriptor(0),
            change: descriptor(1),
        }
    }

    /// Signs what is ours.
    pub fn sign(self, psbt: &mut Psbt) -> Result<(), SignerFailure> {
        let secp = Secp256k1::new();
        psbt.sign(&self.0, &secp)
            .map(|_| ())
            .map_err(|(_, errors)| format!("{errors:?}").into())
    }
}

/// A transaction of bitcoind's wallet that spends this coin, signed and not broadcast.
pub fn spend(bitcoind: &Bitcoind, coin: bitcoin::OutPoint, amount: f64) -> Transaction {
    let inputs = serde_json::json!([{"txid": coin.txid, "vout": coin.vout}]);
    let outputs = serde_json::json!([{bitcoind.address().to_string(): amount}]);
    let raw: String = bitcoind.call("createrawtransaction", &[inputs, outputs]);
    let signed: serde_json::Value =
        bitcoind.call("signrawtransactionwithwallet", &[serde_json::json!(raw)]);
    let hex = signed["hex"].as_str().expect("the signed transaction");
    bitcoin::consensus::encode::deserialize_hex(hex).expect("a transaction")
}
